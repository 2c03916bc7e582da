// SPDX-License-Identifier: GPL-2.0-only
#include "vlan.hpp"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <net/ethernet.h>
#include <net/if.h>

#include <cstddef>
#include <vector>

#include "bpf_instructions.hpp"
#include "system_error.hpp"

namespace prestack::test
{

namespace
{

constexpr std::int32_t next_program = -1; // TC_ACT_UNSPEC, TCX_NEXT: on to the next program
constexpr unsigned last_priority = 60'000; // after every other filter
constexpr int tcx_egress = 47; // BPF_TCX_EGRESS, not in Debian 12's headers
constexpr std::uint16_t ethertype_qin_q = 0x88a8;

// Tags what has none: a reply that a program of the stack's below sent back has its own already.
// r6 keeps the packet, since a call clobbers r1-r5.
std::vector<bpf_insn> push_tags(unsigned depth)
{
	const auto per_tag = 4;
	std::vector<bpf_insn> code{
		mov64_reg(BPF_REG_6, BPF_REG_1),
		load32(BPF_REG_2, BPF_REG_6, offsetof(__sk_buff, vlan_present)),
		skip_unless_zero(BPF_REG_2, static_cast<std::int16_t>(per_tag * depth)),
	};
	const auto push = [&](std::uint16_t ethertype, unsigned id) {
		code.insert(code.end(), {mov64_reg(BPF_REG_1, BPF_REG_6),
					 mov64_imm(BPF_REG_2, htons(ethertype)),
					 mov64_imm(BPF_REG_3, static_cast<std::int32_t>(id)),
					 call(BPF_FUNC_skb_vlan_push)});
	};
	push(ETHERTYPE_VLAN, inner_vlan_id);
	if (depth == 2)
		push(ethertype_qin_q, outer_vlan_id);
	code.insert(code.end(), {mov64_imm(BPF_REG_0, next_program), exit_program()});
	return code;
}

std::vector<bpf_insn> pop_tags(unsigned depth)
{
	std::vector<bpf_insn> code{mov64_reg(BPF_REG_6, BPF_REG_1)};
	for (; depth > 0; --depth) {
		code.insert(code.end(),
			    {mov64_reg(BPF_REG_1, BPF_REG_6), call(BPF_FUNC_skb_vlan_pop)});
	}
	code.insert(code.end(), {mov64_imm(BPF_REG_0, next_program), exit_program()});
	return code;
}

void attach_filter(int index, bpf_tc_attach_point point, int program, unsigned priority)
{
	bpf_tc_hook hook{};
	hook.sz = sizeof(hook);
	hook.ifindex = index;
	hook.attach_point = point;
	bpf_tc_opts options{};
	options.sz = sizeof(options);
	options.prog_fd = program;
	options.priority = priority;
	const int error = ::bpf_tc_attach(&hook, &options);
	if (error < 0) {
		errno = -error;
		throw_errno("attach a TC filter");
	}
}

void create_clsact(int index)
{
	bpf_tc_hook hook{};
	hook.sz = sizeof(hook);
	hook.ifindex = index;
	hook.attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);
	const int error = ::bpf_tc_hook_create(&hook);
	if (error < 0 && error != -EEXIST) {
		errno = -error;
		throw_errno("create clsact");
	}
}

} // namespace

void tag_interface(const Netns &ns, const std::string &interface, unsigned depth)
{
	const UniqueFd push =
		load_program(BPF_PROG_TYPE_SCHED_CLS, "test_vlan_push", push_tags(depth));
	const UniqueFd pop =
		load_program(BPF_PROG_TYPE_SCHED_CLS, "test_vlan_pop", pop_tags(depth));
	ns.in([&] {
		const int index = static_cast<int>(::if_nametoindex(interface.c_str()));
		if (index == 0)
			throw_errno("find interface " + interface);
		create_clsact(index);
		attach_filter(index, BPF_TC_INGRESS, pop.get(), last_priority);
		// TCX programs run before clsact's: where the kernel has them, only there is it the first.
		const auto type = static_cast<bpf_attach_type>(tcx_egress);
		if (::bpf_prog_attach(push.get(), index, type, 0) < 0) {
			attach_filter(index, BPF_TC_EGRESS, push.get(), 1);
		}
	});
}

} // namespace prestack::test
