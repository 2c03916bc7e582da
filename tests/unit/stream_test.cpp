// SPDX-License-Identifier: GPL-2.0-only
// prestack/stream.h: one direction of a connection is read in order.
#include <gtest/gtest.h>
#include <prestack/stream.h>

#include <algorithm>
#include <string>
#include <vector>

namespace
{

constexpr std::uint32_t first = 0xffffffc0; // sequence numbers wrap in these tests

// Messages are "<digits>:" and that many bytes of body. "!" is not understood, "+" is eaten at once as
// a part of a head.
struct Reading {
	ps_stream stream{};
	std::vector<std::string> heads;
	unsigned loads = 0;
	bool body_done = false;

	Reading() { stream.next = first; }

	ps_message parse(const std::string &window, std::uint32_t pos) const
	{
		ps_message message{};
		message.kind = PS_MESSAGE_PARTIAL;
		message.next = pos;
		message.state = stream.state;
		if (window[pos] == '+') {
			message.next = pos + 1;
			message.state++;
			return message;
		}
		const auto colon = window.find(':', pos);
		if (window[pos] == '!') {
			message.kind = PS_MESSAGE_LOST;
		} else if (colon != std::string::npos) {
			message.kind = PS_MESSAGE_WHOLE;
			message.next = static_cast<std::uint32_t>(colon + 1);
			message.body = static_cast<std::uint32_t>(std::stoul(window.substr(pos)));
			message.state = 0;
		}
		return message;
	}

