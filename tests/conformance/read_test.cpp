// SPDX-License-Identifier: GPL-2.0-only
// Reads: what is answered, and how.
#include "fixture.hpp"
#include "loader/plugin/registry.hpp"

namespace prestack::test
{

namespace
{

const Item kItem{"key", "value", 0};

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

std::vector<Item> many(std::size_t count, std::size_t length = 5)
{
	std::vector<Item> items;
	for (std::size_t i = 0; i < count; ++i)
		items.push_back({"k" + std::to_string(i),
				 std::string(length, static_cast<char>('a' + i % 26)), 0});
	return items;
}

TEST_P(Conformance, Hit)
{
	ensure(kItem);
	EXPECT_TRUE(hits(kItem));
}

TEST_P(Conformance, MissIsPassed)
{
	ensure(kItem);
	EXPECT_FALSE(hits(Item{"other", ""}));
}

TEST_P(Conformance, EveryRequestNumberIsEchoed)
{
	if (needs_datagrams())
		return;
	ensure(kItem);
	for (unsigned request = 0; request < 0x10000; request += 251) {
		ASSERT_TRUE(arrives(dialect().read(static_cast<std::uint16_t>(request), {"key"})));
		ASSERT_EQ(answer_, dialect().hit(static_cast<std::uint16_t>(request), {kItem}));
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
	const auto items = many(10, 700);
	for (const Item &item : items)
		fill({item});
	EXPECT_TRUE(hits({items[0], items[1]}));
	EXPECT_FALSE(hits({items[0], items[1], items[2]}));
	EXPECT_FALSE(hits(items));
}

TEST_P(Conformance, KeyWithTheSamePrefix)
{
	ensure({"keyed", "value"});
	for (const char *key : {"k", "key", "keye", "keyed1", "keyedkeyed", "KEYED"})
		EXPECT_FALSE(hits(Item{key, ""})) << key;
	ensure({"key", "other"});
	EXPECT_TRUE(hits(Item{"keyed", "value"}));
}

TEST_P(Conformance, LongestKey)
{
	const std::string longest(PS_MAX_KEY, 'k');
	ensure({longest, "value"});
	EXPECT_FALSE(hits(Item{longest.substr(1), ""}));
	EXPECT_FALSE(asks(dialect().read(1, {longest + 'k'})));
}

TEST_P(Conformance, EveryByteInAKey)
{
	for (unsigned byte = 0x21; byte < 0x100; ++byte) {
		if (byte != 0x7f)
			ensure({std::string("k") + static_cast<char>(byte), std::to_string(byte)});
	}
}

TEST_P(Conformance, BinaryValue)
{
	std::string value;
	for (unsigned byte = 0; byte < 0x100; ++byte)
		value += static_cast<char>(byte);
	ensure({"key", value});
	ensure({"lines", "\r\nEND\r\n\n"});
}

TEST_P(Conformance, EmptyValue)
{
	ensure({"key", ""});
}

TEST_P(Conformance, LargestValue)
{
	ensure({"key", std::string(PS_MAX_VALUE, 'v')});
	fill({{"more", std::string(PS_MAX_VALUE + 1, 'v')}});
	EXPECT_FALSE(hits(Item{"more", ""}));
}

TEST_P(Conformance, FlagsAreKept)
{
	if (!dialect().has_flags())
		return not_applicable();
	for (const std::uint32_t flags : {0u, 1u, 9u, 10u, 65535u, 99999999u, 100000000u,
					  999999999u, 1000000000u, 0x80000000u, 0xffffffffu})
		ensure({"key" + std::to_string(flags), "value", flags});
}

TEST_P(Conformance, Ipv6)
{
	client_.source = "fd00::2";
	client_.destination = "fd00::1";
	ensure(kItem);
}

TEST_P(Conformance, VlanTags)
{
	client_.tags = {{0x8100, 7}};
	ensure(kItem);
	client_.tags = {{0x88a8, 8}, {0x8100, 7}};
	ensure({"key2", "value"});
}

INSTANTIATE_TEST_SUITE_P(Reads, Conformance, testing::ValuesIn(dialects()), dialect_name);

} // namespace

} // namespace prestack::test
