// SPDX-License-Identifier: GPL-2.0-only
#include "attach/tc_hook.hpp"

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "base/netlink.hpp"
#include "kernel/libbpf_options.hpp"
#include "kernel/pin_names.hpp"

namespace prestack
{
namespace
{

// enum bpf_attach_type of Linux 6.6; the headers that we build against may be older.
constexpr int attach_tcx_ingress = 46;
constexpr int attach_tcx_egress = 47;

// Our place among the filters of a clsact qdisc. The preference is high, so that filters which
// drop or change packets run first.
constexpr __u32 filter_handle = 0x5053;
constexpr __u32 filter_preference = 0x5053;

std::string program_name(__u32 id)
{
	const UniqueFd program(bpf_prog_get_fd_by_id(id));
	bpf_prog_info info{};
	__u32 size = sizeof info;
	return program && bpf_obj_get_info_by_fd(program.get(), &info, &size) == 0 ? info.name : "";
}

bpf_tc_hook hook_of(int ifindex, int point)
{
	bpf_tc_hook hook{};
	hook.sz = sizeof hook;
	hook.ifindex = ifindex;
	hook.attach_point = static_cast<bpf_tc_attach_point>(point);
	return hook;
}

// The name of the program at our place, or nothing if it is free.
std::string program_at_our_place(int ifindex, bpf_tc_attach_point point)
{
	auto hook = hook_of(ifindex, point);
	auto query = libbpf_options<bpf_tc_opts>();
	query.handle = filter_handle;
	query.priority = filter_preference;
	return bpf_tc_query(&hook, &query) == 0 ? program_name(query.prog_id) : std::string();
}

void detach_filter(int ifindex, bpf_tc_attach_point point)
{
	auto hook = hook_of(ifindex, point);
	auto options = libbpf_options<bpf_tc_opts>();
	options.handle = filter_handle;
	options.priority = filter_preference;
	bpf_tc_detach(&hook, &options);
}

Result<void> attach_filter(const std::string &interface, int ifindex, bpf_tc_attach_point point,
			   std::string_view our_name, int program_fd)
{
	const auto present = program_at_our_place(ifindex, point);
	if (!present.empty() && present != our_name) {
		return fail("interface " + interface,
			    fmt::format("has a filter of somebody else, \"{}\", at preference {} "
					"of its clsact qdisc",
					present, filter_preference),
			    EBUSY, "move that filter to another preference");
	}
	auto hook = hook_of(ifindex, point);
	auto options = libbpf_options<bpf_tc_opts>();
	options.prog_fd = program_fd;
	options.flags = present.empty() ? 0u : static_cast<__u32>(BPF_TC_F_REPLACE);
	options.handle = filter_handle;
	options.priority = filter_preference;
	if (const int problem = bpf_tc_attach(&hook, &options); problem != 0) {
		return fail(
			"interface " + interface, fmt::format("attach the {} filter", our_name),
			problem,
			fmt::format("is preference {} of its clsact qdisc taken by another filter?",
				    filter_preference));
	}
	return {};
}

bool has_filters(int ifindex, __u32 parent)
{
	const auto socket = NetlinkSocket::open(NETLINK_ROUTE, 0);
	if (!socket) {
		return true; // unknown: better to leave the qdisc
	}
	std::array<char, 256> buffer{};
	auto *request = mnl_nlmsg_put_header(buffer.data());
	request->nlmsg_type = RTM_GETTFILTER;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request->nlmsg_seq = 1;
	auto *header = static_cast<tcmsg *>(mnl_nlmsg_put_extra_header(request, sizeof(tcmsg)));
	header->tcm_family = AF_UNSPEC;
	header->tcm_ifindex = ifindex;
	header->tcm_parent = parent;
	bool found = false;
	const auto asked = socket->ask(request, [&found](const nlmsghdr *) { found = true; });
	return found || !asked;
}

void destroy_qdisc(int ifindex)
{
	if (has_filters(ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)) ||
	    has_filters(ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS))) {
		return;
	}
	auto hook = hook_of(ifindex, BPF_TC_INGRESS | BPF_TC_EGRESS);
	bpf_tc_hook_destroy(&hook);
}

int create_tcx_link(int program_fd, int ifindex, int attach_type)
{
	return bpf_link_create(program_fd, ifindex, static_cast<bpf_attach_type>(attach_type),
			       nullptr);
}

} // namespace

const char *to_string(TcKind kind)
{
	return kind == TcKind::tcx ? "tcx" : "clsact";
}

