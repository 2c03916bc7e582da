// SPDX-License-Identifier: GPL-2.0-only
// Runs in which prestack or memcached is killed and started again, also on a bad network.
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
	static SceneOptions options(const LoadOptions &load)
	{
		SceneOptions options{.load = load,
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
	const SceneOptions options = Restart::options(brisk);
	Scene scene(options);
	scene.run([&] {
		pause(Milliseconds{100});
		scene.prestack().flush();
	});
	expect_coherent(scene, options);
}

// While it is gone, and until a new one is attached, nobody sees the writes.
TEST_P(Restart, PrestackKilledAndStartedAgain)
{
	const SceneOptions options = Restart::options(relaxed);
	Scene scene(options);
	for (unsigned i = 0; i < disturbances; ++i) {
		pause(between_disturbances);
		scene.count();
		scene.prestack().kill9();
		pause(Milliseconds{300});
		scene.prestack().start();
	}
	scene.run([] { pause(); });
	expect_coherent(scene, options);
}

// In order: what is stopped is detached, and what was under way goes by unseen.
TEST_P(Restart, PrestackStoppedAndStartedAgain)
{
	const SceneOptions options = Restart::options(relaxed);
	Scene scene(options);
	for (unsigned i = 0; i < disturbances; ++i) {
		pause(between_disturbances);
		scene.count();
		scene.prestack().stop();
		scene.prestack().start();
	}
	scene.run([] { pause(); });
	expect_coherent(scene, options);
}

// All is lost then: absent is right, and nothing that the old process said may be seen again.
TEST_P(Restart, MemcachedKilledAndStartedAgain)
{
	const SceneOptions options = Restart::options(relaxed);
	Scene scene(options);
	for (unsigned i = 0; i < disturbances; ++i) {
		pause(between_disturbances);
		scene.restart_server();
	}
	scene.run([] { pause(); });
	expect_coherent(scene, options);
}

INSTANTIATE_TEST_SUITE_P(Chaos, Restart, testing::Values(0, 10),
			 [](const auto &each) { return each.param == 0 ? "Calm" : "InChaos"; });

// Writes that the server had received, but not carried out, when prestack attached: nobody saw them
// arrive. They take less than `settle`, so no older value may be kept.
TEST_F(Litmus, WritesUnderWayWhenPrestackStarts)
{
	LoadOptions load = relaxed;
	load.write_interval = std::chrono::milliseconds{1'600};
	load.datagram_life = Milliseconds{10'000};
	Scene scene({.settle = Milliseconds{3'000}, .load = load});
	for (int round = 0; round < 2; ++round) {
		scene.count();
		scene.prestack().kill9();
		scene.memcached().pause();
		pause(Milliseconds{300}); // until writers wait for an answer
		scene.prestack().start();
		scene.memcached().resume();
		pause(Milliseconds{5'000}); // past settle
	}
	/* Replies to what was asked before each start match nothing, and flush: that takes a while to end. */
	for (int more = 0; more < 5 && scene.prestack().counter("hits") == 0; ++more)
		pause(Milliseconds{5'000});
	const Verdict verdict = scene.judge(name());
	EXPECT_TRUE(verdict.violations.empty());
	EXPECT_GT(verdict.hits, 0U);
}

} // namespace
} // namespace prestack::test
