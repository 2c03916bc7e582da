// SPDX-License-Identifier: GPL-2.0-only
// Lines of replies: which end one, what follows them, and which are not understood.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "parsing.hpp"

namespace prestack::memcached
{
namespace
{

using namespace std::string_literals;

constexpr const char *kNames[] = {"UNKNOWN", "INCOMPLETE", "PART", "END"};

mc_reply parse(const Input &input, std::uint32_t pos = 0)
{
	const ps_cursor cursor = input.cursor(pos);
	mc_reply reply{};
	mc_parse_reply(&cursor, &reply);
	return reply;
}

// Alone, behind other bytes, with others behind it, and up to the very end of the buffer.
void expect(mc_reply_kind kind, const std::vector<std::string> &lines, unsigned body = 0)
{
	for (const std::string &line : lines) {
		for (const std::size_t before :
		     {std::size_t{0}, std::size_t{5}, PS_IN_SIZE - line.size()}) {
			std::string text = std::string(before, '1') + line + "STORED\r\nEND\r\n";
			text.resize(std::min<std::size_t>(text.size(), PS_IN_SIZE));
			SCOPED_TRACE(testing::PrintToString(line) + " at " +
				     std::to_string(before));
			const mc_reply reply =
				parse(Input(text), static_cast<std::uint32_t>(before));
			ASSERT_STREQ(kNames[kind], kNames[reply.kind]);
			if (kind == MC_REPLY_UNKNOWN)
				continue;
			EXPECT_EQ(before + line.size(), reply.next);
			EXPECT_EQ(body, reply.body);
		}
	}
}

TEST(Reply, ThatAreOneLine)
{
	expect(MC_REPLY_END, {"STORED\r\n",
			      "NOT_STORED\r\n",
			      "EXISTS\r\n",
			      "NOT_FOUND\r\n",
			      "DELETED\r\n",
			      "TOUCHED\r\n",
			      "OK\r\n",
			      "RESET\r\n",
			      "END\r\n",
			      "HD\r\n",
			      "HD s5 Oabc kx\r\n",
			      "EN\r\n",
			      "EN kx O1\r\n",
			      "NF\r\n",
			      "NS\r\n",
			      "EX\r\n",
			      "NF kx\r\n",
			      "MN\r\n",
			      "ME k exp=-1 la=1 cas=1 fetch=yes cls=1 size=67\r\n",
			      "VERSION 1.6.18\r\n",
			      "BUSY currently processing crawler request\r\n",
			      "BADCLASS invalid class id\r\n",
			      "NOSPARE source class has no spare pages\r\n",
			      "SAME src and dst class are identical\r\n",
			      "NOTSTARTED no items to crawl\r\n",
			      "MEMLIMIT_TOO_SMALL cannot set\r\n",
			      "MEMLIMIT_ADJUST_FAILED x\r\n",
			      "WATCHER_TOO_MANY log watcher limit reached\r\n"});
}

TEST(Reply, Numbers)
{
	expect(MC_REPLY_END, {"0\r\n", "7\r\n", "1234567\r\n", "12345678\r\n",
			      "1234567890123456\r\n", "18446744073709551615\r\n"});
	expect(MC_REPLY_UNKNOWN, {"-1\r\n", "1x\r\n", "1 \r\n", "1 2\r\n", "12345678x\r\n",
				  "12345678 9\r\n", "123456789012345678901\r\n", "1\n"});
}

TEST(Reply, Errors)
{
	for (const std::string &line :
	     {"CLIENT_ERROR bad data chunk\r\n"s, "SERVER_ERROR object too large for cache\r\n"s,
	      "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"s,
	      "CLIENT_ERROR invalid numeric delta argument\r\n"s,
	      "CLIENT_ERROR invalid exptime argument\r\n"s,
	      "CLIENT_ERROR invalid or duplicate flag\r\n"s,
	      "CLIENT_ERROR bad token in command line format\r\n"s,
	      "SERVER_ERROR out of memory storing object\r\n"s}) {
		expect(MC_REPLY_END, {line});
		EXPECT_TRUE(parse(Input(line)).error);
		EXPECT_FALSE(parse(Input(line)).succeeded);
	}
	// The command was understood in another way, replies were dropped, or nobody has logged in.
	expect(MC_REPLY_UNKNOWN,
	       {"ERROR\r\n", "ERROR: shutdown not enabled\r\n",
		"ERROR Too many open connections\r\n", "CLIENT_ERROR bad command line format\r\n",
		"CLIENT_ERROR unauthenticated\r\n", "CLIENT_ERROR authentication failure\r\n",
		"CLIENT_ERROR bad authentication token format\r\n",
		"CLIENT_ERROR bad command line termination\r\n", "CLIENT_ERROR\r\n",
		"SERVER_ERROR\r\n", "SERVER_ERROR out of memory writing get response\r\n",
		"SERVER_ERROR out of memory reading request\r\n", "SERVER_ERROR whatever\r\n"});
}

TEST(Reply, Values)
{
	expect(MC_REPLY_PART,
	       {"VALUE k 0 5\r\n", "VALUE k 4294967295 5\r\n", "VALUE k 0 5 123456\r\n"}, 7);
	expect(MC_REPLY_PART, {"VALUE " + std::string(250, 'k') + " 0 1073741824\r\n"},
	       MC_MAX_DATA + 2);
	expect(MC_REPLY_END, {"VA 5\r\n", "VA 5 kx Oabc f0\r\n", "VA 5 W X\r\n"}, 7);
	expect(MC_REPLY_UNKNOWN,
	       {"VALUE k 0\r\n", "VALUE k 0 x\r\n", "VALUE k 0 5 x\r\n", "VALUE k 0 5 1 2\r\n",
		"VALUE\r\n", "VALUE " + std::string(251, 'k') + " 0 5\r\n",
		"VALUE k 0 1073741825\r\n", "VALUE k 0 5\n", "VA\r\n", "VA \r\n", "VA x\r\n",
		"VA 1073741825\r\n", "VALUES k 0 5\r\n"});
	EXPECT_TRUE(parse(Input("VALUE k 0 5\r\n")).reads);
	// ma is answered like this, too.
	EXPECT_FALSE(parse(Input("VA 5\r\n")).reads);
	EXPECT_FALSE(parse(Input("HD\r\n")).reads);
}

TEST(Reply, ThatGoOn)
{
	expect(MC_REPLY_PART,
	       {"STAT pid 1\r\n", "STAT items:1:number 5\r\n", "STAT x \r\n",
		"key=b exp=-1 la=1795261330 cas=2 fetch=yes cls=1 size=63\n",
		"ts=1.2 gid=1 type=item_get key=x status=hit\n", "skipped=1 gid=5\n"});
	for (const std::string &text : {"key="s, "ts=1.2 gid=1 type=item_get"s, "skipped="s}) {
		const mc_reply reply = parse(Input(text));
		EXPECT_EQ(MC_REPLY_INCOMPLETE, reply.kind);
		EXPECT_TRUE(reply.skip) << text;
	}
	EXPECT_FALSE(parse(Input("STAT")).skip);
	EXPECT_FALSE(parse(Input("ke")).skip);
}

TEST(Reply, AsAsked)
{
	for (const std::string &line : {"STORED\r\n"s, "HD\r\n"s, "HD c5\r\n"s})
		EXPECT_TRUE(parse(Input(line)).succeeded) << line;
	for (const std::string &line :
	     {"NOT_STORED\r\n"s, "EXISTS\r\n"s, "NOT_FOUND\r\n"s, "NS\r\n"s, "EX\r\n"s, "NF\r\n"s,
	      "EN\r\n"s, "5\r\n"s, "OK\r\n"s, "TOUCHED\r\n"s, "DELETED\r\n"s, "END\r\n"s,
	      "VA 5\r\n"s})
		EXPECT_FALSE(parse(Input(line)).succeeded) << line;
}

TEST(Reply, MarkAPlace)
{
	EXPECT_TRUE(parse(Input("MN\r\n")).mark);
	for (const std::string &line :
	     {"EN\r\n"s, "HD\r\n"s, "OK\r\n"s, "VA 5\r\n"s, "ME k x\r\n"s})
		EXPECT_FALSE(parse(Input(line)).mark) << line;
}

TEST(Reply, AnythingElse)
{
	expect(MC_REPLY_UNKNOWN, {"\r\n",
				  "\n",
				  " \r\n",
				  "x\r\n",
				  "STORED \r\n",
				  "STORED x\r\n",
				  " STORED\r\n",
				  "stored\r\n",
				  "STORED\n",
				  "STORE\r\n",
				  "STOREDX\r\n",
				  "END x\r\n",
				  "OK x\r\n",
				  "MN x\r\n",
				  "HDx\r\n",
				  "HD\t\r\n",
				  "NOT_STOREDX\r\n",
				  "NOT_FOUND x\r\n",
				  "DELETED\r\r\n",
				  "STATS x\r\n",
				  "PREFIX a get 1\r\n",
				  "ITEM k [5 b; 0 s]\r\n",
				  "\x81\r\n",
				  "\0\r\n"s});
}

TEST(Reply, EachCutIsIncompleteWhateverLiesBehind)
{
	for (const std::string &line :
	     {"STORED\r\n"s, "VALUE key 42 5\r\n"s, "VA 5 kx\r\n"s,
	      "CLIENT_ERROR bad data chunk\r\n"s, "123456789\r\n"s, "key=x\n"s}) {
		for (std::size_t size = 0; size < line.size(); ++size) {
			for (const char leftover : {'\0', '\r', '\n', '0', ' '}) {
				SCOPED_TRACE(line.substr(0, size));
				const mc_reply reply = parse(Input(line.substr(0, size), leftover));
				EXPECT_EQ(MC_REPLY_INCOMPLETE, reply.kind);
				EXPECT_EQ(line[0] == 'k' && size >= 4, reply.skip);
			}
		}
	}
}

} // namespace
} // namespace prestack::memcached
