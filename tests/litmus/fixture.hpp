// SPDX-License-Identifier: GPL-2.0-only
// What all runs have in common.
#pragma once

#include <gtest/gtest.h>

#include "litmus_testbed.hpp"
#include "support/held_thread.hpp"

namespace prestack::test
{

// How often the clients write. Relaxed: long enough for many hits between the writes of a key;
// constant_writes: as many fills that meet a write as possible.
inline constexpr LoadOptions rare_writes{.write_interval = std::chrono::milliseconds{300}};
inline constexpr LoadOptions frequent_writes{.write_interval = std::chrono::milliseconds{60}};
inline constexpr LoadOptions constant_writes{.write_interval = std::chrono::milliseconds{12}};
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
		if (const std::string why_not = why_no_prestack(); !why_not.empty())
			GTEST_SKIP() << why_not;
	}

	static void pause(Milliseconds time = Milliseconds{50})
	{
		std::this_thread::sleep_for(time);
	}

	static std::string name()
	{
		return testing::UnitTest::GetInstance()->current_test_info()->name();
	}

	// Runs undisturbed and checks.
	static void expect_coherent(const LitmusOptions &options)
	{
		LitmusTestbed testbed(options);
		testbed.run([] { pause(); });
		expect_coherent(testbed, options);
	}

	static void expect_coherent(LitmusTestbed &testbed, const LitmusOptions &options)
	{
		const RunResult result = testbed.finish(name());
		EXPECT_TRUE(result.violations.empty()) << "see LITMUS " << name();
		EXPECT_EQ(result.audited_stale, 0U);
		EXPECT_GE(result.operations, options.operations);
		if (options.with_prestack) {
			EXPECT_GT(result.hits, 1'000U) << "little was tested";
			EXPECT_GT(result.fills, 10U) << "little was tested";
			EXPECT_GT(result.invalidations, 10U) << "little was tested";
		}
		if (options.chaos) {
			EXPECT_GT(result.chaos.dropped, 0U);
			EXPECT_GT(result.chaos.duplicated, 0U);
			EXPECT_GT(result.chaos.delayed, 0U);
			EXPECT_GT(result.chaos.reordered, 0U);
		}
	}

	// Each of memcached's four threads stands still now and then, for longer than `settle`: its clients'
	// writes wait, while the other threads answer reads of the same keys.
	static void stall_workers(LitmusTestbed &testbed)
	{
		for (const pid_t worker : testbed.memcached().workers()) {
			pause(Milliseconds{10});
			const HeldThread held(worker);
			pause(Milliseconds{30});
		}
	}

	// How many violations there are in up to sixteen runs of a build that is known to be wrong.
	static std::size_t violations_of(
		const LitmusOptions &broken, const std::function<void(LitmusTestbed &)> &disturb =
						     [](LitmusTestbed &) { pause(); })
	{
		std::size_t found = 0;
		for (int attempt = 0; attempt < 16 && found == 0; ++attempt) {
			LitmusTestbed testbed(broken);
			testbed.run([&] { disturb(testbed); });
			found = testbed.finish(name()).violations.size();
		}
		return found;
	}
};

} // namespace prestack::test
