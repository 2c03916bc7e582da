// SPDX-License-Identifier: GPL-2.0-only
// A test of one feature of one protocol.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dialect.hpp"
#include "support/datapath.hpp"
#include "support/packet.hpp"

namespace prestack::test
{

class Conformance : public testing::TestWithParam<const Dialect *>
{
protected:
	// Fences for all: two keys that share one push each other's leases out.
	Conformance() : datapath_({.plugin = std::string(GetParam()->plugin()), .fences = 1u << 16})
	{
	}
	// Puts the outcome into the table; a test that says not_applicable() counts neither way.
	void TearDown() override;
	void not_applicable() { applicable_ = false; }

	const Dialect &dialect() const { return *GetParam(); }
	std::uint16_t next_request() { return request_number_++; }

	// A client's message arrives, over TCP as the first of a new connection; true if it is answered, with the reply in `answer_`. One that
	// passes must not be changed.
	bool arrives(const std::string &payload, Transport transport = Transport::udp);
	// A message of the server leaves; it must not be changed either.
	void leaves(const std::string &payload);

	// The client reads items that are not cached and the server answers.
	void fill(const std::vector<Item> &items);
	// Whether a read of all items is answered; if it is, the reply must be the right one.
	bool hits(const std::vector<Item> &items);
	bool hits(const Item &item) { return hits(std::vector{item}); }
	// Fills `item`, and makes sure that it is there.
	void ensure(const Item &item);

	Datapath datapath_;
	Packet client_; // whose messages arrive
	std::string answer_;

private:
	// Makes this segment the first of a connection whose handshake the programs have seen.
	void connect(Packet &packet);

	std::uint16_t connection_port_ = 20'000;
	std::uint16_t request_number_ = 0x1234;
	bool applicable_ = true;
};

std::vector<std::string> keys_of(const std::vector<Item> &items);

} // namespace prestack::test
