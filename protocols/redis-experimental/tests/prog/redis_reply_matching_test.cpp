// SPDX-License-Identifier: GPL-2.0-only
// Replies do not name their keys: which one a reply fills is known from the request that it answers.
#include "prog/flow_fixture.hpp"

namespace prestack::test
{
namespace
{

class RedisReplyMatching : public FlowTest
{
protected:
	RedisReplyMatching() : FlowTest({.plugin = "redis-experimental"}) {}

	std::uint64_t fills() { return count(PS_COUNT_fills); }
};

const std::string get = "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n";
const std::string echo = "*2\r\n$4\r\nECHO\r\n$5\r\nother\r\n";

TEST_F(RedisReplyMatching, AReplyFillsWhatWasAskedFor)
{
	connect();
	sends(get);
	answers("$5\r\nvalue\r\n");
	EXPECT_EQ(fills(), 1U);
}

TEST_F(RedisReplyMatching, AReplyToAnotherRequestFillsNothing)
{
	connect();
	sends(get);
	answers("$-1\r\n");
	sends(echo);
	answers("$5\r\nother\r\n");
	EXPECT_EQ(fills(), 0U);
}

// The first connection ends without an answer: its lease is still there when the second one's first reply leaves.
TEST_F(RedisReplyMatching, AnEarlierConnectionWithTheSamePortsHasNotAsked)
{
	connect(1000, 2000);
	sends(get);
	connect(500'000, 600'000);
	sends(echo);
	answers("$5\r\nother\r\n");
	EXPECT_EQ(flow()->replies, 1U);
	EXPECT_EQ(fills(), 0U);
}

} // namespace
} // namespace prestack::test
