// SPDX-License-Identifier: GPL-2.0-only
// The binary protocol: requests and replies.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "binary_message.hpp"
#include "expect_command.hpp"

namespace prestack::memcached
{
namespace
{

mc_command parse(const Input &input, std::uint32_t pos = 0)
{
	const ps_cursor cursor = input.cursor(pos);
	mc_command command{};
	mc_parse_binary(&cursor, &command);
	return command;
}

mc_reply parse_reply(const Input &input)
{
	const ps_cursor cursor = input.cursor();
	mc_reply reply{};
	mc_parse_binary_reply(&cursor, &reply);
	return reply;
}

const std::string kExtras4(4, '\0');
const std::string kExtras8(8, '\0');
const std::string kExtras20(20, '\0');

struct Case {
	std::vector<int> opcodes;
	std::string extras, key, value;
	mc_kind kind;
};

// One byte of extras, of key or of value more than that, or less.
void expect_wrong_lengths(const Case &right, int opcode)
{
	const auto kind = [opcode](const std::string &extras, const std::string &key,
				   const std::string &value) {
		return parse(Input(binary_request(opcode, extras, key, value))).kind;
	};
	const bool has_value = !right.value.empty() || opcode == MC_OP_SET;
	EXPECT_EQ(MC_UNKNOWN, kind(right.extras + "x", right.key, right.value));
	if (!has_value) {
		EXPECT_EQ(MC_UNKNOWN, kind(right.extras, right.key, "x"));
	}
	if (opcode != MC_OP_STAT) {
		EXPECT_EQ(MC_UNKNOWN,
			  kind(right.extras, right.key.empty() ? "k" : "", right.value));
	}
}

TEST(Binary, KindsAndLengths)
{
	const std::string longest("k\r\n\0 k", 6);
	for (const Case &each : std::vector<Case>{
		     {{MC_OP_GET, MC_OP_GETQ, MC_OP_GETK, MC_OP_GETKQ}, "", "key", "", MC_READ},
		     {{MC_OP_STAT}, "", "items", "", MC_READ},
		     {{MC_OP_STAT, MC_OP_NOOP, MC_OP_VERSION, MC_OP_QUIT, MC_OP_QUITQ,
		       MC_OP_SASL_MECHS},
		      "",
		      "",
		      "",
		      MC_READ},
		     {{MC_OP_SASL_AUTH, MC_OP_SASL_STEP}, "", "PLAIN", "secret", MC_READ},
		     {{MC_OP_SET, MC_OP_SETQ, MC_OP_ADD, MC_OP_ADDQ, MC_OP_REPLACE, MC_OP_REPLACEQ},
		      kExtras8,
		      "key",
		      "value",
		      MC_WRITE},
		     {{MC_OP_SET}, kExtras8, longest, "", MC_WRITE},
		     {{MC_OP_APPEND, MC_OP_APPENDQ, MC_OP_PREPEND, MC_OP_PREPENDQ},
		      "",
		      "key",
		      "value",
		      MC_WRITE},
		     {{MC_OP_DELETE, MC_OP_DELETEQ}, "", "key", "", MC_WRITE},
		     {{MC_OP_INCREMENT, MC_OP_INCREMENTQ, MC_OP_DECREMENT, MC_OP_DECREMENTQ},
		      kExtras20,
		      "key",
		      "",
		      MC_WRITE},
		     {{MC_OP_TOUCH, MC_OP_GAT, MC_OP_GATQ, MC_OP_GATK, MC_OP_GATKQ},
		      kExtras4,
		      "key",
		      "",
		      MC_WRITE},
		     {{MC_OP_FLUSH, MC_OP_FLUSHQ}, "", "", "", MC_FLUSH},
		     {{MC_OP_FLUSH, MC_OP_FLUSHQ}, kExtras4, "", "", MC_FLUSH}}) {
		for (const int opcode : each.opcodes) {
			const std::string text =
				binary_request(opcode, each.extras, each.key, each.value);
			SCOPED_TRACE("opcode " + std::to_string(opcode));
			for (const std::size_t before :
			     {std::size_t{0}, std::size_t{9}, PS_IN_SIZE - text.size()}) {
				const Input input(std::string(before, 'x') + text);
				const mc_command command =
					parse(input, static_cast<std::uint32_t>(before));
				ASSERT_STREQ(kKindNames[each.kind], kKindNames[command.kind]);
				EXPECT_EQ(before + text.size(), command.next);
				EXPECT_EQ(command.next - each.value.size(), command.line_end);
				EXPECT_EQ(each.key, input.text(command.key, command.key_len));
			}
			expect_wrong_lengths(each, opcode);
		}
	}
}

TEST(Binary, OtherOpcodes)
{
	for (int opcode = 0; opcode < 256; ++opcode) {
		if (opcode <= MC_OP_PREPENDQ || (opcode >= MC_OP_TOUCH && opcode <= MC_OP_GATQ) ||
		    (opcode >= MC_OP_SASL_MECHS && opcode <= MC_OP_GATKQ))
			continue;
		EXPECT_EQ(MC_UNKNOWN, parse(Input(binary_request(opcode, "", "", ""))).kind)
			<< opcode;
		EXPECT_EQ(MC_UNKNOWN, parse(Input(binary_request(opcode, "", "k", ""))).kind)
			<< opcode;
	}
}

TEST(Binary, LengthsThatContradict)
{
	std::string text = binary_request(MC_OP_GET, "", "key", "");
	text[11] = 2; // body shorter than the key
	EXPECT_EQ(MC_UNKNOWN, parse(Input(text)).kind);
	text = binary_request(MC_OP_SET, kExtras8, "key", "");
	text[11] = 10;
	EXPECT_EQ(MC_UNKNOWN, parse(Input(text)).kind);
	EXPECT_EQ(MC_UNKNOWN,
		  parse(Input(binary_request(MC_OP_GET, "", std::string(251, 'k'), ""))).kind);
	EXPECT_EQ(MC_READ,
		  parse(Input(binary_request(MC_OP_GET, "", std::string(250, 'k'), ""))).kind);
	text = binary_request(MC_OP_SET, kExtras8, "key", "");
	text[8] = '\x7f';
	EXPECT_EQ(MC_UNKNOWN, parse(Input(text)).kind);
	text[8] = '\xff';
	EXPECT_EQ(MC_UNKNOWN, parse(Input(text)).kind);
	text = binary_request(MC_OP_SET, kExtras8, "key", "");
	text[0] = '\x81';
	EXPECT_EQ(MC_UNKNOWN, parse(Input(text)).kind);
}

TEST(Binary, EachCutIsIncomplete)
{
	const std::string text = binary_request(MC_OP_SET, kExtras8, "key", "value");
	for (std::size_t size = 0; size < 24 + 8 + 3; ++size) {
		for (const char leftover : {'\0', '\x80', '\xff'})
			EXPECT_EQ(MC_INCOMPLETE, parse(Input(text.substr(0, size), leftover)).kind)
				<< size;
	}
	for (std::size_t size = 24 + 8 + 3; size < text.size(); ++size)
		EXPECT_EQ(text.size(), parse(Input(text.substr(0, size))).next) << size;
}

TEST(Binary, Replies)
{
	EXPECT_EQ(MC_REPLIES_ONE,
		  parse(Input(binary_request(MC_OP_SET, kExtras8, "k", ""))).replies);
	EXPECT_EQ(MC_REPLIES_ONE, parse(Input(binary_request(MC_OP_QUIT, "", "", ""))).replies);
	EXPECT_EQ(MC_REPLIES_NONE, parse(Input(binary_request(MC_OP_QUITQ, "", "", ""))).replies);
	for (const int opcode : {MC_OP_SETQ, MC_OP_ADDQ, MC_OP_REPLACEQ})
		EXPECT_EQ(MC_REPLIES_MAYBE,
			  parse(Input(binary_request(opcode, kExtras8, "k", ""))).replies);
	for (const int opcode : {MC_OP_GETQ, MC_OP_GETKQ, MC_OP_DELETEQ, MC_OP_APPENDQ})
		EXPECT_EQ(MC_REPLIES_MAYBE,
			  parse(Input(binary_request(opcode, "", "k", ""))).replies);
	EXPECT_EQ(MC_REPLIES_MAYBE,
		  parse(Input(binary_request(MC_OP_GATQ, kExtras4, "k", ""))).replies);
	EXPECT_TRUE(parse(Input(binary_request(MC_OP_NOOP, "", "", ""))).mark);
	EXPECT_FALSE(parse(Input(binary_request(MC_OP_VERSION, "", "", ""))).mark);
}

TEST(Binary, Expiry)
{
	const auto set = [](const std::string &exptime) {
		return parse(Input(binary_request(MC_OP_SET, "\1\2\3\4" + exptime, "k", "v")));
	};
	EXPECT_EQ(MC_EXPIRY_NEVER, set("\0\0\0\0"s).expiry);
	EXPECT_EQ(MC_EXPIRY_RELATIVE, set("\0\0\1\2"s).expiry);
	EXPECT_EQ(258U, set("\0\0\1\2"s).seconds);
	EXPECT_EQ(2592000U, set("\0\x27\x8d\0"s).seconds);
	EXPECT_EQ(MC_EXPIRY_UNKNOWN, set("\0\x27\x8d\1"s).expiry);
	EXPECT_EQ(MC_EXPIRY_UNKNOWN, set("\xff\xff\xff\xff"s).expiry);
	EXPECT_EQ(MC_EXPIRY_UNKNOWN,
		  parse(Input(binary_request(MC_OP_TOUCH, kExtras4, "k", ""))).expiry);
	EXPECT_EQ(MC_EXPIRY_UNKNOWN,
		  parse(Input(binary_request(MC_OP_APPEND, "", "k", "v"))).expiry);
	const auto flush = [](const std::string &delay) {
		return parse(Input(binary_request(MC_OP_FLUSH, delay, "", ""))).expiry;
	};
	EXPECT_EQ(MC_EXPIRY_NEVER, flush(""));
	EXPECT_EQ(MC_EXPIRY_NEVER, flush("\0\0\0\0"s));
	EXPECT_EQ(MC_EXPIRY_RELATIVE, flush("\0\0\0\5"s));
	EXPECT_EQ(MC_EXPIRY_UNKNOWN, flush("\x7f\0\0\5"s));
}

TEST(BinaryReply, EndsOrGoesOn)
{
	const auto kind = [](int opcode, int status, const std::string &key,
			     const std::string &value) {
		return parse_reply(Input(binary_reply(opcode, status, "", key, value))).kind;
	};
	EXPECT_EQ(MC_REPLY_END, kind(MC_OP_SET, 0, "", ""));
	EXPECT_EQ(MC_REPLY_END, kind(MC_OP_SET, 2, "", "Data exists for key."));
	EXPECT_EQ(MC_REPLY_END, kind(MC_OP_GETK, 0, "k", "flagvalue"));
	EXPECT_EQ(MC_REPLY_PART, kind(MC_OP_GETKQ, 0, "k", "flagvalue"));
	EXPECT_EQ(MC_REPLY_PART, kind(MC_OP_SETQ, 2, "", "Data exists for key."));
	EXPECT_EQ(MC_REPLY_PART, kind(MC_OP_STAT, 0, "pid", "1"));
	EXPECT_EQ(MC_REPLY_PART, kind(MC_OP_STAT, 0, "pid", ""));
	EXPECT_EQ(MC_REPLY_END, kind(MC_OP_STAT, 0, "", ""));
	EXPECT_EQ(MC_REPLY_END, kind(MC_OP_STAT, 1, "", "Not found"));
	const std::string text = binary_reply(MC_OP_GET, 0, "flag", "", "value");
	EXPECT_EQ(24U, parse_reply(Input(text)).next);
	EXPECT_EQ(9U, parse_reply(Input(text)).body);
	for (std::size_t size = 0; size < 24; ++size)
		EXPECT_EQ(MC_REPLY_INCOMPLETE,
			  parse_reply(Input(text.substr(0, size), '\x81')).kind);
	EXPECT_EQ(MC_REPLY_UNKNOWN, parse_reply(Input("\x80" + text.substr(1))).kind);
	EXPECT_EQ(MC_REPLY_UNKNOWN, parse_reply(Input("STORED\r\nSTORED\r\nSTORED\r\n")).kind);
}

TEST(BinaryReply, WhatItTells)
{
	const auto reply = [](int opcode, int status) {
		return parse_reply(Input(binary_reply(opcode, status, "", "", "")));
	};
	EXPECT_TRUE(reply(MC_OP_SET, 0).succeeded);
	EXPECT_FALSE(reply(MC_OP_SET, 2).succeeded);
	EXPECT_FALSE(reply(MC_OP_SET, 0).reads);
	EXPECT_TRUE(reply(MC_OP_GETQ, 0).reads);
	EXPECT_TRUE(reply(MC_OP_NOOP, 0).mark);
	// Nobody counts the replies to quiet requests; those that tell of a change flush.
	EXPECT_TRUE(reply(MC_OP_GATQ, 0).effect);
	EXPECT_TRUE(reply(MC_OP_SETQ, 3).effect); // too large: the old item is gone
	for (const int status : {1, 2, 5, 6})
		EXPECT_FALSE(reply(MC_OP_SETQ, status).effect);
	EXPECT_FALSE(reply(MC_OP_GETQ, 0).effect);
	EXPECT_FALSE(reply(MC_OP_SET, 3).effect);
}

} // namespace
} // namespace prestack::memcached
