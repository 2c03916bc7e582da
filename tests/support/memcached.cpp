// SPDX-License-Identifier: GPL-2.0-only
#include "memcached.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "endpoint.hpp"
#include "tcp_client.hpp"

namespace prestack::test
{

Memcached::Memcached(const Netns &ns, const MemcachedOptions &options)
	: Server(ns, "memcached"), options_(options)
{
	start();
}

Process Memcached::spawn() const
{
	std::string listen;
	for (const std::string &address : options_.addresses) {
		const bool v6 = address.find(':') != std::string::npos;
		listen += (listen.empty() ? "" : ",") + (v6 ? "[" + address + "]" : address);
	}
	const std::string port = std::to_string(options_.port);
	ProcessOptions process{.argv = {"memcached", "-u", "nobody", "-p", port, "-U", port, "-l",
					listen, "-m", "64", "-t", "1"},
			       .netns_fd = ns().fd()};
	process.argv.insert(process.argv.end(), options_.extra.begin(), options_.extra.end());
	return Process::spawn(process);
}

void Memcached::ask() const
{
	TcpClient(ns(), Endpoint(options_.addresses.front(), options_.port)).ask("version\r\n");
}

std::vector<pid_t> Memcached::workers() const
{
	std::vector<pid_t> workers;
	const std::string tasks = "/proc/" + std::to_string(pid()) + "/task";
	for (const auto &task : std::filesystem::directory_iterator(tasks)) {
		std::string name;
		std::getline(std::ifstream(task.path() / "comm"), name);
		if (name == "mc-worker")
			workers.push_back(std::stoi(task.path().filename()));
	}
	return workers;
}

std::map<std::string, std::string> Memcached::stats() const
{
	TcpClient client(ns(), Endpoint(options_.addresses.front(), options_.port));
	std::istringstream lines(client.ask("stats\r\n"));
	std::map<std::string, std::string> result;
	for (std::string line; std::getline(lines, line);) {
		const auto fields = words(line);
		if (fields.size() >= 3)
			result[fields[1]] = fields[2];
	}
	return result;
}

std::uint64_t Memcached::stat(const std::string &name) const
{
	return std::stoull(stats().at(name));
}

} // namespace prestack::test
