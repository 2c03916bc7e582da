// SPDX-License-Identifier: GPL-2.0-only
// The kernel answers requests of a TCP connection, and translates the connection's other segments. See
// docs/tcp.md.
#include <bpf/bpf.h>

#include <cstring>

#include "splice_fixture.hpp"

namespace prestack::test
{
namespace
{

TEST_F(Splice, TheFirstAnswerLeavesTheServerItsAcknowledgement)
{
	begin();
	const Packet packet = request(stream_read("key"));
	const Outcome outcome = arrives(packet);
	ASSERT_EQ(outcome.verdict, kPass);
	ASSERT_GT(outcome.frame.size(), sizeof(ps_handover_mark));
	std::uint32_t mark[2] = {};
	std::memcpy(mark, outcome.frame.data(), sizeof(mark));
	const Segment bare = decoded(outcome.frame.substr(sizeof(mark)));
	EXPECT_EQ(bare.payload, "");
	EXPECT_EQ(bare.sequence, client_next_);
	EXPECT_EQ(bare.acknowledgement, server_next_);
	EXPECT_EQ(bare.flags, kAck);

	ps_handover slot{};
	const std::uint32_t at = mark[1] % PS_HANDOVER_SLOTS;
	ASSERT_EQ(bpf_map_lookup_elem(datapath_.map("ps_handover"), &at, &slot), 0);
	EXPECT_EQ(slot.ticket, mark[1]);
	const Segment answer = decoded(
		{reinterpret_cast<const char *>(slot.frame), std::size_t{slot.head} + slot.len});
	EXPECT_EQ(answer.payload, stream_value("key", "old"));
	EXPECT_EQ(answer.sequence, server_next_);
	EXPECT_EQ(answer.acknowledgement, client_next_ + packet.payload.size());
	EXPECT_EQ(std::string_view(reinterpret_cast<const char *>(slot.ack), slot.ack_len),
		  outcome.frame.substr(sizeof(mark)));
}

TEST_F(Splice, TheNextOnesAreAnsweredAtOnce)
{
	begin();
	splice();
	for (unsigned i = 0; i < 5; ++i)
		read(i % 2 ? "key" : "other");
	EXPECT_EQ(moved_now(), "requests+5 hits+5 stream_hits+5");
}

TEST_F(Splice, RequestsInOneSegmentAreAnsweredTogether)
{
	begin();
	splice();
	const Outcome outcome = arrives(request(stream_read("key") + stream_read("other")));
	EXPECT_EQ(outcome.verdict, kTransmit);
	EXPECT_EQ(decoded(outcome.frame).payload,
		  stream_value("key", "old") + stream_value("other", "old"));
	EXPECT_EQ(moved_now(), "requests+2 hits+2 stream_hits+2");
}

TEST_F(Splice, WhatFollowsIsTranslated)
{
	begin();
	splice();
	read("key");
	moved_now();
	const Packet write = request(stream_set("key", "new"));
	const Segment at_server = translated(write);
	EXPECT_EQ(at_server.sequence, client_next_);
	EXPECT_EQ(at_server.acknowledgement, server_next_);
	EXPECT_EQ(at_server.payload, write.payload);
	client_next_ += static_cast<std::uint32_t>(write.payload.size());
	const Packet stored = reply(kStreamOk);
	const Segment at_client = translated_out(stored);
	EXPECT_EQ(at_client.sequence, server_next_ + out_add_);
	EXPECT_EQ(at_client.acknowledgement, client_next_ + in_skip_);
	EXPECT_EQ(at_client.payload, kStreamOk);
	server_next_ += static_cast<std::uint32_t>(kStreamOk.size());
	/* The write is done: its old value is not read any more, and the new one is not known. */
	expect_passes(
		request(stream_read("key")),
		"requests+1 misses+1 invalidations+1 writes+1 replies+1 translations+3 stream+2");
}

TEST_F(Splice, APartialChecksumStaysOne)
{
	begin();
	splice();
	Packet packet = request(stream_set("key", "new"));
	packet.checksum = Checksum::partial;
	const Outcome outcome = arrives(packet);
	Packet expected = client_segment(packet.payload, client_next_);
	expected.checksum = Checksum::partial;
	EXPECT_EQ(outcome.frame, expected.bytes());
}

// The answer got lost: the client gets the very same bytes, whatever the value is by now.
TEST_F(Splice, ARequestThatComesAgainGetsTheSameAnswer)
{
	begin();
	splice();
	const Packet packet = request(stream_read("key"));
	const Segment first = read("key");
	EXPECT_EQ(send(toy_set("key", "changed", 77)).verdict, kPass);
	answer(toy_ok(77));
	moved_now();
	for (unsigned again = 0; again < 2; ++again) {
		const Outcome outcome = arrives(packet);
		ASSERT_EQ(outcome.verdict, kTransmit);
		const Segment second = decoded(outcome.frame);
		EXPECT_EQ(second.payload, first.payload);
		EXPECT_EQ(second.sequence, first.sequence);
		EXPECT_EQ(second.acknowledgement, first.acknowledgement);
	}
	EXPECT_EQ(moved_now(), "replays+2");
	/* A bare acknowledgement from before it says the same, as after a reply that came early. */
	Packet bare = request("");
	bare.tcp_acknowledgement -= static_cast<std::uint32_t>(first.payload.size());
	EXPECT_EQ(decoded(arrives(bare).frame).payload, first.payload);
	/* Once it is acknowledged nothing is sent again. */
	EXPECT_EQ(translated(request("")).acknowledgement, server_next_);
	const Outcome old = arrives(packet);
	EXPECT_EQ(old.verdict, kPass);
	EXPECT_LT(static_cast<std::int32_t>(decoded(old.frame).sequence - client_next_), 0)
		<< "new bytes for the server";
}

TEST_F(Splice, OldBytesOfTheServerKeepTheirOffset)
{
	begin();
	splice();
	read("key");
	moved_now();
	/* The server has not seen the client's acknowledgement of its last reply. */
	const Packet old = server_segment(
		kStreamNone, server_next_ - static_cast<std::uint32_t>(kStreamNone.size()));
	const Segment again = translated_out(old);
	EXPECT_LE(static_cast<std::int32_t>(again.sequence + again.payload.size() - server_next_ -
					    out_add_),
		  -static_cast<std::int32_t>(stream_value("key", "old").size()));
	/* From before and after the answers in one: it cannot be sent. */
	EXPECT_EQ(leaves(server_segment(kStreamNone + kStreamOk,
					server_next_ -
						static_cast<std::uint32_t>(kStreamNone.size())))
			  .verdict,
		  kShot);
}

// As long as the client may have to send the request again, it is not acknowledged by the server.
TEST_F(Splice, ABareAcknowledgementOfTheServersDoesNotCoverTheRequest)
{
	begin();
	splice();
	const std::uint32_t before = client_next_ + in_skip_;
	read("key");
	EXPECT_EQ(translated_out(reply("")).acknowledgement, before);
	translated(request(""));
	EXPECT_EQ(translated_out(reply("")).acknowledgement, client_next_ + in_skip_);
}

TEST_F(Splice, SackBlocks)
{
	begin();
	splice();
	Packet packet = request("");
	packet.tcp_options =
		sack(packet.tcp_acknowledgement + 100, packet.tcp_acknowledgement + 200);
	EXPECT_EQ(translated(packet).options, sack(server_next_ + 100, server_next_ + 200));
	packet.tcp_options = stamps(7, 8) + packet.tcp_options;
	EXPECT_EQ(translated(packet).options,
		  stamps(7, 8) + sack(server_next_ + 100, server_next_ + 200));
	packet.tcp_options =
		sack(packet.tcp_acknowledgement - 300, packet.tcp_acknowledgement - 200);
	EXPECT_EQ(translated(packet).options, std::string(12, 1));
	Packet other = reply("");
	other.tcp_options = sack(client_next_ + 10, client_next_ + 20);
	EXPECT_EQ(translated_out(other).options,
		  sack(client_next_ + in_skip_ + 10, client_next_ + in_skip_ + 20));
	other.tcp_options = sack(client_next_ - 20, client_next_ - 10);
	EXPECT_EQ(translated_out(other).options, std::string(12, 1));
}

// They begin anywhere.
TEST_F(Splice, Timestamps)
{
	connect();
	Packet asks = request(stream_read("unknown"));
	asks.tcp_options = stamps(0x90000000, 50);
	EXPECT_EQ(arrives(asks).verdict, kPass);
	client_next_ += static_cast<std::uint32_t>(asks.payload.size());
	Packet says = reply(kStreamNone);
	says.tcp_options = stamps(60, 0x90000000);
	leaves(says);
	server_next_ += static_cast<std::uint32_t>(kStreamNone.size());
	cache({"key"});
	for (std::uint32_t now : {0x90000001U, 0x90000002U}) {
		Packet packet = request(stream_read("key"));
		packet.tcp_options = stamps(now, 60);
		const Outcome outcome = arrives(packet);
		in_skip_ += static_cast<std::uint32_t>(packet.payload.size());
		out_add_ += static_cast<std::uint32_t>(stream_value("key", "old").size());
		if (now == 0x90000001U) {
			EXPECT_EQ(outcome.verdict, kPass);
			continue;
		}
		ASSERT_EQ(outcome.verdict, kTransmit);
		EXPECT_EQ(decoded(outcome.frame).options, stamps(60, now));
	}
	moved_now();
	/* None, or one from before, is no segment of this connection's that is in order. */
	expect_passes(request(stream_read("key")),
		      "requests+1 translations+1 odd_segment+1 stream+1");
}

TEST_F(Splice, NumbersWrapAround)
{
	begin(0xffffffff - 20, 0xffffffff - 30);
	splice();
	for (unsigned i = 0; i < 8; ++i)
		read("key");
	const Packet write = request(stream_set("key", "new"));
	EXPECT_EQ(translated(write).sequence, client_next_);
	client_next_ += static_cast<std::uint32_t>(write.payload.size());
	EXPECT_EQ(translated_out(reply(kStreamOk)).sequence, server_next_ + out_add_);
}

// A client that closes right behind its request is not told again what it has not had time to acknowledge.
TEST_F(Splice, AFinIsTranslated)
{
	begin();
	splice();
	Packet fin = request("");
	read("key");
	fin.tcp_sequence = client_next_ + in_skip_;
	fin.tcp_flags = kFin | kAck;
	const Segment at_server = translated(fin);
	EXPECT_EQ(at_server.sequence, client_next_);
	EXPECT_EQ(at_server.acknowledgement, server_next_);
	EXPECT_EQ(at_server.flags, kFin | kAck);
}

TEST_F(Splice, ALostFlowIsStillTranslated)
{
	begin();
	splice();
	const Packet packet = request("what is this?\n");
	EXPECT_EQ(translated(packet).sequence, client_next_);
	EXPECT_NE(lost(), 0U);
	client_next_ += static_cast<std::uint32_t>(packet.payload.size());
	EXPECT_EQ(translated(request(stream_read("key"))).sequence, client_next_);
	EXPECT_EQ(translated_out(reply(kStreamError)).sequence, server_next_ + out_add_);
}

TEST_F(Splice, ANewConnectionWithTheSamePortsIsNotTranslated)
{
	begin();
	splice();
	in_skip_ = out_add_ = 0;
	connect(70000, 90000);
	EXPECT_EQ(sends(stream_get("key")), kPass);
	answers(stream_value("key", "old"));
}

} // namespace
} // namespace prestack::test
