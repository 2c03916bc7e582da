// SPDX-License-Identifier: GPL-2.0-only
#include "veth.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>

#include <cstdio>

#include "bpf_instructions.hpp"
#include "system_error.hpp"
#include "vlan.hpp"

namespace prestack::test
{

namespace
{

std::string mac(unsigned pair, unsigned end)
{
	char text[18];
	std::snprintf(text, sizeof(text), "02:00:00:00:%02x:%02x", pair & 0xff, end & 0xff);
	return text;
}

} // namespace

VethPair::VethPair(const Netns &server, const Netns &client, const VethOptions &options)
	: server_(server), client_(client), interface_(options.name),
	  server_mac_(mac(options.id, 1)), client_mac_(mac(options.id, 2))
{
	server.ip("link add " + interface_ + " address " + server_mac_ + " type veth peer name " +
		  interface_ + " address " + client_mac_ + " netns " + client.name());
	for (const Netns *ns : {&server, &client}) {
		// No duplicate address detection: addresses must be usable at once.
		ns->sysctl("ipv6/conf/" + interface_ + "/accept_dad", "0");
		if (options.vlan_depth > 0) {
			// Tags must be in the frame where XDP looks, not in the skb's metadata.
			ns->exec("ethtool -K " + interface_ +
				 " txvlan off rxvlan off tx-vlan-stag-hw-insert off");
		}
		ns->ip("link set " + interface_ + " up");
		if (options.vlan_depth > 0)
			tag_interface(*ns, interface_, options.vlan_depth);
	}
	attach_xdp_pass(client, interface_);
}

void VethPair::add_address(const Netns &ns, const std::string &address) const
{
	const bool v6 = address.find(':') != std::string::npos;
	ns.ip("addr add " + address + " dev " + interface_ + (v6 ? " nodad" : ""));
}

void VethPair::server_address(const std::string &address) const
{
	add_address(server_, address);
}
void VethPair::client_address(const std::string &address) const
{
	add_address(client_, address);
}

void attach_xdp_pass(const Netns &ns, const std::string &interface)
{
	const UniqueFd fd = load_program(BPF_PROG_TYPE_XDP, "test_pass",
					 {mov64_imm(BPF_REG_0, XDP_PASS), exit_program()});
	ns.in([&] {
		const unsigned index = ::if_nametoindex(interface.c_str());
		if (index == 0)
			throw_errno("find interface " + interface);
		const int error =
			::bpf_xdp_attach(static_cast<int>(index), fd.get(),
					 XDP_FLAGS_DRV_MODE | XDP_FLAGS_UPDATE_IF_NOEXIST, nullptr);
		if (error < 0) {
			errno = -error;
			throw_errno("attach XDP_PASS to " + interface);
		}
	});
}

} // namespace prestack::test
