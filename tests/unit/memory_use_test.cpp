// SPDX-License-Identifier: GPL-2.0-only
// How much memory a configuration asks for, and that more than there is is refused at its place.
#include <gtest/gtest.h>

#include "config/memory_use.hpp"
#include "config_fixture.hpp"

namespace prestack
{
namespace
{

constexpr std::uint64_t gib = std::uint64_t{1} << 30;

Errors errors_of(const std::string &cache, std::uint64_t host)
{
	const auto config = parse(std::string(minimal) + cache);
	EXPECT_TRUE(config) << joined(config.error());
	return check_memory(*config, memory_use(*plan_geometry(config->cache), 2), host);
}

TEST(MemoryUse, IsAllThatIsTaken)
{
	CacheConfig cache;
	const auto use = memory_use(*plan_geometry(cache), 2);
	EXPECT_LE(use.entries + use.fences, cache.memory);
	EXPECT_GT(use.flows, cache.flows * std::uint64_t{1024}) << "a flow is large";
	EXPECT_GT(use.handshakes, 0U);
	EXPECT_EQ(use.total(), use.entries + use.fences + use.flows + use.handshakes + use.other);
}

TEST(MemoryUse, ThatTheHostHasNotIsRefusedAtItsPlace)
{
	EXPECT_TRUE(errors_of("", 24 * gib).empty());
	const auto much = errors_of("[cache]\nmemory = \"900GiB\"\n", 24 * gib);
	ASSERT_EQ(much.size(), 1U);
	EXPECT_EQ(much.front().kind, ErrorKind::config);
	EXPECT_NE(to_string(much.front()).find("test.toml:9:10: cache.memory: asks for more"),
		  std::string::npos)
		<< to_string(much.front());
	const auto flows = errors_of("[cache]\nflows = 1048576\n", gib);
	ASSERT_EQ(flows.size(), 1U);
	EXPECT_NE(to_string(flows.front()).find("test.toml:9:9: cache.flows: asks for more"),
		  std::string::npos)
		<< to_string(flows.front());
}

} // namespace
} // namespace prestack
