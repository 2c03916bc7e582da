// SPDX-License-Identifier: GPL-2.0-only
// prestack/cursor.h: each function is right at both ends of the buffer, with leftovers behind the end.
#include <gtest/gtest.h>
#include <prestack/cursor.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace prestack
{
namespace
{

using namespace std::string_literals;

// A buffer with `text` at `at`, where the message ends too; `leftover` everywhere else.
class Buffer
{
public:
	Buffer(std::string_view text, std::uint32_t at, char leftover)
		: end_(at + static_cast<std::uint32_t>(text.size()))
	{
		bytes_.fill(static_cast<std::uint8_t>(leftover));
		std::copy(text.begin(), text.end(), bytes_.begin() + at);
	}

	ps_cursor cursor(std::uint32_t pos = 0) const { return {bytes_.data(), pos, end_, 0}; }
	std::uint32_t end() const { return end_; }

private:
	std::array<std::uint8_t, PS_IN_BUFFER> bytes_;
	std::uint32_t end_;
};

// Calls check(cursor, at) with `text` at the buffer's start, in its midst, and so that it ends with
// the buffer; behind it lies what would prolong any number, word, line or run of blanks.
template <typename Check>
void at_each_place(const std::string &text, Check check)
{
	const auto last = static_cast<std::uint32_t>(PS_IN_SIZE - text.size());
	for (const std::uint32_t at : {0U, 1U, 7U, 1000U, last}) {
		for (const char leftover : {'\0', '5', 'x', ' ', '\n', '\xff'}) {
			SCOPED_TRACE(testing::PrintToString(text) + " at " + std::to_string(at) +
				     " before " + testing::PrintToString(leftover));
			const Buffer buffer(text, at, leftover);
			check(buffer.cursor(at), at);
		}
	}
}

TEST(Cursor, Left)
{
	const Buffer buffer("abc", 0, 'x');
	EXPECT_EQ(3U, buffer.cursor().end);
	for (std::uint32_t pos = 0; pos <= 3; ++pos) {
		const ps_cursor cursor = buffer.cursor(pos);
		EXPECT_EQ(3 - pos, ps_cursor_left(&cursor));
	}
	const ps_cursor beyond = buffer.cursor(4);
	EXPECT_EQ(0U, ps_cursor_left(&beyond));
}

TEST(Cursor, ByteAndWord)
{
	at_each_place("abcdefgh", [](const ps_cursor &cursor, std::uint32_t at) {
		EXPECT_EQ('a', ps_cursor_at(&cursor, at));
		EXPECT_EQ('h', ps_cursor_at(&cursor, at + 7));
		EXPECT_EQ(0x6867666564636261ULL, ps_cursor_word(&cursor, at));
	});
	// The last byte has seven more behind it to load.
	const Buffer buffer("z", PS_IN_SIZE - 1, '.');
	const ps_cursor cursor = buffer.cursor();
	EXPECT_EQ(0x2e2e2e2e2e2e2e7aULL, ps_cursor_word(&cursor, PS_IN_SIZE - 1));
}

TEST(Cursor, LoadAndStore)
{
	std::array<char, 24> bytes{};
	for (std::size_t at = 0; at + 8 <= bytes.size(); ++at) {
		ps_store64(bytes.data() + at, 0x0102030405060708ULL + at);
		EXPECT_EQ(0x0102030405060708ULL + at, ps_load64(bytes.data() + at));
		EXPECT_EQ(static_cast<char>(8 + at), bytes[at]);
	}
}

TEST(Cursor, LowBytes)
{
	EXPECT_EQ(0ULL, ps_low_bytes(0));
	EXPECT_EQ(0xffULL, ps_low_bytes(1));
	EXPECT_EQ(0xffffffULL, ps_low_bytes(3));
	EXPECT_EQ(0x00ffffffffffffffULL, ps_low_bytes(7));
	EXPECT_EQ(~0ULL, ps_low_bytes(8));
	EXPECT_EQ(~0ULL, ps_low_bytes(9));
}

TEST(Cursor, FirstByteBelow)
{
	for (unsigned index = 0; index < 8; ++index) {
		for (unsigned byte = 0; byte < 256; ++byte) {
			for (const unsigned limit : {1U, 0x21U, 0x80U}) {
				// Above the byte in question: the least, and the greatest.
				for (const std::uint64_t above : {0ULL, ~0ULL}) {
					std::uint64_t word = above << 8 | byte;
					for (unsigned i = 0; i < index; ++i)
						word = word << 8 | limit;
					const std::uint64_t marks = ps_bytes_below(word, limit);
					SCOPED_TRACE(std::to_string(byte) + " < " +
						     std::to_string(limit));
					if (byte < limit) {
						EXPECT_EQ(index, ps_first_marked(marks));
					} else if (above != 0) {
						EXPECT_EQ(0U, marks);
					}
				}
			}
		}
	}
}

TEST(Cursor, TokensOfEachLengthEndedByEachControlByte)
{
	for (std::uint32_t len = 0; len <= 256; ++len) {
		for (int ended_by = 0; ended_by <= 0x20; ++ended_by) {
			const std::string text =
				std::string(len, '!') + static_cast<char>(ended_by) + "more";
			const auto at = static_cast<std::uint32_t>(PS_IN_SIZE - text.size());
			for (const std::uint32_t place : {0U, at}) {
				const Buffer buffer(text, place, 'x');
				const ps_cursor cursor = buffer.cursor();
				ASSERT_EQ(len, ps_cursor_token(&cursor, place, 256))
					<< len << " ended by " << ended_by << " at " << place;
			}
		}
	}
}

TEST(Cursor, TokensHoldAnyByteAboveTheBlank)
{
	for (int byte = 0; byte < 256; ++byte) {
		const Buffer buffer("ab"s + static_cast<char>(byte) + "cd ", 0, 'x');
		const ps_cursor cursor = buffer.cursor();
		EXPECT_EQ(byte > 0x20 ? 5U : 2U, ps_cursor_token(&cursor, 0, 256)) << byte;
	}
}

TEST(Cursor, TokensStopAtTheLimitAndAtTheEnd)
{
	for (std::uint32_t len = 0; len <= 256; ++len) {
		at_each_place(std::string(len, 'y'),
			      [&](const ps_cursor &cursor, std::uint32_t at) {
				      ASSERT_EQ(len, ps_cursor_token(&cursor, at, 256));
				      ASSERT_EQ(len ? len - 1 : 0,
						ps_cursor_token(&cursor, at, len ? len - 1 : 0));
				      ASSERT_EQ(0U, ps_cursor_token(&cursor, at, 0));
				      ASSERT_EQ(0U, ps_cursor_token(&cursor, cursor.end, 256));
				      ASSERT_EQ(0U, ps_cursor_token(&cursor, cursor.end + 1, 256));
			      });
	}
	const Buffer longer(std::string(300, 'y'), 0, 'y');
	const ps_cursor cursor = longer.cursor();
	EXPECT_EQ(256U, ps_cursor_token(&cursor, 0, 256));
	EXPECT_EQ(251U, ps_cursor_token(&cursor, 0, 251));
}

TEST(Cursor, Line)
{
	for (std::uint32_t len = 0; len < 300; ++len) {
		at_each_place(std::string(len, '\x0b') + "\n",
			      [&](const ps_cursor &cursor, std::uint32_t at) {
				      ASSERT_EQ(at + len + 1, ps_cursor_line(&cursor, at));
				      ASSERT_EQ(at + len + 1, ps_cursor_line(&cursor, at + len));
			      });
		// The newline behind the end is none.
		at_each_place(std::string(len, '\r'),
			      [](const ps_cursor &cursor, std::uint32_t at) {
				      ASSERT_EQ(0U, ps_cursor_line(&cursor, at));
				      ASSERT_EQ(0U, ps_cursor_line(&cursor, cursor.end));
				      ASSERT_EQ(0U, ps_cursor_line(&cursor, cursor.end + 1));
			      });
	}
	const Buffer longest(std::string(PS_IN_SIZE - 1, 'x') + "\n", 0, 'x');
	const ps_cursor cursor = longest.cursor();
	for (const std::uint32_t pos : {0U, 1U, 7U, 8U, 2046U, 2047U})
		EXPECT_EQ(unsigned{PS_IN_SIZE}, ps_cursor_line(&cursor, pos)) << pos;
	at_each_place("\n\n", [](const ps_cursor &each, std::uint32_t at) {
		EXPECT_EQ(at + 1, ps_cursor_line(&each, at));
	});
}

TEST(Cursor, Blanks)
{
	for (std::uint32_t count = 0; count <= PS_MAX_BLANKS + 3; ++count) {
		const std::uint32_t stepped = std::min<std::uint32_t>(count, PS_MAX_BLANKS);
		for (const std::string &behind : {""s, "x"s, "\t"s, "\n"s, "\0"s}) {
			at_each_place(std::string(count, ' ') + behind, [&](const ps_cursor &cursor,
									    std::uint32_t at) {
				EXPECT_EQ(at + stepped, ps_cursor_blanks(&cursor, at));
			});
		}
	}
}

TEST(Cursor, Digits)
{
	const std::string all = "01234567890123456789012345";
	for (std::uint32_t count = 0; count <= all.size(); ++count) {
		const std::uint32_t counted = std::min<std::uint32_t>(count, PS_MAX_LONG_DIGITS);
		for (const std::string &behind : {""s, "/"s, ":"s, " "s, "x"s, "\0"s}) {
			at_each_place(all.substr(0, count) + behind,
				      [&](const ps_cursor &cursor, std::uint32_t at) {
					      EXPECT_EQ(counted, ps_cursor_digits(&cursor, at));
				      });
		}
	}
}

TEST(Cursor, Numbers)
{
	for (const std::string &good :
	     {"0"s, "7"s, "10"s, "0000000000"s, "0000000001"s, "2147483647"s, "2147483648"s,
	      "4294967294"s, "4294967295"s}) {
		for (const std::string &behind :
		     {" "s, "\r\n"s, "x"s, "/"s, ":"s, "\0"s, "\xff"s}) {
			at_each_place(good + behind, [&](const ps_cursor &cursor,
							 std::uint32_t at) {
				std::uint32_t value = 1;
				EXPECT_EQ(good.size(), ps_cursor_number(&cursor, at, &value));
				EXPECT_EQ(std::stoul(good), value);
			});
		}
	}
	for (const std::string &bad : {"4294967296"s, "4294967305"s, "8589934592"s, "9999999999"s,
				       "00000000000"s, "00000000001"s, "42949672950"s,
				       "99999999999999999999999"s, "-1"s, "+1"s, ""s, "x1"s}) {
		at_each_place(bad + " ", [](const ps_cursor &cursor, std::uint32_t at) {
			std::uint32_t value = 1;
			EXPECT_EQ(0U, ps_cursor_number(&cursor, at, &value));
		});
	}
	// A number that runs into the end may go on in the next packet.
	for (const std::string &open : {""s, "1"s, "12345"s, "4294967295"s}) {
		at_each_place(open, [](const ps_cursor &cursor, std::uint32_t at) {
			std::uint32_t value = 1;
			EXPECT_EQ(0U, ps_cursor_number(&cursor, at, &value));
		});
	}
}

TEST(Cursor, ShortNumbers)
{
	for (const std::string &good :
	     {"0"s, "7"s, "10"s, "32"s, "100"s, "1024"s, "65535"s, "999999"s, "1234567"s,
	      "9999999"s, "0000000"s, "0000001"s}) {
		for (const std::string &behind :
		     {" "s, "\r\n"s, "x"s, "/"s, ":"s, "\0"s, "\x80"s, "\xb5"s, "\xff"s}) {
			at_each_place(good + behind, [&](const ps_cursor &cursor,
							 std::uint32_t at) {
				std::uint32_t value = 1;
				EXPECT_EQ(good.size(), ps_cursor_short_number(&cursor, at, &value));
				EXPECT_EQ(std::stoul(good), value);
			});
		}
	}
	// Longer ones, and what is none: each byte that is no digit.
	std::vector<std::string> bad = {"12345678 ", "00000000 ", "4294967295 ", "-1 ", ""};
	for (int byte = 0; byte < 256; ++byte) {
		if (byte < '0' || byte > '9')
			bad.emplace_back(1, static_cast<char>(byte));
	}
	for (const std::string &text : bad) {
		at_each_place(text + " ", [&](const ps_cursor &cursor, std::uint32_t at) {
			std::uint32_t value = 1;
			EXPECT_EQ(0U, ps_cursor_short_number(&cursor, at, &value)) << text;
		});
	}
	// Each digit at each place, before each byte.
	for (int byte = 0; byte < 256; ++byte) {
		const std::string text = "9876" + std::string(1, static_cast<char>(byte)) + "  ";
		const bool digit = byte >= '0' && byte <= '9';
		at_each_place(text, [&](const ps_cursor &cursor, std::uint32_t at) {
			std::uint32_t value = 0;
			EXPECT_EQ(digit ? 5U : 4U, ps_cursor_short_number(&cursor, at, &value));
			EXPECT_EQ(digit ? 98760U + byte - '0' : 9876U, value);
		});
	}
}

} // namespace
} // namespace prestack
