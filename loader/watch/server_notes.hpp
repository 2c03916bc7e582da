// SPDX-License-Identifier: GPL-2.0-only
// Where the servers of services listen and whether that is clear: sentences for the operator.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "watch/server_addresses.hpp"

namespace prestack
{

// "10.0.0.1:11211/tcp, 10.0.0.1:11311/tcp"; those on other ports than `port` alone if that is not 0.
[[nodiscard]] std::string to_string(const std::set<Listening> &places, std::uint16_t but_port = 0);

// Why nothing is cached for this service, if that is so; else empty. `server`: of this service.
[[nodiscard]] std::string why_not_served(const ServedServer &server, std::size_t number,
					 std::span<const ServiceConfig> services);

// One sentence for each service: of this host as it is now.
[[nodiscard]] std::vector<std::string> server_notes(std::span<const ServiceConfig> services);

// The part of it that looks at nothing.
[[nodiscard]] std::vector<std::string> server_notes(const ServerPlan &plan,
						    std::span<const ServiceConfig> services);

// Asks the plug-ins of `services`, which must stay where they are.
[[nodiscard]] IsSidePort side_ports(std::span<const ServiceConfig> services);

} // namespace prestack
