// SPDX-License-Identifier: GPL-2.0-only
// The parser: what it makes of whole messages, of parts of them, and of what is none.
#include "parser.h"

#include <gtest/gtest.h>

#include <string>

namespace
{

struct Parsed {
	sample_head head{};
	ps_message message{};
	std::string text; // that the positions are of

	std::string key() const { return text.substr(head.key, head.key_len); }
	std::string value() const { return text.substr(head.text, head.text_len); }
};

template <typename Parse>
Parsed parsed(Parse parse, const std::string &text, __u32 state)
{
	static __u8 buffer[PS_IN_BUFFER];
	const ps_cursor cursor{buffer, 0, static_cast<__u32>(text.size()), 0};
	Parsed out;

	memcpy(buffer, text.data(), text.size());
	out.message.state = state;
	out.text = text;
	parse(&cursor, &out.head, &out.message);
	return out;
}

Parsed request(const std::string &text, __u32 state = SAMPLE_AT_START)
{
	return parsed(sample_parse_request, text, state);
}

Parsed reply(const std::string &text, __u32 state = SAMPLE_AT_START)
{
	return parsed(sample_parse_reply, text, state);
}

TEST(SampleParser, UnderstandsRequests)
{
	EXPECT_EQ(request("get key\n").head.kind, SAMPLE_IS_GET);
	EXPECT_EQ(request("get key\n").key(), "key");
	EXPECT_EQ(request("set key a text\n").head.kind, SAMPLE_IS_SET);
	EXPECT_EQ(request("set key a text\n").key(), "key");
	EXPECT_EQ(request("set key \n").head.kind, SAMPLE_IS_SET);
	EXPECT_EQ(request("get key\nget other\n").message.next, 8u);
}

TEST(SampleParser, UnderstandsReplies)
{
	EXPECT_EQ(reply("VALUE a text\n").head.kind, SAMPLE_IS_VALUE);
	EXPECT_EQ(reply("VALUE a text\nVALUE b\n").value(), "a text");
	EXPECT_EQ(reply("VALUE \n").value(), "");
	EXPECT_EQ(reply("OK\n").head.kind, SAMPLE_IS_OK);
	EXPECT_EQ(reply("NONE\n").head.kind, SAMPLE_IS_OTHER_REPLY);
	EXPECT_EQ(reply("ERROR no such thing\n").head.kind, SAMPLE_IS_OTHER_REPLY);
}

TEST(SampleParser, WhatIsNotUnderstoodMayChangeAnything)
{
	const std::string longest(SAMPLE_MAX_KEY, 'k');

	for (const std::string &text :
	     {std::string("clear\n"), std::string("get a b\n"), std::string("get \n"),
	      std::string("set key\n"), std::string("GET key\n"), std::string("\n"),
	      "get " + longest + "k\n"}) {
		EXPECT_EQ(request(text).head.kind, SAMPLE_IS_OTHER_REQUEST) << text;
		EXPECT_EQ(request(text).message.next, text.size()) << text;
	}
	EXPECT_EQ(request("get " + longest + "\n").head.kind, SAMPLE_IS_GET);
}

TEST(SampleParser, AHeadThatIsNotWholeWaits)
{
	for (const char *text : {"g", "get ke", "set key tex"}) {
		EXPECT_EQ(request(text).message.kind, PS_MESSAGE_PARTIAL) << text;
		EXPECT_EQ(request(text).message.next, 0u) << text;
		EXPECT_EQ(request(text).head.kind, SAMPLE_IS_NOTHING) << text;
	}
}

TEST(SampleParser, ALongTextIsConsumedInParts)
{
	const std::string start = "set key " + std::string(1000, 'x');

	EXPECT_EQ(request(start).head.kind, SAMPLE_IS_SET);
	EXPECT_EQ(request(start).message.kind, PS_MESSAGE_PARTIAL);
	EXPECT_EQ(request(start).message.next, start.size());
	EXPECT_EQ(request(start).message.state, SAMPLE_IN_TEXT);
	EXPECT_EQ(request("get key\n", SAMPLE_IN_TEXT).head.kind, SAMPLE_IS_NOTHING);
	EXPECT_EQ(request("get key\n", SAMPLE_IN_TEXT).message.kind, PS_MESSAGE_WHOLE);
	EXPECT_EQ(request("get key\n", SAMPLE_IN_TEXT).message.state, SAMPLE_AT_START);
	EXPECT_EQ(reply("VALUE x").head.kind, SAMPLE_IS_PART_OF_VALUE);
	EXPECT_EQ(reply("x\n", SAMPLE_IN_TEXT).message.kind, PS_MESSAGE_WHOLE);
}

} // namespace
