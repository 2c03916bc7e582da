// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/bpffs.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

namespace prestack
{
namespace
{

constexpr auto usual_place = "/sys/fs/bpf";

// Holds the place open if it is a BPF file system.
BpffsPtr open_bpffs(const std::string &path)
{
	UniqueFd directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	struct statfs info = {};
	if (!directory || fstatfs(directory.get(), &info) != 0 ||
	    static_cast<unsigned long>(info.f_type) != BPF_FS_MAGIC) {
		return nullptr;
	}
	return std::make_shared<const Bpffs>(std::move(directory));
}

pid_t parent_of(pid_t process)
{
	std::ifstream status(fmt::format("/proc/{}/status", process));
	std::string word;
	while (status >> word) {
		if (word == "PPid:") {
			pid_t parent = 0;
			status >> parent;
			return parent;
		}
	}
	return 0;
}

// A process of another user namespace may show us a file system of its own making.
bool has_our_user_namespace(pid_t process)
{
	struct stat theirs = {};
	struct stat ours = {};
	return stat(fmt::format("/proc/{}/ns/user", process).c_str(), &theirs) == 0 &&
	       stat("/proc/self/ns/user", &ours) == 0 && theirs.st_ino == ours.st_ino;
}

// Process 1, then our ancestors from the oldest on, then ourselves. The first that lets us look
// decides, so that all commands that are started alike decide alike.
std::vector<pid_t> viewpoints()
{
	std::vector<pid_t> processes{getpid()};
	for (pid_t process = parent_of(getpid()); process > 1; process = parent_of(process)) {
		processes.push_back(process);
	}
	processes.push_back(1);
	std::ranges::reverse(processes);
	std::erase_if(processes, [](pid_t process) { return !has_our_user_namespace(process); });
	return processes;
}

int mount_bpffs()
{
	return mount("bpf", usual_place, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RELATIME,
		     "mode=0700") == 0
		       ? 0
		       : errno;
}

// Mounts in the mount namespace of a process. A child does it, since the change of namespace would
// hold for the rest of our life. Returns 0 or errno.
int mount_bpffs_for(pid_t process)
{
	const UniqueFd ns(
		open(fmt::format("/proc/{}/ns/mnt", process).c_str(), O_RDONLY | O_CLOEXEC));
	if (!ns) {
		return errno;
	}
	const pid_t child = fork();
	if (child < 0) {
		return errno;
	}
	if (child == 0) {
		_exit(setns(ns.get(), CLONE_NEWNS) == 0 ? mount_bpffs() : errno);
	}
	int status = 0;
	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR) {
			return errno;
		}
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
}

} // namespace

std::filesystem::path Bpffs::path() const
{
	return fmt::format("/proc/self/fd/{}", directory_.get());
}

Result<BpffsPtr> find_bpffs(const std::string &chosen)
{
	if (!chosen.empty()) {
		if (auto found = open_bpffs(chosen)) {
			return found;
		}
		return fail(chosen, "is not a mounted BPF file system that we may use", 0,
			    fmt::format("run as root; to mount one: mount -t bpf bpf {}", chosen));
	}
	for (const auto process : viewpoints()) {
		if (auto found = open_bpffs(fmt::format("/proc/{}/root{}", process, usual_place))) {
			return found;
		}
	}
	if (geteuid() != 0) {
		return fail(usual_place, "open", EACCES, "run as root");
	}
	return fail(
		usual_place, "is not a mounted BPF file system", 0,
		fmt::format("`prestack run` mounts it; by hand: mount -t bpf bpf {}", usual_place));
}

Result<BpffsPtr> find_or_mount_bpffs(const std::string &chosen)
{
	auto found = find_bpffs(chosen);
	if (found || !chosen.empty()) {
		return found;
	}
	int problem = EPERM;
	for (const auto process : viewpoints()) {
		problem = mount_bpffs_for(process);
		if (problem == 0) {
			return find_bpffs(chosen);
		}
	}
	return fail(usual_place, "mount a BPF file system", problem,
		    problem == EPERM ? "run as root" : "");
}

} // namespace prestack
