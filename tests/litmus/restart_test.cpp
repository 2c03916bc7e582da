// SPDX-License-Identifier: GPL-2.0-only
// Clients see no old value when prestack or memcached is killed and started again, on a bad network
// too.
#include "fixture.hpp"

namespace prestack::test
{
namespace
{

constexpr unsigned disturbances = 2;
constexpr Milliseconds between_disturbances{1'500};
constexpr std::uint64_t enough_operations = 100'000;

class Restart : public Litmus, public testing::WithParamInterface<unsigned>
{
protected:
	static LitmusOptions options(const LoadOptions &load)
	{
		LitmusOptions options{.load = load,
				      .operations = enough_operations,
				      .at_least = std::chrono::seconds{3}};
		if (GetParam() != 0) {
			options.chaos = chaos_of(GetParam());
			options.operations /= 2;
		}
		return options;
	}
};

TEST_P(Restart, FlushedAllTheTime)
{
	const LitmusOptions options = Restart::options(frequent_writes);
	LitmusTestbed testbed(options);
	testbed.run([&] {
		pause(Milliseconds{100});
		testbed.prestack().flush();
	});
	expect_coherent(testbed, options);
}

// While it is gone, and until a new one is attached, nobody sees the writes.
TEST_P(Restart, PrestackKilledAndStartedAgain)
{
	const LitmusOptions options = Restart::options(rare_writes);
	LitmusTestbed testbed(options);
	for (unsigned i = 0; i < disturbances; ++i) {
		pause(between_disturbances);
		testbed.count();
		testbed.prestack().kill9();
		pause(Milliseconds{300});
		testbed.prestack().start();
	}
	testbed.run([] { pause(); });
	expect_coherent(testbed, options);
}

// In order: what is stopped is detached, and what was under way goes by unseen.
TEST_P(Restart, PrestackStoppedAndStartedAgain)
{
	const LitmusOptions options = Restart::options(rare_writes);
	LitmusTestbed testbed(options);
	for (unsigned i = 0; i < disturbances; ++i) {
		pause(between_disturbances);
		testbed.count();
		testbed.prestack().stop();
		testbed.prestack().start();
	}
	testbed.run([] { pause(); });
	expect_coherent(testbed, options);
}

// All is lost then: absent is right, and nothing that the old process said may be seen again.
TEST_P(Restart, MemcachedKilledAndStartedAgain)
{
	const LitmusOptions options = Restart::options(rare_writes);
	LitmusTestbed testbed(options);
	for (unsigned i = 0; i < disturbances; ++i) {
		pause(between_disturbances);
		testbed.restart_server();
	}
	testbed.run([] { pause(); });
	expect_coherent(testbed, options);
}

INSTANTIATE_TEST_SUITE_P(Chaos, Restart, testing::Values(0, 10),
			 [](const auto &each) { return each.param == 0 ? "Calm" : "InChaos"; });

// Writes that the server had received, but not carried out, when prestack attached: nobody saw them
// arrive. They take less than `settle`, so no older value may be kept.
TEST_F(Litmus, WritesUnderWayWhenPrestackStarts)
{
	LoadOptions load = rare_writes;
	load.write_interval = std::chrono::milliseconds{1'600};
	load.datagram_life = Milliseconds{10'000};
	LitmusTestbed testbed({.settle = Milliseconds{3'000}, .load = load});
	for (int round = 0; round < 2; ++round) {
		testbed.count();
		testbed.prestack().kill9();
		testbed.memcached().pause();
		pause(Milliseconds{300}); // until writers wait for an answer
		testbed.prestack().start();
		testbed.memcached().resume();
		pause(Milliseconds{5'000}); // past settle
	}
	/* Replies to what was asked before each start match nothing, and flush: that takes a while to end. */
	for (int more = 0; more < 5 && testbed.prestack().counter("hits") == 0; ++more)
		pause(Milliseconds{5'000});
	const RunResult result = testbed.finish(name());
	EXPECT_TRUE(result.violations.empty());
	EXPECT_GT(result.hits, 0U);
}

} // namespace
} // namespace prestack::test
