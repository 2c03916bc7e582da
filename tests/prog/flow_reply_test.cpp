// SPDX-License-Identifier: GPL-2.0-only
// Each reply of a connection that leaves is matched with the writes that it answers, and releases
// them.
#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include <random>

#include "flow_fixture.hpp"

namespace prestack::test
{

namespace
{

const std::string kSet = stream_set("key", "new");
const std::string kOther = stream_set("other", "new");
const std::string kGet = stream_get("third");

class FlowReply : public FlowTest
{
protected:
	FlowReply() { connect(); }

	// Requests arrive; then old values get back into the cache, as if read in between.
	void sent(const std::string &requests, const std::vector<std::string> &back = {"key"})
	{
		EXPECT_EQ(sends(requests), kPass);
		cache(back);
	}
	std::uint32_t pending_writes() const
	{
		const auto state = flow();
		EXPECT_TRUE(state);
		return state ? state->pushed - state->popped : ~0U;
	}
};

TEST_F(FlowReply, TheReplyToAWriteRaisesTheFenceAgain)
{
	sent(kSet, {"key", "other"});
	moved_now();
	EXPECT_EQ(pending_writes(), 1u);
	answers(kStreamOk);
	EXPECT_EQ(count(PS_COUNT_replies), 1u);
	EXPECT_EQ(pending_writes(), 0u);
	EXPECT_FALSE(cached("key"));
	EXPECT_TRUE(cached("other"));
	EXPECT_EQ(flow()->replies, 1u);
}

// Two CPUs at a time: a reply cannot wait, so it may be any.
TEST_F(FlowReply, WhileAnotherIsRead)
{
	sent(kSet, {"key", "other"});
	auto state = flow();
	ASSERT_TRUE(state);
	state->busy[PS_REPLIES] = 1;
	ASSERT_EQ(bpf_map_update_elem(datapath_.map("ps_flows"), &state->key.hash, &*state,
				      BPF_EXIST),
		  0);
	moved_now();
	answers(kStreamOk);
	EXPECT_EQ(moved_now(), "flows_lost+1 lost_busy+1 flushes+1");
	EXPECT_EQ(lost(), static_cast<std::uint32_t>(PS_LOST_BUSY));
	EXPECT_FALSE(cached("other"));
}

TEST_F(FlowReply, OnlyWhenItLeaves)
{
	sent(kGet + kSet);
	// The reply to the read is not the write's, whatever it says.
	answers(kStreamNone);
	EXPECT_TRUE(cached("key"));
	EXPECT_EQ(pending_writes(), 1u);
	// Nor is a part of it, or what is sent again.
	server_next_ -= static_cast<std::uint32_t>(kStreamNone.size());
	answers(kStreamNone);
	answers(kStreamOk.substr(0, 7));
	EXPECT_EQ(pending_writes(), 1u);
	answers(kStreamOk.substr(7));
	EXPECT_EQ(pending_writes(), 0u);
	EXPECT_FALSE(cached("key"));
	EXPECT_EQ(lost(), PS_LOST_NOT);
}

TEST_F(FlowReply, SplitAtEveryByte)
{
	const std::string replies =
		stream_value("third", "a\nvalue") + kStreamOk + kStreamNone + kStreamOk;
	for (std::size_t cut = 1; cut < replies.size(); ++cut) {
		SCOPED_TRACE(cut);
		request_.source_port++;
		connect();
		sent(kGet + kSet + kGet + kOther, {"key", "other"});
		answers(replies.substr(0, cut));
		answers(replies.substr(cut));
		EXPECT_FALSE(cached("key"));
		EXPECT_FALSE(cached("other"));
		EXPECT_EQ(flow()->replies, 4u);
		EXPECT_EQ(lost(), PS_LOST_NOT);
	}
}

TEST_F(FlowReply, PipelinesInAnySegments)
{
	std::mt19937 random(2);
	for (unsigned round = 0; round < 60; ++round) {
		request_.source_port++;
		connect(static_cast<std::uint32_t>(random()), static_cast<std::uint32_t>(random()));
		std::string replies;
		std::uint32_t requests = 0;
		for (unsigned i = 0; i < 20; ++i) {
			const unsigned kind = random() % 3;
			sends(kind == 0 ? kGet : kind == 1 ? kSet : kOther);
			replies +=
				kind != 0 ? kStreamOk
				: random() % 2 == 0
					? kStreamNone
					: stream_value("third", std::string(random() % 3000, 'v'));
			requests++;
		}
		cache({"key", "other", "third"});
		sends(kOther + kSet);
		replies += kStreamOk + kStreamOk;
		cache({"key"});
		while (!replies.empty()) {
			EXPECT_GT(pending_writes(), 0u);
			const std::size_t length = 1 + random() % 3000;
			answers(replies.substr(0, length));
			replies.erase(0, length);
		}
		EXPECT_EQ(pending_writes(), 0u);
		EXPECT_EQ(flow()->replies, requests + 2);
		EXPECT_FALSE(cached("key"));
		EXPECT_FALSE(cached("other"));
		EXPECT_TRUE(cached("third"));
		EXPECT_EQ(lost(), PS_LOST_NOT);
	}
}

// Longer than the window that the plug-in looks at; larger ones are the end-to-end suite's.
TEST_F(FlowReply, LongSegments)
{
	std::string requests, replies;
	for (unsigned i = 0; i < 200; ++i) {
		requests += kGet;
		replies += kStreamNone;
	}
	sends(requests);
	sent(kSet);
	answers(replies + kStreamOk);
	EXPECT_EQ(flow()->replies, 201u);
	EXPECT_FALSE(cached("key"));
	sends(kGet);
	sent(kSet);
	answers(stream_value("third", std::string(3000, '\n')) + kStreamOk);
	EXPECT_FALSE(cached("key"));
	EXPECT_EQ(lost(), PS_LOST_NOT);
}

TEST_F(FlowReply, AFlushIsRepeatedWhenItsReplyLeaves)
{
	sent(kStreamFlush, {"key", "other"});
	answers(kStreamOk);
	EXPECT_FALSE(cached("key"));
	EXPECT_FALSE(cached("other"));
	EXPECT_EQ(lost(), PS_LOST_NOT);
}

TEST_F(FlowReply, SeveralKeysOfOneRequest)
{
	sent(stream_delete({"key", "other", "fourth"}), {"key", "other", "fourth", "third"});
	EXPECT_EQ(pending_writes(), 3u);
	answers(kStreamOk);
	for (const char *key : {"key", "other", "fourth"})
		EXPECT_FALSE(cached(key)) << key;
	EXPECT_TRUE(cached("third"));
}

// What gets no reply is done when a later request has its reply.
TEST_F(FlowReply, WithoutAReply)
{
	sent(stream_quiet_set("key", "new"));
	EXPECT_EQ(pending_writes(), 1u);
	EXPECT_TRUE(cached("key"));
	sent(kGet, {});
	answers(kStreamNone);
	EXPECT_EQ(pending_writes(), 0u);
	EXPECT_FALSE(cached("key"));
	EXPECT_EQ(lost(), PS_LOST_NOT);
}

TEST_F(FlowReply, ThatNobodyAskedForIsLost)
{
	sent(kGet, {"key"});
	answers(kStreamNone);
	EXPECT_TRUE(cached("key"));
	answers(kStreamNone);
	EXPECT_FALSE(cached("key"));
	EXPECT_EQ(lost(), PS_LOST_REPLY);
}

// The error may be the answer to the one before, which was to get none.
TEST_F(FlowReply, AnErrorThatMayBeAnothers)
{
	sent(stream_quiet_set("other", "new") + kSet, {"key"});
	answers(kStreamError);
	EXPECT_FALSE(cached("key"));
	EXPECT_EQ(lost(), PS_LOST_REPLY);
}

TEST_F(FlowReply, AnErrorThatIsNobodyElses)
{
	sent(stream_quiet_set("other", "new") + kGet + kSet, {"key"});
	answers(kStreamNone);
	EXPECT_TRUE(cached("key"));
	answers(kStreamError);
	EXPECT_FALSE(cached("key"));
	EXPECT_EQ(lost(), PS_LOST_NOT);
}

TEST_F(FlowReply, ThatIsNotUnderstoodIsLost)
{
	sent(kSet);
	answers("what is this?\n");
	EXPECT_FALSE(cached("key"));
	EXPECT_EQ(lost(), PS_LOST_MESSAGE);
}

TEST_F(FlowReply, AGapIsLost)
{
	sent(kSet);
	server_next_++;
	answers(kStreamOk);
	EXPECT_FALSE(cached("key"));
	EXPECT_EQ(lost(), PS_LOST_GAP);
}

// Requests that are perhaps replied to: until the mark, each segment may hold any write's reply.
TEST_F(FlowReply, QuietRequests)
{
	sends(stream_quiet_get("third") + stream_quiet_get("fourth"));
	sends(kSet + kOther);
	cache({"key", "other", "third"});
	answers(stream_value("third", "value"));
	EXPECT_FALSE(cached("key"));
	EXPECT_FALSE(cached("other"));
	EXPECT_TRUE(cached("third"));
	EXPECT_EQ(pending_writes(), 2u);
	cache({"key", "other"});
	answers(kStreamOk);
	EXPECT_FALSE(cached("key"));
	EXPECT_FALSE(cached("other"));
	sends(kStreamMark);
	cache({"key", "other"});
	answers(kStreamOk + kStreamMark);
	EXPECT_FALSE(cached("key"));
	EXPECT_FALSE(cached("other"));
	EXPECT_EQ(pending_writes(), 0u);
	// From here on all is counted again.
	sent(kGet + kSet);
	answers(kStreamNone);
	EXPECT_TRUE(cached("key"));
	answers(kStreamOk);
	EXPECT_FALSE(cached("key"));
	EXPECT_EQ(flow()->replies, 5u);
	EXPECT_EQ(lost(), PS_LOST_NOT);
}

TEST_F(FlowReply, MarksWithoutQuietRequests)
{
	sends(kStreamMark + kGet + kStreamMark);
	sent(kSet + kStreamMark);
	answers(kStreamMark);
	answers(kStreamNone + kStreamMark);
	EXPECT_EQ(flow()->replies, 3u);
	EXPECT_TRUE(cached("key"));
	answers(kStreamOk);
	EXPECT_FALSE(cached("key"));
	answers(kStreamMark);
	EXPECT_EQ(flow()->replies, 5u);
	EXPECT_EQ(lost(), PS_LOST_NOT);
	answers(kStreamMark);
	EXPECT_EQ(lost(), PS_LOST_REPLY);
}

TEST_F(FlowReply, OnlyTheLastMarkTellsThePlace)
{
	sends(stream_quiet_get("third") + kStreamMark + stream_quiet_get("third"));
	sent(kSet + kStreamMark);
	answers(kStreamMark);
	EXPECT_EQ(pending_writes(), 1u);
	answers(kStreamOk);
	EXPECT_FALSE(cached("key"));
	answers(kStreamMark);
	EXPECT_EQ(pending_writes(), 0u);
	EXPECT_EQ(flow()->replies, 3u);
	EXPECT_EQ(lost(), PS_LOST_NOT);
}

TEST_F(FlowReply, MoreWritesThanTheRingHolds)
{
	std::string requests, replies;
	for (unsigned i = 0; i < PS_RING; ++i)
		requests += kOther;
	sends(requests);
	EXPECT_EQ(pending_writes(), static_cast<std::uint32_t>(PS_RING));
	sent(kGet + kSet, {"key", "third"});
	EXPECT_EQ(pending_writes(), static_cast<std::uint32_t>(PS_RING));
	EXPECT_EQ(flow()->overflow_ordinal, PS_RING + 2u);
	// Up to the reply to the last one that had no room everything is flushed.
	const auto flushes = count(PS_COUNT_flushes);
	answers(kStreamOk);
	EXPECT_EQ(count(PS_COUNT_flushes), flushes + 1);
	for (unsigned i = 1; i < PS_RING; ++i)
		replies += kStreamOk;
	answers(replies + kStreamNone);
	EXPECT_EQ(count(PS_COUNT_flushes), flushes + 2);
	cache({"key"});
	answers(kStreamOk);
	EXPECT_FALSE(cached("key"));
	EXPECT_EQ(count(PS_COUNT_flushes), flushes + 3);
	// And nothing after it.
	sent(kSet + kGet, {"third"});
	answers(kStreamOk);
	EXPECT_EQ(count(PS_COUNT_flushes), flushes + 3);
	EXPECT_EQ(lost(), PS_LOST_NOT);
}

// Also those of connections that are not followed any more.
TEST_F(FlowReply, OfALostConnectionFlush)
{
	sent(kSet, {});
	sends("what is this?\n");
	cache({"key", "other"});
	answers(kStreamOk);
	EXPECT_FALSE(cached("key"));
	EXPECT_FALSE(cached("other"));
}

} // namespace

} // namespace prestack::test
