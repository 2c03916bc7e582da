// SPDX-License-Identifier: GPL-2.0-only
// Finds the sockets of a service's server in this network namespace (sock_diag).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/netlink.hpp"
#include "base/result.hpp"
#include "config/config.hpp"

namespace prestack
{

// A listening TCP socket, or a UDP socket that is bound and not connected.
struct ServerSocket {
	std::uint16_t port = 0; // host byte order
	IpAddress address; // IPv4-mapped for IPv4; a wildcard of the socket's own family otherwise
	bool v6only = false;
	bool udp = false;
	std::uint32_t uid = 0;
	std::uint64_t cookie = 0; // never used twice while the kernel runs
	std::uint32_t ifindex = 0; // bound to this device; 0 = any
	std::uint32_t inode = 0; // as /proc names it

	friend bool operator==(const ServerSocket &, const ServerSocket &) = default;
};

// An address as sock_diag gives it: 4 bytes, or 16 that may be an IPv4 address in its mapped form.
[[nodiscard]] IpAddress socket_address(int family, const void *bytes);

// What is known of a server at one moment.
struct ServerState {
	std::vector<ServerSocket> sockets; // those that take requests for the server's address
	std::optional<std::uint32_t> uid; // their owner; nothing if there is none, or not just one
	bool has_udp = false;
	bool has_tcp = false;

	friend bool operator==(const ServerState &, const ServerState &) = default;
};

// Whether requests to `server` can reach the socket. Pure.
[[nodiscard]] bool takes_requests(const ServerSocket &socket, const IpAddress &server);

// Picks from the sockets of a host those that take what is for the service's server. Pure.
[[nodiscard]] ServerState server_state(std::span<const ServerSocket> sockets,
				       const ServiceConfig &service);

class SocketDiag
{
public:
	[[nodiscard]] static Result<SocketDiag> open();
	// All of this network namespace, in a stable order.
	[[nodiscard]] Result<std::vector<ServerSocket>> all() const;

private:
	explicit SocketDiag(NetlinkSocket socket) : socket_(std::move(socket)) {}
	NetlinkSocket socket_;
};

// Tells when UDP sockets are closed, at once and not at the next poll.
class SocketDestroyEvents
{
public:
	[[nodiscard]] static Result<SocketDestroyEvents> open();
	[[nodiscard]] int fd() const { return socket_.fd(); }
	// The local ports of the sockets closed since the last call; nothing if events were lost.
	[[nodiscard]] Result<std::optional<std::vector<std::uint16_t>>> closed_ports() const;

private:
	explicit SocketDestroyEvents(NetlinkSocket socket) : socket_(std::move(socket)) {}
	NetlinkSocket socket_;
};

} // namespace prestack
