// SPDX-License-Identifier: GPL-2.0-only
// Where each service's server listens, worked out from the sockets of the host. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "config/config.hpp"
#include "kernel/address_maps.hpp"
#include "watch/server_process.hpp"
#include "watch/server_sockets.hpp"

namespace prestack
{

struct ServedServer {
	ServerState state; // of what takes requests for the configured address
	std::set<Listening> listening; // all of the server's addresses and ports
	std::optional<std::uint32_t> same_as; // it is that service's server: the cache is there
	bool ambiguous = false; // who gets a request cannot be told: nothing may be served

	friend bool operator==(const ServedServer &, const ServedServer &) = default;
};

struct ServerPlan {
	ListeningMap listening;
	std::vector<ServedServer> servers; // by service
};

struct ServerFacts {
	std::span<const ServerSocket> sockets; // all of the host
	const SocketHolders &holders;
	// Of ports from which clients' sockets get theirs; a UDP socket on one is no server's.
	std::uint16_t first_ephemeral = 32768;
	std::uint16_t last_ephemeral = 60999;
};

// Whether no request of a client's can come by `port` although the service's server listens there.
using IsSidePort = std::function<bool(const ServiceConfig &service, std::uint16_t port)>;

// `before`: what the kernel has been told so far. An address that has lost its socket stays its service's while
// no other socket takes what is sent there: connections to it may go on.
[[nodiscard]] ServerPlan plan_servers(const ServerFacts &facts,
				      std::span<const ServiceConfig> services,
				      const IsSidePort &is_side_port, const ListeningMap &before);

// The service that takes what arrives at a local address; nothing: none.
[[nodiscard]] std::optional<std::uint32_t> service_at(const ListeningMap &listening,
						      const Endpoint &local, bool udp);

} // namespace prestack
