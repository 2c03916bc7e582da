// SPDX-License-Identifier: GPL-2.0-only
// User space reads sampled entries as they are in the table, and its expiry answers take effect.
#include <gtest/gtest.h>

#include <map>

#include "fixture.hpp"
#include "loader/agent/entry_sampler.hpp"

namespace prestack::test
{
namespace
{

constexpr DatapathOptions small_table{.sets = 64, .large_sets = 4};

class EntrySamplerTest : public ProgTest
{
protected:
	EntrySamplerTest() : ProgTest(small_table) { prove_path(); }

	EntrySampler sampler() const
	{
		CacheConfig cache;
		cache.associativity = small_table.ways;
		cache.max_key = small_table.max_key;
		cache.max_value = small_table.max_value;
		Geometry geometry = plan_geometry(cache).value();
		geometry.small_sets = small_table.sets;
		geometry.large_sets = small_table.large_sets;
		return EntrySampler::open(datapath_.map("ps_index"), datapath_.map("ps_small"),
					  datapath_.map("ps_large"), datapath_.config(), geometry)
			.value();
	}
	// All entries that the index leads to.
	static std::map<std::string, EntryCopy> all(const EntrySampler &sampler)
	{
		std::map<std::string, EntryCopy> entries;
		for (std::uint64_t place = 0; place < sampler.places(); ++place) {
			auto entry = sampler.at(place);
			EXPECT_TRUE(!entry || !sampler.is_empty(place));
			if (entry) {
				EXPECT_TRUE(entries.emplace(entry->key, *entry).second)
					<< entry->key << " is there twice";
			}
		}
		return entries;
	}
};

// That they are found at all shows that keys hash alike in both halves.
TEST_F(EntrySamplerTest, FindsWhatWasFilled)
{
	std::map<std::string, std::string> filled;
	for (unsigned i = 0; i < 40; ++i) {
		const std::string key(1 + i * 6, static_cast<char>('a' + i % 26));
		const std::string value = some_bytes(i % 7 == 0 ? 300 : i, i);
		if (fill(key, value))
			filled[key] = value;
	}
	ASSERT_GT(filled.size(), 30U);
	const auto found = all(sampler());
	unsigned served = 0;
	for (const auto &[key, value] : filled) {
		if (!cached(key))
			continue; // driven out by another
		++served;
		const auto entry = found.find(key);
		ASSERT_NE(entry, found.end()) << key;
		EXPECT_EQ(entry->second.value, value);
		EXPECT_EQ(entry->second.head.service, 0);
	}
	EXPECT_GT(served, 20U);
	EXPECT_LE(found.size(), filled.size());
}

// Sets share large elements: what lies there may be another set's, and then no request finds it.
TEST_F(EntrySamplerTest, EveryEntryFoundIsServed)
{
	for (unsigned i = 0; i < 400; ++i)
		fill("key" + std::to_string(i), some_bytes(i % 2 == 0 ? 500 : 20, i));
	const auto found = all(sampler());
	EXPECT_GT(found.size(), 20U);
	for (const auto &[key, entry] : found) {
		if (is_servable(entry.head, datapath_.epoch(), 1)) {
			EXPECT_TRUE(cached(key)) << key;
		}
	}
}

TEST_F(EntrySamplerTest, AnEntryReadAgainHasTheSameSequence)
{
	ASSERT_TRUE(fill("key", "value"));
	const auto reader = sampler();
	const auto entry = all(reader).at("key");
	auto again = reader.read(entry.table, entry.index);
	ASSERT_TRUE(again);
	EXPECT_EQ(again->head.seq, entry.head.seq);
	EXPECT_EQ(again->value, "value");
	send(toy_set("key", "other", 2));
	again = reader.read(entry.table, entry.index);
	EXPECT_TRUE(!again || again->head.seq != entry.head.seq) << "a write changes it";
}

} // namespace
} // namespace prestack::test
