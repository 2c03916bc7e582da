// SPDX-License-Identifier: GPL-2.0-only
// A value tells which write made it, and a damaged one is recognised.
#include "value.hpp"

#include <gtest/gtest.h>

namespace prestack::test
{
namespace
{

constexpr std::uint32_t counter_key = 1;

TEST(Value, ATextTellsItsVersion)
{
	for (const std::uint64_t version : {1U, 2U, 25U, 77U, 1'000'000U}) {
		std::string value = value_of(version);
		EXPECT_EQ(version_of(KeyKind::text, value), version);
		value.back() = value.back() == 'z' ? 'y' : 'z';
		EXPECT_EQ(version_of(KeyKind::text, value), garbage_version);
		value.pop_back();
		EXPECT_EQ(version_of(KeyKind::text, value), garbage_version);
	}
	EXPECT_EQ(version_of(KeyKind::text, ""), garbage_version);
	// The head of one and the tail of another.
	EXPECT_EQ(version_of(KeyKind::text, value_of(2).substr(0, 20) + value_of(4).substr(20)),
		  garbage_version);
}

TEST(Value, TheLastAdditionIsTheVersion)
{
	const auto append = KeyKind::appended;
	const auto prepend = KeyKind::prepended;
	EXPECT_EQ(version_of(append, value_of(5)), 5U);
	EXPECT_EQ(version_of(append, value_of(5) + addition_of(append, 9)), 9U);
	EXPECT_EQ(version_of(append, value_of(5) + addition_of(append, 9) + addition_of(append, 8)),
		  8U);
	EXPECT_EQ(version_of(prepend,
			     addition_of(prepend, 8) + addition_of(prepend, 9) + value_of(5)),
		  8U);
	EXPECT_EQ(version_of(append, addition_of(append, 9)), garbage_version);
	EXPECT_EQ(version_of(append, value_of(5) + addition_of(append, 9) + "x"), garbage_version);
	EXPECT_EQ(version_of(prepend, addition_of(prepend, 9)), garbage_version);
	EXPECT_EQ(version_of(prepend, addition_of(prepend, 8) + value_of(5) + "x"),
		  garbage_version);
}

TEST(Value, ACounterIsItsOwnVersion)
{
	EXPECT_EQ(version_of(KeyKind::counter, "2018"), 2018U);
	EXPECT_EQ(version_of(KeyKind::counter, "2018  "), 2018U);
	EXPECT_EQ(version_of(KeyKind::counter, "2019"), garbage_version);
	EXPECT_EQ(version_of(KeyKind::counter, "20 18"), garbage_version);
	EXPECT_EQ(version_of(KeyKind::counter, ""), garbage_version);
}

TEST(Value, RepliesOfEveryKind)
{
	const std::string value = value_of(4);
	const std::string data = std::to_string(value.size()) + "\r\n" + value + "\r\n";
	ASSERT_EQ(kind_of(0), KeyKind::text);
	ASSERT_EQ(kind_of(counter_key), KeyKind::counter);
	EXPECT_EQ(version_in(0, "END\r\n"), absent_version);
	EXPECT_EQ(version_in(0, "EN\r\n"), absent_version);
	EXPECT_EQ(version_in(0, "VALUE litmus-0 0 " + data + "END\r\n"), 4U);
	EXPECT_EQ(version_in(0, "VALUE litmus-4 0 " + data + "END\r\n"), garbage_version);
	EXPECT_EQ(version_in(0, "VALUE litmus-0 0 " + std::to_string(value.size()) + " 17\r\n" +
					value + "\r\nEND\r\n"),
		  4U);
	EXPECT_EQ(version_in(0, "VA " + data), 4U);
	EXPECT_EQ(version_in(0,
			     "VA " + std::to_string(value.size()) + " f0 t-1\r\n" + value + "\r\n"),
		  4U);
	EXPECT_EQ(version_in(counter_key, "VA 4\r\n2018\r\n"), 2018U);
	EXPECT_EQ(version_in(0, "SERVER_ERROR busy\r\n"), std::nullopt);
}

TEST(Value, Base64)
{
	EXPECT_EQ(key_name(0), "litmus-0");
	EXPECT_EQ(base64_key_name(0), "bGl0bXVzLTA=");
	EXPECT_EQ(base64_key_name(12), "bGl0bXVzLTEy");
}

} // namespace
} // namespace prestack::test
