// SPDX-License-Identifier: GPL-2.0-only
// A hit is answered by the kernel and a miss by memcached, with the same bytes.
#include <random>

#include "fixture.hpp"

namespace prestack::test
{
namespace
{

using HitAndMiss = AssociativityTest;

TEST_P(HitAndMiss, AHitIsAnsweredByTheKernel)
{
	const std::string key = testbed().key("hit");
	testbed().store_and_warm(key, "value", 42);
	EXPECT_EQ(testbed().read_hit(get(key)), "VALUE " + key + " 42 5\r\nvalue\r\nEND\r\n");
}

TEST_P(HitAndMiss, AMissGoesToMemcached)
{
	const std::string cached = testbed().key("cached");
	testbed().store_and_warm(cached, "value");
	const std::string absent = testbed().key("absent");
	EXPECT_EQ(testbed().read_pass(get(absent)), "END\r\n");
	const std::string stored = testbed().key("stored");
	testbed().write(store(stored, "never read before"));
	EXPECT_EQ(testbed().read_pass(get(stored)),
		  "VALUE " + stored + " 0 17\r\nnever read before\r\nEND\r\n");
	EXPECT_EQ(testbed().read_pass("bogus " + cached + "\r\n"), "ERROR\r\n");
	EXPECT_EQ(testbed().read_pass("get\r\n"), "ERROR\r\n");
}

TEST_P(HitAndMiss, AnEmptyValueIsAValue)
{
	const std::string key = testbed().key("empty");
	testbed().store_and_warm(key, "", 4'294'967'295U);
	EXPECT_EQ(testbed().read_hit(get(key)), "VALUE " + key + " 4294967295 0\r\n\r\nEND\r\n");
}

TEST_P(HitAndMiss, SeveralKeysComeInOneReplyInTheOrderAsked)
{
	std::string keys;
	for (const char *value : {"one", "two", "three"}) {
		const std::string key = testbed().key("several");
		testbed().store_and_warm(key, value);
		keys = key + (keys.empty() ? "" : " ") + keys;
	}
	testbed().read_hit(get(keys));
	const auto datagrams = testbed().udp_client().exchange(get(keys));
	ASSERT_EQ(datagrams.size(), 1U) << "the kernel answers in one datagram";
	EXPECT_EQ(datagrams[0].header.sequence, 0);
	EXPECT_EQ(datagrams[0].header.total, 1);
	EXPECT_EQ(datagrams[0].header.reserved, 0);
	// Twice the same key is twice the answer.
	const std::string first = keys.substr(0, keys.find(' '));
	testbed().read(get(first + " " + first));
}

TEST_P(HitAndMiss, TheRequestIdIsEchoed)
{
	const std::string key = testbed().key("id");
	testbed().store_and_warm(key, "value");
	for (const std::uint16_t id : {0, 1, 255, 256, 0x1234, 0xfffe, 0xffff}) {
		const std::uint64_t hits = testbed().hits();
		testbed().udp_client().send({.request_id = id}, get(key));
		const auto datagram = testbed().udp_client().receive();
		ASSERT_TRUE(datagram.has_value());
		EXPECT_EQ(datagram->header, UdpHeader{.request_id = id});
		EXPECT_EQ(testbed().hits(), hits + 1);
	}
}

TEST_P(HitAndMiss, ARequestIsAnsweredOnce)
{
	const std::string key = testbed().key("once");
	testbed().store_and_warm(key, "value");
	UdpClient client = testbed().udp();
	for (int round = 0; round < 20; ++round)
		client.ask(get(key));
	client.ask(
		get(testbed().key("absent"))); // comes behind whatever memcached might have added
	EXPECT_EQ(client.strays(), 0U);
}

// More keys than the table holds, in random order with writes between: whoever is evicted and
// whatever collides, each answer is memcached's.
TEST_P(HitAndMiss, ATableTooSmallNeverGivesAWrongAnswer)
{
	Testbed &small = Testbed::shared({.associativity = GetParam(), .memory = "1MiB"});
	std::mt19937 random(GetParam());
	const std::string prefix = small.key("small");
	for (int step = 0; step < 3'000; ++step) {
		const std::string key = prefix + "." + std::to_string(random() % 1'000);
		if (random() % 4 == 0) {
			small.write(store(
				key,
				std::string(random() % 900, static_cast<char>('a' + step % 26)),
				random() % 1'000));
		} else {
			small.read(get(key));
		}
		if (HasFailure())
			FAIL() << "at step " << step;
	}
	EXPECT_GT(small.prestack().counter("fills"), 0U);
}

INSTANTIATE_TEST_SUITE_P(Memcached, HitAndMiss, every_associativity, associativity_name);

} // namespace
} // namespace prestack::test
