// SPDX-License-Identifier: GPL-2.0-only
// Over thousands of connections, each client receives byte for byte what the server alone sends.
#include "fixture.hpp"

namespace prestack::test
{
namespace
{

constexpr unsigned connections = 2'000;
constexpr unsigned fewer = 400;

class Differential : public TcpReads
{
};

TEST_F(Differential, EachConnectionGetsWhatMemcachedAloneSends)
{
	const TcpTestbed testbed;
	const auto scripts = testbed.record(test_seed(), 0, connections);
	expect_all_complete(testbed.run_scripts(scripts), scripts.size());
	print_counters(testbed);
	expect_hits(testbed, 10);
	EXPECT_EQ(testbed.counter("flows_lost"), 0U);
}

TEST_F(Differential, OverIpv6)
{
	const TcpTestbed testbed({.ipv6 = true});
	const auto scripts = testbed.record(test_seed(), connections, fewer);
	expect_all_complete(testbed.run_scripts(scripts), scripts.size());
	print_counters(testbed);
	expect_hits(testbed, 10);
}

// A connection on which something is said that is not understood is not followed any more.
TEST_F(Differential, WithCommandsThatNobodyKnows)
{
	const TcpTestbed testbed;
	const auto scripts = testbed.record(test_seed(), 0, fewer, {.unknown = true});
	expect_all_complete(testbed.run_scripts(scripts), scripts.size());
	print_counters(testbed);
	EXPECT_GT(testbed.counter("flows_lost"), 0U);
}

// Redis: half as many connections, since each says more. Those with transactions, scripts and other
// databases are not answered by the kernel, and what they do flushes what others have cached.
TEST_F(Differential, EachConnectionGetsWhatRedisAloneSends)
{
	skip_without(&redis_protocol);
	if (IsSkipped())
		return;
	const TcpTestbed testbed({.protocol = &redis_protocol});
	const auto scripts = testbed.record(test_seed(), 0, connections / 2);
	expect_all_complete(testbed.run_scripts(scripts), scripts.size());
	print_counters(testbed);
	expect_hits(testbed, 20);
	EXPECT_EQ(testbed.counter("flows_lost"), 0U);
}

TEST_F(Differential, RedisWithTransactionsAndScripts)
{
	skip_without(&redis_protocol);
	if (IsSkipped())
		return;
	const TcpTestbed testbed({.protocol = &redis_protocol, .ipv6 = true});
	const auto scripts = testbed.record(test_seed(), 0, fewer, {.unknown = true});
	expect_all_complete(testbed.run_scripts(scripts), scripts.size());
	print_counters(testbed);
	EXPECT_GT(testbed.counter("stream_hits"), 0U);
	EXPECT_EQ(testbed.counter("flows_lost"), 0U);
}

TEST_F(Differential, OfRedisAlone)
{
	skip_without(&redis_protocol);
	if (IsSkipped())
		return;
	const TcpTestbed testbed({.protocol = &redis_protocol, .with_prestack = false});
	for (const bool unknown : {false, true}) {
		const auto scripts = testbed.record(test_seed(), 0, fewer, {.unknown = unknown});
		expect_all_complete(testbed.run_scripts(scripts), scripts.size());
	}
}

// The test itself: without prestack the same holds, and one wrong byte is found.
TEST_F(Differential, OfMemcachedAlone)
{
	const TcpTestbed testbed({.with_prestack = false});
	auto scripts = testbed.record(test_seed(), 0, fewer);
	expect_all_complete(testbed.run_scripts(scripts), scripts.size());

	scripts = testbed.record(test_seed(), fewer, 2);
	scripts[0].replies.back() ^= 1;
	scripts[1].replies.pop_back();
	for (RecordedScript &recorded : scripts) // so that it is read to its end
		recorded.script.ending = Ending::half_close;
	const Tally tally = testbed.run_scripts(scripts);
	EXPECT_EQ(tally.count(Outcome::wrong), 2U) << details(tally);
}

} // namespace
} // namespace prestack::test
