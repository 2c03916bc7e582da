// SPDX-License-Identifier: GPL-2.0-only
// The judge itself, on histories made by hand.
#include "history.hpp"

#include <gtest/gtest.h>

namespace prestack::test
{
namespace
{

using Why = Violation::Why;

Operation write(std::uint64_t version, std::int64_t start, std::int64_t end, std::uint32_t key = 0)
{
	return {.kind = OperationKind::write,
		.key = key,
		.version = version,
		.start = start,
		.end = end};
}

Operation read(std::uint64_t version, std::int64_t start, std::int64_t end, std::uint32_t key = 0)
{
	return {.client = 1, .key = key, .version = version, .start = start, .end = end};
}

std::vector<Why> verdicts(const std::vector<Operation> &history,
			  std::chrono::nanoseconds patience = std::chrono::nanoseconds::max())
{
	std::vector<Why> result;
	for (const Violation &each : judge(history, patience))
		result.push_back(each.why);
	return result;
}

const std::vector<Why> good;
const std::vector<Why> stale{Why::stale};

TEST(History, ReadsOfTheNewestVersionAreGood)
{
	EXPECT_EQ(verdicts({}), good);
	EXPECT_EQ(verdicts({write(1, 10, 20), read(1, 30, 40), write(2, 50, 60), read(2, 70, 80)}),
		  good);
}

TEST(History, AReadOlderThanAnAcknowledgedWriteIsStale)
{
	EXPECT_EQ(verdicts({write(1, 10, 20), write(2, 30, 40), read(1, 41, 50)}), stale);
	// However the operations are listed, and however much came later.
	EXPECT_EQ(verdicts({read(1, 41, 50), write(3, 60, 70), write(2, 30, 40), write(1, 10, 20)}),
		  stale);
}

TEST(History, WhileAWriteIsUnderWayBothVersionsAreGood)
{
	for (const std::uint64_t version : {1U, 2U}) {
		// Sent before the acknowledgement arrived; at that very moment; around all of it.
		EXPECT_EQ(verdicts({write(1, 10, 20), write(2, 30, 40), read(version, 35, 36)}),
			  good);
		EXPECT_EQ(verdicts({write(1, 10, 20), write(2, 30, 40), read(version, 40, 50)}),
			  good);
		EXPECT_EQ(verdicts({write(1, 10, 20), write(2, 30, 40), read(version, 25, 60)}),
			  good);
	}
}

TEST(History, EveryLaterAcknowledgedWriteCountsNotOnlyTheNext)
{
	EXPECT_EQ(
		verdicts({write(1, 10, 20), write(2, 30, 100), write(3, 40, 50), read(1, 60, 70)}),
		stale);
	EXPECT_EQ(
		verdicts({write(1, 10, 20), write(2, 30, 100), write(3, 40, 50), read(2, 60, 70)}),
		good);
}

// The last acknowledged of the writes before a read need not be the one that began last.
TEST(History, AWriteThatBeganEarlierDoesNotHideOneThatReplaced)
{
	EXPECT_EQ(verdicts({write(1, 32, 35), write(2, 30, 60), write(3, 40, 50), read(1, 70, 80)}),
		  stale);
}

TEST(History, OverlappingWritesMayTakeEffectInEitherOrder)
{
	const std::vector<Operation> writes{write(1, 10, 30), write(2, 20, 40)};
	for (const std::uint64_t version : {1U, 2U}) {
		auto history = writes;
		history.push_back(read(version, 50, 60));
		EXPECT_EQ(verdicts(history), good);
	}
}

TEST(History, AVersionThatNobodyWroteIsRejected)
{
	EXPECT_EQ(verdicts({write(1, 10, 20), read(7, 30, 40)}), std::vector{Why::never_written});
	EXPECT_EQ(verdicts({write(1, 10, 20), read(garbage_version, 30, 40)}),
		  std::vector{Why::never_written});
	// Nor does it belong to another key.
	EXPECT_EQ(verdicts({write(1, 10, 20, 5), read(1, 30, 40, 6)}),
		  std::vector{Why::never_written});
}

TEST(History, AVersionFromTheFutureIsRejected)
{
	EXPECT_EQ(verdicts({read(1, 10, 20), write(1, 30, 40)}), std::vector{Why::from_the_future});
	EXPECT_EQ(verdicts({read(1, 10, 30), write(1, 30, 40)}), good);
}

TEST(History, KeysAreJudgedApart)
{
	EXPECT_EQ(verdicts({write(1, 10, 20, 5), write(2, 30, 40, 6), read(1, 50, 60, 5)}), good);
}

TEST(History, AWriteWithoutAcknowledgementMayTakeEffectAnyTimeOrNever)
{
	const std::vector<Operation> writes{write(1, 10, 20), write(2, 30, never)};
	for (const std::uint64_t version : {1U, 2U}) {
		auto history = writes;
		history.push_back(read(version, 1'000'000, 1'000'001));
		EXPECT_EQ(verdicts(history), good);
	}
	EXPECT_EQ(verdicts({write(1, 10, 20), write(2, 30, never), write(3, 40, 50),
			    read(2, 60, 70)}),
		  good);
}

TEST(History, DeletionsAreWrites)
{
	const std::vector<Operation> writes{write(1, 10, 20), write(absent_version, 30, 40)};
	auto history = writes;
	history.push_back(read(1, 50, 60));
	EXPECT_EQ(verdicts(history), stale);
	history.back() = read(absent_version, 50, 60);
	EXPECT_EQ(verdicts(history), good);
	history.back() = read(1, 35, 60);
	EXPECT_EQ(verdicts(history), good);
}

TEST(History, AMissOfAKeyThatIsThereIsRejected)
{
	EXPECT_EQ(verdicts({read(absent_version, 5, 8), write(1, 10, 20)}), good);
	EXPECT_EQ(verdicts({write(1, 10, 20), read(absent_version, 15, 30)}), good);
	EXPECT_EQ(verdicts({write(1, 10, 20), read(absent_version, 25, 30)}), stale);
	EXPECT_EQ(verdicts({write(1, 10, 20), write(absent_version, 30, 40), write(2, 50, 60),
			    read(absent_version, 70, 80)}),
		  stale);
	EXPECT_EQ(verdicts({write(1, 10, 20), read(absent_version, 30, 40),
			    write(absent_version, 50, 60)}),
		  stale);
	EXPECT_EQ(verdicts({write(1, 10, 20), write(absent_version, 30, 40), write(2, 50, 60),
			    read(absent_version, 55, 80)}),
		  good);
}

TEST(History, AWriteSlowerThanPatienceReplacesNothing)
{
	const std::vector<Operation> history{write(1, 10, 20), write(2, 100, 200),
					     read(1, 300, 310)};
	EXPECT_EQ(verdicts(history), stale);
	EXPECT_EQ(verdicts(history, std::chrono::nanoseconds{100}), stale);
	EXPECT_EQ(verdicts(history, std::chrono::nanoseconds{99}), good);
	// What came before it is not excused, and it may itself be replaced.
	EXPECT_EQ(verdicts({write(1, 10, 20), write(2, 30, 40), write(3, 100, 200),
			    read(1, 300, 310)},
			   std::chrono::nanoseconds{99}),
		  stale);
	EXPECT_EQ(verdicts({write(1, 100, 300), write(2, 310, 320), read(1, 330, 340)},
			   std::chrono::nanoseconds{99}),
		  stale);
}

TEST(History, ARestartReplacesHoweverLongItTook)
{
	Operation restart = write(absent_version, 100, 900);
	restart.by_restart = true;
	EXPECT_EQ(verdicts({write(1, 10, 20), restart, read(1, 1000, 1010)},
			   std::chrono::nanoseconds{99}),
		  stale);
	// What the new server was told meanwhile is good.
	EXPECT_EQ(verdicts({write(1, 10, 20), restart, write(2, 700, 710), read(2, 1000, 1010)},
			   std::chrono::nanoseconds{99}),
		  good);
}

TEST(History, EveryBadReadIsTold)
{
	EXPECT_EQ(verdicts({write(1, 10, 20), write(2, 30, 40), read(1, 41, 50), read(2, 41, 50),
			    read(1, 51, 60), read(9, 51, 60)}),
		  (std::vector{Why::stale, Why::stale, Why::never_written}));
	const auto violations = judge({write(1, 10, 20), write(2, 30, 40), read(1, 41, 50)});
	ASSERT_EQ(violations.size(), 1U);
	EXPECT_EQ(violations[0].written.version, 1U);
	EXPECT_EQ(violations[0].newer.version, 2U);
	EXPECT_NE(describe(violations[0]).find("1 ns after"), std::string::npos);
}

} // namespace
} // namespace prestack::test
