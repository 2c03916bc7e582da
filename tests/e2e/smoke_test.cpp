// SPDX-License-Identifier: GPL-2.0-only
// A little of everything, in seconds. tests/kernels runs this on other kernels.
#include <ostream>

#include "fixture.hpp"

namespace prestack::test
{
namespace
{

struct Way {
	const char *name;
	TestbedOptions testbed;
};

void PrintTo(const Way &way, std::ostream *out)
{
	*out << way.name;
}

class Smoke : public E2eTest, public testing::WithParamInterface<Way>
{
protected:
	Testbed &testbed() { return Testbed::shared(GetParam().testbed); }

	// Of `prestack stats --json`.
	std::uint64_t counter(const std::string &name)
	{
		return testbed().prestack().counter(name);
	}
};

// From an empty value to one whose reply just fits a frame, and all that lies between: how far XDP
// can make a frame longer differs between kernels, the rest takes the way over TC.
TEST_P(Smoke, ReadsOverUdpAreAnsweredByTheKernel)
{
	for (const std::size_t size : {0U, 1U, 100U, 200U, 500U, 1000U}) {
		const std::string key = testbed().key("udp");
		const std::string value(size, 'v');
		testbed().store_and_warm(key, value, 7);
		EXPECT_EQ(testbed().read_hit(get(key)), "VALUE " + key + " 7 " +
								std::to_string(size) + "\r\n" +
								value + "\r\nEND\r\n");
	}
	const std::string first = testbed().key("udp");
	const std::string second = testbed().key("udp");
	testbed().store_and_warm(first, "one");
	testbed().store_and_warm(second, "two");
	testbed().read_hit(get(first + " " + second));
	EXPECT_GE(counter("hits"), 7U);
}

// The control is asked the same, and its answers must be the same. Some reads are the server's turn.
TEST_P(Smoke, ReadsOverTcpAreAnsweredByTheKernel)
{
	std::vector<std::string> keys;
	for (const std::size_t size : {1U, 100U, 1000U}) {
		keys.push_back(testbed().key("tcp"));
		testbed().store_and_warm(keys.back(), std::string(size, 't'));
	}
	const std::uint64_t before = counter("stream_hits");
	const bool served = eventually([&] {
		for (const std::string &key : keys)
			testbed().write(get(key));
		testbed().write(get(keys[0] + " " + keys[1]));
		return counter("stream_hits") >= before + 20;
	});
	EXPECT_TRUE(served) << testbed().prestack().stats().dump(2);
	EXPECT_EQ(testbed().write(store(keys[0], "other")), "STORED\r\n");
	EXPECT_EQ(testbed().write(get(keys[0])), "VALUE " + keys[0] + " 0 5\r\nother\r\nEND\r\n");
}

TEST_P(Smoke, AWriteIsSeenByTheNextRead)
{
	const std::string key = testbed().key("write");
	for (int round = 0; round < 5; ++round) {
		testbed().store_and_warm(key, "value " + std::to_string(round));
		testbed().write(store(key, "newer " + std::to_string(round)));
		EXPECT_EQ(testbed().read(get(key)), "VALUE " + key + " 0 7\r\nnewer " +
							    std::to_string(round) + "\r\nEND\r\n");
	}
	testbed().warm(key);
	EXPECT_EQ(testbed().write("delete " + key + "\r\n"), "DELETED\r\n");
	EXPECT_EQ(testbed().read(get(key)), "END\r\n");
	EXPECT_GE(counter("hits"), 6U);
}

INSTANTIATE_TEST_SUITE_P(
	Memcached, Smoke,
	testing::Values(Way{"Native", {.xdp_mode = "native"}},
			Way{"GenericIPv6Vlan",
			    {.ipv6 = true, .vlan_depth = 1, .xdp_mode = "generic"}}),
	[](const testing::TestParamInfo<Way> &info) { return std::string(info.param.name); });

} // namespace
} // namespace prestack::test
