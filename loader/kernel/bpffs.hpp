// SPDX-License-Identifier: GPL-2.0-only
// Where the BPF file system is.
//
// `ip netns exec` hides the host's /sys/fs/bpf behind a fresh /sys in a mount namespace of its own.
// So that `run` and the other commands meet wherever they are started, the host's is looked for
// through /proc: as process 1 sees it, else as the oldest of our ancestors that we may look at does.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace prestack
{

// A mounted BPF file system, held open: its path stays good when the process that showed us the
// way there ends.
class Bpffs
{
public:
	explicit Bpffs(UniqueFd directory) : directory_(std::move(directory)) {}
	[[nodiscard]] std::filesystem::path path() const;

private:
	UniqueFd directory_;
};
using BpffsPtr = std::shared_ptr<const Bpffs>;

// `chosen` (from --bpffs) if not empty; else as said above, and our own /sys/fs/bpf last.
// Fails if there is no BPF file system.
[[nodiscard]] Result<BpffsPtr> find_bpffs(const std::string &chosen);

// The same, but mounts one at /sys/fs/bpf if there is none (never at a `chosen` place), in the
// first of those mount namespaces that we may enter.
[[nodiscard]] Result<BpffsPtr> find_or_mount_bpffs(const std::string &chosen);

} // namespace prestack
