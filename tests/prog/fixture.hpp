// SPDX-License-Identifier: GPL-2.0-only
// What the tests of tests/prog share: a datapath with the toy protocol, and a client and a server
// that are nothing but packets.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "support/datapath.hpp"
#include "support/packet.hpp"

namespace prestack::test
{

// Verdicts of XDP programs, of TC programs below.
inline constexpr int kAborted = 0;
inline constexpr int kDrop = 1;
inline constexpr int kPass = 2;
inline constexpr int kTransmit = 3;
inline constexpr int kNext = -1;
inline constexpr int kShot = 2;

// The toy protocol, tests/toy/README.md. Only the low 16 bits of `id` are used.
std::string toy_get(std::string_view key, unsigned id = 1);
std::string toy_set(std::string_view key, std::string_view value, unsigned id = 1);
std::string toy_value(std::string_view key, std::string_view value, unsigned id = 1);
std::string toy_ok(unsigned id = 1);
std::string toy_none(unsigned id = 1);

// Some bytes of the given length, different for each seed, with every byte value among them.
std::string some_bytes(std::size_t length, unsigned seed = 0);

// A datapath, and a client that `request` describes (its payload does not matter).
class ProgTest : public testing::Test
{
protected:
	explicit ProgTest(const DatapathOptions &options = {}) : datapath_(options) { moved_now(); }

	// A request of the client; the server's reply to it.
	Outcome send(std::string payload);
	Outcome answer(std::string payload);

	// The server answers something that fills nothing: from now on its path is proven.
	void prove_path();
	// The client asks and the server answers, as over the wire; if the key is cached, it is written
	// first. True if a fill was counted. Numbers of its own, which no other request waits with.
	bool fill(std::string_view key, std::string_view value);
	// What the kernel answers to a get; "" if it passes the request on. Checks that a reply is
	// well-formed and goes back to the client.
	std::string ask(std::string_view key, unsigned id = 1);
	// If not, the server answers that it has none either: no request stays unanswered.
	bool cached(std::string_view key);
	// A number that was not used for a long time.
	unsigned next_id() { return 0x100 + next_id_++ % 0xff00; }

	// Runs `packet` and expects that it passes unchanged and moves just these counters (see
	// moved()).
	void expect_pass(const Packet &packet, std::string_view counters);
	// Runs a request that hits and expects the reply `payload`, sent back the way it came.
	void expect_reply(const Packet &packet, std::string_view payload);

	// The counters that moved since the last call.
	std::string moved_now();
	std::uint64_t count(ps_counter counter) const { return datapath_.counts().at(counter); }

	Datapath datapath_;
	Packet request_;

private:
	Counts seen_{};
	unsigned next_id_ = 0;
};

} // namespace prestack::test
