// SPDX-License-Identifier: GPL-2.0-only
// The directory <bpffs>/prestack/<instance>: how the commands find a running instance.
//
// It holds the pinned maps and programs, and one map, `ps_meta`, whose only element is a JSON text
// that describes the instance. The loader holds a lock (flock) on the directory for as long as it
// lives, so that a killed one can be told from a running one.
//
// A loader that takes over pins under names of its own until it is through with that, and then renames
// them: whenever it is killed, what is attached then has what it needs.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "kernel/bpf_link.hpp"
#include "kernel/bpffs.hpp"
#include "kernel/service_maps.hpp"

namespace prestack
{

// Ownership of the directory: removed, with all pins in it, on destruction, unless something is to
// outlive us.
class InstanceDir
{
public:
	// Creates the directory and takes its lock. Fails if a live loader has it. If a dead one has left
	// programs attached, all remains as it was until commit(); else what it left is removed, but for
	// its description, see leftover().
	[[nodiscard]] static Result<InstanceDir> claim(const BpffsPtr &bpffs,
						       const std::string &name);

	InstanceDir(InstanceDir &&) = default;
	InstanceDir &operator=(InstanceDir &&) = delete;
	InstanceDir(const InstanceDir &) = delete;
	InstanceDir &operator=(const InstanceDir &) = delete;
	~InstanceDir();

	[[nodiscard]] Result<void> pin(int fd, const std::string &name) const;
	// Replaces what has the name at once.
	[[nodiscard]] Result<void> pin_link(int fd, const LinkPin &link) const;
	// Pins the description.
	[[nodiscard]] Result<void> describe(const nlohmann::json &description) const;
	// The same after commit(): replaces the description at once.
	[[nodiscard]] Result<void> describe_anew(const nlohmann::json &description);
	// Gives everything its name; what is neither that nor one of `links` is removed. Readers see the
	// new description when all of it is there.
	[[nodiscard]] Result<void> commit(const std::vector<LinkPin> &links);
	// From now on destruction removes nothing: what is attached needs it.
	void leave() { on_end_ = OnEnd::leave_all; }
	// From now on destruction removes everything.
	void own() { on_end_ = OnEnd::remove_all; }

	// The description of a dead loader. Null if there was none.
	[[nodiscard]] const nlohmann::json &leftover() const { return leftover_; }
	// The links that it left.
	[[nodiscard]] std::vector<LeftLink> leftover_links() const { return left_links(path_); }
	// Something that it has pinned.
	[[nodiscard]] Result<UniqueFd> open_leftover(const std::string &pin) const;
	[[nodiscard]] Result<ServiceMaps> open_leftover_service_maps() const;

private:
	enum class OnEnd { remove_all, remove_ours, leave_all };

	InstanceDir(BpffsPtr bpffs, std::filesystem::path path, UniqueFd lock);

	BpffsPtr bpffs_;
	std::filesystem::path path_;
	UniqueFd lock_;
	nlohmann::json leftover_;
	std::string prefix_; // of our pins until commit()
	OnEnd on_end_ = OnEnd::remove_all;
};

// What a command other than run sees of an instance.
struct InstanceView {
	std::string name;
	BpffsPtr bpffs;
	std::filesystem::path path;
	bool alive = false; // its loader holds the lock
	bool attached = false; // dead, but its programs go on following and translating connections
	nlohmann::json description;

	// A descriptor of something pinned; see pin_names.hpp.
	[[nodiscard]] Result<UniqueFd> open(const std::string &pin) const;
	[[nodiscard]] Result<ServiceMaps> open_service_maps() const;
};

// Fails if there is no such instance, or nothing readable in its directory. A dead one is no failure.
[[nodiscard]] Result<InstanceView> view_instance(const BpffsPtr &bpffs, const std::string &name);

// All instances that can be read.
[[nodiscard]] std::vector<InstanceView> view_all_instances(const BpffsPtr &bpffs);

// Fails as `view_instance` does, and for a dead instance with what to do about it.
[[nodiscard]] Result<InstanceView> view_live_instance(const BpffsPtr &bpffs,
						      const std::string &name);

} // namespace prestack
