// SPDX-License-Identifier: GPL-2.0-only
// Where the server of a test listens that has no sockets: every address is this host's.
#pragma once

#include <cstdint>

#include "loader/kernel/address_maps.hpp"

namespace prestack::test
{

// Service 0 listens on `port` at all addresses, over TCP and UDP.
Result<void> listen_everywhere(AddressMaps &maps, std::uint16_t port);

} // namespace prestack::test
