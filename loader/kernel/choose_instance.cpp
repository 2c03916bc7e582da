// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/choose_instance.hpp"

#include <fmt/format.h>

#include "base/host.hpp"
#include "kernel/instance_dir.hpp"

namespace prestack
{

// The bpffs is the whole host's: another namespace's instance is somebody else's.
Result<std::string> choose_instance(const BpffsPtr &bpffs, const std::string &name)
{
	if (!name.empty()) {
		return name;
	}
	std::string here;
	std::string elsewhere;
	std::size_t count = 0;
	std::string found;
	for (const auto &view : view_all_instances(bpffs)) {
		const bool ours = view.description.value("netns", std::uint64_t{0}) == netns_id();
		auto &list = ours ? here : elsewhere;
		list += list.empty() ? view.name : ", " + view.name;
		if (ours) {
			++count;
			found = view.name;
		}
	}
	if (count == 1) {
		return found;
	}
	if (count > 1) {
		return fail("this network namespace", "has several instances", 0,
			    fmt::format("choose one with --name: {}", here));
	}
	return fail("this network namespace", "has no instance", 0,
		    elsewhere.empty() ? "start one with `prestack run --config FILE`"
				      : "choose one of another with --name: " + elsewhere);
}

} // namespace prestack
