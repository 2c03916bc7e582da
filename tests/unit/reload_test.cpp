// SPDX-License-Identifier: GPL-2.0-only
// What a running instance takes from a file that was changed, and what it refuses.
#include <gtest/gtest.h>

#include "config/reload.hpp"
#include "config_fixture.hpp"

namespace prestack
{
namespace
{

std::string with(std::string_view from, std::string_view to)
{
	std::string text(minimal);
	text.replace(text.find(from), from.size(), to);
	return text;
}

TEST(Reload, TheSameFileChangesNothing)
{
	const auto changes = plan_reload(*parse(minimal), *parse(minimal));
	ASSERT_TRUE(changes);
	EXPECT_TRUE(changes->empty());
}

TEST(Reload, TakesWhatCanBeChangedInPlace)
{
	const auto fresh = parse(with("[\"10.0.0.0/8\"]", "[\"10.1.0.0/16\"]") +
				 "[cache]\naudit_rate = 0\nwarm_rate = 7\n[log]\nlevel = "
				 "\"error\"\nkeys = true\n");
	ASSERT_TRUE(fresh) << joined(fresh.error());
	const auto changes = plan_reload(*parse(minimal), *fresh);
	ASSERT_TRUE(changes) << joined(changes.error());
	std::string names;
	for (const auto &change : *changes)
		names += change.name + " " + change.before + " -> " + change.now + "\n";
	EXPECT_EQ(names, "cache.audit_rate 10 -> 0\n"
			 "cache.warm_rate 100 -> 7\n"
			 "log.level \"info\" -> \"error\"\n"
			 "log.keys false -> true\n"
			 "service[0].allow [\"10.0.0.0/8\"] -> [\"10.1.0.0/16\"]\n");
}

// And back: the keys of a table that is gone have their defaults again.
TEST(Reload, ATableThatIsGoneIsItsDefaults)
{
	const auto before = parse(std::string(minimal) + "[cache]\naudit_rate = 0\n");
	const auto changes = plan_reload(*before, *parse(minimal));
	ASSERT_TRUE(changes);
	ASSERT_EQ(changes->size(), 1U);
	EXPECT_EQ(changes->front().now, "10");
	const auto refused = plan_reload(
		*parse(std::string(minimal) + "[cache]\nmemory = \"128MiB\"\n"), *parse(minimal));
	ASSERT_FALSE(refused);
	EXPECT_NE(joined(refused.error()).find("cache.memory: was \"128MiB\", is \"64MiB\""),
		  std::string::npos)
		<< joined(refused.error());
}

TEST(Reload, NamesThePlaceOfWhatNeedsARestart)
{
	const auto refused =
		plan_reload(*parse(minimal), *parse(with("[\"udp\"]", "[\"udp\", \"tcp\"]") +
						    "[cache]\nmemory = \"1GiB\"\n"));
	ASSERT_FALSE(refused);
	const auto said = joined(refused.error());
	EXPECT_NE(said.find("test.toml:5:14: service[0].transports: was"), std::string::npos)
		<< said;
	EXPECT_NE(said.find("test.toml:9:10: cache.memory: was \"64MiB\", is \"1GiB\""),
		  std::string::npos)
		<< said;
}

TEST(Reload, ServicesDoNotComeOrGo)
{
	const std::string second = "[[service]]\nprotocol = \"alpha\"\nport = 7001\ntransports = "
				   "[\"udp\"]\nserver = \"10.0.0.1:7001\"\nallow = "
				   "[\"10.0.0.0/8\"]\n";
	const auto one = *parse(minimal);
	const auto two = *parse(std::string(minimal) + second);
	for (const auto &refused : {plan_reload(one, two), plan_reload(two, one)}) {
		ASSERT_FALSE(refused);
		EXPECT_EQ(refused.error().size(), 1U) << joined(refused.error());
	}
	EXPECT_NE(
		joined(plan_reload(one, two).error()).find("test.toml:8:1: service: there were 1"),
		std::string::npos)
		<< joined(plan_reload(one, two).error());
}

} // namespace
} // namespace prestack
