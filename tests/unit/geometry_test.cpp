// SPDX-License-Identifier: GPL-2.0-only
// The memory is divided into tables that fit it.
#include <bit>

#include <gtest/gtest.h>
#include <prestack/types.h>

#include "config/geometry.hpp"

namespace prestack
{
namespace
{

CacheConfig cache(std::uint64_t memory, std::uint32_t ways, std::uint32_t max_key = 250,
		  std::uint32_t max_value = 1024, double small_share = 0.75)
{
	CacheConfig config;
	config.memory = memory;
	config.associativity = ways;
	config.max_key = max_key;
	config.max_value = max_value;
	config.small_share = small_share;
	return config;
}

constexpr std::uint64_t mib = std::uint64_t{1} << 20;

TEST(Geometry, OfTheExampleFile)
{
	const auto g = plan_geometry(cache(64 * mib, 4));
	ASSERT_TRUE(g);
	EXPECT_EQ(g->ways, 4u);
	EXPECT_EQ(g->small_sets, 65536u);
	EXPECT_EQ(g->large_sets, 4096u);
	EXPECT_EQ(g->fences, 65536u);
	EXPECT_EQ(g->small_element, 128u);
	EXPECT_EQ(g->small_room, 96u);
	EXPECT_EQ(g->large_room, 256u + 1024u);
	EXPECT_EQ(g->large_element, 32u + 256u + 1024u + 8u);
	EXPECT_EQ(g->index_lines(), 65536u * 4 / PS_INDEX_WORDS);
	EXPECT_EQ(g->memory(),
		  65536ull * 4 * 128 + 4096ull * 4 * 1320 + 65536ull * 4 * 4 + 65536ull * 32);
	EXPECT_EQ(g->bytes_per_small_item(), 140u);
}

// Properties that hold whatever the configuration.
TEST(Geometry, StaysWithinMemoryAndUsesMostOfIt)
{
	for (const std::uint32_t ways : {1u, 2u, 4u, 8u, 16u}) {
		for (std::uint64_t memory = mib; memory <= 65536 * mib; memory = memory * 3 / 2) {
			for (const double share : {0.05, 0.5, 0.75, 0.95}) {
				for (const std::uint32_t max_value : {1u, 100u, 1024u, 1400u}) {
					SCOPED_TRACE(testing::Message()
						     << ways << " ways, " << memory
						     << " bytes, share " << share << ", max_value "
						     << max_value);
					const auto g = plan_geometry(
						cache(memory, ways, 250, max_value, share));
					ASSERT_TRUE(g);
					EXPECT_LE(g->memory(), memory);
					EXPECT_GE(g->memory() * 2, memory);
					EXPECT_TRUE(std::has_single_bit(g->small_sets));
					EXPECT_TRUE(std::has_single_bit(g->large_sets));
					EXPECT_TRUE(std::has_single_bit(g->fences));
					EXPECT_GE(g->small_sets,
						  static_cast<std::uint32_t>(PS_MAX_WAYS));
					EXPECT_LE(g->large_sets, g->small_sets);
					EXPECT_LE(g->small_elements(), std::uint64_t{1} << 31);
					EXPECT_EQ(g->large_element % 8, 0u);
					EXPECT_EQ(g->index_lines() * std::uint64_t{PS_INDEX_WORDS},
						  g->small_elements());
					EXPECT_LE(g->bytes_per_small_item(), 160u);
				}
			}
		}
	}
}

TEST(Geometry, ElementNumbersStayBelowThirtyTwoBits)
{
	const auto g = plan_geometry(cache(std::uint64_t{1} << 40, 1, 1, 1));
	ASSERT_TRUE(g);
	EXPECT_EQ(g->small_elements(), std::uint64_t{1} << 31);
	const auto both = plan_geometry(cache(std::uint64_t{1} << 40, 1, 8, 96));
	ASSERT_TRUE(both);
	EXPECT_EQ(both->small_elements(), std::uint64_t{1} << 31);
	EXPECT_EQ(both->large_elements(), std::uint64_t{1} << 31);
}

TEST(Geometry, LeastMemoryIsExactlyEnough)
{
	for (const std::uint32_t ways : {1u, 2u, 4u, 8u, 16u}) {
		const auto too_little = plan_geometry(cache(0, ways));
		ASSERT_FALSE(too_little);
		EXPECT_TRUE(plan_geometry(cache(too_little.error(), ways)));
		const auto still = plan_geometry(cache(too_little.error() - 1, ways));
		ASSERT_FALSE(still);
		EXPECT_EQ(still.error(), too_little.error());
	}
}

TEST(Geometry, WithoutLargeItemsTheSmallOnesHaveItAll)
{
	const auto g = plan_geometry(cache(64 * mib, 4, 16, 32));
	ASSERT_TRUE(g);
	EXPECT_EQ(g->large_sets, 1u);
	EXPECT_EQ(g->large_room, g->small_room);
	EXPECT_EQ(g->small_sets, 65536u);
}

TEST(Geometry, GreatestItemFitsALargeElement)
{
	const auto g = plan_geometry(cache(64 * mib, 1, 250, 1400));
	ASSERT_TRUE(g);
	EXPECT_EQ(g->large_room, 256u + 1400u);
}

} // namespace
} // namespace prestack
