// SPDX-License-Identifier: GPL-2.0-only
// The frame header in front of each datagram.
#include <gtest/gtest.h>

#include <optional>

#include "parsing.hpp"

namespace prestack::memcached
{
namespace
{

using namespace std::string_literals;

std::optional<mc_frame> parse(const std::string &text)
{
	const Input input(text);
	const ps_cursor cursor = input.cursor();
	mc_frame frame{};
	if (mc_parse_frame(&cursor, &frame) != 0)
		return std::nullopt;
	return frame;
}

TEST(Frame, NumbersAreBigEndian)
{
	const auto frame = parse("\x12\x34\x56\x78\x9a\xbc\xff\xff"s);
	ASSERT_TRUE(frame);
	EXPECT_EQ(0x1234U, frame->request);
	EXPECT_EQ(0x5678U, frame->sequence);
	EXPECT_EQ(0x9abcU, frame->total);
}

TEST(Frame, ReservedBytesAreIgnored)
{
	for (const std::string &reserved : {"\0\0"s, "\xff\xff"s, "\0\1"s}) {
		const auto frame = parse("\xff\xff\0\0\0\1"s + reserved + "get k\r\n");
		ASSERT_TRUE(frame);
		EXPECT_EQ(0xffffU, frame->request);
		EXPECT_EQ(0U, frame->sequence);
		EXPECT_EQ(1U, frame->total);
	}
}

TEST(Frame, TooShort)
{
	for (std::size_t size = 0; size < MC_UDP_HEADER; ++size)
		EXPECT_FALSE(parse(std::string(size, '\1'))) << size;
	EXPECT_TRUE(parse(std::string(MC_UDP_HEADER, '\1')));
}

} // namespace
} // namespace prestack::memcached
