// SPDX-License-Identifier: GPL-2.0-only
// Segments that arrive twice, late, early, in other pieces or from somebody else do not confuse the
// following of a connection.
#include <gtest/gtest.h>

#include "flow_fixture.hpp"

namespace prestack::test
{

namespace
{

const std::string kSet = stream_set("key", "new");
const std::string kGet = stream_get("key");
const auto kSetSize = static_cast<std::uint32_t>(kSet.size());
const auto kGetSize = static_cast<std::uint32_t>(kGet.size());

class FlowOrder : public FlowTest
{
protected:
	FlowOrder() { begin(); }
	// A connection on which one request was sent.
	void begin(std::uint32_t client = 1000)
	{
		request_.source_port++;
		connect(client);
		EXPECT_EQ(sends(kGet), kPass);
		cache({"key", "other"});
	}
	void expect_lost(ps_lost why)
	{
		EXPECT_EQ(lost(), why);
		EXPECT_FALSE(cached("other")) << "it was not flushed";
	}
	void expect_followed()
	{
		EXPECT_EQ(lost(), PS_LOST_NOT);
		EXPECT_TRUE(cached("other")) << "it was flushed";
	}
};

TEST_F(FlowOrder, ASegmentAheadIsDropped)
{
	moved_now();
	EXPECT_EQ(sends_at(kSet, client_next_ + kGetSize), kDrop);
	EXPECT_EQ(moved_now(), "stream+1 out_of_order+1");
	EXPECT_TRUE(cached("key"));
	EXPECT_EQ(sends(kGet), kPass);
	EXPECT_EQ(sends(kSet), kPass);
	EXPECT_FALSE(cached("key"));
	expect_followed();
}

TEST_F(FlowOrder, TheFirstSegmentAheadIsDropped)
{
	request_.source_port++;
	connect();
	EXPECT_EQ(sends_at(kSet, client_next_ + kGetSize), kDrop);
	EXPECT_FALSE(flow());
	EXPECT_EQ(sends(kGet), kPass);
	EXPECT_EQ(sends(kSet), kPass);
	expect_followed();
}

TEST_F(FlowOrder, AheadButWithinABodyPasses)
{
	const std::string body(1000, 'v');
	const std::string request = stream_set("key", body);
	const std::size_t head = request.size() - 1001;
	EXPECT_EQ(sends(request.substr(0, head + 100)), kPass);
	const std::uint32_t next = client_next_;
	// Somewhere inside, on both sides of it, and once more.
	EXPECT_EQ(sends_at(std::string(100, 'v'), next + 300), kPass);
	EXPECT_EQ(sends_at(std::string(100, 'v'), next + 400), kPass);
	EXPECT_EQ(sends_at(std::string(150, 'v'), next + 200), kPass);
	EXPECT_EQ(sends_at(std::string(100, 'v'), next + 300), kPass);
	// A second hole is not remembered.
	EXPECT_EQ(sends_at(std::string(100, 'v'), next + 700), kDrop);
	// The last byte of the body may pass, a byte after it may not.
	EXPECT_EQ(sends_at(std::string(401, 'v'), next + 500), kPass);
	EXPECT_EQ(sends_at(std::string(402, 'v'), next + 500), kDrop);
	EXPECT_EQ(flow()->in.next, next);
	// The gap is filled: on with what follows.
	cache_old("key");
	EXPECT_EQ(sends_at(std::string(200, 'v'), next), kPass);
	EXPECT_FALSE(cached("key")) << "the body is complete";
	EXPECT_EQ(flow()->in.next, next + 901);
	EXPECT_EQ(flow()->in.skip, 0u);
	EXPECT_EQ(sends_at(stream_delete({"third"}), next + 901), kPass);
	EXPECT_EQ(flow()->requests, 3u);
	expect_followed();
}

TEST_F(FlowOrder, AGapIsFilledByMoreThanIsMissing)
{
	const std::string request = stream_set("key", std::string(1000, 'v'));
	EXPECT_EQ(sends(request.substr(0, 500)), kPass);
	const std::uint32_t next = client_next_;
	EXPECT_EQ(sends_at(request.substr(600, 100), next + 100), kPass);
	EXPECT_EQ(sends_at(request.substr(500) + stream_delete({"third"}), next), kPass);
	EXPECT_EQ(flow()->requests, 3u);
	EXPECT_EQ(flow()->in.carry_len, 0u);
	expect_followed();
}

TEST_F(FlowOrder, TheSameAgainPasses)
{
	const std::uint32_t first = client_next_;
	EXPECT_EQ(sends(kSet), kPass);
	EXPECT_EQ(sends_at(kSet, first), kPass);
	EXPECT_EQ(sends(kGet), kPass);
	// Also together, as a client's stack sends what it has in several small pieces.
	EXPECT_EQ(sends_at(kSet + kGet, first), kPass);
	EXPECT_EQ(sends_at(kGet + kSet + kGet, first - kGetSize), kPass);
	EXPECT_EQ(flow()->requests, 3u);
	expect_followed();
}

TEST_F(FlowOrder, OtherBytesThanWereReadAreLost)
{
	const std::uint32_t first = client_next_;
	EXPECT_EQ(sends(kGet), kPass);
	moved_now();
	EXPECT_EQ(sends_at(stream_get("kez"), first), kPass);
	EXPECT_EQ(moved_now(), "flows_lost+1 lost_gap+1 flushes+1 stream+1");
	expect_lost(PS_LOST_GAP);
}

// The server has it, whatever is in it now.
TEST_F(FlowOrder, WhatIsAcknowledgedIsNotLookedAt)
{
	const std::uint32_t first = client_next_;
	EXPECT_EQ(sends(kGet), kPass);
	acknowledges();
	EXPECT_EQ(sends_at(stream_get("kez"), first), kPass);
	expect_followed();
	// Not all of it.
	EXPECT_EQ(sends(kGet), kPass);
	acknowledges(client_next_ - 1);
	EXPECT_EQ(sends_at(stream_get("kez"), client_next_ - kGetSize), kPass);
	expect_lost(PS_LOST_GAP);
}

TEST_F(FlowOrder, AnOldAcknowledgementCountsForNothing)
{
	acknowledges();
	const std::uint32_t first = client_next_;
	EXPECT_EQ(sends(kGet), kPass);
	acknowledges(first);
	acknowledges(first - 5);
	EXPECT_EQ(flow()->acked, first);
	EXPECT_EQ(sends_at(stream_get("kez"), first), kPass);
	expect_lost(PS_LOST_GAP);
}

TEST_F(FlowOrder, APartOfWhatWasReadIsLost)
{
	const std::uint32_t first = client_next_;
	EXPECT_EQ(sends(kGet), kPass);
	EXPECT_EQ(sends_at(kGet.substr(2), first + 2), kPass);
	expect_lost(PS_LOST_GAP);
}

TEST_F(FlowOrder, OldAndNewBytesTogether)
{
	const std::uint32_t first = client_next_;
	EXPECT_EQ(sends(kGet), kPass);
	EXPECT_EQ(sends_at(kGet + kSet, first), kPass);
	client_next_ += kSetSize;
	EXPECT_FALSE(cached("key"));
	EXPECT_EQ(flow()->in.next, client_next_);
	EXPECT_EQ(flow()->requests, 3u);
	expect_followed();
	// The old part is another one.
	cache_old("key");
	EXPECT_EQ(sends_at(stream_set("kez", "new") + kSet, client_next_ - kSetSize), kPass);
	EXPECT_FALSE(cached("key"));
	expect_lost(PS_LOST_GAP);
}

// A byte that the server had no room for comes again, with more.
TEST_F(FlowOrder, AProbeOfAClosedWindow)
{
	const std::uint32_t first = client_next_;
	EXPECT_EQ(sends(kSet.substr(0, 1)), kPass);
	EXPECT_EQ(sends_at(kSet.substr(0, 1), first), kPass);
	EXPECT_EQ(sends_at(kSet, first), kPass);
	EXPECT_FALSE(cached("key"));
	expect_followed();
}

TEST_F(FlowOrder, KeepAlive)
{
	acknowledges();
	EXPECT_EQ(sends_at("", client_next_ - 1), kPass);
	EXPECT_EQ(sends_at(std::string(1, '\0'), client_next_ - 1), kPass);
	EXPECT_EQ(sends(kSet), kPass);
	EXPECT_FALSE(cached("key"));
	expect_followed();
}

// Bytes of a body are nobody's command: they may come again in any pieces.
TEST_F(FlowOrder, BodiesComeAgainInOtherPieces)
{
	const std::string request = stream_set("key", std::string(3000, 'v'));
	const std::uint32_t first = client_next_;
	EXPECT_EQ(sends(request.substr(0, 1000)), kPass);
	EXPECT_EQ(sends(request.substr(1000, 1000)), kPass);
	EXPECT_EQ(sends_at(request.substr(500, 1000), first + 500), kPass);
	EXPECT_EQ(sends_at(request.substr(1500, 1000), first + 1500), kPass);
	EXPECT_EQ(sends_at(request.substr(0, 1300), first), kPass);
	EXPECT_EQ(sends_at(request.substr(2500) + kGet, first + 2500), kPass);
	EXPECT_EQ(sends_at(request.substr(2000, 1000), first + 2000), kPass);
	EXPECT_EQ(flow()->requests, 3u);
	expect_followed();
}

TEST_F(FlowOrder, SequenceNumbersWrapAround)
{
	for (std::uint32_t before = 0; before < 2 * kSetSize; ++before) {
		SCOPED_TRACE(before);
		begin(0U - kGetSize - before);
		const std::uint32_t first = client_next_;
		EXPECT_EQ(sends(kSet), kPass);
		EXPECT_FALSE(cached("key"));
		EXPECT_EQ(sends_at(kSet, client_next_ + 1), kDrop);
		EXPECT_EQ(sends_at(kSet, first), kPass);
		EXPECT_EQ(sends_at(kSet + kGet, first), kPass);
		client_next_ += kGetSize;
		acknowledges();
		EXPECT_EQ(sends_at(std::string(kSetSize, 'x'), first), kPass);
		EXPECT_EQ(flow()->in.next, client_next_);
		expect_followed();
	}
}

TEST_F(FlowOrder, ABodyAcrossTheWrap)
{
	begin(0U - kGetSize - 100);
	const std::string request = stream_set("key", std::string(1000, 'v'));
	EXPECT_EQ(sends(request.substr(0, 50)), kPass);
	EXPECT_EQ(sends_at(request.substr(500, 300), client_next_ + 450), kPass);
	EXPECT_EQ(sends(request.substr(50, 450)), kPass);
	client_next_ += 300;
	EXPECT_EQ(sends(request.substr(800) + kGet), kPass);
	EXPECT_EQ(flow()->requests, 3u);
	expect_followed();
}

TEST_F(FlowOrder, ResetsCountOnlyIfTheServerBelievesThem)
{
	Packet reset = client_segment("", client_next_ + 1);
	reset.tcp_flags = kRst;
	arrives(reset);
	reset.tcp_sequence = client_next_ - 1;
	arrives(reset);
	reset.tcp_sequence = client_next_;
	reset.checksum = Checksum::wrong;
	arrives(reset);
	EXPECT_TRUE(flow());
	reset.checksum = Checksum::right;
	EXPECT_EQ(arrives(reset).verdict, kPass);
	EXPECT_FALSE(flow());
}

TEST_F(FlowOrder, TheServersResetEndsIt)
{
	Packet reset = server_segment("", server_next_);
	reset.tcp_flags = kRst | kAck;
	leaves(reset);
	EXPECT_FALSE(flow());
}

TEST_F(FlowOrder, ItEndsWhenBothHaveFinished)
{
	Packet fin = client_segment("", client_next_ + 1);
	fin.tcp_flags = kFin | kAck;
	arrives(fin);
	Packet theirs = server_segment("", server_next_);
	theirs.tcp_flags = kFin | kAck;
	leaves(theirs);
	EXPECT_TRUE(flow()) << "the client's was not in order";
	fin.tcp_sequence = client_next_;
	arrives(fin);
	EXPECT_FALSE(flow());
}

TEST_F(FlowOrder, ItEndsWithTheLastData)
{
	Packet fin = client_segment(kSet, client_next_);
	fin.tcp_flags = kFin | kAck;
	EXPECT_EQ(arrives(fin).verdict, kPass);
	EXPECT_FALSE(cached("key"));
	cache_old("key");
	Packet theirs = server_segment(kStreamNone + kStreamOk, server_next_);
	theirs.tcp_flags = kFin | kAck;
	EXPECT_TRUE(flow());
	leaves(theirs);
	EXPECT_FALSE(cached("key"));
	EXPECT_FALSE(flow());
}

TEST_F(FlowOrder, PortsAreUsedAgain)
{
	EXPECT_EQ(sends(kSet.substr(0, 5)), kPass);
	connect(777777, 888888);
	EXPECT_FALSE(flow());
	cache({"key"});
	EXPECT_EQ(sends(kSet), kPass);
	EXPECT_FALSE(cached("key"));
	ASSERT_TRUE(flow());
	EXPECT_EQ(flow()->requests, 1u);
	expect_followed();
}

TEST_F(FlowOrder, ASynAckThatIsSentAgainChangesNothing)
{
	Packet again = server_segment("", 1999);
	again.tcp_acknowledgement = 1000;
	again.tcp_flags = kSyn | kAck;
	leaves(again);
	ASSERT_TRUE(flow());
	EXPECT_EQ(sends(kSet), kPass);
	EXPECT_EQ(flow()->requests, 2u);
	expect_followed();
}

} // namespace

} // namespace prestack::test