Result<TcHook> TcHook::attach(const std::string &interface, int ifindex, const Programs &programs,
			      bool force_clsact)
{
	TcHook hook(ifindex);
	// Leftover filters would still see packets after ours moved to TCX.
	remove_leftover_tc(ifindex, false);
	if (!force_clsact) {
		const int ingress =
			create_tcx_link(programs.ingress_fd, ifindex, attach_tcx_ingress);
		if (ingress >= 0) {
			hook.ingress_link_ = BpfLink(ingress);
			const int egress =
				create_tcx_link(programs.egress_fd, ifindex, attach_tcx_egress);
			if (egress < 0) {
				return fail("interface " + interface,
					    "attach the TCX egress program", egress);
			}
			hook.egress_link_ = BpfLink(egress);
			return hook;
		}
		// A kernel before 6.6 does not know the attach type.
		if (ingress != -EINVAL && ingress != -EOPNOTSUPP) {
			return fail("interface " + interface, "attach the TCX ingress program",
				    ingress, ingress == -EPERM ? "run as root" : "");
		}
	}
	if (auto attached = hook.attach_clsact(interface, programs); !attached) {
		return tl::unexpected(attached.error());
	}
	return hook;
}

Result<TcHook> TcHook::take_over(const std::string &interface, int ifindex,
				 const Programs &programs, BpfLink ingress, BpfLink egress,
				 bool made_qdisc)
{
	TcHook hook(ifindex);
	hook.ingress_link_ = std::move(ingress);
	hook.egress_link_ = std::move(egress);
	hook.leave();
	auto done = hook.ingress_link_ && hook.egress_link_
			    ? hook.ingress_link_.update(programs.ingress_fd).and_then([&] {
				      return hook.egress_link_.update(programs.egress_fd);
			      })
			    : hook.attach_clsact(interface, programs);
	if (!done) {
		return fail("interface " + interface, "replace the TC programs",
			    done.error().errnum);
	}
	hook.made_qdisc_ = made_qdisc;
	return hook;
}

Result<void> TcHook::attach_clsact(const std::string &interface, const Programs &programs)
{
	auto qdisc = hook_of(ifindex_, BPF_TC_INGRESS | BPF_TC_EGRESS);
	const int created = bpf_tc_hook_create(&qdisc);
	if (created != 0 && created != -EEXIST) {
		return fail(
			"interface " + interface, "create a clsact qdisc", created,
			created == -EPERM
				? "run as root"
				: "the kernel needs CONFIG_NET_SCH_INGRESS and CONFIG_NET_CLS_BPF");
	}
	made_qdisc_ = created == 0;
	if (auto done = attach_filter(interface, ifindex_, BPF_TC_INGRESS, pin::tc_ingress,
				      programs.ingress_fd);
	    !done) {
		return done;
	}
	ingress_filter_ = true;
	if (auto done = attach_filter(interface, ifindex_, BPF_TC_EGRESS, pin::tc_egress,
				      programs.egress_fd);
	    !done) {
		return done;
	}
	egress_filter_ = true;
	return {};
}

TcHook::TcHook(TcHook &&other) noexcept
	: ifindex_(other.ifindex_), ingress_link_(std::move(other.ingress_link_)),
	  egress_link_(std::move(other.egress_link_)),
	  ingress_filter_(std::exchange(other.ingress_filter_, false)),
	  egress_filter_(std::exchange(other.egress_filter_, false)),
	  made_qdisc_(std::exchange(other.made_qdisc_, false)), leave_(other.leave_)
{
}

void TcHook::leave()
{
	leave_ = true;
	ingress_link_.leave();
	egress_link_.leave();
}

void TcHook::own()
{
	leave_ = false;
	ingress_link_.own();
	egress_link_.own();
}

TcHook::~TcHook()
{
	if (leave_) {
		return;
	}
	if (ingress_filter_) {
		detach_filter(ifindex_, BPF_TC_INGRESS);
	}
	if (egress_filter_) {
		detach_filter(ifindex_, BPF_TC_EGRESS);
	}
	if (made_qdisc_) {
		destroy_qdisc(ifindex_);
	}
}

void remove_leftover_tc(int ifindex, bool made_qdisc)
{
	if (program_at_our_place(ifindex, BPF_TC_INGRESS) == pin::tc_ingress) {
		detach_filter(ifindex, BPF_TC_INGRESS);
	}
	if (program_at_our_place(ifindex, BPF_TC_EGRESS) == pin::tc_egress) {
		detach_filter(ifindex, BPF_TC_EGRESS);
	}
	if (made_qdisc) {
		destroy_qdisc(ifindex);
	}
}

} // namespace prestack
