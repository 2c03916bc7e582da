// SPDX-License-Identifier: GPL-2.0-only
#include "watch/connection_monitor.hpp"

#include <algorithm>
#include <iterator>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <prestack/flow.h>
#include <sys/socket.h>

#include "watch/server_sockets.hpp"

namespace prestack
{
namespace
{

bool has_handshake(int map, const ps_flow_key &key)
{
	ps_handshake handshake;
	return bpf_map_lookup_elem(map, &key, &handshake) == 0;
}

std::unique_ptr<ps_flow> flow_of(int map, std::uint64_t hash)
{
	auto flow = std::make_unique<ps_flow>();
	if (bpf_map_lookup_elem(map, &hash, flow.get()) != 0) {
		return nullptr;
	}
	return flow;
}

FlowHashes hashes_of(int map)
{
	FlowHashes hashes;
	std::uint64_t key = 0;
	std::uint64_t next = 0;
	// Deletions under way make the walk start anew: the bound ends it all the same.
	constexpr std::size_t most_steps = std::size_t{1} << 21;
	for (std::size_t i = 0;
	     i < most_steps && bpf_map_get_next_key(map, i == 0 ? nullptr : &key, &next) == 0;
	     ++i) {
		hashes.insert(next);
		key = next;
	}
	return hashes;
}

} // namespace

std::vector<std::uint64_t> FlowSweep::gone(const FlowHashes &flows, const FlowHashes &open)
{
	FlowHashes without_socket;
	std::ranges::set_difference(flows, open,
				    std::inserter(without_socket, without_socket.end()));
	std::vector<std::uint64_t> gone;
	std::ranges::set_intersection(without_socket, suspects_, std::back_inserter(gone));
	suspects_ = std::move(without_socket);
	return gone;
}

std::uint64_t bypassing(std::span<const TcpConnection> connections, std::span<const Endpoint> own,
			ServedRoutes &routes)
{
	return static_cast<std::uint64_t>(
		std::ranges::count_if(connections, [&](const TcpConnection &connection) {
			return connection.readable &&
			       std::ranges::find(own, connection.remote) == own.end() &&
			       !routes.passes(connection);
		}));
}

Result<ConnectionMonitor> ConnectionMonitor::create(std::vector<ServiceConfig> services,
						    std::shared_ptr<const KnownAddresses> known,
						    std::set<int> served_interfaces, Maps maps,
						    UserCounters &counters,
						    std::shared_ptr<spdlog::logger> log)
{
	auto diag = ConnectionDiag::open();
	if (!diag) {
		return tl::unexpected(diag.error());
	}
	auto routes = ServedRoutes::open(std::move(served_interfaces));
	if (!routes) {
		return tl::unexpected(routes.error());
	}
	ConnectionMonitor monitor(std::move(*diag), std::move(*routes), std::move(known), maps,
				  counters, std::move(log));
	for (auto &service : services) {
		monitor.watched_.push_back({std::move(service), {}});
	}
	return monitor;
}

// The kernel half follows a connection from its SYN-ACK (ps_handshakes) or first segment (ps_flows).
bool ConnectionMonitor::is_followed(const TcpConnection &connection) const
{
	const auto keys = flow_keys(connection, known_->scopes);
	return std::ranges::any_of(keys, [this](const ps_flow_key &key) {
		const auto flow = flow_of(maps_.flows, key.hash);
		return (flow && is_same(flow->key, key)) || has_handshake(maps_.handshakes, key);
	});
}

Result<std::vector<TcpConnection>> ConnectionMonitor::connections_of(std::uint32_t service) const
{
	std::vector<TcpConnection> all;
	for (const auto port : known_->ports_of(service)) {
		const auto connections = diag_.on_port(port);
		if (!connections) {
			return tl::unexpected(connections.error());
		}
		std::ranges::copy_if(*connections, std::back_inserter(all),
				     [this, service](const TcpConnection &connection) {
					     return known_->service_of(connection.local) == service;
				     });
	}
	return all;
}

// Those whose packets do not come by us do not matter: they are as unseen after as before.
Result<OldConnections> ConnectionMonitor::find_old(std::uint32_t service)
{
	return connections_of(service).map([this](std::vector<TcpConnection> &&connections) {
		std::erase_if(connections, [this](const TcpConnection &connection) {
			return !connection.readable || !routes_.passes(connection) ||
			       is_followed(connection);
		});
		return OldConnections(std::move(connections));
	});
}

void ConnectionMonitor::reset(const ServiceConfig &service, const OldConnections &connections) const
{
	std::size_t count = 0;
	for (const auto &connection : connections.connections()) {
		if (const auto gone = diag_.destroy(connection)) {
			++count;
		} else {
			log_->warn("service {}: cannot reset a connection from {}: {}; waiting for "
				   "it to close",
				   service.name, to_string(connection.remote),
				   to_string(gone.error()));
		}
	}
	log_->info("service {}: {} connections older than the attachment were reset", service.name,
		   count);
}

Result<void> ConnectionMonitor::attached()
{
	for (std::uint32_t i = 0; i < watched_.size(); ++i) {
		auto &[service, old] = watched_[i];
		auto found = find_old(i);
		if (found && found->size() != 0 &&
		    service.existing_connections == ExistingConnections::reset) {
			reset(service, *found);
			found = find_old(i);
		}
		if (!found) {
			return tl::unexpected(found.error());
		}
		old = std::move(*found);
		counters_[i].old_connections = old.size();
		if (old.size() != 0) {
			log_->warn("service {}: waiting for {} connections older than the "
				   "attachment to close; nothing is served until then "
				   "(existing_connections = \"reset\" closes them)",
				   service.name, old.size());
		}
	}
	return {};
}

bool ConnectionMonitor::is_waiting() const
{
	return std::ranges::any_of(watched_,
				   [](const Watched &one) { return one.old.size() != 0; });
}

Result<bool> ConnectionMonitor::check_old()
{
	bool changed = false;
	for (std::uint32_t i = 0; i < watched_.size(); ++i) {
		auto &[service, old] = watched_[i];
		if (old.size() == 0) {
			continue;
		}
		auto connections = connections_of(i);
		if (!connections) {
			return tl::unexpected(connections.error());
		}
		std::erase_if(*connections, [](const TcpConnection &one) { return !one.readable; });
		old.keep(*connections);
		counters_[i].old_connections = old.size();
		if (old.size() == 0) {
			log_->info("service {}: all connections older than the attachment are "
				   "closed",
				   service.name);
			changed = true;
		}
	}
	return changed;
}

void ConnectionMonitor::count_bypassing(std::uint32_t service,
					std::span<const TcpConnection> connections,
					std::span<const Endpoint> own)
{
	const auto count = bypassing(connections, own, routes_);
	if (count != 0 && counters_[service].bypassing == 0) {
		const bool has_feed = counters_[service].change_feed != ChangeFeed::none;
		log_->log(has_feed ? spdlog::level::info : spdlog::level::warn,
			  "service {}: {} connections do not pass a served interface: their "
			  "writes are {}",
			  watched_[service].service.name, count,
			  has_feed ? "told of by the change feed"
				   : "not seen, and what they change may be served stale");
	}
	counters_[service].bypassing = count;
}

Result<void> ConnectionMonitor::check_all(std::span<const Endpoint> own)
{
	if (auto done = routes_.refresh(); !done) {
		return done;
	}
	// Before the sockets: a flow that comes later is none of those judged.
	const auto flows = hashes_of(maps_.flows);
	FlowHashes open;
	for (std::uint32_t i = 0; i < watched_.size(); ++i) {
		const auto connections = connections_of(i);
		if (!connections) {
			return tl::unexpected(connections.error());
		}
		count_bypassing(i, *connections, own);
		for (const auto &connection : *connections) {
			for (const auto &key : flow_keys(connection, known_->scopes)) {
				open.insert(key.hash);
			}
		}
	}
	for (const auto hash : sweep_.gone(flows, open)) {
		const auto flow = flow_of(maps_.flows, hash);
		if (!flow || bpf_map_delete_elem(maps_.flows, &hash) != 0) {
			continue;
		}
		Endpoint local;
		local.address = socket_address(AF_INET6, flow->key.local);
		local.port = ntohs(flow->key.local_port);
		if (const auto service = known_->service_of(local); service) {
			++counters_[*service].flows_swept;
		}
	}
	return {};
}

} // namespace prestack
