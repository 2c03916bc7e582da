// SPDX-License-Identifier: GPL-2.0-only
// Numbers of a connection that come round: sequence numbers past 2^31 and 2^32 with nothing said in the other
// direction, and counters of requests. What would take hours is set.
#include "splice_fixture.hpp"

#include <fmt/format.h>

namespace prestack::test
{
namespace
{

constexpr std::uint32_t step = 1U << 27; // more than any window, less than the least that is far
constexpr unsigned steps = 80; // 10 GiB

class SpliceWrap : public Splice
{
protected:
	// Two answers of the kernel, all acknowledged.
	void begin_at(std::uint32_t client, std::uint32_t server)
	{
		in_skip_ = out_add_ = 0;
		begin(client, server);
		splice();
		read("key");
		translated(request(""));
	}
	// The server sends more; what was answered is in the high half.
	static void advance_low(__u64 &sent)
	{
		sent = (sent & ~0xffffffffULL) | static_cast<std::uint32_t>(sent + step);
	}
	// What is at hand now has the right numbers, both ways.
	void expect_translated(unsigned at)
	{
		const Segment in = translated(request(""));
		EXPECT_EQ(in.sequence, client_next_) << at;
		EXPECT_EQ(in.acknowledgement, server_next_) << at;
		const Segment out = translated_out(reply(""));
		EXPECT_EQ(out.sequence, server_next_ + out_add_) << at;
		EXPECT_EQ(out.acknowledgement, client_next_ + in_skip_) << at;
	}
	// Both ends count from here, so that each is the first to come round.
	static constexpr std::uint32_t firsts[] = {1000, 0x7fffff00, 0xffffff00};
};

TEST_F(SpliceWrap, RepliesWithoutAWordOfTheClient)
{
	for (const std::uint32_t first : firsts) {
		for (const std::uint32_t why_lost : {PS_LOST_NOT, PS_LOST_GAP}) {
			begin_at(2'000'000'000, first);
			for (unsigned i = 0; i < steps; ++i) {
				change([&](ps_flow &flow) {
					flow.lost = why_lost;
					advance_low(flow.splice.sent);
					flow.out.next += step;
				});
				server_next_ += step;
				expect_translated(i);
				/* What the client was told before stays old. */
				Packet old = reply("old");
				old.tcp_sequence -= 100;
				EXPECT_EQ(translated_out(old).sequence,
					  server_next_ + out_add_ - 100);
			}
			request_.source_port++;
		}
	}
}

TEST_F(SpliceWrap, RequestsWithoutAWordOfTheServer)
{
	for (const std::uint32_t first : firsts) {
		for (const std::uint32_t why_lost : {PS_LOST_NOT, PS_LOST_GAP}) {
			begin_at(first, 2'000'000'000);
			for (unsigned i = 0; i < steps; ++i) {
				change([&](ps_flow &flow) {
					flow.lost = why_lost;
					flow.in.next += step;
					flow.acked += step;
				});
				client_next_ += step;
				expect_translated(i);
				Packet other = reply("");
				other.tcp_options = sack(client_next_ + 10, client_next_ + 20);
				EXPECT_EQ(translated_out(other).options,
					  sack(client_next_ + in_skip_ + 10,
					       client_next_ + in_skip_ + 20));
			}
			request_.source_port++;
		}
	}
}

// Answers only: neither end says anything to the other.
TEST_F(SpliceWrap, Answers)
{
	for (const std::uint32_t first : firsts) {
		begin_at(first, first);
		for (unsigned i = 0; i < steps; ++i) {
			change([&](ps_flow &flow) {
				flow.splice.sent += std::uint64_t{step} << 32;
				flow.splice.client_ack += step;
				flow.splice.in_skip += step + 7;
				flow.splice.to += step + 7;
				flow.splice.from += step + 7;
				flow.in.next += step + 7;
				flow.acked += step + 7;
			});
			out_add_ += step;
			in_skip_ += step + 7;
			read("key");
			expect_translated(i);
		}
		request_.source_port++;
	}
}

// An answer that is not acknowledged keeps its place, however far its flow was said to have come.
TEST_F(SpliceWrap, WhatIsNotAcknowledgedIsKept)
{
	begin_at(1000, 2000);
	const Packet packet = request(stream_read("key"));
	const Segment answer = read("key");
	change([](ps_flow &flow) { flow.splice.at -= step; });
	change([](ps_flow &flow) { flow.splice.at += step; });
	Packet more = request("more\n");
	more.tcp_acknowledgement = packet.tcp_acknowledgement;
	arrives(more);
	const Outcome again = arrives(packet);
	ASSERT_EQ(again.verdict, kTransmit);
	EXPECT_EQ(decoded(again.frame).payload, answer.payload);
}

TEST_F(SpliceWrap, TimestampsOfAClientThatIsNotAnsweredFor25Days)
{
	connect();
	std::uint32_t now = 5;
	const auto asks = [&](const std::string &key) {
		Packet packet = request(stream_read(key));
		packet.tcp_options = stamps(now, 60);
		return packet;
	};
	const auto miss = [&] {
		EXPECT_EQ(arrives(asks("unknown")).verdict, kPass);
		client_next_ += static_cast<std::uint32_t>(stream_read("unknown").size());
		Packet says = reply(kStreamNone);
		says.tcp_options = stamps(60, now);
		leaves(says);
		server_next_ += static_cast<std::uint32_t>(kStreamNone.size());
	};
	miss();
	cache({"key"});
	for (unsigned i = 0; i < 10; ++i) {
		const Packet packet = asks("key");
		moved_now();
		EXPECT_EQ(arrives(packet).verdict, kPass);
		EXPECT_NE(moved_now().find("hits+1"), std::string::npos) << i;
		in_skip_ += static_cast<std::uint32_t>(packet.payload.size());
		out_add_ += static_cast<std::uint32_t>(stream_value("key", "old").size());
		for (unsigned each = 0; each < 3; ++each) {
			now += 1U << 30;
			miss();
		}
	}
}

// A request without a reply, and a write for which there was no room, both long ago.
TEST_F(SpliceWrap, Requests)
{
	begin();
	EXPECT_EQ(sends(stream_quiet_set("other", "new")), kPass);
	acknowledges();
	EXPECT_EQ(sends(stream_read("unknown")), kPass);
	answers(kStreamNone);
	constexpr std::uint32_t many = 1U << 28;
	for (unsigned i = 0; i < 40; ++i) {
		change([](ps_flow &flow) {
			flow.requests += many;
			flow.replies += many;
		});
		moved_now();
		const Packet packet = request(stream_read("key"));
		EXPECT_EQ(arrives(packet).verdict, kPass);
		EXPECT_NE(moved_now().find("hits+1"), std::string::npos) << i;
		in_skip_ += static_cast<std::uint32_t>(packet.payload.size());
		out_add_ += static_cast<std::uint32_t>(stream_value("key", "old").size());
		const std::string ask = stream_read("unknown");
		EXPECT_EQ(translated(request(ask)).sequence, client_next_);
		client_next_ += static_cast<std::uint32_t>(ask.size());
		/* An error is the answer to it, and not to one that was to get none. */
		EXPECT_EQ(translated_out(reply(kStreamError)).sequence, server_next_ + out_add_);
		server_next_ += static_cast<std::uint32_t>(kStreamError.size());
		EXPECT_EQ(lost(), PS_LOST_NOT);
		EXPECT_EQ(moved_now().find("flushes"), std::string::npos) << i;
	}
}

// The ring's positions, and all other counters of the flow, at the turn.
TEST_F(SpliceWrap, Writes)
{
	for (const std::uint32_t turn : {0x7fffffffU, 0xffffffffU}) {
		begin();
		change([&](ps_flow &flow) {
			flow.requests += turn - 1;
			flow.replies += turn - 1;
			flow.noreply_ordinal += turn - 1;
			flow.overflow_ordinal += turn - 1;
			flow.pushed = flow.popped = turn;
			flow.syncs += turn;
			flow.syncs_seen += turn;
			flow.maybes += turn;
			flow.maybes_answered += turn;
		});
		for (unsigned i = 0; i < 4; ++i) {
			const std::string set = stream_set("key", fmt::format("value{}", i));
			moved_now();
			/* Once whole, and once in two segments. */
			EXPECT_EQ(sends(set.substr(0, i % 2 ? set.size() : set.size() - 3)), kPass);
			if (i % 2 == 0) {
				EXPECT_EQ(sends(set.substr(set.size() - 3)), kPass);
			}
			EXPECT_EQ(flow()->pushed - flow()->popped, 1U);
			answers(kStreamOk);
			EXPECT_EQ(flow()->pushed, flow()->popped);
			EXPECT_EQ(lost(), PS_LOST_NOT);
			EXPECT_NE(moved_now().find("writes+1 replies+1"), std::string::npos) << i;
			/* It is over: a fill holds. */
			cache({"key"});
			EXPECT_TRUE(cached("key"));
		}
		request_.source_port++;
	}
}

} // namespace
} // namespace prestack::test
