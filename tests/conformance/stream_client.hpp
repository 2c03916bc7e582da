// SPDX-License-Identifier: GPL-2.0-only
// A client and a server with one TCP connection, which are nothing but segments.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "support/datapath.hpp"
#include "support/packet.hpp"

namespace prestack::test
{

class StreamClient
{
public:
	// Of a client like this one; the programs see the connection begin.
	StreamClient(const Datapath &datapath, Packet client, std::uint16_t port);

	// A segment of the client's: what the kernel answers, or nothing, and the server has it.
	std::optional<std::string> asks(const std::string &payload);
	// A segment of the server's. Neither is changed, but for its numbers.
	void answers(const std::string &payload);
	// The server owes the client a reply.
	bool waits() const { return waits_; }

private:
	// The kernel's reply, if the frame leaves it to the TC side to send it.
	std::optional<std::string> handed_over(std::string_view frame) const;

	const Datapath &datapath_;
	Packet client_;
	// As the server counts, and what the kernel has taken and put in between.
	std::uint32_t client_next_ = 1'000;
	std::uint32_t server_next_ = 2'000;
	std::uint32_t taken_ = 0;
	std::uint32_t put_in_ = 0;
	bool waits_ = false;
};

} // namespace prestack::test
