// SPDX-License-Identifier: GPL-2.0-only
// Local processes that are not the server and send from its port.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>

#include "netns.hpp"

namespace prestack::test
{

// Runs `action` in the namespace in a child process of this user id without any privilege (0: with
// all of them). Throws std::runtime_error with its message when it throws.
void run_as(const Netns &ns, uid_t uid, const std::function<void()> &action);

// Sends one UDP datagram from a socket bound to `source`:`port`, where another process may be bound
// to the same port on another address.
void send_from_port(const std::string &source, std::uint16_t port, const std::string &destination,
		    std::uint16_t destination_port, const std::string &bytes);

// Sends a whole IPv4 packet (an encoded frame's, without its Ethernet header) through a raw socket
// that belongs to this user.
void send_raw_ipv4(const std::string &packet, const std::string &destination, uid_t owner = 0);

} // namespace prestack::test
