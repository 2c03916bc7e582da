// SPDX-License-Identifier: GPL-2.0-only
// The writes of a connection hold their fences from the moment when all of their segment is read until
// their replies leave. The time that would release them otherwise does not pass here.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "flow_fixture.hpp"

namespace prestack::test
{
namespace
{

using namespace std::chrono_literals;

const std::string kSet = stream_set("key", "new");
const std::string kOther = stream_set("other", "new");

DatapathOptions holding()
{
	DatapathOptions options;
	options.settle = 1h;
	return options;
}

class FlowHold : public FlowTest
{
protected:
	FlowHold() : FlowTest(holding()) { connect(); }

	// Whether a read of the key, asked for now, fills it. One by one: keys may share a fence, and that has one lease.
	bool fills(const std::string &key)
	{
		const auto before = count(PS_COUNT_fills);
		sends(stream_get(key));
		answers(stream_value(key, "new"));
		return count(PS_COUNT_fills) == before + 1;
	}
};

TEST_F(FlowHold, EachWriteOfASegmentHoldsUntilItsReply)
{
	const auto key = [](unsigned i) { return "key" + std::to_string(i); };
	std::string requests;
	std::string reads;
	std::string values;
	for (unsigned i = 0; i < PS_RING; ++i) {
		requests += stream_set(key(i), "new");
		reads += stream_get(key(i));
		values += stream_value(key(i), "new");
	}
	sends(requests);
	EXPECT_EQ(flow()->pushed, static_cast<std::uint32_t>(PS_RING));
	// None is free yet.
	sends(reads);
	for (unsigned i = 0; i < PS_RING; ++i)
		answers(kStreamOk);
	EXPECT_EQ(flow()->popped, static_cast<std::uint32_t>(PS_RING));
	answers(values);
	EXPECT_EQ(count(PS_COUNT_fills), 0u);
	for (unsigned i = 0; i < PS_RING; ++i)
		EXPECT_TRUE(fills(key(i))) << i;
	EXPECT_EQ(lost(), PS_LOST_NOT);
}

// Also those of which the segment holds just one, and the one whose body goes on in the next segment, behind others.
TEST_F(FlowHold, AWriteThatIsCompleteLaterHoldsOnce)
{
	const std::string set = stream_set("third", "a long value");
	const std::size_t cut = set.size() - 5;
	for (const std::string &before : {std::string(), kSet, kSet + kOther}) {
		SCOPED_TRACE(before);
		connect();
		sends(before + set.substr(0, cut));
		sends(set.substr(cut));
		sends(stream_get("third"));
		const auto filled = count(PS_COUNT_fills);
		for (auto sets = std::count(before.begin(), before.end(), 'S'); sets > 0; --sets)
			answers(kStreamOk);
		answers(kStreamOk + stream_value("third", "new"));
		EXPECT_EQ(count(PS_COUNT_fills), filled);
		EXPECT_TRUE(fills("third"));
		EXPECT_EQ(lost(), PS_LOST_NOT);
		request_.source_port++;
	}
}

// They are not noted, so the time has to run out; but they arrive.
TEST_F(FlowHold, WritesWithoutRoomArriveAllTheSame)
{
	std::string others;
	for (unsigned i = 0; i < PS_RING - 1; ++i)
		others += kOther;
	cache({"key", "third"});
	sends(others);
	EXPECT_TRUE(cached("key"));
	// The last place, and none.
	sends(stream_set("third", "new") + kSet);
	EXPECT_EQ(flow()->overflow_ordinal, PS_RING + 1u);
	EXPECT_FALSE(cached("third"));
	EXPECT_FALSE(cached("key"));
	EXPECT_FALSE(fills("key"));
}

} // namespace
} // namespace prestack::test
