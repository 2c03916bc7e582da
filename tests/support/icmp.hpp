// SPDX-License-Identifier: GPL-2.0-only
// ICMP errors as Ethernet frames. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "packet.hpp"

namespace prestack::test
{

struct IcmpError {
	std::uint8_t type = 3; // IPv4: destination unreachable,
	std::uint8_t code = 4; // since a fragmentation is needed
	std::uint32_t word = 0; // what follows the checksum: the MTU, if one is told
	std::string sender{}; // as long as the addresses of the quoted packet
	std::string receiver{}; // the source of the quoted packet, if empty
	std::size_t most = 60; // bytes of the packet that are quoted
	bool wrong_checksum = false;
};

// What `error.sender` sends about `packet`, as a frame that comes from `packet`'s receiver.
std::string icmp_frame(const IcmpError &error, const Packet &packet);

// The numbers that such a frame quotes; fails the test if a checksum in it is wrong.
struct QuotedNumbers {
	std::uint32_t sequence = 0;
	std::uint32_t acknowledgement = 0;
};
QuotedNumbers quoted_numbers(std::string_view frame);

} // namespace prestack::test
