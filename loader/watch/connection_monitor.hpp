// SPDX-License-Identifier: GPL-2.0-only
// Watches the servers' TCP connections: those older than the attachment, those that pass no served
// interface, and those that the kernel half follows although they are gone.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <spdlog/logger.h>

#include "base/event_loop.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"
#include "config/config.hpp"
#include "kernel/user_counters.hpp"
#include "watch/known_addresses.hpp"
#include "watch/served_routes.hpp"
#include "watch/tcp_connections.hpp"

namespace prestack
{

// By ps_flow_key.hash.
using FlowHashes = std::set<std::uint64_t>;

// Which of the followed flows to forget. A connection's first segment is read before its socket
// exists, so one look is not enough. Pure.
class FlowSweep
{
public:
	// `flows`: those in the map, looked at before `open`, the connections there are.
	[[nodiscard]] std::vector<std::uint64_t> gone(const FlowHashes &flows,
						      const FlowHashes &open);

private:
	FlowHashes suspects_;
};

class ConnectionMonitor
{
public:
	struct Maps { // not owned
		int flows; // ps_flows
		int handshakes; // ps_handshakes
	};
	// `services` are the enabled ones, by number; `known` is where their servers
	// listen. `counters` must stay where it is.
	[[nodiscard]] static Result<ConnectionMonitor>
	create(std::vector<ServiceConfig> services, std::shared_ptr<const KnownAddresses> known,
	       std::set<int> served_interfaces, Maps maps, UserCounters &counters,
	       std::shared_ptr<spdlog::logger> log);

	// The hooks are attached now: whatever is open and was not seen from its beginning is old.
	// Resets such connections where the service says so.
	[[nodiscard]] Result<void> attached();
	// Whether the service waits for old connections.
	[[nodiscard]] bool is_waiting(std::uint32_t service) const
	{
		return watched_[service].old.size() != 0;
	}
	[[nodiscard]] bool is_waiting() const; // any of them
	[[nodiscard]] std::uint32_t services() const
	{
		return static_cast<std::uint32_t>(watched_.size());
	}
	// Looks whether old connections are gone: each second, and when some were closed. True if a
	// service waits no more.
	[[nodiscard]] Result<bool> check_old();
	// Counts connections that bypass prestack, but for `own`, the agents' (their client ends); and
	// sweeps flows. Each few seconds.
	[[nodiscard]] Result<void> check_all(std::span<const Endpoint> own);

private:
	struct Watched {
		ServiceConfig service;
		OldConnections old;
	};
	ConnectionMonitor(ConnectionDiag diag, ServedRoutes routes,
			  std::shared_ptr<const KnownAddresses> known, Maps maps,
			  UserCounters &counters, std::shared_ptr<spdlog::logger> log)
		: diag_(std::move(diag)), routes_(std::move(routes)), known_(std::move(known)),
		  maps_(maps), counters_(counters), log_(std::move(log))
	{
	}
	[[nodiscard]] bool is_followed(const TcpConnection &connection) const;
	// Those to the service's server, at whatever address and port.
	[[nodiscard]] Result<std::vector<TcpConnection>>
	connections_of(std::uint32_t service) const;
	[[nodiscard]] Result<OldConnections> find_old(std::uint32_t service);
	void reset(const ServiceConfig &service, const OldConnections &connections) const;
	void count_bypassing(std::uint32_t service, std::span<const TcpConnection> connections,
			     std::span<const Endpoint> own);

	std::vector<Watched> watched_;
	ConnectionDiag diag_;
	ServedRoutes routes_;
	std::shared_ptr<const KnownAddresses> known_;
	Maps maps_;
	UserCounters &counters_;
	std::shared_ptr<spdlog::logger> log_;
	FlowSweep sweep_;
};

// How many of `connections`, but for `own`, pass no served interface.
[[nodiscard]] std::uint64_t bypassing(std::span<const TcpConnection> connections,
				      std::span<const Endpoint> own, ServedRoutes &routes);

} // namespace prestack
