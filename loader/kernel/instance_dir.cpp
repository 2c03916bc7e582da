// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/instance_dir.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <set>
#include <thread>

#include <bpf/bpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "kernel/pin_names.hpp"

namespace prestack
{
namespace
{

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto all_instances = "prestack";

std::string object_name(const std::string &instance)
{
	return fmt::format("instance \"{}\"", instance);
}

// Whether `fd` is still what `path` names, and not a directory that was removed meanwhile.
bool is_same(int fd, const fs::path &path)
{
	struct stat held = {};
	struct stat named = {};
	return fstat(fd, &held) == 0 && stat(path.c_str(), &named) == 0 &&
	       held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

bool is_locked(const fs::path &path)
{
	const UniqueFd dir(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	return dir && flock(dir.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

nlohmann::json read_description(const fs::path &path)
{
	const UniqueFd map(bpf_obj_get((path / pin::description).c_str()));
	if (!map) {
		return nullptr;
	}
	bpf_map_info info{};
	__u32 size = sizeof info;
	if (bpf_obj_get_info_by_fd(map.get(), &info, &size) != 0) {
		return nullptr;
	}
	std::string text(info.value_size, '\0');
	const __u32 first = 0;
	if (bpf_map_lookup_elem(map.get(), &first, text.data()) != 0) {
		return nullptr;
	}
	auto description = nlohmann::json::parse(text.c_str(), nullptr, false);
	return description.is_object() ? description : nlohmann::json();
}

std::vector<std::string> pins_in(const fs::path &path)
{
	std::error_code ignored;
	std::vector<std::string> pins;
	for (const auto &entry : fs::directory_iterator(path, ignored)) {
		pins.push_back(entry.path().filename());
	}
	return pins;
}

// Those whose name begins so.
void remove_pins(const fs::path &path, const std::string &prefix)
{
	std::error_code ignored;
	for (const auto &pin : pins_in(path)) {
		if (pin.starts_with(prefix)) {
			fs::remove(path / pin, ignored);
		}
	}
}

// That nothing in the directory begins with.
std::string free_prefix(const fs::path &path)
{
	const auto pins = pins_in(path);
	for (unsigned number = 0;; ++number) {
		auto prefix = fmt::format("new{}_", number);
		if (std::ranges::none_of(pins, [&prefix](const std::string &pin) {
			    return pin.starts_with(prefix);
		    })) {
			return prefix;
		}
	}
}

bool is_attached(const fs::path &path)
{
	return std::ranges::any_of(left_links(path), &LeftLink::attached);
}

Result<UniqueFd> open_pin(const fs::path &path, const std::string &pin, std::string mend)
{
	const int fd = bpf_obj_get((path / pin).c_str());
	if (fd < 0) {
		return fail("pinned object " + pin, "open", fd, std::move(mend));
	}
	return UniqueFd(fd);
}

std::string pid_of(const nlohmann::json &description)
{
	return description.is_object() && description.contains("pid")
		       ? fmt::format(" (process {})", description["pid"].dump())
		       : std::string();
}

} // namespace

Result<InstanceDir> InstanceDir::claim(const BpffsPtr &bpffs, const std::string &name)
{
	const auto path = bpffs->path() / all_instances / name;
	// Someone who looks at the instance holds a shared lock for a moment, and someone who stops may
	// remove either directory between two of our steps: so a few attempts.
	constexpr int attempts = 20;
	for (int attempt = 0; attempt < attempts; ++attempt) {
		for (const auto &dir : {path.parent_path(), path}) {
			if (mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST && errno != ENOENT) {
				return fail(object_name(name),
					    "create its directory in the BPF file system", errno,
					    "run as root");
			}
		}
		UniqueFd lock(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
		if (lock && flock(lock.get(), LOCK_EX | LOCK_NB) == 0 &&
		    is_same(lock.get(), path)) {
			InstanceDir dir(bpffs, path, std::move(lock));
			dir.leftover_ = read_description(path);
			if (is_attached(path)) {
				dir.on_end_ = OnEnd::remove_ours;
			} else {
				remove_pins(path, "");
			}
			dir.prefix_ = free_prefix(path);
			return dir;
		}
		std::this_thread::sleep_for(10ms);
	}
	return fail(object_name(name),
		    fmt::format("is already running{}", pid_of(read_description(path))), 0,
		    "stop it first, or choose another --name");
}

InstanceDir::InstanceDir(BpffsPtr bpffs, fs::path path, UniqueFd lock)
	: bpffs_(std::move(bpffs)), path_(std::move(path)), lock_(std::move(lock))
{
}

InstanceDir::~InstanceDir()
{
	if (!lock_) {
		return;
	}
	if (on_end_ == OnEnd::remove_ours) {
		remove_pins(path_, prefix_);
	} else if (on_end_ == OnEnd::remove_all) {
		remove_pins(path_, "");
		std::error_code ignored;
		fs::remove(path_, ignored);
		fs::remove(path_.parent_path(), ignored); // stays if other instances are in it
	}
}

Result<void> InstanceDir::pin(int fd, const std::string &name) const
{
	const auto pin = path_ / (prefix_ + name);
	if (const int problem = bpf_obj_pin(fd, pin.c_str()); problem != 0) {
		return fail("pinned object " + name, "pin", problem);
	}
	return {};
}

Result<void> InstanceDir::describe(const nlohmann::json &description) const
{
	auto text = description.dump();
	text.push_back('\0');
	const UniqueFd map(bpf_map_create(BPF_MAP_TYPE_ARRAY, pin::description, sizeof(__u32),
					  static_cast<__u32>(text.size()), 1, nullptr));
	if (!map) {
		return fail(pin::description, "create the map", errno);
	}
	const __u32 first = 0;
	if (const int problem = bpf_map_update_elem(map.get(), &first, text.data(), BPF_ANY);
	    problem != 0) {
		return fail(pin::description, "write the description", problem);
	}
	return pin(map.get(), pin::description);
}

Result<void> InstanceDir::describe_anew(const nlohmann::json &description)
{
	prefix_ = free_prefix(path_);
	const auto pinned = path_ / (prefix_ + pin::description);
	auto done = describe(description);
	prefix_.clear();
	if (done && rename(pinned.c_str(), (path_ / pin::description).c_str()) != 0) {
		return fail(pin::description, "replace the description", errno);
	}
	return done;
}

Result<void> InstanceDir::pin_link(int fd, const LinkPin &link) const
{
	const auto pin = path_ / link.name();
	std::error_code ignored;
	fs::remove(pin, ignored);
	const int problem = bpf_obj_pin(fd, pin.c_str());
	return problem == 0 ? Result<void>() : fail("pinned object " + link.name(), "pin", problem);
}

Result<void> InstanceDir::commit(const std::vector<LinkPin> &links)
{
	std::set<std::string> named;
	for (const auto &link : links) {
		named.insert(link.name());
	}
	// Should we be killed on the way, what says how the tables fit together is not there.
	std::error_code ignored;
	fs::remove(path_ / pin::table_format, ignored);
	auto ours = pins_in(path_);
	std::erase_if(ours, [this](const std::string &pin) { return !pin.starts_with(prefix_); });
	std::ranges::sort(ours, {}, [this](const std::string &pin) {
		return pin == prefix_ + pin::description    ? 2
		       : pin == prefix_ + pin::table_format ? 1
							    : 0;
	});
	for (const auto &pin : ours) {
		auto name = pin.substr(prefix_.size());
		if (rename((path_ / pin).c_str(), (path_ / name).c_str()) != 0) {
			return fail("pinned object " + name, "give it its name", errno);
		}
		named.insert(std::move(name));
	}
	for (const auto &pin : pins_in(path_)) {
		if (!named.contains(pin)) {
			fs::remove(path_ / pin, ignored);
		}
	}
	prefix_.clear();
	on_end_ = OnEnd::remove_all;
	return {};
}

Result<UniqueFd> InstanceDir::open_leftover(const std::string &pin) const
{
	return open_pin(path_, pin, "");
}

Result<ServiceMaps> InstanceDir::open_leftover_service_maps() const
{
	return ServiceMaps::open_pinned(
		[this](const std::string &pin) { return open_leftover(pin); });
}

Result<ServiceMaps> InstanceView::open_service_maps() const
{
	return ServiceMaps::open_pinned([this](const std::string &pin) { return open(pin); });
}

Result<UniqueFd> InstanceView::open(const std::string &pin) const
{
	return open_pin(path, pin, "the instance is stopping or starting: try again");
}

Result<InstanceView> view_instance(const BpffsPtr &bpffs, const std::string &name)
{
	InstanceView view{name, bpffs, bpffs->path() / all_instances / name, false, false, nullptr};
	// Asked twice: an instance that stops between the two looks would seem dead, and not gone.
	for (int attempt = 0; attempt < 2; ++attempt) {
		if (access(view.path.c_str(), F_OK) != 0 && errno == EACCES) {
			return fail(object_name(name), "look for it in the BPF file system", EACCES,
				    "run as root");
		}
		view.alive = is_locked(view.path);
		view.description = read_description(view.path);
		if (view.alive && !view.description.is_null()) {
			return view;
		}
	}
	if (view.alive) {
		return fail(object_name(name), "is still starting", 0, "try again in a moment");
	}
	view.attached = is_attached(view.path);
	if (view.description.is_null()) {
		std::string others;
		for (const auto &other : view_all_instances(bpffs)) {
			if (other.alive) {
				others += others.empty() ? other.name : ", " + other.name;
			}
		}
		return fail(object_name(name), "does not run", 0,
			    others.empty() ? "start it with `prestack run --config FILE`"
					   : "running: " + others);
	}
	return view;
}

std::vector<InstanceView> view_all_instances(const BpffsPtr &bpffs)
{
	std::vector<InstanceView> views;
	std::error_code ignored;
	for (const auto &entry : fs::directory_iterator(bpffs->path() / all_instances, ignored)) {
		InstanceView view{entry.path().filename(),
				  bpffs,
				  entry.path(),
				  is_locked(entry.path()),
				  is_attached(entry.path()),
				  read_description(entry.path())};
		if (!view.description.is_null()) {
			views.push_back(std::move(view));
		}
	}
	return views;
}

Result<InstanceView> view_live_instance(const BpffsPtr &bpffs, const std::string &name)
{
	auto view = view_instance(bpffs, name);
	if (view && !view->alive) {
		return fail(object_name(name),
			    fmt::format("is dead: its loader{} ended without cleaning up; nothing "
					"is served from the kernel, the servers answer{}",
					pid_of(view->description),
					view->attached ? "; its programs are still attached and "
							 "translate the connections that need it"
						       : ""),
			    0,
			    fmt::format("start it again with `prestack run --config FILE --name "
					"{0}`, or end it with `prestack stop --name {0}`",
					name));
	}
	return view;
}

} // namespace prestack
