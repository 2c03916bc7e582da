// SPDX-License-Identifier: GPL-2.0-only
// What the tests of TCP reads have in common.
#pragma once

#include <gtest/gtest.h>

#include <iostream>
#include <numeric>

#include "support/redis.hpp"
#include "tcp_testbed.hpp"

namespace prestack::test
{

class TcpReads : public testing::Test
{
protected:
	static void SetUpTestSuite() { Netns::remove_leftovers(); }
	void SetUp() override
	{
		if (const std::string why_not = why_no_prestack(); !why_not.empty())
			GTEST_SKIP() << why_not;
	}

	static void skip_without(const Protocol *protocol)
	{
		const std::string why_not = protocol == &redis_protocol ? why_no_redis() : "";
		if (!why_not.empty())
			GTEST_SKIP() << why_not;
	}

	static std::string details(const Tally &tally)
	{
		return std::accumulate(tally.details.begin(), tally.details.end(),
				       std::string("\n"),
				       [](std::string all, const std::string &each) {
					       return all += each + "\n";
				       });
	}

	// Each connection has got all of its replies, and nothing else.
	static void expect_all_complete(const Tally &tally, std::size_t connections)
	{
		EXPECT_EQ(tally.count(Outcome::complete), connections)
			<< tally.count(Outcome::wrong) << " wrong, " << tally.count(Outcome::broken)
			<< " broken, " << tally.count(Outcome::stuck) << " stuck" << details(tally);
	}

	// The kernel has answered at least one read of so many.
	static void expect_hits(const TcpTestbed &testbed, std::uint64_t one_in)
	{
		EXPECT_GT(testbed.counter("stream_hits"), testbed.counter("requests") / one_in)
			<< "little was tested";
	}

	// Worth seeing also when all is well.
	static void print_counters(const TcpTestbed &testbed)
	{
		const auto *test = testing::UnitTest::GetInstance()->current_test_info();
		std::cout << "TCP " << test->name() << ":";
		for (const char *name :
		     {"requests", "hits", "stream_hits", "stream_acks", "replays", "translations",
		      "flows", "flows_spliced", "flows_lost", "flows_unknown", "fills", "writes",
		      "flushes"})
			std::cout << " " << name << " " << testbed.counter(name);
		std::cout << "; passed:";
		for (const auto &[reason, count] : testbed.passed())
			std::cout << " " << reason << " " << count;
		std::cout << std::endl;
	}
};

} // namespace prestack::test
