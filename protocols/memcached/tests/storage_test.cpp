// SPDX-License-Identifier: GPL-2.0-only
// set, add, replace, append, prepend, cas: the only commands, with ms, that have a data block. What
// memcached would refuse here must be unknown: it takes the data block of what it refuses for
// commands.
#include "expect_command.hpp"

namespace prestack::memcached
{
namespace
{

const std::vector<std::string> kVerbs = {"set", "add", "replace", "append", "prepend"};

std::vector<Row> for_each_verb(const std::string &rest, mc_kind kind, const std::string &key = {},
			       std::size_t data = 0)
{
	std::vector<Row> rows;
	for (const std::string &verb : kVerbs)
		rows.push_back({verb + rest, kind, key, data});
	return rows;
}

TEST(Storage, Canonical)
{
	expect_rows(for_each_verb(" k 0 0 5\r\n", MC_WRITE, "k", 7));
	expect_rows(for_each_verb(" key 12 3600 100\r\n", MC_WRITE, "key", 102));
	expect_rows(for_each_verb(" k 0 0 0\r\n", MC_WRITE, "k", 2));
	expect_rows(for_each_verb(" k 0 0 5 noreply\r\n", MC_WRITE, "k", 7));
	expect_rows({{"cas k 0 0 5 1\r\n", MC_WRITE, "k", 7},
		     {"cas k 0 0 5 9223372036854775807\r\n", MC_WRITE, "k", 7},
		     {"cas k 0 0 5 1 noreply\r\n", MC_WRITE, "k", 7}});
}

TEST(Storage, OddButAccepted)
{
	expect_rows(for_each_verb(" k 0 0 5\n", MC_WRITE, "k", 7));
	expect_rows(for_each_verb("  k  0   0 5 \r\n", MC_WRITE, "k", 7));
	expect_rows(for_each_verb(" k 0 0 5        noreply   \r\n", MC_WRITE, "k", 7));
	// memcached looks at what stands in noreply's place, but takes anything.
	expect_rows(for_each_verb(" k 0 0 5 whatever\r\n", MC_WRITE, "k", 7));
	expect_rows({{"cas k 0 0 5 1 whatever\r\n", MC_WRITE, "k", 7}});
}

TEST(Storage, Keys)
{
	const std::string longest(MC_MAX_KEY, 'L');
	const std::string odd = "\x21\x7e\x7f\x80\xff";
	expect_rows({{"set " + longest + " 0 0 5\r\n", MC_WRITE, longest, 7},
		     {"set " + longest + "L 0 0 5\r\n", MC_UNKNOWN},
		     {"set " + longest + std::string(300, 'L') + " 0 0 5\r\n", MC_UNKNOWN},
		     {"set " + odd + " 0 0 5\r\n", MC_WRITE, odd, 7},
		     {"set set 0 0 5\r\n", MC_WRITE, "set", 7},
		     {"set noreply 0 0 5\r\n", MC_WRITE, "noreply", 7}});
	for (int byte = 0; byte < 0x20; ++byte) {
		const std::string control(1, static_cast<char>(byte));
		expect_rows({{"set k" + control + "k 0 0 5\r\n", MC_UNKNOWN},
			     {"set " + control + "k 0 0 5\r\n", MC_UNKNOWN},
			     {"set k" + control + " 0 0 5\r\n", MC_UNKNOWN}});
	}
}

TEST(Storage, Flags)
{
	expect_rows(for_each_verb(" k 4294967295 0 5\r\n", MC_WRITE, "k", 7));
	for (const std::string &bad : {"4294967296"s, "-1"s, "+1"s, "x"s, "1x"s, "0x1"s,
				       "00000000001"s, "99999999999999999999"s, ""s})
		expect_rows(for_each_verb(" k " + bad + " 0 5\r\n", MC_UNKNOWN));
}

TEST(Storage, Expiry)
{
	for (const std::string &good :
	     {"-1"s, "-999999999"s, "2592001"s, "2147483647"s, "0000000000"s})
		expect_rows(for_each_verb(" k 0 " + good + " 5\r\n", MC_WRITE, "k", 7));
	for (const std::string &bad :
	     {"-"s, "--1"s, "+1"s, "soon"s, "1s"s, "99999999999"s, "-9999999999"s, "1-"s})
		expect_rows(for_each_verb(" k 0 " + bad + " 5\r\n", MC_UNKNOWN));
}

TEST(Storage, Length)
{
	expect_rows(for_each_verb(" k 0 0 1073741824\r\n", MC_WRITE, "k", MC_MAX_DATA + 2));
	expect_rows(for_each_verb(" k 0 0 0000000005\r\n", MC_WRITE, "k", 7));
	for (const std::string &bad :
	     {"-1"s, "-0"s, "+5"s, "5x"s, "x"s, "1073741825"s, "2147483646"s, "2147483648"s,
	      "4294967295"s, "4294967301"s, "9999999999"s, "00000000005"s, "99999999999999999999"s})
		expect_rows(for_each_verb(" k 0 0 " + bad + "\r\n", MC_UNKNOWN));
}

TEST(Storage, CasUnique)
{
	expect_rows({{"cas k 0 0 5 9999999999999999999\r\n", MC_WRITE, "k", 7},
		     // Twenty digits may exceed 64 bits, which memcached refuses.
		     {"cas k 0 0 5 18446744073709551615\r\n", MC_UNKNOWN},
		     {"cas k 0 0 5 18446744073709551616\r\n", MC_UNKNOWN},
		     {"cas k 0 0 5 999999999999999999999\r\n", MC_UNKNOWN},
		     {"cas k 0 0 5\r\n", MC_UNKNOWN},
		     {"cas k 0 0 5 noreply\r\n", MC_UNKNOWN},
		     {"cas k 0 0 5 -1\r\n", MC_UNKNOWN},
		     {"cas k 0 0 5 1x\r\n", MC_UNKNOWN},
		     {"cas k 0 0 5 1 noreply 1\r\n", MC_UNKNOWN}});
}

TEST(Storage, WrongNumberOfWords)
{
	for (const std::string &rest : {""s, " k"s, " k 0"s, " k 0 0"s, " k 0 0 5 noreply 1"s,
					" k 0 0 5 1 noreply"s, " k 0 0 5 1 2 3 4 5 6 7 8 9"s})
		expect_rows(for_each_verb(rest + "\r\n", MC_UNKNOWN));
}

TEST(Storage, BlanksAreOnlySpacesAndNotTooMany)
{
	expect_rows(for_each_verb(std::string(8, ' ') + "k 0 0 5\r\n", MC_WRITE, "k", 7));
	expect_rows(for_each_verb(std::string(9, ' ') + "k 0 0 5\r\n", MC_UNKNOWN));
	for (int byte = 0; byte < 0x20; ++byte) {
		if (byte == '\n')
			continue;
		const std::string control(1, static_cast<char>(byte));
		expect_rows(for_each_verb(" k 0 0" + control + "5\r\n", MC_UNKNOWN));
		expect_rows(for_each_verb(" k 0 0 5" + control + "\r\n", MC_UNKNOWN));
		expect_rows(for_each_verb(" k 0 0 5 noreply" + control + "\r\n", MC_UNKNOWN));
		expect_rows(for_each_verb(control + "k 0 0 5\r\n", MC_UNKNOWN));
	}
}

TEST(Storage, DataGoesOnBehindTheBuffer)
{
	const Input input("set k 0 0 5000\r\nshort");
	const mc_command command = parse_command(input);
	EXPECT_EQ(MC_WRITE, command.kind);
	EXPECT_EQ(16U + 5002U, command.next);
	EXPECT_TRUE(observe(input).everything);
}

} // namespace
} // namespace prestack::memcached
