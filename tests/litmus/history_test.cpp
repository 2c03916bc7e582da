// SPDX-License-Identifier: GPL-2.0-only
// The checker of histories rejects the reads that no atomic store could have given, and no others. The
// histories are made by hand.
#include <gtest/gtest.h>

#include "history_fixture.hpp"

namespace prestack::test
{
namespace
{

TEST(History, ReadsOfTheNewestVersionAreGood)
{
	EXPECT_EQ(reasons({}), good);
	EXPECT_EQ(reasons({write(1, 10, 20), read(1, 30, 40), write(2, 50, 60), read(2, 70, 80)}),
		  good);
}

TEST(History, AReadOlderThanAnAcknowledgedWriteIsStale)
{
	EXPECT_EQ(reasons({write(1, 10, 20), write(2, 30, 40), read(1, 41, 50)}), stale);
	// However the operations are listed, and however much came later.
	EXPECT_EQ(reasons({read(1, 41, 50), write(3, 60, 70), write(2, 30, 40), write(1, 10, 20)}),
		  stale);
}

TEST(History, WhileAWriteIsUnderWayBothVersionsAreGood)
{
	for (const std::uint64_t version : {1U, 2U}) {
		// Sent before the acknowledgement arrived; at that very moment; around all of it.
		EXPECT_EQ(reasons({write(1, 10, 20), write(2, 30, 40), read(version, 35, 36)}),
			  good);
		EXPECT_EQ(reasons({write(1, 10, 20), write(2, 30, 40), read(version, 40, 50)}),
			  good);
		EXPECT_EQ(reasons({write(1, 10, 20), write(2, 30, 40), read(version, 25, 60)}),
			  good);
	}
}

TEST(History, EveryLaterAcknowledgedWriteCountsNotOnlyTheNext)
{
	EXPECT_EQ(reasons({write(1, 10, 20), write(2, 30, 100), write(3, 40, 50), read(1, 60, 70)}),
		  stale);
	EXPECT_EQ(reasons({write(1, 10, 20), write(2, 30, 100), write(3, 40, 50), read(2, 60, 70)}),
		  good);
}

// The last acknowledged of the writes before a read need not be the one that began last.
TEST(History, AWriteThatBeganEarlierDoesNotHideOneThatReplaced)
{
	EXPECT_EQ(reasons({write(1, 32, 35), write(2, 30, 60), write(3, 40, 50), read(1, 70, 80)}),
		  stale);
}

TEST(History, OverlappingWritesMayTakeEffectInEitherOrder)
{
	const std::vector<Operation> writes{write(1, 10, 30), write(2, 20, 40)};
	for (const std::uint64_t version : {1U, 2U}) {
		auto history = writes;
		history.push_back(read(version, 50, 60));
		EXPECT_EQ(reasons(history), good);
	}
}

TEST(History, AVersionThatNobodyWroteIsRejected)
{
	EXPECT_EQ(reasons({write(1, 10, 20), read(7, 30, 40)}), std::vector{Why::never_written});
	EXPECT_EQ(reasons({write(1, 10, 20), read(garbage_version, 30, 40)}),
		  std::vector{Why::never_written});
	// Nor does it belong to another key.
	EXPECT_EQ(reasons({write(1, 10, 20, 5), read(1, 30, 40, 6)}),
		  std::vector{Why::never_written});
}

TEST(History, AVersionFromTheFutureIsRejected)
{
	EXPECT_EQ(reasons({read(1, 10, 20), write(1, 30, 40)}), std::vector{Why::from_the_future});
	EXPECT_EQ(reasons({read(1, 10, 30), write(1, 30, 40)}), good);
}

TEST(History, KeysAreCheckedApart)
{
	EXPECT_EQ(reasons({write(1, 10, 20, 5), write(2, 30, 40, 6), read(1, 50, 60, 5)}), good);
}

TEST(History, AWriteWithoutAcknowledgementMayTakeEffectAnyTimeOrNever)
{
	const std::vector<Operation> writes{write(1, 10, 20), write(2, 30, never)};
	for (const std::uint64_t version : {1U, 2U}) {
		auto history = writes;
		history.push_back(read(version, 1'000'000, 1'000'001));
		EXPECT_EQ(reasons(history), good);
	}
	EXPECT_EQ(
		reasons({write(1, 10, 20), write(2, 30, never), write(3, 40, 50), read(2, 60, 70)}),
		good);
}

TEST(History, DeletionsAreWrites)
{
	const std::vector<Operation> writes{write(1, 10, 20), write(absent_version, 30, 40)};
	auto history = writes;
	history.push_back(read(1, 50, 60));
	EXPECT_EQ(reasons(history), stale);
	history.back() = read(absent_version, 50, 60);
	EXPECT_EQ(reasons(history), good);
	history.back() = read(1, 35, 60);
	EXPECT_EQ(reasons(history), good);
}

TEST(History, AMissOfAKeyThatIsThereIsRejected)
{
	EXPECT_EQ(reasons({read(absent_version, 5, 8), write(1, 10, 20)}), good);
	EXPECT_EQ(reasons({write(1, 10, 20), read(absent_version, 15, 30)}), good);
	EXPECT_EQ(reasons({write(1, 10, 20), read(absent_version, 25, 30)}), stale);
	EXPECT_EQ(reasons({write(1, 10, 20), write(absent_version, 30, 40), write(2, 50, 60),
			   read(absent_version, 70, 80)}),
		  stale);
	EXPECT_EQ(reasons({write(1, 10, 20), read(absent_version, 30, 40),
			   write(absent_version, 50, 60)}),
		  stale);
	EXPECT_EQ(reasons({write(1, 10, 20), write(absent_version, 30, 40), write(2, 50, 60),
			   read(absent_version, 55, 80)}),
		  good);
}

TEST(History, ARestartReplacesAndItsAbsenceCountsAsSoonAsItIsSeen)
{
	Operation restart = write(absent_version, 100, 900);
	restart.by_restart = true;
	EXPECT_EQ(reasons({write(1, 10, 20), restart, read(1, 1000, 1010)}), stale);
	// What the new server was told meanwhile is good.
	EXPECT_EQ(reasons({write(1, 10, 20), restart, write(2, 700, 710), read(2, 1000, 1010)}),
		  good);
	EXPECT_EQ(reasons({write(1, 10, 20), restart, read(absent_version, 600, 610),
			   read(1, 620, 630)},
			  seen_within(99)),
		  backwards);
}

// Reading backwards.

TEST(History, AReadOlderThanWhatAnotherReadHadSeenIsRejected)
{
	// Write 2 has not been acknowledged, but its value was seen.
	const std::vector<Operation> history{write(1, 10, 20), write(2, 30, 100), read(2, 40, 50),
					     read(1, 60, 70)};
	EXPECT_EQ(reasons(history), backwards);
	// Reads that overlap, or of another key, prove nothing.
	EXPECT_EQ(reasons({write(1, 10, 20), write(2, 30, 100), read(2, 40, 50), read(1, 50, 70)}),
		  good);
	EXPECT_EQ(reasons({write(1, 10, 20), write(2, 30, 100, 7), read(2, 40, 50, 7),
			   read(1, 60, 70)}),
		  good);
}

TEST(History, AVersionDoesNotMakeItselfOld)
{
	EXPECT_EQ(reasons({write(1, 10, 20), read(1, 30, 40), read(1, 50, 60)}), good);
	// Nor does it hide another that made it old: 1 was seen after 2, by a read sent in time.
	EXPECT_EQ(reasons({write(1, 10, 20), write(2, 30, never), read(2, 40, 45), read(1, 41, 60),
			   read(1, 70, 80)}),
		  backwards);
}

TEST(History, AReadThatBeganBeforeTheWriteItSawCountsFromThatWrite)
{
	EXPECT_EQ(reasons({write(1, 10, 20), write(2, 30, never), read(2, 5, 50), read(1, 60, 70)}),
		  backwards);
}

TEST(History, AWriteThatWasSeenCountsEvenIfItIsNeverAcknowledged)
{
	EXPECT_EQ(reasons({write(1, 10, 20), write(2, 30, never), read(1, 31, 35), read(2, 40, 50),
			   read(2, 60, 70), read(1, 80, 90)}),
		  backwards);
}

TEST(History, WritesThatOverlapMayBeSeenInEitherOrderButNotInBoth)
{
	const std::vector<Operation> writes{write(1, 10, 100), write(2, 20, 100)};
	auto history = writes;
	history.insert(history.end(), {read(2, 30, 40), read(1, 50, 60)});
	EXPECT_EQ(reasons(history), good);
	// Both are over when 2 is seen again: 1 cannot come back.
	history.insert(history.end(), {read(2, 110, 120), read(1, 130, 140)});
	EXPECT_EQ(reasons(history), backwards);
}

TEST(History, AValueCannotComeBackOnceTheKeyWasSeenAbsent)
{
	EXPECT_EQ(reasons({write(1, 10, 20), write(absent_version, 30, never),
			   read(absent_version, 40, 50), read(1, 60, 70)}),
		  backwards);
	EXPECT_EQ(reasons({write(1, 10, 20), write(absent_version, 30, never), read(1, 40, 50),
			   read(absent_version, 60, 70)}),
		  good);
}

TEST(History, AnAbsentKeyIsNotAbsentAgainOnceItWasSeen)
{
	// The only deletion was over before 2 was seen.
	EXPECT_EQ(reasons({write(1, 1, 2), write(absent_version, 10, 20), write(2, 30, never),
			   read(absent_version, 31, 35), read(2, 40, 50),
			   read(absent_version, 60, 70)}),
		  backwards);
	EXPECT_EQ(reasons({write(1, 1, 2), write(absent_version, 10, never), write(2, 30, never),
			   read(2, 40, 50), read(absent_version, 60, 70)}),
		  good);
}

TEST(History, AWrongReadIsNoWitness)
{
	// Read 1 at 50 is stale; were it believed, the right one after it would be called backwards.
	EXPECT_EQ(reasons({write(1, 10, 20), write(2, 30, 40), read(1, 50, 60), read(2, 70, 80)}),
		  stale);
}

TEST(History, AWriteThatWasSeenTooLateMakesNothingOld)
{
	const std::vector<Operation> history{write(1, 10, 20), write(2, 30, 200), read(2, 140, 150),
					     read(1, 160, 170)};
	EXPECT_EQ(reasons(history), backwards);
	EXPECT_EQ(reasons(history, seen_within(120)), backwards);
	EXPECT_EQ(reasons(history, seen_within(119)), good);
	// Seen early by anyone; or acknowledged: then it counts.
	auto seen_early = history;
	seen_early.push_back(read(2, 35, 180));
	seen_early.push_back(read(2, 40, 50));
	EXPECT_EQ(reasons(seen_early, seen_within(119)), backwards);
	auto late = history;
	late.back() = read(1, 210, 220);
	EXPECT_EQ(reasons(late, seen_within(119)), stale);
	// Then also from when it was seen, not only from when it began.
	EXPECT_EQ(reasons({write(1, 10, 100), write(2, 20, 300), read(2, 150, 160),
			   read(1, 310, 320)},
			  seen_within(50)),
		  backwards);
	// The same for a deletion, of which is not known when it was seen first.
	const std::vector<Operation> deleted{write(1, 10, 20), write(absent_version, 30, 200),
					     read(absent_version, 140, 150), read(1, 160, 170)};
	EXPECT_EQ(reasons(deleted), backwards);
	EXPECT_EQ(reasons(deleted, seen_within(170)), backwards);
	EXPECT_EQ(reasons(deleted, seen_within(119)), good);
}

TEST(History, AWriteThatIsHeardOfLateMakesNothingOldUntilThen)
{
	Operation aside = write(2, 30, 200);
	aside.until = 40;
	aside.heard_late = true;
	const std::vector<Operation> history{write(1, 10, 20), aside, read(2, 50, 60)};
	const auto with = [&](const Operation &last) {
		auto all = history;
		all.push_back(last);
		return reasons(all);
	};
	EXPECT_EQ(with(read(1, 70, 80)), good);
	EXPECT_EQ(with(read(1, 201, 210)), stale);
	// It is as old as any other once it was replaced by a write that was seen.
	EXPECT_EQ(reasons({write(1, 10, 20), aside, write(3, 50, 60), read(2, 70, 80)}), stale);
	EXPECT_EQ(reasons({write(1, 10, 20), aside, write(3, 50, 60), read(1, 70, 80)}), stale);
	// Who reads what was there before has not heard of it: that does not make it old.
	EXPECT_EQ(reasons({write(1, 10, 20), aside, read(1, 50, 60), read(2, 70, 80)}), good);
	EXPECT_EQ(reasons({write(1, 10, 20), write(2, 30, 40), read(2, 50, 60), read(1, 70, 80)}),
		  stale);
	// The same for a deletion.
	aside.version = absent_version;
	EXPECT_EQ(reasons({write(1, 10, 20), aside, read(1, 50, 60), read(absent_version, 70, 80)}),
		  good);
	EXPECT_EQ(reasons({write(1, 10, 20), aside, read(absent_version, 50, 60), read(1, 70, 80)}),
		  good);
	EXPECT_EQ(reasons({write(1, 10, 20), aside, read(1, 201, 210)}), stale);
}

} // namespace
} // namespace prestack::test
