// SPDX-License-Identifier: GPL-2.0-only
#include "instance/hung_loader.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.hpp"

namespace prestack
{
namespace
{

using namespace std::chrono_literals;

// The process that has locked the directory, as our PID namespace numbers it. What the description says
// holds in another namespace, and a number is used again.
std::optional<pid_t> holder_of(const InstanceView &view)
{
	struct stat info = {};
	if (stat(view.path.c_str(), &info) != 0) {
		return std::nullopt;
	}
	const auto wanted = fmt::format("{:02x}:{:02x}:{}", major(info.st_dev), minor(info.st_dev),
					info.st_ino);
	// "1: FLOCK  ADVISORY  WRITE 4321 00:2d:5678 0 EOF"
	std::ifstream locks("/proc/locks");
	for (std::string line; std::getline(locks, line);) {
		std::istringstream words(line);
		std::string number;
		std::string kind; // "->" of one that waits, which then does not match
		std::string mode;
		std::string access;
		pid_t pid = 0;
		std::string file;
		if (words >> number >> kind >> mode >> access >> pid >> file && kind == "FLOCK" &&
		    access == "WRITE" && file == wanted && pid > 0) {
			return pid;
		}
	}
	return std::nullopt;
}

} // namespace

Result<void> kill_loader(const InstanceView &view)
{
	const auto object = fmt::format("instance \"{}\"", view.name);
	const auto mend =
		fmt::format("kill -9 {}, and stop it again", view.description.value("pid", 0));
	const auto holder = holder_of(view);
	if (!holder) {
		return fail(object, "find the process that hangs (is it in another PID namespace?)",
			    ESRCH, mend);
	}
	// Not by <sys/pidfd.h>, whose functions C++ cannot link with glibc 2.36.
	const UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, *holder, 0)));
	// Asked again: now that we hold the process, the number cannot become another's.
	if (!process || holder_of(view) != holder) {
		return {}; // it has ended
	}
	if (syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0) != 0) {
		return fail(object, "kill the process that hangs", errno, mend);
	}
	constexpr auto patience = 10s;
	const auto deadline = std::chrono::steady_clock::now() + patience;
	while (holder_of(view) == holder) {
		if (std::chrono::steady_clock::now() > deadline) {
			return fail(object,
				    "does not end though it was killed: it waits in the kernel",
				    ETIMEDOUT, "stop it again later");
		}
		std::this_thread::sleep_for(20ms);
	}
	return {};
}

} // namespace prestack
