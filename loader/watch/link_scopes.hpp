// SPDX-License-Identifier: GPL-2.0-only
// To which VRF, and to which interface with addresses, frames on the served interfaces belong.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/netlink.hpp"
#include "base/result.hpp"
#include "kernel/address_maps.hpp"

namespace prestack
{

// An interface as far as frames of others pass through it.
struct ScopedLink {
	int ifindex = 0;
	int lower = 0; // the one it is made on; 0 = none here
	int master = 0; // the bridge, bond or VRF it belongs to; 0 = none
	std::string kind; // "vlan", "vrf", "bridge"; empty: a device
	std::uint16_t vlan = 0; // of a VLAN: its id
};

// Pure.
[[nodiscard]] LinkScopes scopes_of(std::span<const ScopedLink> links, const std::set<int> &served);

class LinkScopeReader
{
public:
	[[nodiscard]] static Result<LinkScopeReader> open();
	[[nodiscard]] Result<LinkScopes> read(const std::set<int> &served) const;

private:
	explicit LinkScopeReader(NetlinkSocket socket) : socket_(std::move(socket)) {}
	NetlinkSocket socket_;
};

} // namespace prestack
