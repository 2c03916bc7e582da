// SPDX-License-Identifier: GPL-2.0-only
// A TCP connection on which the kernel answers, with the client's numbers kept apart from the server's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "flow_fixture.hpp"

namespace prestack::test
{

// A read that the kernel may answer.
std::string stream_read(std::string_view key);

// An IPv4 segment in a frame without tags, which has to be right in all its checksums.
struct Segment {
	std::uint32_t sequence = 0;
	std::uint32_t acknowledgement = 0;
	std::uint8_t flags = 0;
	std::uint16_t window = 0;
	std::string options;
	std::string payload;
	std::string source;
};

Segment decoded(std::string_view frame);

// Options: timestamps, and a SACK block.
std::string stamps(std::uint32_t value, std::uint32_t echo);
std::string sack(std::uint32_t from, std::uint32_t to);

class Splice : public FlowTest
{
protected:
	explicit Splice(const DatapathOptions &options = {}) : FlowTest(options) {}

	// A connection on which the server has answered a read; "key" is cached, with value "old".
	void begin(std::uint32_t client = 1000, std::uint32_t server = 2000)
	{
		connect(client, server);
		prove_tcp();
		cache({"key", "other"});
	}
	void prove_tcp()
	{
		EXPECT_EQ(sends(stream_read("unknown")), kPass);
		answers(kStreamNone);
		moved_now();
	}
	// What the client sends now: its numbers are the server's and what was answered here.
	Packet request(std::string payload) const
	{
		Packet packet = client_segment(std::move(payload), client_next_ + in_skip_);
		packet.tcp_acknowledgement = server_next_ + out_add_;
		return packet;
	}
	Packet reply(std::string payload) const
	{
		return server_segment(std::move(payload), server_next_);
	}
	// Reads `key` twice if need be: the first answer on a connection goes through TC.
	void splice(const std::string &key = "key")
	{
		const Packet packet = request(stream_read(key));
		const Outcome outcome = arrives(packet);
		ASSERT_EQ(outcome.verdict, kPass);
		ASSERT_EQ(moved_now(),
			  "requests+1 hits+1 flows_spliced+1 stream_hits+1 stream_acks+1");
		in_skip_ += static_cast<std::uint32_t>(packet.payload.size());
		out_add_ += static_cast<std::uint32_t>(stream_value(key, "old").size());
	}
	// A read that XDP answers at once; returns its answer.
	Segment read(const std::string &key, const std::string &value = "old")
	{
		const Packet packet = request(stream_read(key));
		const Outcome outcome = arrives(packet);
		EXPECT_EQ(outcome.verdict, kTransmit);
		if (outcome.verdict != kTransmit)
			return {};
		const Segment answer = decoded(outcome.frame);
		EXPECT_EQ(answer.payload, stream_value(key, value));
		EXPECT_EQ(answer.sequence, packet.tcp_acknowledgement);
		EXPECT_EQ(answer.acknowledgement, packet.tcp_sequence + packet.payload.size());
		EXPECT_EQ(answer.flags, kAck | kPush);
		EXPECT_EQ(answer.source, packet.destination);
		in_skip_ += static_cast<std::uint32_t>(packet.payload.size());
		out_add_ += static_cast<std::uint32_t>(answer.payload.size());
		return answer;
	}
	void expect_passes(const Packet &packet, std::string_view counters)
	{
		const Outcome outcome = arrives(packet);
		EXPECT_EQ(outcome.verdict, kPass);
		EXPECT_EQ(moved_now(), counters);
	}
	// A segment of the client's as the server gets it.
	Segment translated(const Packet &packet)
	{
		const Outcome outcome = arrives(packet);
		EXPECT_EQ(outcome.verdict, kPass);
		return decoded(outcome.frame);
	}
	Segment translated_out(const Packet &packet)
	{
		const Outcome outcome = leaves(packet);
		EXPECT_EQ(outcome.verdict, kNext);
		return decoded(outcome.frame);
	}

	std::uint32_t in_skip_ = 0;
	std::uint32_t out_add_ = 0;
};

} // namespace prestack::test
