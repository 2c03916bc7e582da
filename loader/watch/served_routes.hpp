// SPDX-License-Identifier: GPL-2.0-only
// Which peers of this host are reached through the interfaces that are served.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <tuple>
#include <utility>

#include "base/address.hpp"
#include "base/netlink.hpp"
#include "base/result.hpp"
#include "watch/links.hpp"
#include "watch/tcp_connections.hpp"

namespace prestack
{

// The served interfaces and all those whose packets pass one of them. Pure.
[[nodiscard]] std::set<int> passing_served(std::span<const Link> links,
					   const std::set<int> &served);

class ServedRoutes
{
public:
	[[nodiscard]] static Result<ServedRoutes> open(std::set<int> served);
	// Looks at the interfaces again, and forgets routes.
	[[nodiscard]] Result<void> refresh();
	// Whether what the server sends on this connection leaves by a served interface, as the routing table has
	// it now. True if that cannot be told.
	[[nodiscard]] bool passes(const TcpConnection &connection);

private:
	ServedRoutes(NetlinkSocket socket, std::set<int> served)
		: socket_(std::move(socket)), served_(std::move(served))
	{
	}
	[[nodiscard]] Result<int> leaves_by(const TcpConnection &connection) const;

	using Bytes = std::array<std::uint8_t, 16>;
	NetlinkSocket socket_;
	std::set<int> served_; // as configured
	std::set<int> passing_;
	std::map<std::tuple<Bytes, Bytes, std::uint32_t>, bool>
		known_; // the last: bound to this device
};

} // namespace prestack
