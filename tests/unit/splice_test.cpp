// SPDX-License-Identifier: GPL-2.0-only
// prestack/splice.h: the sequence numbers of a connection on which the kernel has answered are
// translated.
#include <gtest/gtest.h>

#include <arpa/inet.h>

#include <array>
#include <cstdint>
#include <random>
#include <vector>

#include <prestack/splice.h>

namespace prestack::test
{
namespace
{

using Words = std::array<std::uint32_t, 16>;

// A connection as its two ends count: `client` and `server` bytes each way that both know of, then
// an answer of `len` bytes to a request of `size` bytes.
struct Connection {
	explicit Connection(std::mt19937 &random)
		: shift{.in_skip = static_cast<std::uint32_t>(random()),
			.out_add = static_cast<std::uint32_t>(random()),
			.to = static_cast<std::uint32_t>(random()),
			.at = static_cast<std::uint32_t>(random()),
			.len = static_cast<std::uint32_t>(1 + random() % PS_MAX_SEGMENT_REPLY),
			.from = 0}
	{
		shift.from = shift.to - 1 - static_cast<std::uint32_t>(random() % 2000);
	}
	ps_shift shift;
};

std::uint32_t near_by(std::mt19937 &random)
{
	return static_cast<std::uint32_t>(random() % 100000);
}

TEST(SpliceNumbers, WhatFollowsTheAnswerTranslatesThereAndBack)
{
	std::mt19937 random(1);
	for (unsigned i = 0; i < 10000; ++i) {
		const Connection c(random);
		const std::uint32_t seq = c.shift.at + near_by(random);
		EXPECT_EQ(ps_shift_ack_in(&c.shift, ps_shift_seq_out(&c.shift, seq)), seq);
		const std::uint32_t at_client = c.shift.to + near_by(random);
		const std::uint32_t ack = ps_shift_seq_in(&c.shift, at_client);
		EXPECT_EQ(ps_shift_ack_out(&c.shift, ack, ps_shift_answer_end(&c.shift), 1),
			  at_client);
	}
}

// What the server sends again ends where the answer begins, at the latest.
TEST(SpliceNumbers, OldRepliesStayBeforeTheAnswer)
{
	std::mt19937 random(2);
	for (unsigned i = 0; i < 10000; ++i) {
		const Connection c(random);
		const std::uint32_t before = 1 + near_by(random);
		EXPECT_EQ(ps_shift_answer_end(&c.shift) - c.shift.len -
				  ps_shift_seq_out(&c.shift, c.shift.at - before),
			  before);
	}
}

TEST(SpliceNumbers, AnAcknowledgementNeverTellsTheServerMoreThanItSent)
{
	std::mt19937 random(3);
	for (unsigned i = 0; i < 10000; ++i) {
		const Connection c(random);
		const std::uint32_t end = ps_shift_answer_end(&c.shift);
		for (std::uint32_t back : {0U, 1U, c.shift.len - 1, c.shift.len}) {
			EXPECT_EQ(ps_shift_ack_in(&c.shift, end - back), c.shift.at);
			EXPECT_EQ(ps_shift_answer_acked(&c.shift, end - back), back == 0);
		}
		EXPECT_EQ(ps_shift_ack_in(&c.shift, end - c.shift.len - 5), c.shift.at - 5);
	}
}

TEST(SpliceNumbers, ARequestIsNotAcknowledgedBeforeItsAnswerIs)
{
	std::mt19937 random(4);
	for (unsigned i = 0; i < 10000; ++i) {
		const Connection c(random);
		const std::uint32_t all = c.shift.to - c.shift.in_skip;
		const std::uint32_t end = ps_shift_answer_end(&c.shift);
		EXPECT_EQ(ps_shift_ack_out(&c.shift, all, end - 1, 1), c.shift.from);
		EXPECT_EQ(ps_shift_ack_out(&c.shift, all, end - 1, 0), c.shift.to);
		EXPECT_EQ(ps_shift_ack_out(&c.shift, all, end, 1), c.shift.to);
	}
}

TEST(SpliceNumbers, LongAgoIsNoticedInTime)
{
	ps_splice splice{};
	splice.at = 100;
	splice.to = 200;
	EXPECT_FALSE(ps_shift_is_far(&splice, 100, 200));
	EXPECT_FALSE(ps_shift_is_far(&splice, 100 + PS_SHIFT_FAR, 200));
	EXPECT_TRUE(ps_shift_is_far(&splice, 101 + PS_SHIFT_FAR, 200));
	EXPECT_TRUE(ps_shift_is_far(&splice, 100, 201 + PS_SHIFT_FAR));
}

// Each number on its own may be the first to come round.
TEST(SpliceNumbers, LongAgoIsNoticedAtEachTurn)
{
	for (const std::uint32_t turn : {0U, 0x7fffffffU, 0x80000000U, 0xffffffffU}) {
		ps_splice splice{};
		splice.at = turn;
		splice.to = turn - 7;
		EXPECT_FALSE(ps_shift_is_far(&splice, turn + PS_SHIFT_FAR, turn - 7));
		EXPECT_TRUE(ps_shift_is_far(&splice, turn + PS_SHIFT_FAR + 1, turn - 7));
		EXPECT_FALSE(ps_shift_is_far(&splice, turn, turn - 7 + PS_SHIFT_FAR));
		EXPECT_TRUE(ps_shift_is_far(&splice, turn, turn - 7 + PS_SHIFT_FAR + 1));
	}
}

TEST(SpliceNumbers, AnAnswerIsOverWhenAllIsAcknowledged)
{
	for (const std::uint32_t turn : {0U, 0x7fffffffU, 0x80000000U, 0xffffffffU}) {
		ps_splice splice{};
		splice.sent = 500ULL << 32;
		splice.at = turn;
		splice.server_una = turn;
		splice.client_ack = turn + 500;
		EXPECT_TRUE(ps_shift_is_over(&splice));
		splice.client_ack--;
		EXPECT_FALSE(ps_shift_is_over(&splice));
		splice.client_ack += 2;
		splice.server_una--;
		EXPECT_FALSE(ps_shift_is_over(&splice));
	}
}

Words options(const std::vector<std::uint32_t> &host)
{
	Words out{};
	for (std::size_t i = 0; i < host.size(); ++i)
		out.at(i) = htonl(host[i]);
	return out;
}

struct OptionsCase {
	std::vector<std::uint32_t> before;
	std::vector<std::uint32_t> after;
	bool changed;
};

TEST(SpliceOptions, BlocksBehindTheAnswerMoveAndAllElseBecomesNoOps)
{
	constexpr std::uint32_t nops = PS_TCP_NOPS;
	const std::uint32_t stamp = PS_TCP_STAMPED;
	const OptionsCase cases[] = {
		{{stamp, 1, 2}, {stamp, 1, 2}, false},
		{{0x0101050a, 1000, 1100}, {0x0101050a, 1007, 1107}, true},
		{{0x0101050a, 999, 1100}, {nops, nops, nops}, true},
		{{stamp, 1, 2, 0x01010512, 1000, 1100, 1200, 1300},
		 {stamp, 1, 2, 0x01010512, 1007, 1107, 1207, 1307},
		 true},
		{{stamp, 1, 2, 0x01010512, 1000, 1100, 900, 950},
		 {stamp, 1, 2, nops, nops, nops, nops, nops},
		 true},
		/* Four blocks and nothing else. */
		{{0x01010522, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007},
		 {0x01010522, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014},
		 true},
		/* A length that is not what is there, another order, options nobody knows. */
		{{0x01010512, 1000, 1100}, {nops, nops, nops}, true},
		{{0x050a0000, 1000, 1100}, {nops, nops, nops}, true},
		{{0x1e080000, 5}, {nops, nops}, true},
		{{stamp, 1, 2, 0x01010522, 1000, 1100, 1200, 1300, 1400, 1500},
		 {stamp, 1, 2, nops, nops, nops, nops, nops, nops, nops},
		 true},
	};
	for (const OptionsCase &each : cases) {
		Words words = options(each.before);
		const auto count = static_cast<std::uint32_t>(each.before.size());
		EXPECT_EQ(ps_shift_options(words.data(), count, 1000, 7) != 0, each.changed);
		EXPECT_EQ(words, options(each.after));
	}
}

TEST(SpliceOptions, EdgesWrapAround)
{
	Words words = options({0x0101050a, 0xfffffff0, 0x10});
	EXPECT_TRUE(ps_shift_options(words.data(), 3, 0xffffff00, 0x20));
	EXPECT_EQ(words, options({0x0101050a, 0x10, 0x30}));
}

} // namespace
} // namespace prestack::test
