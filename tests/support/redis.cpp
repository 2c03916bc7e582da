// SPDX-License-Identifier: GPL-2.0-only
#include "redis.hpp"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>

#include "endpoint.hpp"
#include "resp.hpp"
#include "system_error.hpp"
#include "tcp_client.hpp"

namespace prestack::test
{

namespace
{

constexpr const char *loopback = "127.0.0.1";

void give_to_nobody(const std::filesystem::path &directory)
{
	const passwd *nobody = ::getpwnam("nobody");
	if (nobody == nullptr)
		throw std::runtime_error("there is no user nobody");
	check(::chown(directory.c_str(), nobody->pw_uid, nobody->pw_gid), "chown");
}

} // namespace

Redis::Redis(const Netns &ns, const RedisOptions &options) : Server(ns, "redis"), options_(options)
{
	give_to_nobody(directory_.path());
	start();
}

Process Redis::spawn() const
{
	// setpriv takes the death signal away with root's rights, unless it is told to keep it.
	ProcessOptions process{.argv = {"setpriv", "--reuid=nobody", "--regid=nogroup",
					"--clear-groups", "--pdeathsig=KILL", "redis-server",
					"--port", std::to_string(options_.port), "--save", "",
					"--appendonly", "no", "--protected-mode", "no",
					"--daemonize", "no", "--dir", directory_.path().string(),
					"--bind"},
			       .netns_fd = ns().fd()};
	process.argv.insert(process.argv.end(), options_.addresses.begin(),
			    options_.addresses.end());
	if (std::ranges::find(options_.addresses, loopback) == options_.addresses.end())
		process.argv.emplace_back(loopback);
	if (options_.unix_socket)
		process.argv.insert(process.argv.end(), {"--unixsocket", unix_socket()});
	process.argv.insert(process.argv.end(), options_.extra.begin(), options_.extra.end());
	return Process::spawn(process);
}

void Redis::ask() const
{
	// With a password it is an error that answers.
	tell({"PING"});
}

std::string Redis::tell(const std::vector<std::string> &words) const
{
	TcpClient client(ns(), Endpoint(loopback, options_.port));
	return client.ask(resp(words), 1, resp_reply_length);
}

std::uint64_t Redis::info(const std::string &name) const
{
	const std::string all = tell({"INFO", "everything"});
	const auto at = all.find("\r\n" + name + ":");
	if (at == std::string::npos)
		throw std::runtime_error("INFO does not tell " + name);
	return std::stoull(all.substr(at + name.size() + 3));
}

ServiceOptions redis_service(const std::string &address)
{
	const bool v6 = address.find(':') != std::string::npos;
	return {.protocol = redis_plugin,
		.port = redis_port,
		.transports = {"tcp"},
		.server = (v6 ? "[" + address + "]" : address) + ":" + std::to_string(redis_port)};
}

std::string why_no_redis()
{
	if (std::string why_not = why_no_prestack(); !why_not.empty())
		return why_not;
	if (run({.argv = {*prestack_binary(), "plugins"}}).output.find(redis_plugin) ==
	    std::string::npos)
		return std::string("this prestack has no plug-in ") + redis_plugin;
	if (run({.argv = {"which", "redis-server"}}).exit_code != 0)
		return "no redis-server (package redis-server)";
	return "";
}

} // namespace prestack::test
