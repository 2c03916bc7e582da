// SPDX-License-Identifier: GPL-2.0-only
// Real concurrent runs: memcached with four threads behind prestack, clients that read and write a
// few hot keys in every way, and the judge.
#include "fixture.hpp"

namespace prestack::test
{
namespace
{

constexpr std::uint32_t with_mortal = 6; // keys

// The judge and the clients themselves: memcached alone is an atomic store.
TEST_F(Litmus, MemcachedAlone)
{
	LoadOptions load = furious;
	load.keys = with_mortal;
	expect_coherent({.load = load,
			 .with_prestack = false,
			 .operations = 50'000,
			 .at_least = std::chrono::seconds{10}});
}

TEST_F(Litmus, MemcachedAloneInChaos)
{
	expect_coherent({.load = furious,
			 .chaos = chaos_of(30),
			 .with_prestack = false,
			 .operations = 20'000});
}

TEST_F(Litmus, AMillionOperations)
{
	expect_coherent({.load = relaxed, .operations = 1'000'000});
}

TEST_F(Litmus, ShortSettle)
{
	expect_coherent({.settle = settle_short, .load = brisk});
}

// The same load on the right build and on those with a defect: what the judge finds there is that
// defect, and nothing else.
TEST_F(Litmus, ManyWrites)
{
	expect_coherent({.settle = settle_short, .load = furious});
}

TEST_F(Litmus, ManyWritesThatHardlySettle)
{
	const SceneOptions options{.settle = settle_shortest, .load = brisk};
	Scene scene(options);
	scene.run([&] { stumble(scene); });
	expect_coherent(scene, options);
}

#ifdef PRESTACK_BROKEN_MEMCACHED_GENERATION_BINARY
TEST_F(Litmus, FindsTheMissingGenerationCheck)
{
	EXPECT_GT(violations_of({.settle = settle_short,
				 .load = furious,
				 .binary = PRESTACK_BROKEN_MEMCACHED_GENERATION_BINARY}),
		  0U)
		<< "the litmus is blind";
}

// Writes that take longer than `settle`, after which old values may be filled again: by reads that get to the
// server, so those over TCP do.
TEST_F(Litmus, FindsTheReplyThatRemovesNothing)
{
	EXPECT_GT(violations_of({.settle = settle_shortest,
				 .load = brisk,
				 .binary = PRESTACK_BROKEN_MEMCACHED_REPLY_BINARY,
				 .stream_reads = false},
				stumble),
		  0U)
		<< "the litmus is blind";
}
#endif

// One key's items live three seconds, and are read all the time.
TEST_F(Litmus, ItemsThatExpire)
{
	LoadOptions load = relaxed;
	load.keys = with_mortal;
	expect_coherent({.load = load, .at_least = std::chrono::seconds{12}});
}

// A bad network, in thousandths of all packets.

TEST_F(Litmus, ChaosOfOneInAThousand)
{
	expect_coherent({.load = relaxed, .chaos = chaos_of(1), .operations = 100'000});
}

TEST_F(Litmus, ChaosOfOneInAHundred)
{
	expect_coherent({.load = brisk, .chaos = chaos_of(10), .operations = 100'000});
}

TEST_F(Litmus, ChaosOfOneInTwenty)
{
	expect_coherent({.load = brisk, .chaos = chaos_of(50), .operations = 50'000});
}

} // namespace
} // namespace prestack::test
