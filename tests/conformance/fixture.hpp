// SPDX-License-Identifier: GPL-2.0-only
// A test of one feature of one protocol.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "dialect.hpp"
#include "stream_client.hpp"
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
	void not_applicable() { otherwise_ = "n.a."; }
	// The same for what only datagrams have: true if the protocol has none.
	bool needs_datagrams();

	const Dialect &dialect() const { return *GetParam(); }
	std::uint16_t next_request() { return request_number_++; }

	// A key (a value) that the protocol can carry, for a label of letters, digits and dashes. Other
	// labels give other keys. A label that begins with another gives a key that begins with its key.
	std::string key(std::string_view label) const;
	std::string value(std::string_view label) const;
	Item item(std::string_view key_label = "key", std::string_view value_label = "value") const;
	// A value of `length` bytes, which repeats one byte; `i` chooses which.
	std::string long_value(std::size_t length, std::size_t i = 0) const;

	// Items with different keys.
	std::vector<Item> many(std::size_t count, std::size_t length = 5) const;

	// A client's message arrives, over TCP as the first of a new connection. True if it is answered;
	// the reply is in `answer_` then. One that passes must not be changed.
	bool arrives(const std::string &payload, Transport transport = Transport::udp);
	// A read arrives: the same, but without datagrams on a connection that has been answered before.
	bool asks(const std::string &payload);
	// A message of the server leaves, to who has read last; it must not be changed either.
	void leaves(const std::string &payload);
	// Any change of `key`, or of everything, in the form that the protocol has; and its arrival.
	std::vector<Message> changes(const std::string &key) const;
	bool changes(const Message &change);

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

	StreamClient &reader();

	std::uint16_t connection_port_ = 20'000;
	std::uint16_t request_number_ = 0x1234;
	std::string otherwise_; // instead of "yes"
	std::optional<StreamClient> reader_; // without datagrams: who reads
};

// As part of a test's name.
std::string dialect_name(const testing::TestParamInfo<const Dialect *> &info);

std::vector<std::string> keys_of(const std::vector<Item> &items);

} // namespace prestack::test
