// SPDX-License-Identifier: GPL-2.0-only
// prestack/window.h and the ordinals of prestack/flow.h: comparisons hold wherever numbers come round.
#include <gtest/gtest.h>

#include <cstdint>
#include <random>

#include <prestack/flow.h>
#include <prestack/window.h>

namespace prestack::test
{
namespace
{

constexpr std::uint32_t turns[] = {0, 1, 0x7fffffff, 0x80000000, 0x80000001, 0xffffffff};

std::uint32_t any(std::mt19937 &random)
{
	return static_cast<std::uint32_t>(random());
}

TEST(Window, TheServersEdgeIsNeverBehindTheClients)
{
	std::mt19937 random(5);
	for (unsigned i = 0; i < 20'000; ++i) {
		ps_splice splice{};
		splice.scale = any(random) % 15;
		ps_shift shift{};
		shift.out_add = any(random);
		shift.at = turns[i % std::size(turns)] - any(random) % 3000;
		shift.len = any(random) % PS_MAX_SEGMENT_REPLY;
		/* An acknowledgement of all, of a part of the answer, or of less than what was before. */
		const std::uint32_t ack = ps_shift_answer_end(&shift) + 1000 - any(random) % 4000;
		const std::uint32_t bytes = ps_window_bytes(&splice, any(random) % 0x10000);
		const std::uint32_t room = ps_window_room(&shift, ack, bytes);
		for (const int idle : {0, 1}) {
			const std::uint32_t told =
				ps_window_bytes(&splice, ps_window_field(&splice, room, idle));
			const std::uint32_t ack_in = ps_shift_ack_in(&shift, ack);
			const std::uint32_t edge = ack_in + told + shift.out_add;
			EXPECT_TRUE(told == 0 ||
				    static_cast<std::int32_t>(ack + bytes - edge) >= 0);
			EXPECT_LE(told, idle != 0 ? room / 2 + (1U << splice.scale) : room);
			EXPECT_GT(told + (1U << splice.scale), idle != 0 ? room / 2 : room);
		}
	}
}

TEST(Window, TheEdgeMovesBackOnlyWithAnAcknowledgement)
{
	for (const std::uint32_t turn : turns) {
		ps_splice splice{};
		splice.server_una = turn - 10;
		splice.edge = turn + 50;
		ps_window_give(&splice, turn - 10, 40); // to turn + 30
		EXPECT_EQ(splice.edge, turn + 50);
		ps_window_give(&splice, turn - 10, 70);
		EXPECT_EQ(splice.edge, turn + 60);
		ps_window_give(&splice, turn - 5, 20);
		EXPECT_EQ(splice.edge, turn + 15);
		/* An old one changes nothing. */
		splice.server_una = turn - 5;
		ps_window_give(&splice, turn - 8, 20);
		EXPECT_EQ(splice.edge, turn + 15);
	}
}

TEST(Window, AnAnswerNeedsRoomInFrontOfTheEdge)
{
	for (const std::uint32_t turn : turns) {
		for (const std::uint32_t out_add : turns) {
			ps_splice splice{};
			splice.edge = turn + 1000;
			const std::uint32_t ack = turn + out_add;
			EXPECT_TRUE(ps_window_allows(&splice, out_add, ack, 1200, 200) != 0);
			EXPECT_FALSE(ps_window_allows(&splice, out_add, ack, 1199, 200) != 0);
			EXPECT_FALSE(ps_window_allows(&splice, out_add, ack, 100, 200) != 0);
			splice.edge = turn - 1000; // the server may send nothing
			EXPECT_TRUE(ps_window_allows(&splice, out_add, ack, 200, 200) != 0);
			EXPECT_FALSE(ps_window_allows(&splice, out_add, ack, 199, 200) != 0);
		}
	}
}

TEST(Ordinals, OfLongAgoStayBefore)
{
	for (const std::uint32_t first : turns) {
		std::uint32_t ordinal = first;
		std::uint32_t requests = first;
		for (unsigned i = 0; i < 100; ++i) {
			requests += 1U << 28;
			ordinal = ps_ordinal_keep(ordinal, requests);
			EXPECT_LT(ps_seq_diff(ordinal, requests), 0) << i;
		}
		/* What may still come is not moved. */
		for (const std::uint32_t back : {0U, 1U, 1000U, PS_ORDINAL_FAR})
			EXPECT_EQ(ps_ordinal_keep(requests - back, requests), requests - back);
		EXPECT_EQ(ps_ordinal_keep(requests + 1, requests), requests + 1);
	}
}

} // namespace
} // namespace prestack::test
