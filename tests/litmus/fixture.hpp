// SPDX-License-Identifier: GPL-2.0-only
// What all runs have in common.
#pragma once

#include <gtest/gtest.h>

#include "scene.hpp"
#include "support/held_thread.hpp"

namespace prestack::test
{

// How often the clients write. Relaxed: long enough for many hits between the writes of a key;
// furious: as many fills that meet a write as possible.
inline constexpr LoadOptions relaxed{.write_interval = std::chrono::milliseconds{300}};
inline constexpr LoadOptions brisk{.write_interval = std::chrono::milliseconds{60}};
inline constexpr LoadOptions furious{.write_interval = std::chrono::milliseconds{12}};
inline constexpr Milliseconds settle_short{5};
inline constexpr Milliseconds settle_shortest{1};

// `rate` thousandths of all packets, both ways, meet each kind of mishap.
inline ChaosOptions chaos_of(unsigned rate)
{
	return {.to_server = ChaosRates::all(rate), .to_client = ChaosRates::all(rate)};
}

class Litmus : public testing::Test
{
protected:
	static void SetUpTestSuite() { Netns::remove_leftovers(); }
	void SetUp() override
	{
		if (!prestack_binary())
			GTEST_SKIP() << "no prestack binary: set PRESTACK_BIN";
	}

	static void pause(Milliseconds time = Milliseconds{50})
	{
		std::this_thread::sleep_for(time);
	}

	static std::string name()
	{
		return testing::UnitTest::GetInstance()->current_test_info()->name();
	}

	// Runs undisturbed and judges.
	static void expect_coherent(const SceneOptions &options)
	{
		Scene scene(options);
		scene.run([] { pause(); });
		expect_coherent(scene, options);
	}

	static void expect_coherent(Scene &scene, const SceneOptions &options)
	{
		const Verdict verdict = scene.judge(name());
		EXPECT_TRUE(verdict.violations.empty()) << "see LITMUS " << name();
		EXPECT_EQ(verdict.audited_stale, 0U);
		EXPECT_GE(verdict.operations, options.operations);
		if (options.with_prestack) {
			EXPECT_GT(verdict.hits, 1'000U) << "little was tested";
			EXPECT_GT(verdict.fills, 10U) << "little was tested";
			EXPECT_GT(verdict.invalidations, 10U) << "little was tested";
		}
		if (options.chaos) {
			EXPECT_GT(verdict.chaos.dropped, 0U);
			EXPECT_GT(verdict.chaos.duplicated, 0U);
			EXPECT_GT(verdict.chaos.delayed, 0U);
			EXPECT_GT(verdict.chaos.reordered, 0U);
		}
	}

	// Each of memcached's four threads stands still now and then, for longer than `settle`: its clients'
	// writes wait, while the other threads answer reads of the same keys.
	static void stumble(Scene &scene)
	{
		for (const pid_t worker : scene.memcached().workers()) {
			pause(Milliseconds{10});
			const HeldThread held(worker);
			pause(Milliseconds{30});
		}
	}

	// How many violations there are in up to sixteen runs of a build that is known to be wrong.
	static std::size_t violations_of(
		const SceneOptions &broken,
		const std::function<void(Scene &)> &disturb = [](Scene &) { pause(); })
	{
		std::size_t found = 0;
		for (int attempt = 0; attempt < 16 && found == 0; ++attempt) {
			Scene scene(broken);
			scene.run([&] { disturb(scene); });
			found = scene.judge(name()).violations.size();
		}
		return found;
	}
};

} // namespace prestack::test
