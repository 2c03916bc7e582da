// SPDX-License-Identifier: GPL-2.0-only
// Full tables never give another key's value, and keep the entries that are used.
#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "fixture.hpp"

namespace prestack::test
{

namespace
{

std::string key_of(unsigned i)
{
	return "key:" + std::to_string(i);
}

std::string value_of(unsigned i, std::size_t length)
{
	return std::to_string(i) + "/" + some_bytes(length, i);
}

class Full : public ProgTest, public testing::WithParamInterface<unsigned>
{
protected:
	static constexpr unsigned kSets = 16;
	static constexpr unsigned kKeys = 4000;

	Full() : ProgTest({.ways = GetParam(), .sets = kSets, .large_sets = 4, .fences = 64}) {}

	// How many of the first `keys` keys are answered. Those must be right.
	unsigned right_answers(unsigned keys, std::size_t length)
	{
		unsigned hits = 0;
		for (unsigned i = 0; i < keys; ++i) {
			const std::string reply = ask(key_of(i));
			if (reply.empty())
				continue;
			++hits;
			EXPECT_EQ(reply, toy_value(key_of(i), value_of(i, length)));
		}
		return hits;
	}
};

TEST_P(Full, SmallEntries)
{
	for (unsigned i = 0; i < kKeys; ++i)
		ASSERT_TRUE(fill(key_of(i), value_of(i, 20)));
	const unsigned hits = right_answers(kKeys, 20);
	EXPECT_EQ(hits, kSets * GetParam()) << "every entry is in use";
	EXPECT_EQ(count(PS_COUNT_evictions), kKeys - hits);
	EXPECT_EQ(datapath_.scan().entries, hits);
	EXPECT_EQ(datapath_.scan().small_entries, hits);
}

TEST_P(Full, LargeEntriesThatSetsShare)
{
	for (unsigned i = 0; i < kKeys; ++i)
		ASSERT_TRUE(fill(key_of(i), value_of(i, 500)));
	const unsigned hits = right_answers(kKeys, 500);
	EXPECT_LE(hits, 4 * GetParam());
	EXPECT_GE(hits, 1u);
	EXPECT_EQ(datapath_.scan().entries, 4 * GetParam());
	EXPECT_EQ(datapath_.scan().large_entries, 4 * GetParam());
}

TEST_P(Full, SmallAndLargeTogether)
{
	for (unsigned i = 0; i < kKeys; ++i) {
		ASSERT_TRUE(fill(key_of(i), value_of(i, i % 3 == 0 ? 500 : 20)));
		// Sizes change: the key moves from one table to the other.
		if (i % 5 == 0) {
			ASSERT_TRUE(fill(key_of(i), value_of(i, i % 3 == 0 ? 20 : 500)));
		}
		if (i % 16 != 0)
			continue;
		for (unsigned j = i < 100 ? 0 : i - 100; j <= i; ++j) {
			const bool large = (j % 3 == 0) != (j % 5 == 0);
			const std::string reply = ask(key_of(j));
			if (!reply.empty()) {
				ASSERT_EQ(reply,
					  toy_value(key_of(j), value_of(j, large ? 500 : 20)));
			}
		}
	}
}

TEST_P(Full, WritesReachEveryEntry)
{
	for (unsigned i = 0; i < 400; ++i)
		ASSERT_TRUE(fill(key_of(i), value_of(i, i % 2 ? 20 : 500)));
	for (unsigned i = 0; i < 400; ++i) {
		send(toy_set(key_of(i), "new"));
		EXPECT_FALSE(cached(key_of(i)));
	}
}

TEST_P(Full, ScanCountsWhatIsThere)
{
	EXPECT_EQ(datapath_.scan().entries, 0u);
	ASSERT_TRUE(fill("small", std::string(20, 'v')));
	ASSERT_TRUE(fill("large", std::string(200, 'v')));
	EXPECT_EQ(datapath_.scan().entries, 2u);
	EXPECT_EQ(datapath_.scan().bytes, 5u + 20 + 5 + 200);
	EXPECT_EQ(datapath_.scan().small_entries, 1u);
	EXPECT_EQ(datapath_.scan().large_entries, 1u);
	send(toy_set("small", "x"));
	EXPECT_EQ(datapath_.scan().entries, 1u);
	datapath_.bump_epoch();
	EXPECT_EQ(datapath_.scan().entries, 0u);
}

INSTANTIATE_TEST_SUITE_P(Ways, Full, testing::Values(1, 2, 4, 8, 16));

class SecondChance : public ProgTest
{
protected:
	SecondChance() : ProgTest({.ways = 4, .sets = 16}) {}
};

TEST_F(SecondChance, KeepsTheKeyThatIsUsed)
{
	ASSERT_TRUE(fill("hot", "value"));
	unsigned lost = 0;
	for (unsigned i = 0; i < 4000; ++i) {
		if (!cached("hot")) {
			++lost;
			ASSERT_TRUE(fill("hot", "value"));
		}
		ASSERT_TRUE(fill(key_of(i), value_of(i, 20)));
	}
	// One fill in 16 meets the set; a random choice of one of four would lose it every 64th time.
	EXPECT_LE(lost, 4u);
}

class OneEntry : public ProgTest
{
protected:
	// The element of `table` that holds an entry; its bytes go to *bytes.
	std::uint32_t find(const char *table, std::vector<char> *bytes)
	{
		bpf_map_info info{};
		__u32 size = sizeof(info);
		EXPECT_EQ(bpf_obj_get_info_by_fd(datapath_.map(table), &info, &size), 0);
		bytes->resize(info.value_size);
		for (std::uint32_t i = 0; i < info.max_entries; ++i) {
			EXPECT_EQ(bpf_map_lookup_elem(datapath_.map(table), &i, bytes->data()), 0);
			ps_entry entry;
			std::memcpy(&entry, bytes->data(), sizeof(entry));
			if (entry.epoch != 0)
				return i;
		}
		ADD_FAILURE() << "no entry";
		return 0;
	}
	// Has `change` changed the entry's header as a program on another CPU would.
	template <typename Change>
	void change(const char *table, Change change)
	{
		std::vector<char> bytes;
		const std::uint32_t at = find(table, &bytes);
		ps_entry entry;
		std::memcpy(&entry, bytes.data(), sizeof(entry));
		change(entry);
		std::memcpy(bytes.data(), &entry, sizeof(entry));
		ASSERT_EQ(bpf_map_update_elem(datapath_.map(table), &at, bytes.data(), BPF_ANY), 0);
	}
};

TEST_F(OneEntry, ThatAFillerOwnsIsNeitherReadNorFilled)
{
	for (const auto &[table, length] : {std::pair{"ps_small", 20u}, {"ps_large", 500u}}) {
		SCOPED_TRACE(table);
		const std::string value = some_bytes(length);
		ASSERT_TRUE(fill(table, value));
		change(table, [](ps_entry &entry) { entry.seq++; });
		EXPECT_FALSE(cached(table));
		moved_now();
		EXPECT_FALSE(fill(table, value));
		EXPECT_EQ(moved_now(), "requests+1 misses+1 nofill_busy+1");
		// Nor does a write kill it: its filler will see that the generation changed.
		send(toy_set(table, "x"));
		EXPECT_EQ(moved_now(), "writes+1 not_served+1");
		change(table, [](ps_entry &entry) { entry.seq++; });
		datapath_.bump_epoch();
	}
}

TEST_F(OneEntry, IsNotReadAfterItsExpiry)
{
	ASSERT_TRUE(fill("key", "value"));
	timespec now{};
	clock_gettime(CLOCK_MONOTONIC, &now);
	const auto ns = static_cast<std::uint64_t>(now.tv_sec) * 1000000000 +
			static_cast<std::uint64_t>(now.tv_nsec);
	change("ps_small", [&](ps_entry &entry) { entry.expires = ns + 60000000000; });
	EXPECT_TRUE(cached("key"));
	EXPECT_EQ(datapath_.scan().entries, 1u);
	change("ps_small", [&](ps_entry &entry) { entry.expires = ns; });
	EXPECT_FALSE(cached("key"));
	EXPECT_EQ(datapath_.scan().entries, 0u);
}

TEST_F(OneEntry, OfAnotherServiceIsNotRead)
{
	ASSERT_TRUE(fill("key", "value"));
	change("ps_small", [](ps_entry &entry) { entry.service++; });
	EXPECT_FALSE(cached("key"));
}

TEST_F(OneEntry, OfAnotherEpochIsNotRead)
{
	ASSERT_TRUE(fill("key", "value"));
	change("ps_small", [](ps_entry &entry) { entry.epoch++; });
	EXPECT_FALSE(cached("key"));
}

TEST_F(OneEntry, LongerThanTheLimitIsNotRead)
{
	ASSERT_TRUE(fill("key", some_bytes(500)));
	change("ps_large", [](ps_entry &entry) { entry.value_len = 0xffff; });
	EXPECT_FALSE(cached("key"));
}

// The index says where to look; the entry's own key decides.
TEST_F(OneEntry, WithAnotherKeyIsNotRead)
{
	for (const char *key : {"abcdefgh", "abcdefghi", "abcdefghijklmnopqrstuvwxyz"}) {
		SCOPED_TRACE(key);
		for (std::size_t at = 0; at < std::strlen(key); ++at) {
			ASSERT_TRUE(fill(key, "value"));
			std::vector<char> bytes;
			const std::uint32_t element = find("ps_small", &bytes);
			bytes[sizeof(ps_entry) + at] ^= 1;
			bpf_map_update_elem(datapath_.map("ps_small"), &element, bytes.data(),
					    BPF_ANY);
			EXPECT_FALSE(cached(key)) << at;
			datapath_.bump_epoch();
			bytes.assign(bytes.size(), '\0');
			bpf_map_update_elem(datapath_.map("ps_small"), &element, bytes.data(),
					    BPF_ANY);
		}
	}
}

} // namespace

} // namespace prestack::test
