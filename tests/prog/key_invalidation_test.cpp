// SPDX-License-Identifier: GPL-2.0-only
// When the server says that a key has changed, its entry goes, and so do the leases of reads from
// before.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "fence_fixture.hpp"
#include "loader/agent/invalidations.hpp"

namespace prestack::test
{

namespace
{

class KeyInvalidation : public FenceTest
{
protected:
	KeyInvalidation() : invalidations_(datapath_.programs().invalidations, datapath_.config())
	{
	}

	void invalidate(std::string_view key, std::uint8_t service = 0)
	{
		ASSERT_TRUE(invalidations_.add(service, key));
		ASSERT_TRUE(invalidations_.give());
		moved_now();
	}

	Invalidations invalidations_;
};

TEST_F(KeyInvalidation, AnEntryIsGoneAndTheOthersStay)
{
	const std::string longest(PS_MAX_KEY, 'k');
	for (const std::string &key : {std::string("small"), std::string("large"), longest}) {
		const std::string value = some_bytes(key == "large" ? 500 : 20);
		ASSERT_TRUE(fill(key, value)) << key;
		ASSERT_TRUE(fill(key.substr(1), value)) << key;
		ASSERT_TRUE(cached(key));
		invalidate(key);
		EXPECT_FALSE(cached(key)) << key;
		EXPECT_TRUE(cached(key.substr(1))) << key;
	}
}

TEST_F(KeyInvalidation, IsCountedAsAnInvalidation)
{
	ASSERT_TRUE(fill("key", "value"));
	ASSERT_TRUE(invalidations_.add(0, "key"));
	ASSERT_TRUE(invalidations_.add(0, "other"));
	moved_now();
	ASSERT_TRUE(invalidations_.give());
	EXPECT_EQ(moved_now(), "invalidations+1");
}

TEST_F(KeyInvalidation, WhatWasAskedForBeforeDoesNotFill)
{
	miss("key", 1);
	miss("other", 2);
	invalidate("key");
	EXPECT_EQ(value("key", "old", 1), kNotFilled);
	EXPECT_EQ(value("other", "value", 2), kFilled);
	EXPECT_FALSE(cached("key"));
}

TEST_F(KeyInvalidation, WhatIsAskedForAfterwardsFillsAtOnce)
{
	ASSERT_TRUE(fill("key", "old"));
	invalidate("key");
	miss("key", 1);
	EXPECT_EQ(value("key", "new", 1), kFilled);
	EXPECT_EQ(ask("key"), toy_value("key", "new"));
}

TEST_F(KeyInvalidation, AWriteThatIsUnderWayStaysSo)
{
	set("key", 1);
	invalidate("key");
	miss("key", 2);
	EXPECT_EQ(value("key", "old", 2), kNotFilled);
	EXPECT_EQ(ok(1), "replies+1");
	miss("key", 3);
	EXPECT_EQ(value("key", "x", 3), kFilled);
}

TEST_F(KeyInvalidation, AnotherServicesKeyIsAnother)
{
	ASSERT_TRUE(fill("key", "value"));
	invalidate("key", 1);
	EXPECT_TRUE(cached("key"));
}

TEST_F(KeyInvalidation, MoreKeysThanOneBatchHolds)
{
	constexpr unsigned kKeys = 2 * PS_MAX_INVALIDATIONS + 10;
	std::vector<std::string> filled;
	for (unsigned i = 0; i < kKeys; ++i) {
		const std::string key = "key" + std::to_string(i);
		if (fill(key, "value") && cached(key))
			filled.push_back(key);
	}
	ASSERT_GT(filled.size(), kKeys / 2);
	ASSERT_TRUE(fill("stays", "value"));
	for (const std::string &key : filled)
		ASSERT_TRUE(invalidations_.add(0, key));
	ASSERT_TRUE(invalidations_.add(0, std::string(PS_MAX_KEY + 1, 'k')));
	ASSERT_TRUE(invalidations_.give());
	for (const std::string &key : filled)
		EXPECT_FALSE(cached(key)) << key;
	EXPECT_TRUE(cached("stays"));
}

} // namespace

} // namespace prestack::test
