// SPDX-License-Identifier: GPL-2.0-only
#include "bpffs.hpp"

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.hpp"

namespace prestack {
namespace {

constexpr auto usual_place = "/sys/fs/bpf";
constexpr auto hosts_usual_place = "/proc/1/root/sys/fs/bpf";

bool is_bpffs(const std::string& path) {
    struct statfs info {};
    return statfs(path.c_str(), &info) == 0 && static_cast<unsigned long>(info.f_type) == BPF_FS_MAGIC;
}

int mount_bpffs() {
    return mount("bpf", usual_place, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RELATIME, "mode=0700") == 0 ? 0
                                                                                                          : errno;
}

// Mounts in the mount namespace of process 1. A child does it, since the change of namespace
// would hold for the rest of our life. Returns 0 or errno.
int mount_bpffs_for_host() {
    const UniqueFd ns(open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC));
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

}  // namespace

Result<std::filesystem::path> find_bpffs(const std::string& chosen) {
    if (!chosen.empty()) {
        if (is_bpffs(chosen)) {
            return chosen;
        }
        return fail(chosen, "is not a mounted BPF file system", 0, fmt::format("mount -t bpf bpf {}", chosen));
    }
    for (const auto* place : {hosts_usual_place, usual_place}) {
        if (is_bpffs(place)) {
            return place;
        }
    }
    return fail(usual_place, "is not a mounted BPF file system", 0,
                fmt::format("`prestack run` mounts it; by hand: mount -t bpf bpf {}", usual_place));
}

Result<std::filesystem::path> find_or_mount_bpffs(const std::string& chosen) {
    auto found = find_bpffs(chosen);
    if (found || !chosen.empty()) {
        return found;
    }
    int problem = mount_bpffs_for_host();
    if (problem != 0) {
        problem = mount_bpffs();
    }
    if (problem != 0) {
        return fail(usual_place, "mount a BPF file system", problem,
                    "run as root; a kernel without CONFIG_BPF_SYSCALL has none");
    }
    return find_bpffs(chosen);
}

}  // namespace prestack
