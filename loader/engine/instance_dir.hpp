// SPDX-License-Identifier: GPL-2.0-only
// The directory <bpffs>/prestack/<instance>: how the commands find a running instance.
//
// It holds the pinned maps and programs, and one map, `ps_meta`, whose only element is a JSON text
// that describes the instance. The loader holds a lock (flock) on the directory for as long as it
// lives, so that a killed one can be told from a running one.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/bpffs.hpp"
#include "engine/fd.hpp"
#include "result.hpp"

namespace prestack
{

// Ownership of the directory by `prestack run`: removed, with all pins in it, on destruction.
class InstanceDir
{
public:
	// Creates the directory and takes its lock. Fails if a live loader has it. What a dead loader
	// left behind is removed; its description remains in leftover().
	[[nodiscard]] static Result<InstanceDir> claim(const BpffsPtr &bpffs,
						       const std::string &name);

	InstanceDir(InstanceDir &&) = default;
	InstanceDir &operator=(InstanceDir &&) = delete;
	InstanceDir(const InstanceDir &) = delete;
	InstanceDir &operator=(const InstanceDir &) = delete;
	~InstanceDir();

	[[nodiscard]] Result<void> pin(int fd, const std::string &name) const;
	// Replaces the description; readers see the old or the new one.
	[[nodiscard]] Result<void> describe(const nlohmann::json &description) const;
	// Null if there was no dead loader.
	[[nodiscard]] const nlohmann::json &leftover() const { return leftover_; }

private:
	InstanceDir(BpffsPtr bpffs, std::filesystem::path path, UniqueFd lock)
		: bpffs_(std::move(bpffs)), path_(std::move(path)), lock_(std::move(lock))
	{
	}

	BpffsPtr bpffs_;
	std::filesystem::path path_;
	UniqueFd lock_;
	nlohmann::json leftover_;
};

// What a command other than run sees of an instance.
struct InstanceView {
	std::string name;
	BpffsPtr bpffs;
	std::filesystem::path path;
	bool alive = false; // its loader holds the lock
	nlohmann::json description;

	// A descriptor of something pinned.
	[[nodiscard]] Result<UniqueFd> open(const std::string &pin) const;
};

// Fails if there is no such instance, or nothing readable in its directory. A dead one is no failure.
[[nodiscard]] Result<InstanceView> view_instance(const BpffsPtr &bpffs, const std::string &name);

// All instances that can be read.
[[nodiscard]] std::vector<InstanceView> view_all_instances(const BpffsPtr &bpffs);

// Fails as `view_instance` does, and for a dead instance with what to do about it.
[[nodiscard]] Result<InstanceView> view_live_instance(const BpffsPtr &bpffs,
						      const std::string &name);

} // namespace prestack
