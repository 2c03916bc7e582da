// SPDX-License-Identifier: GPL-2.0-only
// Every client receives the right bytes on a bad network, and while prestack is ended and started
// again.
#include <thread>

#include "fixture.hpp"
#include "support/process.hpp"

namespace prestack::test
{
namespace
{

constexpr unsigned connections = 100;

ChaosOptions chaos_of(unsigned rate)
{
	return {.to_server = ChaosRates::all(rate), .to_client = ChaosRates::all(rate)};
}

ScriptOptions short_ones()
{
	return {.bursts = 6, .most = 20'000};
}

struct Weather {
	unsigned rate; // thousandths of all packets, for each mishap
	bool ipv6;
	bool sack;
	bool timestamps;
	const Protocol *protocol = &memcached_protocol;
};

std::string weather_name(const testing::TestParamInfo<Weather> &info)
{
	const Weather &weather = info.param;
	return (weather.protocol == &redis_protocol ? "Redis" : "") + std::string("Of") +
	       std::to_string(weather.rate) + (weather.ipv6 ? "V6" : "V4") +
	       (weather.sack ? "Sack" : "") + (weather.timestamps ? "Timestamps" : "");
}

TcpTestbedOptions in_weather(const Weather &weather)
{
	return {.protocol = weather.protocol,
		.ipv6 = weather.ipv6,
		.chaos = chaos_of(weather.rate),
		.sysctls = {{"ipv4/tcp_sack", weather.sack ? "1" : "0"},
			    {"ipv4/tcp_timestamps", weather.timestamps ? "1" : "0"}}};
}

class Chaotic : public TcpReads, public testing::WithParamInterface<Weather>
{
};

TEST_P(Chaotic, EachConnectionGetsAllOfItsReplies)
{
	skip_without(GetParam().protocol);
	if (IsSkipped())
		return;
	TcpTestbed testbed(in_weather(GetParam()));
	const auto scripts = testbed.record(test_seed(), 10'000, connections, short_ones());
	expect_all_complete(testbed.run_scripts(scripts, {.at_a_time = 48}), scripts.size());
	print_counters(testbed);
	ChaosCounters all = testbed.chaos().to_server();
	all += testbed.chaos().to_client();
	EXPECT_GT(all.dropped, 0U);
	EXPECT_GT(all.duplicated, 0U);
	EXPECT_GT(all.delayed, 0U);
	expect_hits(testbed, 50);
	if (GetParam().rate >= 50) {
		EXPECT_GT(testbed.counter("replays"), 0U);
	}
}

// Each two of the choices meet at each rate.
std::vector<Weather> weathers()
{
	std::vector<Weather> all;
	for (const unsigned rate : {1U, 10U, 50U}) {
		all.push_back({rate, false, true, true});
		all.push_back({rate, false, false, false});
		all.push_back({rate, true, true, false});
		all.push_back({rate, true, false, true});
		all.push_back({rate, rate == 10, rate != 10, true, &redis_protocol});
	}
	return all;
}

INSTANTIATE_TEST_SUITE_P(All, Chaotic, testing::ValuesIn(weathers()), weather_name);

struct Break {
	bool kill;
	unsigned rate;
	bool ipv6;
	const Protocol *protocol = &memcached_protocol;
};

// prestack ends and comes back while connections are open, some of them in the middle of a conversation.
class Restarted : public TcpReads, public testing::WithParamInterface<Break>
{
protected:
	static constexpr unsigned connections = 80;

	void SetUp() override
	{
		TcpReads::SetUp();
		// A loader whose end is that of what translates has nothing to be tested here.
		if (!IsSkipped() &&
		    run({.argv = {*prestack_binary(), "--help"}}).output.find("\n  stop ") ==
			    std::string::npos)
			GTEST_SKIP()
				<< "this prestack has no `stop`: connections do not outlive it";
	}

	static void end(TcpTestbed &testbed)
	{
		print_counters(testbed);
		if (GetParam().kill)
			testbed.prestack().kill9();
		else
			EXPECT_EQ(testbed.prestack().stop(), 0);
	}
	static void wait_for(const std::atomic<unsigned> &clients, unsigned count)
	{
		EXPECT_TRUE(eventually([&] { return clients >= count; }, Milliseconds{60'000}));
	}
};

TEST_P(Restarted, NoClientGetsAWrongByteNorHangs)
{
	skip_without(GetParam().protocol);
	if (IsSkipped())
		return;
	TcpTestbedOptions options{.protocol = GetParam().protocol, .ipv6 = GetParam().ipv6};
	if (GetParam().rate != 0)
		options.chaos = chaos_of(GetParam().rate);
	TcpTestbed testbed(options);
	ScriptOptions long_ones = short_ones();
	long_ones.phases = 4;
	const auto scripts = testbed.record(test_seed(), 20'000, connections, long_ones);
	Phases phases;
	Tally tally;
	// A reset is sent once. Where it may get lost, who waits for the rest of a reply has to ask.
	const bool asks = !GetParam().kill && GetParam().rate != 0;
	std::thread run_options([&] {
		tally = testbed.run_scripts(scripts,
					    {.at_a_time = connections,
					     .socket = {.keep_alive = asks, .phases = &phases}});
	});
	wait_for(phases.reached[1], connections / 2);
	end(testbed);
	phases.now = 1;
	wait_for(phases.reached[2], connections / 4);
	testbed.prestack().start();
	phases.now = 2;
	wait_for(phases.reached[3], connections / 4);
	end(testbed);
	testbed.prestack().start();
	phases.now = 3;
	run_options.join();
	print_counters(testbed);
	if (GetParam().kill) {
		// That is no end of any connection.
		expect_all_complete(tally, scripts.size());
	} else {
		// Translated connections that go on for longer than it waits are reset.
		EXPECT_EQ(tally.count(Outcome::wrong), 0U) << details(tally);
		EXPECT_EQ(tally.count(Outcome::stuck), 0U) << details(tally);
		EXPECT_GT(tally.count(Outcome::complete), 0U) << details(tally);
		EXPECT_GT(tally.count(Outcome::broken), 0U);
	}
	const auto more = testbed.record(test_seed(), 21'000, connections, short_ones());
	expect_all_complete(testbed.run_scripts(more), more.size());
	print_counters(testbed);
}

INSTANTIATE_TEST_SUITE_P(All, Restarted,
			 testing::Values(Break{false, 0, false}, Break{false, 10, true},
					 Break{true, 0, true}, Break{true, 10, false},
					 Break{true, 0, false, &redis_protocol}),
			 [](const auto &info) {
				 return std::string(info.param.protocol == &redis_protocol ? "Redis"
											   : "") +
					(info.param.kill ? "Kill" : "Stop") +
					(info.param.rate == 0 ? "Calm" : "InChaos") +
					(info.param.ipv6 ? "V6" : "V4");
			 });

} // namespace
} // namespace prestack::test
