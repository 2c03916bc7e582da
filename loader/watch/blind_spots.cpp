// SPDX-License-Identifier: GPL-2.0-only
#include "watch/blind_spots.hpp"

#include <algorithm>
#include <iterator>
#include <set>

#include <fmt/format.h>

#include "base/host.hpp"
#include "watch/connection_monitor.hpp"
#include "watch/server_notes.hpp"

namespace prestack
{
namespace
{

// How many connections to the port pass none of the interfaces; 0 if that cannot be told here.
std::uint64_t bypassing_now(const Config &config, std::uint16_t port)
{
	std::set<int> served;
	for (const auto &interface : config.interfaces) {
		served.insert(interface_index(interface.name));
	}
	const auto diag = ConnectionDiag::open();
	auto routes = ServedRoutes::open(std::move(served));
	if (!diag || !routes) {
		return 0;
	}
	const auto connections = diag->on_port(port);
	return connections ? bypassing(*connections, {}, *routes) : 0;
}

} // namespace

std::vector<std::string> blind_spots(const Config &config, bool offline)
{
	std::vector<ServiceConfig> enabled;
	std::ranges::copy_if(config.services, std::back_inserter(enabled), &ServiceConfig::enabled);
	auto notes = offline ? std::vector<std::string>() : server_notes(enabled);
	for (const auto &service : config.services) {
		if (!service.enabled) {
			continue;
		}
		notes.push_back(fmt::format(
			"service {}: what clients change by another way than port {} on {} is not "
			"seen, and old values would be served: make sure that the server has no "
			"Unix socket, no other port (TLS, a proxy's) and no other interface in use",
			service.name, service.port,
			config.interfaces.size() == 1 ? config.interfaces.front().name
						      : "the interfaces listed"));
		const auto count = offline ? 0 : bypassing_now(config, service.port);
		if (count != 0) {
			notes.push_back(fmt::format("service {}: {} connections to port {} of this "
						    "host, as of now, do not pass a served "
						    "interface (from this host itself, or by "
						    "another interface)",
						    service.name, count, service.port));
		}
	}
	return notes;
}

} // namespace prestack
