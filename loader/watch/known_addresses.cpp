// SPDX-License-Identifier: GPL-2.0-only
#include "watch/known_addresses.hpp"

#include "watch/server_addresses.hpp"

namespace prestack
{

std::set<std::uint16_t> KnownAddresses::ports_of(std::uint32_t service) const
{
	std::set<std::uint16_t> ports;
	for (const auto &[place, owner] : listening) {
		if (owner == service) {
			ports.insert(place.at.port);
		}
	}
	return ports;
}

std::vector<std::uint16_t> KnownAddresses::ports() const
{
	std::set<std::uint16_t> ports;
	for (const auto &[place, owner] : listening) {
		if (owner != PS_SERVICE_NONE) {
			ports.insert(place.at.port);
		}
	}
	return {ports.begin(), ports.end()};
}

std::optional<std::uint32_t> KnownAddresses::service_of(const Endpoint &local) const
{
	return service_at(listening, local, false);
}

} // namespace prestack
