// SPDX-License-Identifier: GPL-2.0-only
#include "parser.h"

#include <gtest/gtest.h>

#include <string>

namespace
{

toy_message parse(const std::string &text)
{
	static __u8 buffer[PS_IN_BUFFER];
	const ps_cursor cursor{buffer, 0, static_cast<__u32>(text.size()), 0};
	toy_message message{};

	memcpy(buffer, text.data(), text.size());
	toy_parse(&cursor, &message);
	return message;
}

std::string value(const std::string &text)
{
	const toy_message message = parse(text);

	return text.substr(message.value, message.value_len);
}

TEST(ToyParser, UnderstandsEachMessage)
{
	EXPECT_EQ(parse("01af G key\n").kind, TOY_GET);
	EXPECT_EQ(parse("01af S key value\n").kind, TOY_SET);
	EXPECT_EQ(parse("01af V key value\n").kind, TOY_VALUE);
	EXPECT_EQ(parse("01af G key\n").key_len, 3u);
	EXPECT_NE(parse("01af G key\n").id, parse("01ae G key\n").id);
}

TEST(ToyParser, AValueHoldsAnyBytes)
{
	EXPECT_EQ(value("01af S key a b\n\r\n\n"), "a b\n\r\n");
	EXPECT_EQ(value("01af V key \n"), "");
	EXPECT_EQ(value(std::string("01af V key \0\xff\n", 14)), std::string("\0\xff", 2));
}

TEST(ToyParser, RepliesWithoutAValue)
{
	EXPECT_EQ(parse("01af N\n").kind, TOY_NONE);
	EXPECT_EQ(parse("01af OK\n").kind, TOY_OK);
}

TEST(ToyParser, RefusesEverythingElse)
{
	const std::string longest(TOY_MAX_KEY, 'k');

	EXPECT_EQ(parse("01af G " + longest + "\n").kind, TOY_GET);
	for (const std::string text :
	     {"", "\n", "01af G key", "01af G \n", "01af G  key\n", "01af G key \n",
	      "01af G key\r\n", "01aF G key\n", "01a G key\n", "01af X key\n", "01af Gkey\n",
	      "01af S key\n", "01af S \n", "01af S\n", "01af NO\n", "01af O\n"})
		EXPECT_EQ(parse(text).kind, TOY_UNKNOWN) << text;
	EXPECT_EQ(parse("01af G " + longest + "k\n").kind, TOY_UNKNOWN);
	EXPECT_EQ(parse("01af S " + longest + "k v\n").kind, TOY_UNKNOWN);
}

} // namespace
