// SPDX-License-Identifier: GPL-2.0-only
// The interfaces of this network namespace, and how they are stacked on, or joined with, each other.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/netlink.hpp"
#include "base/result.hpp"

namespace prestack
{

struct Link {
	int ifindex = 0;
	int lower = 0; // the one it is made on (a VLAN's); 0 = none here
	int master = 0; // the bridge, bond or VRF it belongs to; 0 = none
	std::string kind{}; // "vlan", "vrf", "bridge"; empty: a device
	std::uint16_t vlan = 0; // of a VLAN: its id
};

// `socket`: of NETLINK_ROUTE, not subscribed.
[[nodiscard]] Result<std::vector<Link>> read_links(const NetlinkSocket &socket);

} // namespace prestack
