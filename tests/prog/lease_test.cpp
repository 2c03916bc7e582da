// SPDX-License-Identifier: GPL-2.0-only
// Only a reply with a valid lease fills the cache.
#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "fixture.hpp"

namespace prestack::test
{

namespace
{

using namespace std::chrono_literals;

class Lease : public ProgTest
{
protected:
	explicit Lease(const DatapathOptions &options = {}) : ProgTest(options) { prove_path(); }

	// A get that misses, without its reply.
	void miss(std::string_view key, unsigned id = 1)
	{
		EXPECT_EQ(send(toy_get(key, id)).verdict, kPass);
		moved_now();
	}
	// The server's reply, and the counters that it moves.
	std::string reply(std::string_view key, std::string_view value, unsigned id = 1)
	{
		EXPECT_EQ(answer(toy_value(key, value, id)).verdict, kNext);
		return moved_now();
	}
};

TEST_F(Lease, TheReplyToAMissFills)
{
	miss("key", 7);
	EXPECT_EQ(reply("key", "value", 7), "fills+1");
	EXPECT_EQ(ask("key", 8), toy_value("key", "value", 8));
}

TEST_F(Lease, AReplyThatNobodyAskedForDoesNotFill)
{
	moved_now();
	EXPECT_EQ(reply("key", "value"), "nofill_lease+1");
	EXPECT_FALSE(cached("key"));
}

TEST_F(Lease, AnotherRequestsReplyDoesNotFill)
{
	miss("key", 7);
	EXPECT_EQ(reply("key", "value", 8), "nofill_lease+1");
	EXPECT_EQ(reply("key", "value", 7), "fills+1");
}

TEST_F(Lease, AnotherKeysReplyDoesNotFill)
{
	miss("key");
	EXPECT_EQ(reply("kez", "value"), "nofill_lease+1");
	EXPECT_EQ(reply("key1", "value"), "nofill_lease+1");
	EXPECT_FALSE(cached("kez"));
}

TEST_F(Lease, AnotherClientsReplyDoesNotFill)
{
	miss("key");
	const Packet client = request_;
	request_.source = "10.0.0.3";
	EXPECT_EQ(reply("key", "value"), "nofill_lease+1");
	request_ = client;
	request_.source_port++;
	EXPECT_EQ(reply("key", "value"), "nofill_lease+1");
	request_ = client;
	EXPECT_EQ(reply("key", "value"), "fills+1");
}

TEST_F(Lease, OneReplyFillsOnce)
{
	miss("key");
	EXPECT_EQ(reply("key", "first"), "fills+1");
	EXPECT_EQ(reply("key", "second"), "nofill_lease+1");
	EXPECT_EQ(ask("key"), toy_value("key", "first"));
}

TEST_F(Lease, TheLastToAskHoldsTheLease)
{
	miss("key", 1);
	miss("key", 2);
	EXPECT_EQ(reply("key", "first", 1), "nofill_lease+1");
	EXPECT_EQ(reply("key", "second", 2), "fills+1");
	EXPECT_EQ(ask("key"), toy_value("key", "second"));
}

// A datagram that comes twice: either reply may be the older one, on CPUs that overtake each other.
TEST_F(Lease, ANumberThatIsUsedAgainTooEarlyFillsNothing)
{
	miss("key", 1);
	miss("key", 1);
	EXPECT_EQ(reply("key", "first", 1), "nofill_lease+1");
	EXPECT_EQ(reply("key", "second", 1), "nofill_lease+1");
	miss("key", 1);
	EXPECT_EQ(reply("key", "third", 1), "fills+1");
	EXPECT_EQ(ask("key"), toy_value("key", "third"));
}

TEST_F(Lease, AWriteInBetweenMakesTheReplyOld)
{
	miss("key");
	send(toy_set("key", "new", 2));
	EXPECT_EQ(moved_now(), "writes+1 not_served+1");
	EXPECT_EQ(reply("key", "old"), "nofill_lease+1");
	// A miss after the write: its reply is good.
	miss("key");
	EXPECT_EQ(answer(toy_value("key", "new")).verdict, kNext);
	EXPECT_EQ(ask("key"), toy_value("key", "new"));
}

TEST_F(Lease, AnotherKeysWriteInBetweenDoesNotMatter)
{
	miss("key");
	send(toy_set("other", "new", 2));
	moved_now();
	EXPECT_EQ(reply("key", "value"), "fills+1");
}

TEST_F(Lease, AFlushInBetweenMakesTheReplyOld)
{
	miss("key");
	send("what is this?\n");
	EXPECT_EQ(moved_now(), "flushes+1 malformed+1");
	EXPECT_EQ(reply("key", "old"), "nofill_lease+1");
	EXPECT_FALSE(cached("key"));
}

TEST_F(Lease, AFlushFromUserSpaceMakesTheReplyOld)
{
	miss("key");
	datapath_.bump_epoch();
	EXPECT_EQ(reply("key", "old"), "nofill_lease+1");
	EXPECT_FALSE(cached("key"));
}

TEST_F(Lease, AWriteRemovesTheEntry)
{
	ASSERT_TRUE(fill("key", "value"));
	ASSERT_TRUE(fill("other", "value"));
	moved_now();
	send(toy_set("key", "new"));
	EXPECT_EQ(moved_now(), "invalidations+1 writes+1 not_served+1");
	EXPECT_FALSE(cached("key"));
	EXPECT_TRUE(cached("other"));
}

TEST_F(Lease, LimitsOfKeyAndValue)
{
	const std::string longest(PS_MAX_VALUE, 'v');
	miss("key");
	EXPECT_EQ(reply("key", longest + "v"), "nofill_size+1");
	miss("key");
	EXPECT_EQ(reply("key", longest), "fills+1");
}

class SmallLimits : public Lease
{
protected:
	SmallLimits() : Lease({.max_key = 20, .max_value = 30}) {}
};

TEST_F(SmallLimits, AreHeld)
{
	const std::string key(20, 'k');
	EXPECT_TRUE(fill(key, std::string(30, 'v')));
	EXPECT_EQ(ask(key), toy_value(key, std::string(30, 'v')));
	EXPECT_FALSE(fill(key + 'k', "value"));
	EXPECT_FALSE(fill("key", std::string(31, 'v')));
	EXPECT_TRUE(fill("key", ""));
}

class Settle : public Lease
{
protected:
	Settle() : Lease({.settle = 200ms}) {}
};

TEST_F(Settle, AWriteHoldsOffFillsOfItsKey)
{
	ASSERT_TRUE(fill("key", "old"));
	send(toy_set("key", "new", 2));
	// Perhaps the server has not executed the write yet: what it says now may be old.
	EXPECT_FALSE(fill("key", "old"));
	EXPECT_TRUE(fill("other", "value"));
	std::this_thread::sleep_for(250ms);
	EXPECT_TRUE(fill("key", "new"));
	EXPECT_EQ(ask("key"), toy_value("key", "new"));
}

TEST_F(Settle, AFlushHoldsOffAllFills)
{
	send("what is this?\n");
	EXPECT_FALSE(fill("key", "old"));
	std::this_thread::sleep_for(250ms);
	EXPECT_TRUE(fill("key", "new"));
}

class Strangers : public Lease
{
protected:
	Strangers() : Lease({.trust_sender = false}) {}
};

// No packet of BPF_PROG_TEST_RUN comes from a socket: all are strangers'.
TEST_F(Strangers, NeitherProveAPathNorFill)
{
	EXPECT_FALSE(fill("key", "value"));
	Packet packet = request_;
	packet.payload = toy_get("key");
	EXPECT_EQ(datapath_.ingress(packet.bytes()).verdict, kPass);
	EXPECT_EQ(count(PS_COUNT_fills), 0u);
	for (unsigned i = 0; i < PS_MAX_PATHS; ++i) {
		ps_service_state state{};
		const std::uint32_t service = 0;
		ASSERT_EQ(bpf_map_lookup_elem(datapath_.map("ps_service_state"), &service, &state),
			  0);
		EXPECT_EQ(state.path[i].epoch, 0u);
	}
}

} // namespace

} // namespace prestack::test
