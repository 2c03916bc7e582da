// SPDX-License-Identifier: GPL-2.0-only
#include "watch/server_notes.hpp"

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "plugin/registry.hpp"
#include "watch/host_reader.hpp"

namespace prestack
{

std::string to_string(const std::set<Listening> &places, std::uint16_t but_port)
{
	std::string text;
	for (const auto &place : places) {
		if (place.at.port != but_port) {
			text += fmt::format("{}{}/{}", text.empty() ? "" : ", ",
					    to_string(place.at), place.udp ? "udp" : "tcp");
		}
	}
	return text;
}

std::string why_not_served(const ServedServer &server, std::size_t number,
			   std::span<const ServiceConfig> services)
{
	const auto where = to_string(services[number].server);
	if (server.state.sockets.empty()) {
		return fmt::format("no server listens on {}; nothing is served from the kernel "
				   "until one does",
				   where);
	}
	if (!server.state.uid) {
		return fmt::format("sockets of several users listen on {}; nothing is cached until "
				   "there is one owner",
				   where);
	}
	if (server.ambiguous) {
		return fmt::format("who gets what is sent to {} cannot be told (sockets of several "
				   "processes, bound to different devices or VRFs, or processes "
				   "that are hidden from us); nothing is served",
				   where);
	}
	if (server.same_as) {
		const auto &other = services[*server.same_as].name;
		return fmt::format("{} is the server of service {} as well: they are one cache, "
				   "served and counted as {}, to whom that allows",
				   where, other, other);
	}
	return {};
}

IsSidePort side_ports(std::span<const ServiceConfig> services)
{
	std::vector<std::shared_ptr<AgentCodec>> codecs;
	for (const auto &service : services) {
		const auto info = std::ranges::find(plugins(), service.protocol, &PluginInfo::name);
		const bool has_agent = info != plugins().end() && info->make_agent != nullptr;
		codecs.push_back(has_agent ? info->make_agent() : nullptr);
	}
	return [services, codecs](const ServiceConfig &service, std::uint16_t port) {
		const auto &codec = codecs[static_cast<std::size_t>(&service - services.data())];
		return codec && codec->is_side_port(service.port, port);
	};
}

std::vector<std::string> server_notes(const ServerPlan &plan,
				      std::span<const ServiceConfig> services)
{
	std::vector<std::string> notes;
	for (std::size_t i = 0; i < services.size(); ++i) {
		const auto &server = plan.servers[i];
		const auto why = why_not_served(server, i, services);
		notes.push_back(fmt::format("service {}: {}", services[i].name,
					    why.empty() ? "its server listens on " +
								  to_string(server.listening) +
								  ": all of these are one cache"
							: why));
	}
	return notes;
}

std::vector<std::string> server_notes(std::span<const ServiceConfig> services)
{
	std::set<std::uint16_t> ports;
	for (const auto &service : services) {
		ports.insert(service.port);
	}
	auto reader = HostReader::open();
	if (!reader) {
		return {to_string(reader.error())};
	}
	const auto host = reader->read({}, ports);
	if (!host) {
		return {to_string(host.error())};
	}
	return server_notes(plan_servers({.sockets = host->sockets,
					  .holders = reader->holders(),
					  .first_ephemeral = host->first_ephemeral,
					  .last_ephemeral = host->last_ephemeral},
					 services, side_ports(services), {}),
			    services);
}

} // namespace prestack
