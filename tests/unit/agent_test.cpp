// SPDX-License-Identifier: GPL-2.0-only
// The agent draws the right conclusion from each answer of the server.
#include <cstring>

#include <gtest/gtest.h>

#include "agent/auditor.hpp"
#include "agent/expiry_answers.hpp"

namespace prestack
{
namespace
{

constexpr std::uint64_t second = 1'000'000'000;
constexpr std::uint64_t now = 1000 * second;
constexpr std::uint32_t epoch = 7;

AgentReply seconds(std::uint64_t left)
{
	AgentReply reply;
	reply.seconds_left = left;
	return reply;
}

AgentReply milliseconds(std::uint64_t left)
{
	AgentReply reply;
	reply.milliseconds_left = left;
	return reply;
}

TEST(QuestionOf, AKeyIsWithinItsRecord)
{
	ps_expiry_question whole{};
	whole.index = 5;
	std::memset(whole.key, 'k', sizeof whole.key);
	const auto length_of = [&](std::uint8_t length, std::size_t size) -> int {
		whole.key_len = length;
		const auto question = question_of(&whole, size);
		return question && question->index == 5 ? question->key_len : -1;
	};
	EXPECT_EQ(length_of(PS_BRIEF_KEY, PS_BRIEF_QUESTION), PS_BRIEF_KEY);
	EXPECT_EQ(length_of(PS_BRIEF_KEY + 1, PS_BRIEF_QUESTION), -1);
	EXPECT_EQ(length_of(1, PS_BRIEF_QUESTION - 1), -1);
	EXPECT_EQ(length_of(1, 0), -1);
	EXPECT_EQ(length_of(PS_MAX_KEY, sizeof whole), PS_MAX_KEY);
	EXPECT_EQ(length_of(PS_MAX_KEY + 1, sizeof whole), -1);
	EXPECT_EQ(length_of(PS_MAX_KEY, sizeof whole - 1), -1);
	EXPECT_EQ(length_of(PS_MAX_KEY, sizeof whole + 8), PS_MAX_KEY);
}

// memcached counts ticks, and one tick in a thousand counts for two: the last two are never sure.
TEST(SureExpiry, IsTwoTicksShortOfWhatIsLeft)
{
	EXPECT_EQ(sure_expiry(AgentReply{}, now), std::uint64_t{PS_EXPIRES_NEVER});
	EXPECT_EQ(sure_expiry(seconds(100), now), now + 98 * second);
	EXPECT_EQ(sure_expiry(seconds(3), now), now + second);
	for (const std::uint64_t left : {0, 1, 2}) {
		EXPECT_FALSE(sure_expiry(seconds(left), now)) << left;
	}
}

TEST(SureExpiry, OfMillisecondsIsAThousandthShort)
{
	EXPECT_EQ(sure_expiry(milliseconds(2), now), now + second / 1000);
	EXPECT_EQ(sure_expiry(milliseconds(10'000), now), now + 9'989 * (second / 1000));
	EXPECT_FALSE(sure_expiry(milliseconds(0), now));
	EXPECT_FALSE(sure_expiry(milliseconds(1), now));
	const auto century = now + most_milliseconds * (second / 1000);
	EXPECT_GT(sure_expiry(milliseconds(~std::uint64_t{0}), now), now + second);
	EXPECT_LE(sure_expiry(milliseconds(~std::uint64_t{0}), now), century);
}

TEST(IsServable, LivesInItsEpochUntilItExpires)
{
	ps_entry entry{};
	entry.seq = 4;
	entry.epoch = epoch;
	EXPECT_TRUE(is_servable(entry, epoch, now));
	EXPECT_FALSE(is_servable(entry, epoch + 1, now));
	EXPECT_FALSE(is_servable(entry, 0, now));
	entry.expires = PS_EXPIRES_UNKNOWN;
	EXPECT_FALSE(is_servable(entry, epoch, now));
	entry.expires = now + 1;
	EXPECT_TRUE(is_servable(entry, epoch, now));
	entry.expires = now;
	EXPECT_FALSE(is_servable(entry, epoch, now));
	entry.expires = PS_EXPIRES_NEVER;
	entry.seq = 5;
	EXPECT_FALSE(is_servable(entry, epoch, now)) << "it is being filled";
}

class AuditJudge : public testing::Test
{
protected:
	AuditJudge()
	{
		entry_.head.seq = 4;
		entry_.head.epoch = epoch;
		entry_.head.flags = 42;
		entry_.key = "key";
		entry_.value = "value";
		after_ = entry_;
		reply_.status = AgentReply::Status::answered;
		reply_.present = true;
		reply_.flags = 42;
		reply_.value = "value";
	}
	Verdict verdict(std::uint32_t epoch_now = epoch)
	{
		return audit_verdict({entry_, &after_, epoch_now, now}, reply_);
	}

	EntryCopy entry_;
	EntryCopy after_;
	AgentReply reply_;
};

TEST_F(AuditJudge, TheSame)
{
	EXPECT_EQ(verdict(), Verdict::same);
}

TEST_F(AuditJudge, AnotherValueOrOtherFlagsAreStale)
{
	reply_.value = "valuf";
	EXPECT_EQ(verdict(), Verdict::value);
	reply_.value = "value2";
	EXPECT_EQ(verdict(), Verdict::value);
	reply_.value.reset(); // longer than any entry
	EXPECT_EQ(verdict(), Verdict::value);
	reply_.value = "value";
	reply_.flags = 0;
	EXPECT_EQ(verdict(), Verdict::flags);
}

TEST_F(AuditJudge, AnItemThatIsGoneIsNotStale)
{
	reply_.present = false;
	reply_.value.reset();
	EXPECT_EQ(verdict(), Verdict::absent);
}

TEST_F(AuditJudge, WhatChangedMeanwhileProvesNothing)
{
	reply_.value = "other";
	after_.head.seq = 6;
	EXPECT_EQ(verdict(), Verdict::undecided);
	after_.head.seq = 4;
	EXPECT_EQ(verdict(epoch + 1), Verdict::undecided) << "flushed";
	after_.head.expires = now - 1;
	EXPECT_EQ(verdict(), Verdict::undecided) << "expired";
	after_.head.expires = PS_EXPIRES_NEVER;
	EXPECT_EQ(audit_verdict({entry_, nullptr, epoch, now}, reply_), Verdict::undecided);
	EXPECT_EQ(verdict(), Verdict::value) << "and else it is stale";
	reply_.status = AgentReply::Status::refused;
	EXPECT_EQ(verdict(), Verdict::refused);
}

TEST_F(AuditJudge, AnEntryMayNotOutliveItsItem)
{
	reply_.seconds_left = 10;
	EXPECT_EQ(verdict(), Verdict::expiry) << "the entry never expires";
	after_.head.expires = now + 20 * second;
	EXPECT_EQ(verdict(), Verdict::expiry);
	after_.head.expires = now + 10 * second;
	EXPECT_EQ(verdict(), Verdict::same);
	after_.head.expires = now + 1;
	EXPECT_EQ(verdict(), Verdict::same);
	reply_.seconds_left.reset();
	EXPECT_EQ(verdict(), Verdict::same) << "it may be served for less";
	reply_.milliseconds_left = 10;
	EXPECT_EQ(verdict(), Verdict::same);
	after_.head.expires = now + second;
	EXPECT_EQ(verdict(), Verdict::expiry);
	reply_.milliseconds_left = ~std::uint64_t{0};
	EXPECT_EQ(verdict(), Verdict::same);
}

} // namespace
} // namespace prestack
