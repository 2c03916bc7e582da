// SPDX-License-Identifier: GPL-2.0-only
// All commands without a data block, and what makes a line no command at all.
#include "expect_command.hpp"

namespace prestack::memcached
{
namespace
{

const std::string kLongest(MC_MAX_KEY, 'L');

TEST(Command, Reads)
{
	for (const auto &[verb, kind] : {std::pair{"get"s, MC_READ_MANY},
					 {"gets"s, MC_READ_MANY},
					 {"bget"s, MC_READ_MANY},
					 {"me"s, MC_READ}})
		expect_rows({{verb + " k\r\n", kind},
			     {verb + " k\n", kind},
			     {verb + "  k \r\n", kind},
			     {verb + " k1 k2 k3\r\n", kind},
			     {verb + " " + kLongest + "\r\n", kind},
			     {verb + "\r\n", MC_UNKNOWN},
			     {verb + " \r\n", MC_UNKNOWN},
			     {verb + " " + kLongest + "L\r\n", MC_UNKNOWN}});
	std::string many = "get";
	for (int i = 0; i < 100; ++i)
		many += " key" + std::to_string(i);
	expect_rows({{many + "\r\n", MC_READ_MANY}});
}

TEST(Command, ThatChangeNoItem)
{
	for (const std::string &line :
	     {"stats"s, "stats items"s, "stats detail on"s, "stats reset"s, "version"s, "quit"s,
	      "verbosity 1"s, "verbosity"s, "lru"s, "lru tune 10 20 0.1 2.0"s,
	      "lru_crawler enable"s, "lru_crawler metadump all"s, "watch"s, "watch mutations"s,
	      "mn"s})
		expect_rows({{line + "\r\n", MC_READ},
			     {line + "\n", MC_READ},
			     {line + " \r\n", MC_READ},
			     {line + " " + kLongest + "LLL\r\n", MC_READ}});
}

TEST(Command, WritesOfOneKey)
{
	for (const std::string &verb : {"delete"s, "incr"s, "decr"s, "touch"s})
		expect_rows({{verb + " k\r\n", MC_WRITE, "k"},
			     {verb + " k 5\r\n", MC_WRITE, "k"},
			     {verb + " k 5 noreply\n", MC_WRITE, "k"},
			     {verb + "   k   5   \r\n", MC_WRITE, "k"},
			     {verb + " k -99999999999999999999999\r\n", MC_WRITE, "k"},
			     {verb + " k 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18\r\n",
			      MC_WRITE, "k"},
			     {verb + " " + kLongest + " 5\r\n", MC_WRITE, kLongest},
			     {verb + " " + kLongest + "L 5\r\n", MC_UNKNOWN},
			     {verb + "\r\n", MC_UNKNOWN},
			     {verb + " \r\n", MC_UNKNOWN},
			     {verb + " k\t5\r\n", MC_UNKNOWN},
			     {verb + " k\r\r\n", MC_UNKNOWN},
			     {verb + " k" + "\0"s + "k\r\n", MC_UNKNOWN}});
}

TEST(Command, GetAndTouch)
{
	for (const std::string &verb : {"gat"s, "gats"s}) {
		expect_rows({{verb + " 10 k\r\n", MC_WRITE_MANY},
			     {verb + " 10 k1 k2 k3\n", MC_WRITE_MANY},
			     {verb + " 10\r\n", MC_WRITE_MANY},
			     {verb + "\r\n", MC_UNKNOWN},
			     {verb + " 10\tk\r\n", MC_UNKNOWN}});
		EXPECT_EQ("k1\nk2\n", observe(Input(verb + " 10 k1 k2\r\n")).keys);
		EXPECT_EQ("k1\nk2\n", observe(Input(verb + "  -1  k1  k2 \n")).keys);
		EXPECT_FALSE(observe(Input(verb + " 10 k1 k2\r\n")).everything);
		// Too many keys to name, a key too long, and a key with a control byte in it.
		EXPECT_TRUE(observe(Input(verb + " 10 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\r\n"))
				    .everything);
		EXPECT_TRUE(observe(Input(verb + " 10 k " + kLongest + "L\r\n")).everything);
		EXPECT_TRUE(observe(Input(verb + " 10 k\tk\r\n")).everything);
		EXPECT_TRUE(observe(Input(verb + " 10 k\r\r\n")).everything);
	}
}

TEST(Command, ThatMayChangeAnything)
{
	for (const std::string &line :
	     {"flush_all"s, "flush_all 10"s, "flush_all noreply"s, "flush_all 10 noreply"s,
	      "flush_all -1"s, "shutdown"s, "shutdown graceful"s, "cache_memlimit 8"s,
	      "slabs reassign 1 2"s, "slabs automove 1"s})
		expect_rows({{line + "\r\n", MC_FLUSH}, {line + "\n", MC_FLUSH}});
}

TEST(Command, UnknownWords)
{
	for (const std::string &line : {""s,
					" "s,
					"x"s,
					"GET k"s,
					"Get k"s,
					"SET k 0 0 5"s,
					"DELETE k"s,
					"FLUSH_ALL"s,
					"gett k"s,
					"ge k"s,
					"getsx k"s,
					"sets k 0 0 5"s,
					"se k 0 0 5"s,
					"deletes k"s,
					"delet k"s,
					"flush"s,
					"flush_al"s,
					"flush_all_"s,
					"flush_alL2"s,
					"verbosity_"s,
					"lru_crawle"s,
					"lru_crawlers"s,
					"extstore free_memchunks 1 1"s,
					"refresh_certs"s,
					"misbehave"s,
					"debugtime 5"s,
					"prepends k 0 0 5"s,
					"a_word_longer_than_sixteen_bytes k"s,
					"sixteen_bytes___ k"s,
					"\x80\x01"s,
					"GET / HTTP/1.0"s,
					"\0get k"s})
		expect_rows({{line + "\r\n", MC_UNKNOWN}, {line + "\n", MC_UNKNOWN}});
}

TEST(Command, LeadingBlanksAndControlBytes)
{
	for (const std::string &verb : {"get"s, "delete"s, "stats"s, "flush_all"s, "version"s}) {
		for (int byte = 0; byte < 0x20; ++byte) {
			if (byte == '\n')
				continue;
			const std::string control(1, static_cast<char>(byte));
			expect_rows({{control + verb + " k\r\n", MC_UNKNOWN},
				     {verb + control + " k\r\n", MC_UNKNOWN},
				     {verb + control + "k\r\n", MC_UNKNOWN}});
		}
		expect_rows({{" " + verb + " k\r\n", MC_UNKNOWN}});
	}
}

TEST(Command, IncompleteWithoutNewline)
{
	for (const std::string &text :
	     {""s, "g"s, "get k"s, "get k\r"s, "set k 0 0 5"s, "flush_all"s, "\x80\x01\x02"s, "\0"s,
	      std::string(PS_IN_SIZE, 'x'), "get " + std::string(PS_IN_SIZE - 4, 'k')}) {
		SCOPED_TRACE(testing::PrintToString(text));
		// The newlines behind the end are another packet's.
		EXPECT_EQ(MC_INCOMPLETE, parse_command(Input(text, '\n')).kind);
	}
}

TEST(Command, LineUpToTheEndOfTheBuffer)
{
	const std::string line =
		"get " + std::string(250, 'k') + " " + std::string(PS_IN_SIZE - 257, 'x') + "\r\n";
	ASSERT_EQ(std::size_t{PS_IN_SIZE}, line.size());
	const mc_command command = parse_command(Input(line));
	EXPECT_EQ(MC_READ_MANY, command.kind);
	EXPECT_EQ(unsigned{PS_IN_SIZE}, command.next);
}

TEST(Command, LeftoversBehindTheEndDoNotMatter)
{
	// Each cut of each line: the same, whatever lies behind it.
	for (const std::string &text :
	     {"get k1 k2\r\n"s, "set k 0 0 5 noreply\r\nhello\r\n"s, "gat 10 k1 k2\r\n"s,
	      "mg k v T0\r\n"s, "cas k 1 2 3 4 noreply\n"s, "flush_all 10\r\n"s}) {
		for (std::size_t size = 0; size <= text.size(); ++size) {
			const std::string cut = text.substr(0, size);
			SCOPED_TRACE(testing::PrintToString(cut));
			const mc_command one = parse_command(Input(cut, '\0'));
			for (const char leftover : {' ', '\r', '\n', '0', 'k', '\xff'}) {
				const mc_command other = parse_command(Input(cut, leftover));
				EXPECT_EQ(one.kind, other.kind);
				EXPECT_EQ(one.key_len, other.key_len);
				EXPECT_EQ(one.next, other.next);
			}
		}
	}
}

TEST(Observe, PipelinesAndDataBlocks)
{
	const auto keys = [](const std::string &stream) { return observe(Input(stream)).keys; };
	const auto everything = [](const std::string &stream) {
		return observe(Input(stream)).everything;
	};
	EXPECT_EQ("a\nb\n", keys("set a 0 0 3\r\n123\r\nget z\r\ndelete b\r\n"));
	EXPECT_EQ("a\n", keys("set a 0 0 10\r\ndelete b\r\n\r\n"));
	EXPECT_FALSE(everything("set a 0 0 10\r\ndelete b\r\n\r\n"));
	EXPECT_FALSE(everything("set a 0 0 0\r\n\r\n"));
	EXPECT_TRUE(everything("set a 0 0 1\r\n\r\n")); // one byte is yet to come
	EXPECT_TRUE(everything("get a\r\nget b")); // split
	EXPECT_TRUE(everything("get a\r\n\r\n"));
	EXPECT_FALSE(everything(""));
	std::string many;
	for (unsigned i = 0; i < Effect::kMaxCommands - 1; ++i)
		many += "get a\r\n";
	EXPECT_FALSE(everything(many));
	EXPECT_TRUE(everything(many + "get a\r\n"));
}

} // namespace
} // namespace prestack::memcached
