// SPDX-License-Identifier: GPL-2.0-only
// Several commands in one datagram: memcached executes them all, so a write behind a get must
// invalidate although the datagram begins like a read that is served.
#include "../../../../tests/e2e/fixture.hpp"

namespace prestack::test
{
namespace
{

struct Datagram {
	const char *name;
	std::string text; // {k} stands for a cached key
	unsigned replies;
};

class DatagramOfCommands : public E2eTest, public testing::WithParamInterface<Datagram>
{
};

TEST_P(DatagramOfCommands, Invalidates)
{
	Testbed &testbed = Testbed::shared({});
	const std::string key = testbed.key("datagram");
	testbed.store_and_warm(key, "100");
	std::string text = GetParam().text;
	for (auto at = text.find("{k}"); at != std::string::npos; at = text.find("{k}"))
		text.replace(at, 3, key);
	testbed.read(text, GetParam().replies);
	testbed.read(get(key));
	testbed.read(get(key));
}

INSTANTIATE_TEST_SUITE_P(
	Memcached, DatagramOfCommands,
	testing::Values(Datagram{"GetThenIncr", "get absent\r\nincr {k} 1\r\n", 2},
			Datagram{"GetOfTheKeyThenSet", "get {k}\r\nset {k} 0 0 3\r\n200\r\n", 2},
			Datagram{"GetWithBareNewlineThenDelete", "get absent\ndelete {k}\r\n", 2},
			Datagram{"GetOfOddFormThenIncr", "get  {k} \r\nincr {k} 1\r\n", 2},
			Datagram{"GetsThenIncr", "gets absent\r\nincr {k} 1\r\n", 2},
			Datagram{"ThreeGetsThenFlush",
				 "get {k}\r\nget {k}\r\nget absent\r\nflush_all\r\n", 4},
			Datagram{"IncrThenGet", "incr {k} 1\r\nget {k}\r\n", 2}),
	[](const auto &info) { return std::string(info.param.name); });

} // namespace
} // namespace prestack::test
