// SPDX-License-Identifier: GPL-2.0-only
// Whole Ethernet frames in and out of one interface.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "frame.hpp"
#include "loader/base/fd.hpp"
#include "netns.hpp"
#include "wait.hpp"

namespace prestack::test
{

class PacketSocket
{
public:
	// How frames are sent: past the queueing discipline and its TC programs, or through them.
	enum class Queue { bypass, kernel };

	PacketSocket(const Netns &ns, const std::string &interface, Queue queue = Queue::bypass);

	// Sends the frame as it is.
	void send(std::string_view frame);
	// The next frame that comes in from outside, tags and all; nullopt when none does in time.
	std::optional<std::string> receive(Milliseconds patience = default_patience);
	// The next UDP datagram that comes in for this port.
	std::optional<ReceivedUdp> receive_udp(std::uint16_t destination_port,
					       Milliseconds patience = default_patience);

private:
	UniqueFd fd_;
};

} // namespace prestack::test
