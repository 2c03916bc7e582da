// SPDX-License-Identifier: GPL-2.0-only
// VALUE blocks of replies: what is taken into the cache.
#include <gtest/gtest.h>

#include <optional>

#include "parsing.hpp"

namespace prestack::memcached
{
namespace
{

using namespace std::string_literals;

struct Value {
	std::string key;
	unsigned flags;
	std::string data;
	std::size_t next;

	bool operator==(const Value &) const = default;
};

void PrintTo(const Value &value, std::ostream *out)
{
	*out << "key " << testing::PrintToString(value.key) << ", flags " << value.flags
	     << ", data " << testing::PrintToString(value.data) << ", next " << value.next;
}

std::optional<Value> parse(const Input &input, std::uint32_t pos = 0)
{
	const ps_cursor cursor = input.cursor(pos);
	mc_value value{};
	if (mc_parse_value(&cursor, &value) != 0)
		return std::nullopt;
	return Value{input.text(value.key, value.key_len), value.flags,
		     input.text(value.data, value.data_len), value.next};
}

std::string block(const std::string &key, const std::string &flags, const std::string &data)
{
	return "VALUE " + key + " " + flags + " " + std::to_string(data.size()) + "\r\n" + data +
	       "\r\n";
}

TEST(Value, Plain)
{
	const std::string text = block("key", "42", "hello") + "END\r\n";
	EXPECT_EQ((Value{"key", 42, "hello", text.size() - 5}), parse(Input(text)));
	// Behind the frame header.
	EXPECT_EQ((Value{"key", 42, "hello", text.size() + 3}),
		  parse(Input(std::string(8, '\0') + text), 8));
}

TEST(Value, DataIsTakenByItsLength)
{
	for (const std::string &data :
	     {""s, "\r\n"s, "\r\n\r\n"s, "\r\nEND\r\n"s, "END\r\n"s, "\0\0"s, "\n"s, "\r"s,
	      "\r\nVALUE other 0 3\r\nabc\r\nEND\r\n"s, std::string(1400, '\xff')}) {
		const std::string text = block("k", "0", data);
		SCOPED_TRACE(testing::PrintToString(text));
		EXPECT_EQ((Value{"k", 0, data, text.size()}), parse(Input(text)));
		EXPECT_EQ((Value{"k", 0, data, text.size()}), parse(Input(text + "END\r\n")));
	}
}

TEST(Value, LimitsOfKeyAndFlags)
{
	const std::string longest(MC_MAX_KEY, 'L');
	EXPECT_EQ(longest, parse(Input(block(longest, "0", "x")))->key);
	EXPECT_FALSE(parse(Input(block(longest + "L", "0", "x"))));
	EXPECT_EQ(4294967295U, parse(Input(block("k", "4294967295", "x")))->flags);
	EXPECT_FALSE(parse(Input(block("k", "4294967296", "x"))));
	EXPECT_FALSE(parse(Input(block("k", "00000000001", "x"))));
	EXPECT_FALSE(parse(Input(block("k", "-1", "x"))));
}

TEST(Value, FillsTheBuffer)
{
	const std::string data(2030, 'x');
	const std::string text = block("k", "0", data);
	ASSERT_EQ(std::size_t{PS_IN_SIZE}, text.size());
	EXPECT_EQ((Value{"k", 0, data, PS_IN_SIZE}), parse(Input(text)));
	// A byte more is announced than there is room for: the end wraps round in the masked buffer.
	EXPECT_FALSE(parse(Input("VALUE k 0 2031\r\n" + data + "\r\n")));
}

TEST(Value, WrongLength)
{
	for (const std::string &text :
	     {"VALUE k 0 4\r\nhello\r\n"s, "VALUE k 0 6\r\nhello\r\n"s, "VALUE k 0 7\r\nhello\r\n"s,
	      "VALUE k 0 5\r\nhello\r"s, "VALUE k 0 5\r\nhello"s, "VALUE k 0 5\r\nhello\n\r"s,
	      "VALUE k 0 5\r\nhello\n\n"s, "VALUE k 0 0\r\n"s, "VALUE k 0 0\r\n\r"s,
	      "VALUE k 0 4294967295\r\nhello\r\n"s, "VALUE k 0 4294967294\r\nhello\r\n"s,
	      "VALUE k 0 4294967301\r\nhello\r\n"s, "VALUE k 0 -5\r\nhello\r\n"s}) {
		SCOPED_TRACE(testing::PrintToString(text));
		// Whatever lies behind the end.
		for (const char leftover : {'\0', '\r', '\n', '5'})
			EXPECT_FALSE(parse(Input(text, leftover)));
	}
}

TEST(Value, AnythingElse)
{
	for (const std::string &text :
	     {""s, "END\r\n"s, "VALUE"s, "VALUE "s, "VALUE k"s, "VALUE k 0 5"s, "VALUE k 0 5\r"s,
	      // with a cas unique: the reply to gets
	      "VALUE k 0 5 12\r\nhello\r\n"s, "VALUE k 0 5 \r\nhello\r\n"s,
	      "VALUE k 0 5\nhello\r\n"s, "VALUE k 0 5 \nhello\r\n"s, "VALUE  k 0 5\r\nhello\r\n"s,
	      "VALUE k  0 5\r\nhello\r\n"s, "VALUE k 0  5\r\nhello\r\n"s,
	      "VALUE k\t0 5\r\nhello\r\n"s, "VALUE \tk 0 5\r\nhello\r\n"s,
	      "value k 0 5\r\nhello\r\n"s, "VALUES k 0 5\r\nhello\r\n"s,
	      " VALUE k 0 5\r\nhello\r\n"s, "VALUE k x 5\r\nhello\r\n"s,
	      "VALUE k 0 x\r\nhello\r\n"s, "VALUE k 0\r\nhello\r\n"s, "VALUE k 0\t5\r\nhello\r\n"s,
	      "VALUE k 0x5\r\nhello\r\n"s, "VALUE k a 0 5\r\nhello\r\n"s, "VA 5 t0\r\nhello\r\n"s,
	      "STORED\r\n"s, "ERROR\r\n"s}) {
		SCOPED_TRACE(testing::PrintToString(text));
		EXPECT_FALSE(parse(Input(text)));
	}
}

TEST(Value, EachCutIsRefusedWhateverLiesBehind)
{
	const std::string text = block("key", "42", "hello");
	for (std::size_t size = 0; size < text.size(); ++size) {
		EXPECT_FALSE(parse(Input::cut(text, size))) << size;
		for (const char leftover : {'\0', '\r', '\n', '0', ' '}) {
			SCOPED_TRACE(size);
			EXPECT_FALSE(parse(Input(text.substr(0, size), leftover)));
		}
	}
}

} // namespace
} // namespace prestack::memcached
