// SPDX-License-Identifier: GPL-2.0-only
#include "server.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>

namespace prestack::test
{

void Server::start()
{
	process_ = spawn();
	std::string last;
	const bool ready = eventually([&] {
		if (!process_.running())
			return true;
		try {
			ask();
			return true;
		} catch (const std::exception &error) {
			last = error.what();
			return false;
		}
	});
	if (!ready || !process_.running()) {
		throw std::runtime_error(name_ + " did not start: " + last + " " +
					 process_.errors() + process_.output());
	}
}

void Server::kill()
{
	process_.kill();
}

void Server::restart()
{
	process_.kill();
	start();
}

void Server::restart_without_waiting()
{
	process_.kill();
	process_ = spawn();
}

void Server::pause()
{
	process_.signal(SIGSTOP);
	const std::string tasks = "/proc/" + std::to_string(process_.pid()) + "/task";
	wait_until(name_ + " stops", [&] {
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

void Server::resume()
{
	process_.signal(SIGCONT);
}

} // namespace prestack::test
