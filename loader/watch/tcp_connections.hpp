// SPDX-License-Identifier: GPL-2.0-only
// The TCP connections of a service's server in this network namespace (sock_diag).
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <vector>

#include <prestack/types.h>

#include "base/address.hpp"
#include "base/netlink.hpp"
#include "base/result.hpp"

namespace prestack
{

// A connection from its SYN-ACK on, until the kernel has forgotten it.
struct TcpConnection {
	Endpoint local; // the server's end
	Endpoint remote;
	std::uint64_t cookie = 0; // never used twice while the kernel runs
	std::uint32_t ifindex = 0; // bound to this device, or VRF; 0 = none
	bool family6 = false; // of the socket; its addresses may be IPv4 all the same
	bool readable = true; // the server may still read requests from it
	bool time_wait = false; // both ends are through with it

	friend auto operator<=>(const TcpConnection &one, const TcpConnection &other)
	{
		return one.cookie <=> other.cookie;
	}
	friend bool operator==(const TcpConnection &one, const TcpConnection &other)
	{
		return one.cookie == other.cookie;
	}
};

// The scopes that connections may have, see ps_flow_key.scope.
struct FlowScopes {
	std::set<std::uint32_t> vrfs{0};
	std::set<std::uint32_t> devices; // of link-local addresses
};
// From the map ps_links.
[[nodiscard]] FlowScopes read_flow_scopes(int links);

// The connection as the flow maps may know it: sockets do not always tell where they are.
[[nodiscard]] std::vector<ps_flow_key> flow_keys(const TcpConnection &connection,
						 const FlowScopes &scopes);
// Of two connections with the same hash only one is followed: that in the element.
[[nodiscard]] bool is_same(const ps_flow_key &one, const ps_flow_key &other);

class ConnectionDiag
{
public:
	[[nodiscard]] static Result<ConnectionDiag> open();
	// All connections to a local port (host byte order), to whatever address: they all may be the
	// same server's.
	[[nodiscard]] Result<std::vector<TcpConnection>> on_port(std::uint16_t port) const;
	// Closes it, with a reset to the peer. Gone already is no failure.
	[[nodiscard]] Result<void> destroy(const TcpConnection &connection) const;

private:
	explicit ConnectionDiag(NetlinkSocket socket) : socket_(std::move(socket)) {}
	NetlinkSocket socket_;
};

// Tells when TCP connections are closed. One message for each on this host: open only while needed.
class ConnectionDestroyEvents
{
public:
	[[nodiscard]] static Result<ConnectionDestroyEvents> open();
	[[nodiscard]] int fd() const { return socket_.fd(); }
	// Takes what is waiting.
	[[nodiscard]] Result<void> discard_pending() const;

private:
	explicit ConnectionDestroyEvents(NetlinkSocket socket) : socket_(std::move(socket)) {}
	NetlinkSocket socket_;
};

// Connections that were open at one moment, as they go.
class OldConnections
{
public:
	OldConnections() = default;
	explicit OldConnections(std::vector<TcpConnection> connections)
		: open_(connections.begin(), connections.end())
	{
	}
	// Forgets those that are not among the ones open now: new ones do not count.
	void keep(std::span<const TcpConnection> now);
	[[nodiscard]] std::size_t size() const { return open_.size(); }
	[[nodiscard]] const std::set<TcpConnection> &connections() const { return open_; }

private:
	std::set<TcpConnection> open_;
};

} // namespace prestack
