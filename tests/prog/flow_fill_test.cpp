// SPDX-License-Identifier: GPL-2.0-only
// The reply to a read of a connection fills the cache, unless a write came between or it answers
// another read.
#include <gtest/gtest.h>

#include "flow_fixture.hpp"

namespace prestack::test
{

namespace
{

const std::string kSet = stream_set("key", "new");
const std::string kGet = stream_get("third");

class FlowFill : public FlowTest
{
protected:
	FlowFill() { connect(); }
};

TEST_F(FlowFill, AReadFillsOverTcp)
{
	sends(stream_get("key"));
	moved_now();
	answers(stream_value("key", "value"));
	EXPECT_EQ(moved_now(), "fills+1");
	EXPECT_EQ(ask("key"), toy_value("key", "value"));
}

TEST_F(FlowFill, AReadFillsWhateverIsAroundIt)
{
	const std::string value(1000, 'v');
	sends(kGet + stream_get("key") + kGet);
	answers(stream_value("third", std::string(1500, 'x')) + stream_value("key", value) +
		kStreamNone);
	EXPECT_EQ(ask("key"), toy_value("key", value));
	EXPECT_EQ(lost(), PS_LOST_NOT);
}

TEST_F(FlowFill, AReadThatAWriteOvertakesFillsNothing)
{
	sends(stream_get("key"));
	sends(kSet);
	answers(stream_value("key", "old"));
	EXPECT_FALSE(cached("key"));
	answers(kStreamOk);
	EXPECT_FALSE(cached("key"));
	// The order of a pipeline.
	sends(kSet + stream_get("key"));
	answers(kStreamOk + stream_value("key", "new"));
	EXPECT_NE(ask("key"), toy_value("key", "old"));
}

// In one segment: the read may be answered before or after the write, and fills in no case.
TEST_F(FlowFill, AReadBesideAWriteInOneSegmentFillsNothing)
{
	for (const bool first : {true, false}) {
		SCOPED_TRACE(first);
		const std::string get = stream_get("key");
		sends(first ? get + kSet : kSet + get);
		moved_now();
		if (first)
			answers(stream_value("key", "old") + kStreamOk);
		else
			answers(kStreamOk + stream_value("key", "new"));
		EXPECT_EQ(count(PS_COUNT_fills), 0u);
		EXPECT_FALSE(cached("key"));
	}
	// And one behind that is not held off by what they have left.
	sends(stream_get("key"));
	answers(stream_value("key", "new"));
	EXPECT_EQ(count(PS_COUNT_fills), 1u);
}

TEST_F(FlowFill, AReplyToAnotherReadFillsNothing)
{
	sends(stream_get("other") + stream_get("key"));
	answers(stream_value("key", "value"));
	EXPECT_FALSE(cached("key"));
	// Half a value is none.
	const std::string reply = stream_value("key", "value");
	answers(reply.substr(0, reply.size() - 3));
	answers(reply.substr(reply.size() - 3));
	EXPECT_FALSE(cached("key"));
	EXPECT_EQ(lost(), PS_LOST_NOT);
}

TEST_F(FlowFill, AQuietReadTakesNoLease)
{
	sends(stream_quiet_get("third") + stream_get("key"));
	answers(stream_value("key", "value"));
	EXPECT_FALSE(cached("key"));
}

} // namespace

} // namespace prestack::test