	int read(const std::string &fresh, std::uint32_t most = PS_IN_SIZE)
	{
		static __u8 window[PS_IN_BUFFER];
		ps_reader reader{};
		ps_stream_open(&stream, &reader, static_cast<std::uint32_t>(fresh.size()));
		for (;;) {
			int step = ps_stream_step(&stream, &reader);
			if (step == PS_STEP_LOAD) {
				++loads;
				reader.base = reader.pos;
				const auto n = ps_stream_uncarry(&stream, &reader, window);
				const auto from = reader.pos > reader.carried
							  ? reader.pos - reader.carried
							  : 0;
				const auto length =
					std::min<std::size_t>(fresh.size() - from, most);
				std::copy_n(fresh.begin() + from, length, window + n);
				reader.len = n + static_cast<std::uint32_t>(length);
			}
			if (step != PS_STEP_DONE) {
				const std::string text(reinterpret_cast<char *>(window),
						       reader.len);
				const auto pos = reader.pos - reader.base;
				const ps_message message = parse(text, pos);
				step = ps_stream_take(&stream, &reader, &message);
				if (step != PS_STEP_LOST && message.next > pos)
					heads.push_back(text.substr(pos, message.next - pos));
			}
			if (step == PS_STEP_LOST)
				return step;
			if (step == PS_STEP_DONE) {
				ps_stream_close(&stream, &reader, window);
				body_done = reader.body_done != 0;
				return step;
			}
		}
	}
};

using Heads = std::vector<std::string>;

TEST(Stream, HeadsAndBodies)
{
	Reading r;
	EXPECT_EQ(r.read("3:abc0:1:x"), PS_STEP_DONE);
	EXPECT_EQ(r.heads, (Heads{"3:", "0:", "1:"}));
	EXPECT_EQ(r.stream.next, first + 10);
	EXPECT_EQ(r.stream.skip, 0u);
	EXPECT_EQ(r.loads, 1u);
}

TEST(Stream, AHeadIsCarried)
{
	Reading r;
	EXPECT_EQ(r.read("1"), PS_STEP_DONE);
	EXPECT_EQ(r.stream.carry_len, 1u);
	EXPECT_EQ(r.read("2"), PS_STEP_DONE);
	EXPECT_EQ(r.stream.carry_len, 2u);
	EXPECT_EQ(r.read(":abcd"), PS_STEP_DONE);
	EXPECT_EQ(r.heads, Heads{"12:"});
	EXPECT_EQ(r.stream.carry_len, 0u);
	EXPECT_EQ(r.stream.skip, 8u);
}

TEST(Stream, ABodyIsSkipped)
{
	Reading r;
	r.read("10:abc");
	r.read("defg");
	EXPECT_FALSE(r.body_done);
	EXPECT_EQ(r.stream.skip, 3u);
	r.read("hij0:");
	EXPECT_TRUE(r.body_done);
	EXPECT_EQ(r.heads, (Heads{"10:", "0:"}));
	// One that begins and ends here was not under way.
	r.read("2:ab");
	EXPECT_FALSE(r.body_done);
}

TEST(Stream, TheLongestCarry)
{
	Reading r;
	EXPECT_EQ(r.read(std::string(PS_CARRY_SIZE, '0')), PS_STEP_DONE);
	EXPECT_EQ(r.stream.carry_len, static_cast<std::uint32_t>(PS_CARRY_SIZE));
	EXPECT_EQ(r.read(":"), PS_STEP_DONE);
	EXPECT_EQ(r.heads.size(), 1u);
	EXPECT_EQ(r.read(std::string(PS_CARRY_SIZE + 1, '0')), PS_STEP_LOST);
}

TEST(Stream, AWindowMovesOn)
{
	Reading r;
	std::string text;
	for (unsigned i = 0; i < 100; ++i)
		text += "5:abcde";
	EXPECT_EQ(r.read(text, 16), PS_STEP_DONE);
	EXPECT_EQ(r.heads, Heads(100, "5:"));
	EXPECT_GT(r.loads, 30u);
	// A head that fills it is lost.
	EXPECT_EQ(r.read(std::string(17, '0') + ":", 16), PS_STEP_LOST);
}

TEST(Stream, AHeadEatenInParts)
{
	Reading r;
	EXPECT_EQ(r.read(std::string(1000, '+'), 16), PS_STEP_DONE);
	EXPECT_EQ(r.stream.state, 1000u);
	EXPECT_EQ(r.stream.carry_len, 0u);
	EXPECT_EQ(r.read("0:"), PS_STEP_DONE);
	EXPECT_EQ(r.stream.state, 0u);
	EXPECT_EQ(r.heads.size(), 1001u);
}

TEST(Stream, WhatIsNotUnderstood)
{
	EXPECT_EQ(Reading().read("0:!"), PS_STEP_LOST);
	EXPECT_EQ(Reading().read("2147483648:"), PS_STEP_LOST);
}

TEST(Stream, WhatAMessageMayNotSay)
{
	ps_stream stream{};
	ps_reader reader{.pos = 5,
			 .total = 100,
			 .carried = 0,
			 .base = 0,
			 .len = 50,
			 .begun = 0,
			 .body_done = 0,
			 .heads_from = 0,
			 .heads_to = 0};
	for (const std::uint32_t next : {0u, 4u, 5u, 51u, ~0U}) {
		ps_reader copy = reader;
		const ps_message message{PS_MESSAGE_WHOLE, next, 0, 0, 0, 0};
		EXPECT_EQ(ps_stream_take(&stream, &copy, &message), PS_STEP_LOST) << next;
	}
}

// sequence number (from the next one on), length; what it is, and how many bytes of it are old.
struct Arrival {
	std::int32_t at;
	std::uint32_t length;
	int what;
	std::uint32_t old;
};

TEST(Stream, SegmentsThatAreAccepted)
{
	for (const std::uint32_t next : {first, 0u, 5u, 0x7fffffffu, 0x80000000u}) {
		for (const Arrival &a : {Arrival{0, 10, PS_ACCEPT_READ, 0},
					 {-5, 10, PS_ACCEPT_READ, 5},
					 {-5, 5, PS_ACCEPT_OLD, 0},
					 {-5, 1, PS_ACCEPT_OLD, 0},
					 {-70000, 10, PS_ACCEPT_OLD, 0},
					 {1, 19, PS_ACCEPT_INSIDE, 0},
					 {1, 20, PS_ACCEPT_AHEAD, 0},
					 {19, 1, PS_ACCEPT_INSIDE, 0},
					 {20, 1, PS_ACCEPT_AHEAD, 0},
					 {70000, 1, PS_ACCEPT_AHEAD, 0}}) {
			ps_stream stream{};
			stream.next = next;
			stream.skip = 20;
			std::uint32_t old = 99;
			EXPECT_EQ(ps_stream_accept(&stream, next + static_cast<std::uint32_t>(a.at),
						   a.length, &old),
				  a.what)
				<< a.at << " " << a.length;
			EXPECT_EQ(old, a.old);
		}
	}
}

TEST(Stream, EarlyBytesOfABody)
{
	Reading r;
	r.read("100:");
	const std::uint32_t body = r.stream.next;
	std::uint32_t old = 0;
	const auto accept = [&](std::uint32_t at, std::uint32_t length) {
		return ps_stream_accept(&r.stream, body + at, length, &old);
	};
	EXPECT_EQ(accept(40, 10), PS_ACCEPT_INSIDE);
	EXPECT_EQ(accept(50, 10), PS_ACCEPT_INSIDE);
	EXPECT_EQ(accept(35, 10), PS_ACCEPT_INSIDE);
	EXPECT_EQ(accept(61, 10), PS_ACCEPT_AHEAD) << "a second hole";
	EXPECT_EQ(accept(10, 24), PS_ACCEPT_AHEAD) << "a second hole";
	r.read(std::string(34, 'x'));
	EXPECT_EQ(r.stream.next, body + 34);
	r.read("x");
	EXPECT_EQ(r.stream.next, body + 60);
	EXPECT_EQ(r.stream.skip, 40u);
	EXPECT_EQ(r.stream.ahead_from, r.stream.ahead_to);
	// To the end of the body, which completes it.
	EXPECT_EQ(accept(80, 20), PS_ACCEPT_INSIDE);
	r.read(std::string(20, 'x'));
	EXPECT_TRUE(r.body_done);
	EXPECT_EQ(r.stream.next, body + 100);
	r.read("0:");
	EXPECT_EQ(r.heads.back(), "0:");
}

TEST(Stream, RecordsVouch)
{
	ps_records records{};
	ps_records_add(&records, first, first + 10, 77);
	ps_records_add(&records, first + 10, first + 500, 0);
	const auto vouches = [&](std::uint32_t at, std::uint32_t from, std::uint32_t to) {
		return ps_records_find(&records, first + at, first + from, first + to);
	};
	EXPECT_EQ(vouches(0, 0, 10), 0u);
	EXPECT_EQ(vouches(9, 0, 20), 0u);
	EXPECT_EQ(vouches(1, 1, 20), static_cast<std::uint32_t>(PS_RECORDS)) << "not all of it";
	EXPECT_EQ(vouches(0, 0, 9), static_cast<std::uint32_t>(PS_RECORDS)) << "not all of it";
	EXPECT_EQ(vouches(10, 0, 20), 1u);
	EXPECT_EQ(vouches(499, 499, 500), 1u);
	EXPECT_EQ(vouches(500, 499, 600), static_cast<std::uint32_t>(PS_RECORDS));
	// The oldest goes first.
	for (std::uint32_t i = 0; i < PS_RECORDS; ++i)
		ps_records_add(&records, 1000 + i, 1001 + i, 1);
	EXPECT_EQ(vouches(0, 0, 10), static_cast<std::uint32_t>(PS_RECORDS));
}

} // namespace
