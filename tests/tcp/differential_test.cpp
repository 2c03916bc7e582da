// SPDX-License-Identifier: GPL-2.0-only
// Thousands of connections: what each client receives is byte for byte what the server alone sends.
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
	const Stand stand;
	const auto plays = stand.rehearse(the_seed(), 0, connections);
	expect_all_complete(stand.perform(plays), plays.size());
	print_counters(stand);
	expect_hits(stand, 10);
	EXPECT_EQ(stand.counter("flows_lost"), 0U);
}

TEST_F(Differential, OverIpv6)
{
	const Stand stand({.ipv6 = true});
	const auto plays = stand.rehearse(the_seed(), connections, fewer);
	expect_all_complete(stand.perform(plays), plays.size());
	print_counters(stand);
	expect_hits(stand, 10);
}

// A connection on which something is said that is not understood is not followed any more.
TEST_F(Differential, WithCommandsThatNobodyKnows)
{
	const Stand stand;
	const auto plays = stand.rehearse(the_seed(), 0, fewer, {.unknown = true});
	expect_all_complete(stand.perform(plays), plays.size());
	print_counters(stand);
	EXPECT_GT(stand.counter("flows_lost"), 0U);
}

// Redis: half as many connections, since each says more. Those with transactions, scripts and other
// databases are not answered by the kernel, and what they do flushes what others have cached.
TEST_F(Differential, EachConnectionGetsWhatRedisAloneSends)
{
	skip_without(&redis_protocol);
	if (IsSkipped())
		return;
	const Stand stand({.protocol = &redis_protocol});
	const auto plays = stand.rehearse(the_seed(), 0, connections / 2);
	expect_all_complete(stand.perform(plays), plays.size());
	print_counters(stand);
	expect_hits(stand, 20);
	EXPECT_EQ(stand.counter("flows_lost"), 0U);
}

TEST_F(Differential, RedisWithTransactionsAndScripts)
{
	skip_without(&redis_protocol);
	if (IsSkipped())
		return;
	const Stand stand({.protocol = &redis_protocol, .ipv6 = true});
	const auto plays = stand.rehearse(the_seed(), 0, fewer, {.unknown = true});
	expect_all_complete(stand.perform(plays), plays.size());
	print_counters(stand);
	EXPECT_GT(stand.counter("stream_hits"), 0U);
	EXPECT_EQ(stand.counter("flows_lost"), 0U);
}

TEST_F(Differential, OfRedisAlone)
{
	skip_without(&redis_protocol);
	if (IsSkipped())
		return;
	const Stand stand({.protocol = &redis_protocol, .with_prestack = false});
	for (const bool unknown : {false, true}) {
		const auto plays = stand.rehearse(the_seed(), 0, fewer, {.unknown = unknown});
		expect_all_complete(stand.perform(plays), plays.size());
	}
}

// The test itself: without prestack the same holds, and one wrong byte is found.
TEST_F(Differential, OfMemcachedAlone)
{
	const Stand stand({.with_prestack = false});
	auto plays = stand.rehearse(the_seed(), 0, fewer);
	expect_all_complete(stand.perform(plays), plays.size());

	plays = stand.rehearse(the_seed(), fewer, 2);
	plays[0].replies.back() ^= 1;
	plays[1].replies.pop_back();
	for (Play &play : plays) // so that it is read to its end
		play.script.ending = Ending::half_close;
	const Tally tally = stand.perform(plays);
	EXPECT_EQ(tally.count(Outcome::wrong), 2U) << details(tally);
}

} // namespace
} // namespace prestack::test
