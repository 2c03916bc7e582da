// SPDX-License-Identifier: GPL-2.0-only
// The same with Redis. Its writers also use scripts, transactions and times to live, and one of them
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

	static LitmusOptions options(const LoadOptions &load)
	{
		return {.protocol = &redis_protocol(),
			.settle = Milliseconds{20},
			.load = load,
			.operations = enough_operations,
			.at_least = std::chrono::seconds{3}};
	}

	static LitmusOptions hardly_settling(const std::string &binary = "")
	{
		LitmusOptions many = options(redis_furious);
		many.settle = settle_shortest;
		many.binary = binary;
		return many;
	}

	// Nothing stands in the way of its clients: none of them has to begin again.
	static void expect_smooth(const LitmusOptions &options)
	{
		LitmusTestbed testbed(options);
		testbed.run([] { pause(); });
		expect_coherent(testbed, options);
		EXPECT_EQ(testbed.load().disturbed(), 0U);
	}

	// Redis stands still now and then, for longer than `settle`, and finds many requests waiting.
	static void stall_workers(LitmusTestbed &testbed)
	{
		pause(Milliseconds{20});
		testbed.server().pause();
		pause(Milliseconds{10});
		testbed.server().resume();
	}
};

TEST_F(RedisLitmus, Alone)
{
	LitmusOptions alone = options(redis_furious);
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
	LitmusOptions many = options(redis_furious);
	many.settle = settle_short;
	expect_smooth(many);
}

// The same on the right build and on the one with a defect: what the checker finds there is that defect, and
// nothing else.
TEST_F(RedisLitmus, ManyWritesThatHardlySettle)
{
	const LitmusOptions many = hardly_settling();
	LitmusTestbed testbed(many);
	testbed.run([&] { stall_workers(testbed); });
	expect_coherent(testbed, many);
}

#ifdef PRESTACK_BROKEN_REDIS_EXPERIMENTAL_GENERATION_BINARY
TEST_F(RedisLitmus, FindsTheMissingGenerationCheck)
{
	EXPECT_GT(
		violations_of(hardly_settling(PRESTACK_BROKEN_REDIS_EXPERIMENTAL_GENERATION_BINARY),
			      stall_workers),
		0U)
		<< "the litmus is blind";
}
#endif

// One key's strings live a second or less, by SET PX and PEXPIRE.
TEST_F(RedisLitmus, StringsThatExpire)
{
	LitmusOptions mortal = options(redis_relaxed);
	mortal.load.keys = with_mortal;
	mortal.at_least = std::chrono::seconds{6};
	expect_smooth(mortal);
}

TEST_F(RedisLitmus, ChaosOfOneInAHundred)
{
	LitmusOptions bad = options(redis_relaxed);
	bad.load.keys = with_mortal;
	bad.chaos = chaos_of(10);
	expect_coherent(bad);
}

TEST_F(RedisLitmus, PrestackKilledAndStartedAgain)
{
	const LitmusOptions killed = options(redis_relaxed);
	LitmusTestbed testbed(killed);
	pause(Milliseconds{1'500});
	testbed.count();
	testbed.prestack().kill9();
	pause(Milliseconds{300});
	testbed.prestack().start();
	testbed.run([] { pause(); });
	expect_coherent(testbed, killed);
}

TEST_F(RedisLitmus, RedisKilledAndStartedAgain)
{
	const LitmusOptions killed = options(redis_relaxed);
	LitmusTestbed testbed(killed);
	pause(Milliseconds{1'500});
	testbed.restart_server();
	testbed.run([] { pause(); });
	expect_coherent(testbed, killed);
}

} // namespace
} // namespace prestack::test
