// SPDX-License-Identifier: GPL-2.0-only
// What the kernel has been told of where servers listen, for those parts of the loader that look at connections.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "kernel/address_maps.hpp"
#include "watch/tcp_connections.hpp"

namespace prestack
{

struct KnownAddresses {
	ListeningMap listening;
	FlowScopes scopes;

	// Host byte order.
	[[nodiscard]] std::set<std::uint16_t> ports_of(std::uint32_t service) const;
	[[nodiscard]] std::vector<std::uint16_t> ports() const;
	// The service that a connection to this end is to; nothing: none.
	[[nodiscard]] std::optional<std::uint32_t> service_of(const Endpoint &local) const;
};

} // namespace prestack
