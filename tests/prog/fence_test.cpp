// SPDX-License-Identifier: GPL-2.0-only
// A write fences its key from its arrival until its reply has left.
#include <gtest/gtest.h>

#include "fence_fixture.hpp"

namespace prestack::test
{

namespace
{

class Fence : public FenceTest
{
};

TEST_F(Fence, HoldsFromTheWriteUntilItsReply)
{
	ASSERT_TRUE(fill("key", "old"));
	set("key", 2);
	EXPECT_FALSE(fill("key", "old"));
	EXPECT_TRUE(fill("other", "value"));
	EXPECT_EQ(ok(2), "replies+1");
	EXPECT_TRUE(fill("key", "new"));
	EXPECT_EQ(ask("key"), toy_value("key", "new"));
}

TEST_F(Fence, ARequestFromBeforeTheReplyDoesNotFillAfterIt)
{
	miss("key", 1);
	set("key", 2);
	miss("key", 3);
	ok(2);
	EXPECT_EQ(value("key", "old", 1), kNotFilled);
	EXPECT_EQ(value("key", "old", 3), kNotFilled);
	EXPECT_FALSE(cached("key"));
}

TEST_F(Fence, EachOfTwoWritesHolds)
{
	for (const unsigned first : {2u, 3u}) {
		set("key", 2);
		set("key", 3);
		EXPECT_EQ(ok(first), "replies+1");
		EXPECT_FALSE(fill("key", "old"));
		EXPECT_EQ(ok(5 - first), "replies+1");
		EXPECT_TRUE(fill("key", "new"));
		set("key", 4);
		ok(4);
	}
}

TEST_F(Fence, AReplyThatIsLostRunsOut)
{
	set("key", 2);
	EXPECT_FALSE(fill("key", "old"));
	let_holds_run_out();
	EXPECT_TRUE(fill("key", "value"));
}

// The server was slower than the hold is long. Whatever was filled since is gone with the reply.
TEST_F(Fence, ALateReplyKillsWhatWasFilledBeforeIt)
{
	set("key", 2);
	let_holds_run_out();
	ASSERT_TRUE(fill("key", "old"));
	ASSERT_TRUE(cached("key"));
	EXPECT_EQ(ok(2), "invalidations+1 replies+1");
	EXPECT_FALSE(cached("key"));
	EXPECT_TRUE(fill("key", "new"));
}

TEST_F(Fence, ALateReplyVoidsTheLeasesOfBefore)
{
	set("key", 2);
	let_holds_run_out();
	miss("key", 3);
	EXPECT_EQ(ok(2), "replies+1");
	EXPECT_EQ(value("key", "old", 3), kNotFilled);
}

// What ran out is over: its reply must not let go of the writes that came after.
TEST_F(Fence, ALateReplyDoesNotReleaseOthers)
{
	set("key", 2);
	let_holds_run_out();
	set("key", 3);
	EXPECT_EQ(ok(2), "replies+1");
	EXPECT_FALSE(fill("key", "old"));
	EXPECT_EQ(ok(3), "replies+1");
	EXPECT_TRUE(fill("key", "new"));
}

TEST_F(Fence, ALostReplyIsForgottenWithItsCohort)
{
	set("key", 2);
	let_holds_run_out();
	set("key", 3);
	ok(3);
	EXPECT_TRUE(fill("key", "new"));
}

// More than the fence can count: it has to run out.
TEST_F(Fence, MoreWritesThanAreCountedRunOut)
{
	unsigned id = 1;
	for (; id <= PS_HOLD_COUNT + 2; ++id)
		set("key", id);
	while (--id > 0)
		ok(id);
	EXPECT_FALSE(fill("key", "old"));
	let_holds_run_out();
	EXPECT_TRUE(fill("key", "new"));
}

TEST_F(Fence, AReplyBetweenTheRequestAndItsFillOfAnotherKeyDoesNotMatter)
{
	set("other", 2);
	miss("key", 3);
	ok(2);
	EXPECT_EQ(value("key", "value", 3), kFilled);
}

// A fence is per key hash, so the write to a neighbour costs a fill; the entry stays.
TEST_F(Fence, AFlushHoldsOffAllFillsAndItsReplyEndsWhatIsThere)
{
	send("0005 what is this?\n");
	EXPECT_EQ(moved_now(), "flushes+1 malformed+1");
	EXPECT_FALSE(fill("key", "old"));
	let_holds_run_out();
	ASSERT_TRUE(fill("key", "old"));
	EXPECT_EQ(ok(5), "flushes+1");
	EXPECT_FALSE(cached("key"));
}

// Gates: why a request that would be a hit is left to the server.
TEST_F(Fence, WithoutAHeartbeatNothingIsServed)
{
	ASSERT_TRUE(fill("key", "value"));
	Packet get = request_;
	get.payload = toy_get("key");
	datapath_.keep_alive(std::chrono::nanoseconds(0));
	expect_pass(get, "requests+1 unwatched+1");
	datapath_.keep_alive(std::chrono::hours(1));
	expect_reply(get, toy_value("key", "value"));
}

TEST_F(Fence, WhileOldConnectionsAreOpenNothingIsServed)
{
	ASSERT_TRUE(fill("key", "value"));
	Packet get = request_;
	get.payload = toy_get("key");
	ps_service_conf conf = datapath_.conf();
	conf.flags |= PS_SERVICE_WAIT;
	datapath_.set_conf(conf);
	expect_pass(get, "requests+1 waiting+1");
	conf.flags &= ~static_cast<std::uint32_t>(PS_SERVICE_WAIT);
	datapath_.set_conf(conf);
	expect_reply(get, toy_value("key", "value"));
}

class DelayedFlush : public FenceTest
{
protected:
	std::uint64_t dead()
	{
		std::uint64_t word = 0;
		change_state([&](ps_service_state &state) { word = state.dead; });
		return word;
	}
	void later(unsigned seconds, unsigned id)
	{
		EXPECT_EQ(send("000" + std::to_string(id) + " L " + std::to_string(seconds) + "\n")
				  .verdict,
			  kPass);
		moved_now();
	}
};

TEST_F(DelayedFlush, ServesBeforeItsTimeAndNotWithinIt)
{
	ASSERT_TRUE(fill("key", "value"));
	Packet get = request_;
	get.payload = toy_get("key");
	later(3600, 2);
	expect_reply(get, toy_value("key", "value"));
	// The window opens.
	const std::uint64_t noted = dead();
	change_state([&](ps_service_state &state) { state.dead = noted & 0xffffffff; });
	expect_pass(get, "requests+1 flush_due+1");
	// And is over: whoever comes first flushes, and finds nothing.
	change_state([](ps_service_state &state) { state.dead = 1; });
	expect_pass(get, "requests+1 misses+1 flushes+1");
	EXPECT_EQ(dead(), 0u);
}

TEST_F(DelayedFlush, SeveralLastFromTheFirstToTheLast)
{
	later(2000, 2);
	const std::uint64_t first = dead();
	later(1000, 3);
	const std::uint64_t both = dead();
	EXPECT_LT(both >> 32, first >> 32);
	EXPECT_EQ(both & 0xffffffff, first & 0xffffffff);
	later(3000, 4);
	EXPECT_EQ(dead() >> 32, both >> 32);
	EXPECT_GT(dead() & 0xffffffff, first & 0xffffffff);
}

// With a write as the first packet, too.
TEST_F(DelayedFlush, AnyPacketEndsTheEpochWhenItIsOver)
{
	ASSERT_TRUE(fill("key", "value"));
	change_state([](ps_service_state &state) { state.dead = 1; });
	moved_now();
	send(toy_set("other", "x", 7));
	EXPECT_EQ(moved_now(), "writes+1 flushes+1 not_served+1");
	EXPECT_FALSE(cached("key"));
}

class Restart : public FenceTest
{
protected:
	std::string none_from(std::uint32_t socket)
	{
		moved_now();
		datapath_.egress(request_.reply(toy_none(0)).bytes(), socket);
		return moved_now();
	}
};

TEST_F(Restart, AReplyOfANewSocketFlushesBeforeItLeaves)
{
	EXPECT_EQ(none_from(7), "restarts+1 flushes+1");
	ASSERT_TRUE(fill("key", "value"));
	EXPECT_EQ(none_from(7), "");
	EXPECT_TRUE(cached("key"));
	EXPECT_EQ(none_from(8), "restarts+1 flushes+1");
	EXPECT_FALSE(cached("key"));
	// The old one is still known: a server has several.
	EXPECT_EQ(none_from(7), "");
}

TEST_F(Restart, WithMoreSocketsThanAreKnownTheOldestIsForgotten)
{
	for (std::uint32_t socket = 1; socket <= PS_MAX_SOCKETS; ++socket)
		EXPECT_EQ(none_from(socket), "restarts+1 flushes+1");
	for (std::uint32_t socket = 1; socket <= PS_MAX_SOCKETS; ++socket)
		EXPECT_EQ(none_from(socket), "");
	EXPECT_EQ(none_from(100), "restarts+1 flushes+1");
	EXPECT_EQ(none_from(2), "");
	EXPECT_EQ(none_from(1), "restarts+1 flushes+1");
}

} // namespace

} // namespace prestack::test
