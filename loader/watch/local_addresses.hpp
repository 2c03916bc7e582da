// SPDX-License-Identifier: GPL-2.0-only
// The addresses of this network namespace: what is for others is no request to a server here.
#pragma once

#include <set>

#include "base/address.hpp"
#include "base/netlink.hpp"
#include "base/result.hpp"

namespace prestack
{

class LocalAddresses
{
public:
	[[nodiscard]] static Result<LocalAddresses> open();
	// Those of all interfaces and VRFs, what the routing table calls local, and what goes to many hosts
	// and so perhaps to this one as well (broadcast, multicast).
	[[nodiscard]] Result<std::set<IpPrefix>> read() const;

private:
	explicit LocalAddresses(NetlinkSocket socket) : socket_(std::move(socket)) {}
	[[nodiscard]] Result<void> read_interfaces(std::set<IpPrefix> &out) const;
	[[nodiscard]] Result<void> read_routes(std::set<IpPrefix> &out) const;

	NetlinkSocket socket_;
};

} // namespace prestack
