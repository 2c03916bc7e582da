// SPDX-License-Identifier: GPL-2.0-only
// VLAN tags on an interface whose stack knows nothing of them.
//
// Two small TC programs do what a VLAN sub-interface would: the egress one adds the tags before any
// other program sees the packet, the ingress one removes them after all others. Tests need no VLAN
// support in the kernel this way, and the wire and every hook below look the same.
#pragma once

#include <string>

#include "netns.hpp"

namespace prestack::test
{

inline constexpr unsigned outer_vlan_id = 200; // 802.1ad, the outer one of two
inline constexpr unsigned inner_vlan_id = 100; // 802.1Q

// Makes everything on the interface carry `depth` tags (1: 802.1Q, 2: 802.1ad around 802.1Q) until
// the interface goes away. Attach it before anything else. Throws when the kernel refuses.
void tag_interface(const Netns &ns, const std::string &interface, unsigned depth);

} // namespace prestack::test
