// SPDX-License-Identifier: GPL-2.0-only
// Concurrent clients of memcached, with four threads behind prestack, never see a value older than one
// that was acknowledged or seen before. Builds with a known defect are found out.
#include "fixture.hpp"

namespace prestack::test
{
namespace
{

constexpr std::uint32_t with_mortal = 6; // keys

// The checker and the clients themselves: memcached alone is an atomic store.
TEST_F(Litmus, MemcachedAlone)
{
	LoadOptions load = constant_writes;
	load.keys = with_mortal;
	expect_coherent({.load = load,
			 .with_prestack = false,
			 .operations = 50'000,
			 .at_least = std::chrono::seconds{10}});
}

TEST_F(Litmus, MemcachedAloneInChaos)
{
	expect_coherent({.load = constant_writes,
			 .chaos = chaos_of(30),
			 .with_prestack = false,
			 .operations = 20'000});
}

TEST_F(Litmus, AMillionOperations)
{
	expect_coherent({.load = rare_writes, .operations = 1'000'000});
}

TEST_F(Litmus, ShortSettle)
{
	expect_coherent({.settle = settle_short, .load = frequent_writes});
}

// The same load on the right build and on those with a defect: what the checker finds there is that
// defect, and nothing else.
TEST_F(Litmus, ManyWrites)
{
	expect_coherent({.settle = settle_short, .load = constant_writes});
}

TEST_F(Litmus, ManyWritesThatHardlySettle)
{
	const LitmusOptions options{.settle = settle_shortest, .load = frequent_writes};
	LitmusTestbed testbed(options);
	testbed.run([&] { stall_workers(testbed); });
	expect_coherent(testbed, options);
}

#ifdef PRESTACK_BROKEN_MEMCACHED_GENERATION_BINARY
TEST_F(Litmus, FindsTheMissingGenerationCheck)
{
	EXPECT_GT(violations_of({.settle = settle_short,
				 .load = constant_writes,
				 .binary = PRESTACK_BROKEN_MEMCACHED_GENERATION_BINARY}),
		  0U)
		<< "the litmus is blind";
}

// Writes that take longer than `settle`, after which old values may be filled again: by reads that get to the
// server, so those over TCP do.
TEST_F(Litmus, FindsTheReplyThatRemovesNothing)
{
	EXPECT_GT(violations_of({.settle = settle_shortest,
				 .load = frequent_writes,
				 .binary = PRESTACK_BROKEN_MEMCACHED_REPLY_BINARY,
				 .stream_reads = false},
				stall_workers),
		  0U)
		<< "the litmus is blind";
}
#endif

// One key's items live three seconds, and are read all the time.
TEST_F(Litmus, ItemsThatExpire)
{
	LoadOptions load = rare_writes;
	load.keys = with_mortal;
	expect_coherent({.load = load, .at_least = std::chrono::seconds{12}});
}

// A bad network, in thousandths of all packets.

TEST_F(Litmus, ChaosOfOneInAThousand)
{
	expect_coherent({.load = rare_writes, .chaos = chaos_of(1), .operations = 100'000});
}

TEST_F(Litmus, ChaosOfOneInAHundred)
{
	expect_coherent({.load = frequent_writes, .chaos = chaos_of(10), .operations = 100'000});
}

TEST_F(Litmus, ChaosOfOneInTwenty)
{
	expect_coherent({.load = frequent_writes, .chaos = chaos_of(50), .operations = 50'000});
}

} // namespace
} // namespace prestack::test
