// SPDX-License-Identifier: GPL-2.0-only
#include "memcached.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "endpoint.hpp"
#include "tcp_client.hpp"

namespace prestack::test
{

Memcached::Memcached(const Netns &ns, const MemcachedOptions &options) : ns_(ns), options_(options)
{
	start();
}

void Memcached::spawn()
{
	std::string listen;
	for (const std::string &address : options_.addresses) {
		const bool v6 = address.find(':') != std::string::npos;
		listen += (listen.empty() ? "" : ",") + (v6 ? "[" + address + "]" : address);
	}
	const std::string port = std::to_string(options_.port);
	ProcessOptions process{.argv = {"memcached", "-u", "nobody", "-p", port, "-U", port, "-l",
					listen, "-m", "64", "-t", "1"},
			       .netns_fd = ns_.fd()};
	process.argv.insert(process.argv.end(), options_.extra.begin(), options_.extra.end());
	process_ = Process::spawn(process);
}

void Memcached::start()
{
	spawn();
	std::string last;
	const bool ready = eventually([&] {
		if (!process_.running())
			return true;
		try {
			TcpClient(ns_, Endpoint(options_.addresses.front(), options_.port))
				.ask("version\r\n");
			return true;
		} catch (const std::exception &error) {
			last = error.what();
			return false;
		}
	});
	if (!ready || !process_.running()) {
		throw std::runtime_error("memcached did not start: " + last + " " +
					 process_.errors());
	}
}

void Memcached::restart()
{
	process_.kill();
	start();
}

void Memcached::restart_without_waiting()
{
	process_.kill();
	spawn();
}

void Memcached::pause()
{
	process_.signal(SIGSTOP);
	const std::string tasks = "/proc/" + std::to_string(process_.pid()) + "/task";
	wait_until("memcached stops", [&] {
		for (const auto &task : std::filesystem::directory_iterator(tasks)) {
			std::string stat;
			std::getline(std::ifstream(task.path() / "stat"), stat);
			// "<id> (<name>) <state> ..."
			if (stat.at(stat.rfind(')') + 2) != 'T')
				return false;
		}
		return true;
	});
}

void Memcached::resume()
{
	process_.signal(SIGCONT);
}

std::vector<pid_t> Memcached::workers() const
{
	std::vector<pid_t> workers;
	const std::string tasks = "/proc/" + std::to_string(process_.pid()) + "/task";
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
	TcpClient client(ns_, Endpoint(options_.addresses.front(), options_.port));
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
