// SPDX-License-Identifier: GPL-2.0-only
#include "attach/xdp_hook.hpp"

#include <cerrno>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/if_link.h>

#include "base/host.hpp"
#include "kernel/instance_dir.hpp"
#include "kernel/libbpf_options.hpp"

namespace prestack
{
namespace
{

std::string program_name(std::uint32_t id)
{
	const UniqueFd program(bpf_prog_get_fd_by_id(id));
	bpf_prog_info info{};
	__u32 size = sizeof info;
	if (!program || bpf_obj_get_info_by_fd(program.get(), &info, &size) != 0) {
		return {};
	}
	return info.name;
}

std::string owner(const BpffsPtr &bpffs, int ifindex, bool dead_too)
{
	const auto netns = netns_id();
	for (const auto &view : bpffs ? view_all_instances(bpffs) : std::vector<InstanceView>()) {
		const bool there = view.alive || (dead_too && view.attached);
		if (!there || view.description.value("netns", std::uint64_t{0}) != netns) {
			continue;
		}
		for (const auto &interface :
		     view.description.value("interfaces", nlohmann::json::array())) {
			if (interface.value("ifindex", 0) == ifindex) {
				return view.name;
			}
		}
	}
	return {};
}

Failure occupied(const std::string &interface, int ifindex, const BpffsPtr &bpffs)
{
	auto query = libbpf_options<bpf_xdp_query_opts>();
	std::uint32_t id = 0;
	if (bpf_xdp_query(ifindex, 0, &query) == 0) {
		for (const auto candidate :
		     {query.prog_id, query.drv_prog_id, query.skb_prog_id, query.hw_prog_id}) {
			id = id != 0 ? id : candidate;
		}
	}
	if (const auto instance = owner(bpffs, ifindex, false); !instance.empty()) {
		return fail("interface " + interface,
			    fmt::format("is already served by prestack instance \"{}\"", instance),
			    EBUSY, "stop that one, or add the service to its configuration");
	}
	return fail("interface " + interface,
		    fmt::format("has an XDP program already: id {} \"{}\"", id, program_name(id)),
		    EBUSY,
		    fmt::format("find out who needs it; to detach it: ip link set dev {} xdp off",
				interface));
}

} // namespace

std::string instance_on(int ifindex, const BpffsPtr &bpffs)
{
	return owner(bpffs, ifindex, true);
}

bool has_xdp(int ifindex)
{
	auto query = libbpf_options<bpf_xdp_query_opts>();
	return bpf_xdp_query(ifindex, 0, &query) == 0 && query.attach_mode != XDP_ATTACHED_NONE;
}

Result<void> check_xdp_is_free(const std::string &interface, int ifindex, const BpffsPtr &bpffs)
{
	return has_xdp(ifindex) ? Result<void>(occupied(interface, ifindex, bpffs))
				: Result<void>();
}

Result<XdpHook> attach_xdp(const std::string &interface, int ifindex, int program_fd,
			   XdpMode wanted, const BpffsPtr &bpffs)
{
	if (auto free = check_xdp_is_free(interface, ifindex, bpffs); !free) {
		return tl::unexpected(free.error());
	}
	XdpHook hook;
	for (const auto mode : {XdpMode::native, XdpMode::generic}) {
		if (wanted != XdpMode::automatic && wanted != mode) {
			continue;
		}
		auto options = libbpf_options<bpf_link_create_opts>();
		options.flags = static_cast<__u32>(mode == XdpMode::native ? XDP_FLAGS_DRV_MODE
									   : XDP_FLAGS_SKB_MODE);
		const int fd = bpf_link_create(program_fd, ifindex, BPF_XDP, &options);
		if (fd >= 0) {
			hook.link = BpfLink(fd);
			hook.mode = mode;
			return hook;
		}
		// Somebody was faster than us.
		if (fd == -EBUSY || fd == -EEXIST) {
			return occupied(interface, ifindex, bpffs);
		}
		if (fd == -EPERM || mode == XdpMode::generic || wanted == XdpMode::native) {
			return fail("interface " + interface,
				    fmt::format("attach {} XDP", to_string(mode)), fd,
				    fd == -EPERM ? "run as root"
				    : mode == XdpMode::native
					    ? "the driver may lack XDP, or the MTU may be too "
					      "great for it; "
					      "xdp_mode = \"auto\" falls back to generic XDP"
					    : "");
		}
		hook.native_problem = -fd;
	}
	return fail("interface " + interface, "attach XDP", EINVAL);
}

Result<XdpHook> take_over_xdp(const std::string &interface, int ifindex, int program_fd,
			      BpfLink link)
{
	// Whatever comes of it, the connections that it translates must not be broken off.
	link.leave();
	if (auto updated = link.update(program_fd); !updated) {
		return fail("interface " + interface, "replace the XDP program",
			    updated.error().errnum);
	}
	auto query = libbpf_options<bpf_xdp_query_opts>();
	XdpHook hook;
	hook.mode = bpf_xdp_query(ifindex, 0, &query) == 0 && query.attach_mode == XDP_ATTACHED_SKB
			    ? XdpMode::generic
			    : XdpMode::native;
	hook.link = std::move(link);
	return hook;
}

} // namespace prestack
