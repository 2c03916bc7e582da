// SPDX-License-Identifier: GPL-2.0-only
// Where the BPF file system is.
#pragma once

#include <filesystem>
#include <string>

#include "result.hpp"

namespace prestack {

// `chosen` (from --bpffs) if not empty. Else the host's /sys/fs/bpf, reached through /proc/1/root
// so that `ip netns exec` and `nsenter --net` find the same place; else our own /sys/fs/bpf.
// Fails if none is a mounted BPF file system.
[[nodiscard]] Result<std::filesystem::path> find_bpffs(const std::string& chosen);

// The same, but mounts one at /sys/fs/bpf if there is none (never at a `chosen` place): in the
// mount namespace of process 1 if we may enter it, else in our own.
[[nodiscard]] Result<std::filesystem::path> find_or_mount_bpffs(const std::string& chosen);

}  // namespace prestack
