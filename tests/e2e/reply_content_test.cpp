// SPDX-License-Identifier: GPL-2.0-only
// Replies are whole: partial hits, long replies, binary values and the replies to gets. These are
// defects (a) to (d) of BMC.
#include "fixture.hpp"

namespace prestack::test
{
namespace
{

class PartialHit : public AssociativityTest
{
};
class LongReply : public AssociativityTest
{
};
class BinaryValue : public AssociativityTest
{
};
class GetsReply : public AssociativityTest
{
};

constexpr std::size_t udp_payload_max = 1500 - 20 - 8 - 8; // MTU less IPv4, UDP and frame headers

TEST_P(PartialHit, MultiGetWithAPartialHitIsAnsweredInFull)
{
	const std::string cached = testbed().key("cached");
	const std::string stored = testbed().key("stored");
	const std::string absent = testbed().key("absent");
	testbed().store_and_warm(cached, "in the kernel");
	testbed().write(store(stored, "in memcached only"));
	EXPECT_EQ(testbed().read_pass(get(cached + " " + stored)),
		  "VALUE " + cached + " 0 13\r\nin the kernel\r\nVALUE " + stored +
			  " 0 17\r\nin memcached only\r\nEND\r\n");
	for (const std::string &keys : {cached + " " + absent, absent + " " + cached,
					absent + " " + cached + " " + absent, absent}) {
		testbed().read_pass(get(keys));
	}
}

TEST_P(PartialHit, MultiGetFillsWhatWasMissing)
{
	const std::string first = testbed().key("first");
	const std::string second = testbed().key("second");
	testbed().write(store(first, "1"));
	testbed().write(store(second, "22"));
	const std::string request = get(first + " " + second);
	const std::uint64_t before = testbed().hits();
	EXPECT_TRUE(eventually([&] {
		testbed().read(request);
		return testbed().hits() > before;
	}));
	testbed().read_hit(request);
	testbed().read_hit(get(second));
}

TEST_P(LongReply, AReplyMuchLongerThanItsRequestIsWhole)
{
	const std::string key = std::string(1, static_cast<char>('A' + GetParam()));
	for (const std::size_t size :
	     {100, 127, 128, 129, 255, 256, 500, 511, 512, 513, 1000, 1023, 1024}) {
		testbed().store_and_warm(key, std::string(size, 'x'));
		testbed().read_hit(get(key));
	}
}

TEST_P(LongReply, AValueBeyondTheLimitIsLeftToMemcached)
{
	const std::string key = testbed().key("big");
	for (const std::size_t size : {1025, 1300, 1400, 2000, 5000}) {
		testbed().write(store(key, std::string(size, 'x')));
		for (int round = 0; round < 3; ++round)
			testbed().read_pass(get(key));
	}
}

// Multi-key replies of every length around the MTU: those that fit are answered by the kernel, the
// others by memcached, and all are right.
TEST_P(LongReply, MultiGetRepliesUpToTheMtuAreWhole)
{
	const std::string first = testbed().key("mtu");
	const std::string second = testbed().key("mtu");
	testbed().store_and_warm(first, std::string(700, 'a'));
	const std::string request = get(first + " " + second);
	const std::size_t fixed =
		("VALUE " + first + " 0 700\r\n\r\nVALUE " + second + " 0 700\r\n\r\nEND\r\n")
			.size() +
		700;
	for (std::size_t total = udp_payload_max - 4; total <= udp_payload_max + 4; ++total) {
		testbed().store_and_warm(second, std::string(total - fixed, 'b'));
		testbed().warm(first);
		if (total <= udp_payload_max) {
			testbed().read_hit(request);
		} else {
			testbed().read_pass(request);
		}
	}
}

TEST_P(BinaryValue, BinaryValuesAreWhole)
{
	using namespace std::string_literals;
	std::string every_byte;
	for (int byte = 0; byte < 256; ++byte)
		every_byte += static_cast<char>(byte);
	for (const std::string &value :
	     {"\r\n"s, "\n"s, "\0"s, "END\r\n"s, "a\r\nb\r\nc"s, "\r\nEND\r\n"s,
	      "VALUE x 0 1\r\ny\r\nEND\r\n"s, "before\0after"s, "\n\n\n"s, "\r"s, "tail\r"s,
	      every_byte, every_byte + every_byte, std::string(1024, '\n'),
	      std::string(1000, '\0')}) {
		const std::string key = testbed().key("binary");
		testbed().store_and_warm(key, value);
		EXPECT_EQ(testbed().read_hit(get(key)), "VALUE " + key + " 0 " +
								std::to_string(value.size()) +
								"\r\n" + value + "\r\nEND\r\n");
	}
}

TEST_P(GetsReply, GetsThenGet)
{
	const std::string key = testbed().key("gets");
	testbed().write(store(key, "value"));
	for (int round = 0; round < 3; ++round)
		testbed().read_pass("gets " + key + "\r\n");
	EXPECT_EQ(testbed().read(get(key)), "VALUE " + key + " 0 5\r\nvalue\r\nEND\r\n");
	testbed().warm(key);
	EXPECT_EQ(testbed().read_hit(get(key)), "VALUE " + key + " 0 5\r\nvalue\r\nEND\r\n");
}

TEST_P(GetsReply, GetThenGets)
{
	const std::string key = testbed().key("gets");
	testbed().store_and_warm(key, "value");
	const std::string reply = testbed().read_pass("gets " + key + "\r\n");
	EXPECT_NE(reply.find(" 0 5 "), std::string::npos)
		<< "no cas unique in " << printable(reply);
	testbed().read_pass("gets " + key + " nothing-here\r\n");
	// Neither does a reply to another command that looks like one to get.
	testbed().read("gat 0 " + key + "\r\n");
	testbed().read("mg " + key + " v\r\n");
	EXPECT_EQ(testbed().read(get(key)), "VALUE " + key + " 0 5\r\nvalue\r\nEND\r\n");
}

INSTANTIATE_TEST_SUITE_P(Memcached, PartialHit, every_associativity, associativity_name);
INSTANTIATE_TEST_SUITE_P(Memcached, LongReply, every_associativity, associativity_name);
INSTANTIATE_TEST_SUITE_P(Memcached, BinaryValue, every_associativity, associativity_name);
INSTANTIATE_TEST_SUITE_P(Memcached, GetsReply, every_associativity, associativity_name);

} // namespace
} // namespace prestack::test
