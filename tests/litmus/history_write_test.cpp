// SPDX-License-Identifier: GPL-2.0-only
// The checker of histories handles writes that are more than one value at a time: doubled, refused,
// flushing, expiring and counting ones. It also reports every read that it rejects, with the
// operations involved.
#include <gtest/gtest.h>

#include "history_fixture.hpp"

namespace prestack::test
{
namespace
{

TEST(History, AWriteThatMayHappenTwiceIsStaleOnlyAfterwards)
{
	Operation doubled = write(1, 10, 20);
	doubled.until = 100;
	EXPECT_EQ(reasons({doubled, write(2, 30, 40), read(2, 41, 45), read(1, 50, 60)}), good);
	EXPECT_EQ(reasons({doubled, write(2, 30, 40), write(3, 101, 110), read(1, 111, 120)}),
		  stale);
	EXPECT_EQ(reasons({doubled, write(2, 101, never), read(2, 105, 110), read(1, 111, 120)}),
		  backwards);
}

TEST(History, AWriteThatMayHaveBeenRefusedReplacesNothing)
{
	Operation conditional = write(2, 30, 40);
	conditional.certain = false;
	EXPECT_EQ(reasons({write(1, 10, 20), conditional, read(1, 50, 60)}), good);
	EXPECT_EQ(reasons({write(1, 10, 20), conditional, read(2, 50, 60), read(1, 70, 80)}),
		  backwards);
	// It took effect by its end or never.
	EXPECT_EQ(reasons({write(1, 10, 20), conditional, write(3, 50, 60), read(2, 70, 80)}),
		  stale);
}

TEST(History, AFlushThatSparesTheYoungestReplacesOnlyOlderOnes)
{
	Operation flush = write(absent_version, 1'000, 1'010);
	flush.replaces_before = 900;
	EXPECT_EQ(reasons({write(1, 10, 20), flush, read(1, 1'020, 1'030)}), stale);
	EXPECT_EQ(reasons({write(1, 950, 960), flush, read(1, 1'020, 1'030)}), good);
	EXPECT_EQ(reasons({write(1, 950, 960), flush, read(absent_version, 1'020, 1'030)}), good);
}

TEST(History, AnExpiredValueIsRejected)
{
	Operation mortal = write(1, 10, 20);
	mortal.lives_until = 100;
	EXPECT_EQ(reasons({mortal, read(1, 100, 130)}), good);
	EXPECT_EQ(reasons({mortal, read(1, 101, 130)}), std::vector{Why::expired});
}

TEST(History, ACounterMayHoldWhatNobodyWasTold)
{
	const Operation unknown = write(unknown_version, 30, never);
	EXPECT_EQ(reasons({write(1, 10, 20), unknown, read(77, 40, 50)}), good);
	EXPECT_EQ(reasons({write(1, 10, 20), unknown, read(77, 25, 29)}),
		  std::vector{Why::never_written});
	EXPECT_EQ(reasons({write(1, 10, 20), unknown, read(garbage_version, 40, 50)}),
		  std::vector{Why::never_written});
	// A change with an end is over then, and replaces.
	const Operation over = write(unknown_version, 30, 40);
	EXPECT_EQ(reasons({write(1, 10, 20), over, read(1, 41, 50)}), stale);
	EXPECT_EQ(reasons({write(1, 10, 20), over, write(2, 50, 60), read(77, 70, 80)}), stale);
	EXPECT_EQ(reasons({write(1, 10, 20), over, read(77, 70, 80)}), good);
	// What was seen of it makes known versions old.
	EXPECT_EQ(reasons({write(1, 10, 20), unknown, read(77, 40, 50), read(1, 60, 70)}),
		  backwards);
	EXPECT_EQ(reasons({write(1, 10, 20), unknown, read(77, 40, 50), read(1, 60, 70)},
			  seen_within(100)),
		  good);
}

TEST(History, EveryBadReadIsReported)
{
	EXPECT_EQ(reasons({write(1, 10, 20), write(2, 30, 40), read(1, 41, 50), read(2, 41, 50),
			   read(1, 51, 60), read(9, 51, 60)}),
		  (std::vector{Why::stale, Why::stale, Why::never_written}));
	const auto violations =
		find_violations({write(1, 10, 20), write(2, 30, 40), read(1, 41, 50)});
	ASSERT_EQ(violations.size(), 1U);
	EXPECT_EQ(violations[0].written.version, 1U);
	EXPECT_EQ(violations[0].newer.version, 2U);
}

TEST(History, ACounterexampleListsAllOperationsInvolved)
{
	Operation old = write(1, 1'010'000, 1'020'000, 3);
	old.how = "set";
	Operation newer = write(2, 1'030'000, 1'040'000, 3);
	newer.how = "incr";
	const auto violations = find_violations({old, newer, read(1, 1'041'000, 1'050'000, 3)});
	ASSERT_EQ(violations.size(), 1U);
	const std::string text = describe(violations[0]);
	for (const std::string part :
	     {"key 3: older than an acknowledged write",
	      "version 1 by client 0 (set) from 0 to 10 us",
	      "version 2 by client 0 (incr) from 20 to 30 us", "from 31 to 40 us, 1 us after"})
		EXPECT_NE(text.find(part), std::string::npos) << text;
	const auto seen = find_violations(
		{write(1, 10, 20), write(2, 30, never), read(2, 40, 50), read(1, 60, 70)});
	ASSERT_EQ(seen.size(), 1U);
	EXPECT_NE(describe(seen[0]).find("what another read had seen"), std::string::npos);
	EXPECT_NE(describe(seen[0]).find("seen   : version 2"), std::string::npos);
}

} // namespace
} // namespace prestack::test
