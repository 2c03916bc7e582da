// SPDX-License-Identifier: GPL-2.0-only
#include "watch/server_addresses.hpp"

#include <algorithm>

namespace prestack
{
namespace
{

// The places at which a socket takes requests: a wildcard of IPv6 may stand for both families.
std::vector<Listening> places_of(const ServerSocket &socket)
{
	std::vector<Listening> places{{{socket.address, socket.port}, socket.udp}};
	if (socket.address.is_wildcard() && socket.address.family == IpFamily::v6 &&
	    !socket.v6only) {
		places.push_back({{wildcard_of(IpFamily::v4), socket.port}, socket.udp});
	}
	return places;
}

class Planner
{
public:
	Planner(const ServerFacts &facts, std::span<const ServiceConfig> services,
		const IsSidePort &is_side_port)
		: facts_(facts), services_(services), is_side_port_(is_side_port),
		  servers_(servers_of(facts.sockets, facts.holders)), owner_(facts.sockets.size())
	{
		plan_.servers.resize(services.size());
	}

	ServerPlan run(const ListeningMap &before)
	{
		for (std::uint32_t i = 0; i < services_.size(); ++i) {
			find_server(i);
		}
		for (std::size_t i = 0; i < facts_.sockets.size(); ++i) {
			if (owner_[servers_[i]] && is_listening(i)) {
				add(i, *owner_[servers_[i]]);
			}
		}
		std::set<std::uint16_t> ports;
		for (const auto &[place, service] : plan_.listening) {
			ports.insert(place.at.port);
		}
		for (std::size_t i = 0; i < facts_.sockets.size(); ++i) {
			if (!owner_[servers_[i]] && ports.contains(facts_.sockets[i].port)) {
				add(i, PS_SERVICE_NONE);
			}
		}
		for (const auto &[place, service] : plan_.listening) {
			if (service != PS_SERVICE_NONE) {
				plan_.servers[service].listening.insert(place);
			}
		}
		keep(before);
		add_configured();
		return std::move(plan_);
	}

private:
	void find_server(std::uint32_t number)
	{
		auto &server = plan_.servers[number];
		server.state = server_state(facts_.sockets, services_[number]);
		std::set<std::size_t> mine;
		for (std::size_t i = 0; i < facts_.sockets.size(); ++i) {
			if (std::ranges::find(server.state.sockets, facts_.sockets[i].cookie,
					      &ServerSocket::cookie) !=
			    server.state.sockets.end()) {
				mine.insert(servers_[i]);
				server.ambiguous = server.ambiguous || has_unseen_twin(i);
			}
		}
		server.ambiguous = server.ambiguous || mine.size() > 1;
		for (const auto group : mine) {
			if (owner_[group]) {
				server.same_as = owner_[group];
			}
		}
		for (const auto group : mine) {
			if (!owner_[group]) {
				owner_[group] = server.same_as.value_or(number);
			}
		}
	}

	// Two sockets on one port, of one user, of which nobody sees whose they are.
	bool has_unseen_twin(std::size_t i) const
	{
		const auto &one = facts_.sockets[i];
		if (facts_.holders.contains(one.inode)) {
			return false;
		}
		for (std::size_t j = 0; j < facts_.sockets.size(); ++j) {
			const auto &other = facts_.sockets[j];
			if (servers_[j] != servers_[i] && other.port == one.port &&
			    other.uid == one.uid && !facts_.holders.contains(other.inode)) {
				return true;
			}
		}
		return false;
	}

	bool is_listening(std::size_t i) const
	{
		const auto &socket = facts_.sockets[i];
		const auto &service = services_[*owner_[servers_[i]]];
		if (socket.port == service.port) {
			return true;
		}
		if (is_side_port_(service, socket.port)) {
			return false;
		}
		if (!socket.udp || socket.port < facts_.first_ephemeral ||
		    socket.port > facts_.last_ephemeral) {
			return true;
		}
		for (std::size_t j = 0; j < facts_.sockets.size(); ++j) {
			if (servers_[j] == servers_[i] && !facts_.sockets[j].udp &&
			    facts_.sockets[j].port == socket.port) {
				return true;
			}
		}
		return false;
	}

	void add(std::size_t i, std::uint32_t service)
	{
		for (const auto &place : places_of(facts_.sockets[i])) {
			const auto [at, fresh] = plan_.listening.emplace(place, service);
			if (fresh || at->second == service) {
				continue;
			}
			// Two servers at one place, told apart by the device that a socket is bound to: what
			// arrives may be for either, so what is cached of the one may be the other's.
			for (const auto one : {at->second, service}) {
				if (one != PS_SERVICE_NONE) {
					plan_.servers[one].ambiguous = true;
				}
			}
			if (at->second == PS_SERVICE_NONE) {
				at->second = service;
			}
		}
	}

	bool is_taken(const Listening &place) const
	{
		return std::ranges::any_of(facts_.sockets, [&place](const ServerSocket &socket) {
			return socket.port == place.at.port && socket.udp == place.udp &&
			       takes_requests(socket, place.at.address);
		});
	}

	void keep(const ListeningMap &before)
	{
		for (const auto &[place, service] : before) {
			if (service < services_.size() && !is_taken(place)) {
				plan_.listening.emplace(place, service);
			}
		}
	}

	// So that the first request to a server that is just starting is looked at.
	void add_configured()
	{
		for (std::uint32_t i = 0; i < services_.size(); ++i) {
			for (const bool udp : {false, true}) {
				const Listening place{services_[i].server, udp};
				if (!is_taken(place)) {
					plan_.listening.emplace(place, i);
				}
			}
		}
	}

	const ServerFacts &facts_;
	std::span<const ServiceConfig> services_;
	const IsSidePort &is_side_port_;
	std::vector<std::size_t> servers_; // by socket
	std::vector<std::optional<std::uint32_t>> owner_; // by server: its service
	ServerPlan plan_;
};

} // namespace

ServerPlan plan_servers(const ServerFacts &facts, std::span<const ServiceConfig> services,
			const IsSidePort &is_side_port, const ListeningMap &before)
{
	return Planner(facts, services, is_side_port).run(before);
}

std::optional<std::uint32_t> service_at(const ListeningMap &listening, const Endpoint &local,
					bool udp)
{
	auto found = listening.find({local, udp});
	if (found == listening.end()) {
		found = listening.find({{wildcard_of(local.address.family), local.port}, udp});
	}
	if (found == listening.end() || found->second == PS_SERVICE_NONE) {
		return std::nullopt;
	}
	return found->second;
}

} // namespace prestack
