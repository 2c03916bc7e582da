// SPDX-License-Identifier: GPL-2.0-only
// Over UDP, each reply is matched with the pending request that it answers.
#include <gtest/gtest.h>

#include "fence_fixture.hpp"

namespace prestack::test
{

namespace
{

class PendingRequest : public FenceTest
{
};

TEST_F(PendingRequest, AReplyThatAnswersNothingKnownFlushes)
{
	ASSERT_TRUE(fill("key", "value"));
	// Values, or that there are none, are not the reply to a write.
	EXPECT_EQ(value("other", "value", 9), kNotFilled);
	EXPECT_EQ(answer(toy_none(9)).verdict, kNext);
	EXPECT_TRUE(cached("key"));
	EXPECT_EQ(ok(9), "flushes+1");
	EXPECT_FALSE(cached("key"));
}

TEST_F(PendingRequest, OneMoreReplyToTheSameWriteFlushes)
{
	set("key", 2);
	EXPECT_EQ(ok(2), "replies+1");
	EXPECT_EQ(ok(2), "replies+1 flushes+1");
}

TEST_F(PendingRequest, OneMoreReplyDoesNotReleaseAnotherWrite)
{
	set("key", 2);
	set("key", 3);
	ok(2);
	ok(2);
	EXPECT_FALSE(fill("key", "old"));
}

// There are replies that may answer a read or a write: the number tells which.
TEST_F(PendingRequest, AReplyToAReadNeedNotLookLikeOne)
{
	ASSERT_TRUE(fill("other", "value"));
	miss("key", 2);
	EXPECT_EQ(ok(2), "");
	EXPECT_TRUE(cached("other"));
	EXPECT_EQ(ok(2), "flushes+1") << "one more reply answers nothing known";
}

TEST_F(PendingRequest, ReplyThatCannotBeReadFlushes)
{
	ASSERT_TRUE(fill("key", "value"));
	moved_now();
	Packet reply = request_.reply(std::string(PS_IN_SIZE + 1, 'x'));
	datapath_.egress(reply.bytes());
	EXPECT_EQ(moved_now(), "flushes+1 nofill_shape+1");
	reply = request_.reply("x");
	for (const bool ipv6 : {false, true}) {
		reply.source = ipv6 ? "fd00::1" : "10.0.0.1";
		reply.destination = ipv6 ? "fd00::2" : "10.0.0.2";
		reply.fragment = Fragment{0, true};
		datapath_.egress(reply.bytes());
		EXPECT_EQ(moved_now(), "flushes+1 nofill_shape+1");
		// Without the first one the others are nothing.
		reply.fragment = Fragment{10, true};
		datapath_.egress(reply.bytes());
		EXPECT_EQ(moved_now(), "");
		reply.fragment = Fragment{0, true};
		reply.source_port++;
		datapath_.egress(reply.bytes());
		EXPECT_EQ(moved_now(), "");
		reply.source_port--;
	}
}

// The client gave up on the first request and uses its number again: either reply may come first.
TEST_F(PendingRequest, ALateReplyToAReadDoesNotFillForALaterOneOfTheSameNumber)
{
	miss("key", 1);
	set("key", 2);
	ok(2);
	miss("key", 1);
	EXPECT_EQ(value("key", "old", 1), kNotFilled);
	EXPECT_FALSE(cached("key"));
	EXPECT_EQ(value("key", "new", 1), kNotFilled);
	miss("key", 1);
	EXPECT_EQ(value("key", "new", 1), kFilled);
}

// A read that is cached, and that the server answers all the same.
TEST_F(PendingRequest, ALateReplyToAReadThatWasRefusedDoesNotFillEither)
{
	ASSERT_TRUE(fill("key", "old"));
	ps_service_conf conf = datapath_.conf();
	conf.flags |= PS_SERVICE_DRAIN;
	datapath_.set_conf(conf);
	moved_now();
	EXPECT_EQ(send(toy_get("key", 1)).verdict, kPass);
	EXPECT_EQ(moved_now(), "requests+1 draining+1");
	conf.flags &= ~static_cast<std::uint32_t>(PS_SERVICE_DRAIN);
	datapath_.set_conf(conf);
	set("key", 2);
	ok(2);
	miss("key", 1);
	EXPECT_EQ(value("key", "old", 1), kNotFilled);
	EXPECT_FALSE(cached("key"));
}

TEST_F(PendingRequest, TheSameReplyOnceMoreDoesNotFill)
{
	miss("key", 1);
	EXPECT_EQ(value("key", "old", 1), kFilled);
	set("key", 2);
	ok(2);
	EXPECT_EQ(value("key", "old", 1), kNotFilled);
	EXPECT_FALSE(cached("key"));
}

TEST_F(PendingRequest, AReadWithTheNumberOfAWrite)
{
	for (const bool write_first : {false, true}) {
		if (write_first)
			set("key", 1);
		miss("key", 1);
		if (!write_first)
			set("key", 1);
		// The first reply is the read's, and must not let go of the write.
		EXPECT_EQ(value("key", "old", 1), "replies+1 nofill_lease+1");
		EXPECT_FALSE(fill("key", "old"));
		let_holds_run_out();
		ASSERT_TRUE(fill("key", "old"));
		EXPECT_EQ(ok(1), "invalidations+1 replies+1");
		EXPECT_FALSE(cached("key"));
	}
}

TEST_F(PendingRequest, TwoWritesOfOneKeyWithTheSameNumber)
{
	set("key", 1);
	set("key", 1);
	EXPECT_EQ(ok(1), "replies+1");
	EXPECT_FALSE(fill("key", "old"));
	EXPECT_EQ(ok(1), "replies+1");
	EXPECT_TRUE(fill("key", "new"));
}

TEST_F(PendingRequest, TwoWritesOfDifferentKeysWithTheSameNumber)
{
	for (const char *late : {"one", "two"}) {
		set("one", 1);
		set("two", 1);
		let_holds_run_out();
		ASSERT_TRUE(fill(late, "old"));
		// It may answer the other.
		EXPECT_EQ(ok(1), "flushes+1");
		EXPECT_FALSE(cached(late));
		ASSERT_TRUE(fill(late, "old"));
		EXPECT_EQ(ok(1), "flushes+1");
		EXPECT_FALSE(cached(late));
	}
}

// However long ago the first was.
TEST_F(PendingRequest, AWriteIsNotForgottenByItsOwnClient)
{
	set("one", 1);
	let_requests_grow_old();
	set("two", 1);
	let_holds_run_out();
	ASSERT_TRUE(fill("one", "old"));
	EXPECT_EQ(ok(1), "flushes+1");
	EXPECT_FALSE(cached("one"));
}

TEST_F(PendingRequest, AReadIsForgottenAfterAWhile)
{
	miss("key", 1);
	set("key", 2);
	ok(2);
	let_requests_grow_old();
	miss("key", 1);
	EXPECT_EQ(value("key", "value", 1), kFilled);
}

TEST_F(PendingRequest, ClientsAndAddressesAreToldApart)
{
	const Packet client = request_;
	set("key", 1);
	let_holds_run_out();
	for (int i = 0; i < 4; ++i) {
		request_ = client;
		if (i == 0)
			request_.source = "10.0.0.3";
		if (i == 1)
			request_.source_port++;
		if (i == 2)
			request_.destination = "10.0.0.9";
		EXPECT_EQ(ok(i == 3 ? 2 : 1), "flushes+1");
	}
	request_ = client;
	EXPECT_EQ(ok(1), "replies+1");
}

// They never get to the server, so there is no reply to wait for.
TEST_F(PendingRequest, HitsAreNotNoted)
{
	ASSERT_TRUE(fill("key", "value"));
	ASSERT_FALSE(ask("key", 1).empty());
	unsigned waiting = 0;
	each<ps_pending_request>("ps_pending_requests", [&](ps_pending_request &pending) {
		waiting += pending.count;
		return false;
	});
	EXPECT_EQ(waiting, 0u);
}

// Whoever has locked the place does not go on: nobody knows what it holds.
TEST_F(PendingRequest, WhatWaitsForItsPlaceInVainFlushes)
{
	const auto lock = [&](std::uint32_t locked) {
		each<ps_pending_request>("ps_pending_requests", [&](ps_pending_request &pending) {
			pending.lock = locked;
			return true;
		});
	};
	ASSERT_TRUE(fill("other", "value"));
	moved_now();
	lock(1);
	EXPECT_EQ(send(toy_set("key", "x", 2)).verdict, kPass);
	EXPECT_EQ(moved_now(), "writes+1 flushes+1 not_served+1");
	EXPECT_FALSE(cached("other"));
	EXPECT_EQ(ok(2), "flushes+1");
	miss("read", 3);
	lock(0);
	EXPECT_EQ(ok(2), "flushes+1") << "it was not noted";
	let_holds_run_out();
	// The next read with that number cannot be told from the one that was not noted.
	miss("read", 3);
	EXPECT_EQ(value("read", "old", 3), kNotFilled);
	EXPECT_FALSE(cached("read"));
	EXPECT_TRUE(fill("other", "value"));
}

class OneElement : public FenceTest
{
protected:
	OneElement() : FenceTest(1) {}
};

TEST_F(OneElement, AWriteWithoutAPlaceFlushesWhenItsReplyLeaves)
{
	miss("other", 1);
	set("key", 2);
	let_holds_run_out();
	EXPECT_EQ(ok(2), "flushes+1");
}

// Its number comes again, with another key, before it was answered.
TEST_F(OneElement, AWriteWithoutAPlaceIsRememberedForItsNumber)
{
	miss("other", 1);
	set("one", 2);
	value("other", "value", 1);
	set("two", 2);
	EXPECT_EQ(ok(2), "flushes+1");
	EXPECT_EQ(ok(2), "flushes+1");
	// And when both are answered, it is over.
	set("two", 2);
	EXPECT_EQ(ok(2), "replies+1");
}

TEST_F(OneElement, AWriteThatLosesItsPlaceIsRememberedForItsNumber)
{
	set("one", 2);
	let_holds_run_out();
	let_requests_grow_old();
	ASSERT_TRUE(fill("one", "old"));
	set("two", 2);
	EXPECT_EQ(ok(2), "flushes+1");
	EXPECT_FALSE(cached("one"));
}

TEST_F(OneElement, AReadWithoutAPlaceTakesNoLease)
{
	miss("other", 1);
	miss("key", 2);
	EXPECT_EQ(value("key", "value", 2), kNotFilled);
}

// The late reply to a read that found no place: nobody may take a lease until it is not expected.
TEST_F(OneElement, APlaceThatWasWantedGivesNoLeasesForAWhile)
{
	miss("other", 1);
	miss("key", 2);
	value("other", "value", 1);
	miss("key", 2);
	EXPECT_EQ(value("key", "old", 2), kNotFilled);
	let_requests_grow_old();
	miss("key", 2);
	EXPECT_EQ(value("key", "value", 2), kFilled);
}

} // namespace

} // namespace prestack::test
