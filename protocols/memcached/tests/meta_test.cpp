// SPDX-License-Identifier: GPL-2.0-only
// The meta commands: mg, ms, md, ma, me, mn.
#include "expect_command.hpp"

namespace prestack::memcached
{
namespace
{

TEST(Meta, GetThatOnlyAsks)
{
	expect_rows({{"mg k\r\n", MC_READ},
		     {"mg k v\r\n", MC_READ},
		     {"mg k v k f s t c h l q O123\r\n", MC_READ},
		     {"mg k  v   t\n", MC_READ},
		     {"mg k v \r\n", MC_READ},
		     {"mg k Oopaque-with-T0\r\n", MC_READ},
		     {"me k\r\n", MC_READ},
		     {"mn\r\n", MC_READ},
		     {"mn \r\n", MC_READ}});
}

TEST(Meta, GetThatMayChangeTheItem)
{
	for (const std::string &flag : {"T0"s, "T30"s, "N30"s, "R30"s, "E1"s, "I"s, "x"s, "T"s,
					"!"s, "V"s, "\xff"s, "1"s, "u"s})
		expect_rows({{"mg k " + flag + "\r\n", MC_WRITE, "k"},
			     {"mg k v " + flag + " k\r\n", MC_WRITE, "k"}});
}

TEST(Meta, Writes)
{
	for (const std::string &verb : {"md"s, "ma"s})
		expect_rows({{verb + " k\r\n", MC_WRITE, "k"},
			     {verb + " k q\r\n", MC_WRITE, "k"},
			     {verb + " k I T30 C5 q O1 k\r\n", MC_WRITE, "k"},
			     {verb + " k MD D5 N0 J1\n", MC_WRITE, "k"},
			     {verb + " k nonsense\r\n", MC_WRITE, "k"}});
}

TEST(Meta, Set)
{
	expect_rows({{"ms k 5\r\n", MC_WRITE, "k", 7},
		     {"ms k 0\r\n", MC_WRITE, "k", 2},
		     {"ms k 5 T0 F3 q\r\n", MC_WRITE, "k", 7},
		     // Refused, but memcached reads the data all the same.
		     {"ms k 5 nonsense\r\n", MC_WRITE, "k", 7},
		     {"ms k 5 T0 T0\r\n", MC_WRITE, "k", 7},
		     {"ms k 5 MX\r\n", MC_WRITE, "k", 7},
		     {"ms k 1073741824\r\n", MC_WRITE, "k", MC_MAX_DATA + 2}});
	for (const std::string &bad : {""s, " "s, " x"s, " -1"s, " +5"s, " 5x"s, " T0"s, " S5"s,
				       " 1073741825"s, " 4294967301"s, " 00000000005"s, " v 5"s})
		expect_rows({{"ms k" + bad + "\r\n", MC_UNKNOWN}});
}

TEST(Meta, KeysInBase64)
{
	// Which item it is is not decoded: a write may change any.
	expect_rows({{"md aw== b\r\n", MC_FLUSH},
		     {"ma aw== b q\r\n", MC_FLUSH},
		     {"mg aw== v b T0\r\n", MC_FLUSH},
		     {"mg aw== v b\r\n", MC_READ},
		     {"ms aw== 5 b\r\n", MC_FLUSH, {}, 7},
		     {"ms aw== 5 T0 b1\r\n", MC_FLUSH, {}, 7}});
	// Something else as a key; and in me it changes nothing.
	expect_rows({{"mg b v\r\n", MC_READ}, {"me aw== b\r\n", MC_READ}});
}

TEST(Meta, NoKeyOrNotAKey)
{
	const std::string longest(MC_MAX_KEY, 'L');
	for (const std::string &verb : {"mg"s, "md"s, "ma"s, "ms"s, "me"s})
		expect_rows({{verb + "\r\n", MC_UNKNOWN},
			     {verb + " \r\n", MC_UNKNOWN},
			     {verb + " " + longest + "L\r\n", MC_UNKNOWN},
			     {verb + " k\tk\r\n", MC_UNKNOWN},
			     {verb + " k" + "\0"s + "\r\n", MC_UNKNOWN}});
	expect_rows({{"md " + longest + "\r\n", MC_WRITE, longest},
		     {"ms " + longest + " 5\r\n", MC_WRITE, longest, 7}});
}

TEST(Meta, ControlBytesBetweenFlags)
{
	for (int byte = 0; byte < 0x20; ++byte) {
		if (byte == '\n')
			continue;
		const std::string control(1, static_cast<char>(byte));
		expect_rows({{"mg k v" + control + "T0\r\n", MC_UNKNOWN},
			     {"mg k v" + control + "\r\n", MC_UNKNOWN},
			     {"md k " + control + "\r\n", MC_UNKNOWN},
			     {"ms k 5" + control + "\r\n", MC_UNKNOWN}});
	}
}

TEST(Meta, AsManyFlagsAsAreLookedAt)
{
	// The token that ends the line is one of MC_MAX_TOKENS.
	std::string flags;
	for (int i = 0; i < MC_MAX_TOKENS - 1; ++i)
		flags += " v";
	expect_rows({{"mg k" + flags + "\r\n", MC_READ},
		     {"mg k" + flags + " v\r\n", MC_UNKNOWN},
		     {"md k" + flags + "\r\n", MC_WRITE, "k"},
		     {"md k" + flags + " v\r\n", MC_UNKNOWN},
		     {"ms k 5" + flags.substr(2) + "\r\n", MC_WRITE, "k", 7},
		     {"ms k 5" + flags + "\r\n", MC_UNKNOWN},
		     {"mg k " + std::string(MC_MAX_KEY + 1, 'v') + "\r\n", MC_UNKNOWN}});
}

TEST(Meta, OtherVerbsAreUnknown)
{
	for (char verb = '!'; verb < 0x7f; ++verb) {
		if ("gsdaen"s.find(verb) == std::string::npos)
			expect_rows({{"m"s + verb + " k\r\n", MC_UNKNOWN}});
	}
}

} // namespace
} // namespace prestack::memcached
