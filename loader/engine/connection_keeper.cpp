// SPDX-License-Identifier: GPL-2.0-only
#include "connection_keeper.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>

#include <arpa/inet.h>
#include <bpf/bpf.h>

namespace prestack
{
namespace
{

bool has(int map, const ps_flow_key &key)
{
	bpf_map_info info{};
	std::uint32_t size = sizeof info;
	if (bpf_obj_get_info_by_fd(map, &info, &size) != 0) {
		return false;
	}
	std::vector<char> value(info.value_size);
	return bpf_map_lookup_elem(map, &key, value.data()) == 0;
}

FlowKeys keys_of(int map)
{
	FlowKeys keys;
	ps_flow_key key{};
	ps_flow_key next{};
	// Deletions under way make the walk start anew: the bound ends it all the same.
	constexpr std::size_t most_steps = std::size_t{1} << 21;
	for (std::size_t i = 0;
	     i < most_steps && bpf_map_get_next_key(map, i == 0 ? nullptr : &key, &next) == 0;
	     ++i) {
		keys.insert(next);
		key = next;
	}
	return keys;
}

} // namespace

bool FlowKeyLess::operator()(const ps_flow_key &one, const ps_flow_key &other) const
{
	return std::memcmp(&one, &other, sizeof one) < 0;
}

std::vector<ps_flow_key> FlowSweep::gone(const FlowKeys &flows, const FlowKeys &open)
{
	FlowKeys without_socket;
	std::ranges::set_difference(
		flows, open, std::inserter(without_socket, without_socket.end()), FlowKeyLess{});
	std::vector<ps_flow_key> gone;
	std::ranges::set_intersection(without_socket, suspects_, std::back_inserter(gone),
				      FlowKeyLess{});
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
			       !routes.passes(connection.local.address, connection.remote.address);
		}));
}

Result<ConnectionKeeper> ConnectionKeeper::create(std::vector<ServiceConfig> services,
						  std::set<int> served_interfaces, Maps maps,
						  AgentReport &report,
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
	ConnectionKeeper keeper(std::move(*diag), std::move(*routes), maps, report, std::move(log));
	for (auto &service : services) {
		keeper.watched_.push_back({std::move(service), {}});
	}
	return keeper;
}

// The kernel half follows a connection from its SYN-ACK (ps_handshakes) or first segment (ps_flows).
bool ConnectionKeeper::is_followed(const TcpConnection &connection) const
{
	const auto key = flow_key(connection);
	return has(maps_.flows, key) || has(maps_.handshakes, key);
}

// Those whose packets do not come by us do not matter: they are as unseen after as before.
Result<OldConnections> ConnectionKeeper::find_old(const ServiceConfig &service)
{
	return diag_.on_port(service.port).map([this](std::vector<TcpConnection> &&connections) {
		std::erase_if(connections, [this](const TcpConnection &connection) {
			return !connection.readable ||
			       !routes_.passes(connection.local.address,
					       connection.remote.address) ||
			       is_followed(connection);
		});
		return OldConnections(std::move(connections));
	});
}

void ConnectionKeeper::reset(const ServiceConfig &service, const OldConnections &connections) const
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

Result<void> ConnectionKeeper::attached()
{
	for (std::uint32_t i = 0; i < watched_.size(); ++i) {
		auto &[service, old] = watched_[i];
		auto found = find_old(service);
		if (found && found->size() != 0 &&
		    service.existing_connections == ExistingConnections::reset) {
			reset(service, *found);
			found = find_old(service);
		}
		if (!found) {
			return tl::unexpected(found.error());
		}
		old = std::move(*found);
		report_[i].old_connections = old.size();
		if (old.size() != 0) {
			log_->warn("service {}: waiting for {} connections older than the "
				   "attachment to close; nothing is served until then "
				   "(existing_connections = \"reset\" closes them)",
				   service.name, old.size());
		}
	}
	return {};
}

bool ConnectionKeeper::is_waiting() const
{
	return std::ranges::any_of(watched_,
				   [](const Watched &one) { return one.old.size() != 0; });
}

Result<bool> ConnectionKeeper::check_old()
{
	bool changed = false;
	for (std::uint32_t i = 0; i < watched_.size(); ++i) {
		auto &[service, old] = watched_[i];
		if (old.size() == 0) {
			continue;
		}
		auto connections = diag_.on_port(service.port);
		if (!connections) {
			return tl::unexpected(connections.error());
		}
		std::erase_if(*connections, [](const TcpConnection &one) { return !one.readable; });
		old.keep(*connections);
		report_[i].old_connections = old.size();
		if (old.size() == 0) {
			log_->info("service {}: all connections older than the attachment are "
				   "closed",
				   service.name);
			changed = true;
		}
	}
	return changed;
}

void ConnectionKeeper::count_bypassing(std::uint32_t service,
				       std::span<const TcpConnection> connections,
				       std::span<const Endpoint> own)
{
	const auto count = bypassing(connections, own, routes_);
	if (count != 0 && report_[service].bypassing == 0) {
		const bool listens = report_[service].listens != 0;
		log_->log(listens ? spdlog::level::info : spdlog::level::warn,
			  "service {}: {} connections do not pass a served interface: their "
			  "writes are {}",
			  watched_[service].service.name, count,
			  listens ? "heard of from the server"
				  : "not seen, and what they change may be served stale");
	}
	report_[service].bypassing = count;
}

Result<void> ConnectionKeeper::check_all(std::span<const Endpoint> own)
{
	if (auto done = routes_.refresh(); !done) {
		return done;
	}
	// Before the sockets: a flow that comes later is none of those judged.
	const auto flows = keys_of(maps_.flows);
	FlowKeys open;
	for (std::uint32_t i = 0; i < watched_.size(); ++i) {
		const auto connections = diag_.on_port(watched_[i].service.port);
		if (!connections) {
			return tl::unexpected(connections.error());
		}
		count_bypassing(i, *connections, own);
		for (const auto &connection : *connections) {
			open.insert(flow_key(connection));
		}
	}
	for (const auto &flow : sweep_.gone(flows, open)) {
		if (bpf_map_delete_elem(maps_.flows, &flow) != 0) {
			continue;
		}
		for (std::uint32_t i = 0; i < watched_.size(); ++i) {
			if (htons(watched_[i].service.port) == flow.local_port) {
				++report_[i].flows_swept;
			}
		}
	}
	return {};
}

} // namespace prestack
