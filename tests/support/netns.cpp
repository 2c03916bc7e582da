// SPDX-License-Identifier: GPL-2.0-only
#include "netns.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include "process.hpp"
#include "system_error.hpp"

namespace prestack::test
{

namespace
{

constexpr const char *name_prefix = "pse2e";
constexpr const char *netns_directory = "/run/netns";

std::string unique_name(const std::string &label)
{
	static std::atomic<unsigned> counter{0};
	return name_prefix + std::to_string(::getpid()) + "-" + std::to_string(++counter) + label;
}

} // namespace

Netns::Netns(const std::string &label) : name_(unique_name(label))
{
	run_ok({.argv = {"ip", "netns", "add", name_}});
	const std::string path = std::string(netns_directory) + "/" + name_;
	fd_ = UniqueFd(check(::open(path.c_str(), O_RDONLY | O_CLOEXEC), "open " + path));
	ip("link set lo up");
}

Netns::~Netns()
{
	try {
		run({.argv = {"ip", "netns", "del", name_}});
	} catch (const std::exception &) {
		// remove_leftovers() of the next run takes it.
	}
}

void Netns::enter(int fd)
{
	check(::setns(fd, CLONE_NEWNET), "setns");
}

void Netns::ip(const std::string &line) const
{
	std::vector<std::string> argv{"ip", "-n", name_};
	for (std::string &word : words(line))
		argv.push_back(std::move(word));
	run_ok({.argv = std::move(argv)});
}

void Netns::exec(const std::string &line) const
{
	run_ok({.argv = words(line), .netns_fd = fd()});
}

void Netns::sysctl(const std::string &path, const std::string &value) const
{
	in([&] {
		const std::string file = "/proc/sys/net/" + path;
		std::ofstream stream(file);
		stream << value << std::flush;
		if (!stream)
			throw_errno("write " + file);
	});
}

void Netns::remove_leftovers()
{
	std::error_code ignored;
	std::vector<std::string> dead;
	for (const auto &entry : std::filesystem::directory_iterator(netns_directory, ignored)) {
		const std::string name = entry.path().filename();
		if (!name.starts_with(name_prefix))
			continue;
		const pid_t owner = std::atoi(name.c_str() + std::string(name_prefix).size());
		if (owner > 0 && ::kill(owner, 0) < 0 && errno == ESRCH)
			dead.push_back(name);
	}
	for (const std::string &name : dead)
		run({.argv = {"ip", "netns", "del", name}});
}

} // namespace prestack::test
