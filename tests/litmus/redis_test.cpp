// SPDX-License-Identifier: GPL-2.0-only
// The same runs with Redis, whose writers also use scripts, transactions and times to live, and one of which
// does not pass prestack.
#include "fixture.hpp"
#include "support/redis.hpp"

namespace prestack::test
{
namespace
{

constexpr std::uint32_t with_mortal = 6; // keys
constexpr std::uint64_t enough_operations = 20'000;

LoadOptions over_tcp(std::chrono::milliseconds write_interval, std::uint32_t keys = 5)
{
	return {.keys = keys,
		.udp_readers = 0,
		.udp_meta_readers = 0,
		.tcp_readers = 8,
		.tcp_writers = 5,
		.udp_writers = 0,
		.careless = 0,
		.aside_writers = 1,
		.write_interval = write_interval,
		.replace_of = 60};
}

const LoadOptions redis_relaxed = over_tcp(std::chrono::milliseconds{300});
const LoadOptions redis_brisk = over_tcp(std::chrono::milliseconds{60});
const LoadOptions redis_furious = over_tcp(std::chrono::milliseconds{12});

class RedisLitmus : public Litmus
{
protected:
	void SetUp() override
	{
		if (const std::string why = why_no_redis(); !why.empty())
			GTEST_SKIP() << why;
	}

	static SceneOptions options(const LoadOptions &load)
	{
		return {.protocol = &redis_protocol(),
			.settle = Milliseconds{20},
			.load = load,
			.operations = enough_operations,
			.at_least = std::chrono::seconds{3}};
	}

	static SceneOptions hardly_settling(const std::string &binary = "")
	{
		SceneOptions many = options(redis_furious);
		many.settle = settle_shortest;
		many.binary = binary;
		return many;
	}

	// Nothing stands in the way of its clients: none of them has to begin again.
	static void expect_smooth(const SceneOptions &options)
	{
		Scene scene(options);
		scene.run([] { pause(); });
		expect_coherent(scene, options);
		EXPECT_EQ(scene.load().disturbed(), 0U);
	}

	// Redis stands still now and then, for longer than `settle`, and finds many requests waiting.
	static void stumble(Scene &scene)
	{
		pause(Milliseconds{20});
		scene.server().pause();
		pause(Milliseconds{10});
		scene.server().resume();
	}
};

TEST_F(RedisLitmus, Alone)
{
	SceneOptions alone = options(redis_furious);
	alone.load.keys = with_mortal;
	alone.with_prestack = false;
	expect_smooth(alone);
}

TEST_F(RedisLitmus, ManyHits)
{
	expect_smooth(options(redis_relaxed));
}

TEST_F(RedisLitmus, ManyWrites)
{
	SceneOptions many = options(redis_furious);
	many.settle = settle_short;
	expect_smooth(many);
}

// The same on the right build and on the one with a defect: what the judge finds there is that defect, and
// nothing else.
TEST_F(RedisLitmus, ManyWritesThatHardlySettle)
{
	const SceneOptions many = hardly_settling();
	Scene scene(many);
	scene.run([&] { stumble(scene); });
	expect_coherent(scene, many);
}

#ifdef PRESTACK_BROKEN_REDIS_EXPERIMENTAL_GENERATION_BINARY
TEST_F(RedisLitmus, FindsTheMissingGenerationCheck)
{
	EXPECT_GT(
		violations_of(hardly_settling(PRESTACK_BROKEN_REDIS_EXPERIMENTAL_GENERATION_BINARY),
			      stumble),
		0U)
		<< "the litmus is blind";
}
#endif

// One key's strings live a second or less, by SET PX and PEXPIRE.
TEST_F(RedisLitmus, StringsThatExpire)
{
	SceneOptions mortal = options(redis_relaxed);
	mortal.load.keys = with_mortal;
	mortal.at_least = std::chrono::seconds{6};
	expect_smooth(mortal);
}

TEST_F(RedisLitmus, ChaosOfOneInAHundred)
{
	SceneOptions bad = options(redis_relaxed);
	bad.load.keys = with_mortal;
	bad.chaos = chaos_of(10);
	expect_coherent(bad);
}

TEST_F(RedisLitmus, PrestackKilledAndStartedAgain)
{
	const SceneOptions killed = options(redis_relaxed);
	Scene scene(killed);
	pause(Milliseconds{1'500});
	scene.count();
	scene.prestack().kill9();
	pause(Milliseconds{300});
	scene.prestack().start();
	scene.run([] { pause(); });
	expect_coherent(scene, killed);
}

TEST_F(RedisLitmus, RedisKilledAndStartedAgain)
{
	const SceneOptions killed = options(redis_relaxed);
	Scene scene(killed);
	pause(Milliseconds{1'500});
	scene.restart_server();
	scene.run([] { pause(); });
	expect_coherent(scene, killed);
}

} // namespace
} // namespace prestack::test
