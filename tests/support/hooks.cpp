// SPDX-License-Identifier: GPL-2.0-only
#include "hooks.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>

#include "process.hpp"
#include "system_error.hpp"

namespace prestack::test
{

namespace
{

// Not in Debian 12's headers.
constexpr int tcx_ingress = 46;
constexpr int tcx_egress = 47;

// 0 where the kernel has no TCX.
unsigned tcx_programs(int index, int type)
{
	std::uint32_t ids[64];
	std::uint32_t flags = 0;
	std::uint32_t count = 64;
	if (::bpf_prog_query(index, static_cast<bpf_attach_type>(type), 0, &flags, ids, &count) < 0)
		return 0;
	return count;
}

unsigned clsact_filters(const Netns &ns, const std::string &interface, const std::string &side)
{
	const Finished shown = run(
		{.argv = {"tc", "filter", "show", "dev", interface, side}, .netns_fd = ns.fd()});
	unsigned count = 0;
	for (auto at = shown.output.find(" id "); at != std::string::npos;
	     at = shown.output.find(" id ", at + 1))
		++count;
	return count;
}

} // namespace

Hooks hooks_of(const Netns &ns, const std::string &interface)
{
	Hooks hooks = ns.in([&] {
		const int index = static_cast<int>(::if_nametoindex(interface.c_str()));
		if (index == 0)
			throw_errno("find interface " + interface);
		std::uint32_t id = 0;
		return Hooks{.xdp = ::bpf_xdp_query_id(index, 0, &id) == 0 && id != 0,
			     .tc_ingress = tcx_programs(index, tcx_ingress),
			     .tc_egress = tcx_programs(index, tcx_egress)};
	});
	hooks.tc_ingress += clsact_filters(ns, interface, "ingress");
	hooks.tc_egress += clsact_filters(ns, interface, "egress");
	return hooks;
}

} // namespace prestack::test
