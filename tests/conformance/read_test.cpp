// SPDX-License-Identifier: GPL-2.0-only
// Reads: what is answered, and how.
#include <algorithm>

#include "fixture.hpp"
#include "loader/plugin/registry.hpp"

namespace prestack::test
{

namespace
{

// A plug-in without a dialect would be one that nobody tests.
TEST(Dialects, EveryPluginHasOne)
{
	for (const PluginInfo &plugin : plugins()) {
		bool found = false;
		for (const Dialect *dialect : dialects())
			found = found || dialect->plugin() == plugin.name;
		EXPECT_TRUE(found) << plugin.name << " has no tests/dialect.cpp";
	}
	EXPECT_EQ(dialects().size(), plugins().size());
}

TEST_P(Conformance, Hit)
{
	ensure(item());
	EXPECT_TRUE(hits(item()));
}

TEST_P(Conformance, MissIsPassed)
{
	ensure(item());
	EXPECT_FALSE(hits(item("other")));
}

TEST_P(Conformance, EveryRequestNumberIsEchoed)
{
	if (needs_datagrams())
		return;
	ensure(item());
	for (unsigned request = 0; request < 0x10000; request += 251) {
		ASSERT_TRUE(
			arrives(dialect().read(static_cast<std::uint16_t>(request), {key("key")})));
		ASSERT_EQ(answer_, dialect().hit(static_cast<std::uint16_t>(request), {item()}));
	}
}

TEST_P(Conformance, ManyKeysInOneRead)
{
	if (dialect().most_keys() < 2)
		return not_applicable();
	const auto items = many(dialect().most_keys());
	if (dialect().has_datagrams())
		fill(items);
	// Of a reply that does not name them, some may go unnoticed.
	for (std::size_t i = 0; i < items.size() && !dialect().has_datagrams(); ++i)
		fill({items[i]});
	for (std::size_t count = 1; count <= items.size(); ++count)
		EXPECT_TRUE(
			hits({items.begin(), items.begin() + static_cast<std::ptrdiff_t>(count)}))
			<< count;
	// One more than is followed: the server's.
	auto more = items;
	more.push_back(items[0]);
	EXPECT_FALSE(hits(more));
}

TEST_P(Conformance, PartialHitPassesWhole)
{
	if (dialect().most_keys() < 2)
		return not_applicable();
	const auto items = many(10);
	fill({items.begin(), items.begin() + 5});
	for (std::size_t missing = 5; missing < 10; ++missing) {
		auto wanted = std::vector<Item>(items.begin(), items.begin() + 5);
		wanted.insert(wanted.begin() + static_cast<std::ptrdiff_t>(missing - 5),
			      items[missing]);
		EXPECT_FALSE(hits(wanted)) << missing;
	}
	// The server answered all of it, so the ones that were missing may be there now.
	fill({items.begin() + 5, items.end()});
	EXPECT_TRUE(hits(items));
}

TEST_P(Conformance, SameKeyTwiceInOneRead)
{
	if (dialect().most_keys() < 3)
		return not_applicable();
	const auto items = many(2);
	fill(items);
	EXPECT_TRUE(hits({items[0], items[0]}));
	EXPECT_TRUE(hits({items[0], items[1], items[0]}));
}

TEST_P(Conformance, ReplyLongerThanTheMtuIsPassed)
{
	if (dialect().most_keys() < 2)
		return not_applicable();
	// Two of them fit a packet, and three do not.
	constexpr std::size_t kHalfAnMtu = 700;
	if (dialect().longest_value() < kHalfAnMtu)
		return not_applicable();
	const auto items = many(10, kHalfAnMtu);
	for (const Item &item : items)
		fill({item});
	EXPECT_TRUE(hits({items[0], items[1]}));
	EXPECT_FALSE(hits({items[0], items[1], items[2]}));
	EXPECT_FALSE(hits(items));
}

TEST_P(Conformance, KeyWithTheSamePrefix)
{
	ensure(item("keyed"));
	for (const char *label : {"k", "key", "keye", "keyed1", "keyedkeyed"})
		EXPECT_FALSE(hits(item(label))) << label;
	ensure(item("key", "other"));
	EXPECT_TRUE(hits(item("keyed")));
}

// Upper and lower case are two keys, unless the dialect says that they are two spellings of one.
TEST_P(Conformance, CaseDistinguishesKeys)
{
	const std::string lower = key("keyed"), upper = key("KEYED");
	const auto same = dialect().spellings(lower);
	if (std::ranges::find(same, upper) != same.end())
		return not_applicable();
	ensure({lower, value("value")});
	EXPECT_FALSE(hits(Item{upper, value("value")}));
}

// A write of one spelling that left another in the cache would leave an old value there.
TEST_P(Conformance, SpellingsAreOneKey)
{
	const Item plain = item();
	const auto all = dialect().spellings(plain.key);
	if (all.empty())
		return not_applicable();
	for (const std::string &spelling : all) {
		SCOPED_TRACE(spelling);
		const Item spelled{spelling, plain.value};
		for (const Message &change : changes(spelling)) {
			SCOPED_TRACE(change.what);
			ensure(plain);
			EXPECT_TRUE(hits(spelled));
			EXPECT_FALSE(changes(change));
			EXPECT_FALSE(hits(plain));
		}
		ensure(spelled);
		EXPECT_TRUE(hits(plain));
		EXPECT_FALSE(changes(changes(spelling).front()));
	}
}

TEST_P(Conformance, LongestKey)
{
	const std::size_t length = std::min<std::size_t>(dialect().longest_key(), PS_MAX_KEY);
	const std::string longest(length, key("k").front());
	ensure({longest, value("value")});
	EXPECT_FALSE(hits(Item{longest.substr(1), value("value")}));
	EXPECT_FALSE(asks(dialect().read(1, {longest + longest.front()})));
}

TEST_P(Conformance, EveryByteInAKey)
{
	std::vector<std::string> cached;
	for (const char byte : dialect().key_bytes()) {
		const Item plain{key("k") + byte, value("v")};
		const auto same = dialect().spellings(plain.key);
		if (std::ranges::find_first_of(same, cached) == same.end())
			ensure(plain);
		EXPECT_TRUE(hits(plain)) << plain.key;
		cached.push_back(plain.key);
	}
}

TEST_P(Conformance, EveryByteInAValue)
{
	const std::string bytes = dialect().value_bytes();
	const std::size_t step = std::min(dialect().longest_value(), bytes.size());
	for (std::size_t at = 0; at < bytes.size(); at += step)
		ensure({key("key" + std::to_string(at)), bytes.substr(at, step)});
}

// What ends lines and replies in many protocols is no end where it is part of a value.
TEST_P(Conformance, LineEndsInAValue)
{
	const std::string lines = "\r\nEND\r\n\n";
	if (lines.find_first_not_of(dialect().value_bytes()) != std::string::npos)
		return not_applicable();
	ensure({key("lines"), lines});
}

TEST_P(Conformance, ShortestValue)
{
	ensure({key("key"), long_value(dialect().shortest_value())});
}

TEST_P(Conformance, LargestValue)
{
	const std::size_t longest = dialect().longest_value();
	ensure({key("key"), long_value(std::min<std::size_t>(longest, PS_MAX_VALUE))});
	if (longest < PS_MAX_VALUE)
		return;
	fill({{key("more"), long_value(PS_MAX_VALUE + 1)}});
	EXPECT_FALSE(hits(item("more")));
}

TEST_P(Conformance, FlagsAreKept)
{
	if (!dialect().has_flags())
		return not_applicable();
	for (const std::uint32_t flags : {0u, 1u, 9u, 10u, 65535u, 99999999u, 100000000u,
					  999999999u, 1000000000u, 0x80000000u, 0xffffffffu})
		ensure({key("key" + std::to_string(flags)), value("value"), flags});
}

TEST_P(Conformance, Ipv6)
{
	client_.source = "fd00::2";
	client_.destination = "fd00::1";
	ensure(item());
}

TEST_P(Conformance, VlanTags)
{
	client_.tags = {{0x8100, 7}};
	ensure(item());
	client_.tags = {{0x88a8, 8}, {0x8100, 7}};
	ensure(item("key2"));
}

INSTANTIATE_TEST_SUITE_P(Reads, Conformance, testing::ValuesIn(dialects()), dialect_name);

} // namespace

} // namespace prestack::test
