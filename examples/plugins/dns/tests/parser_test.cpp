// SPDX-License-Identifier: GPL-2.0-only
// The parser: what is served, which messages have one key, and what is told of replies.
#include "parser.h"

#include <gtest/gtest.h>

#include <string>

#include "message.hpp"

namespace
{

struct Parsed {
	dns_message message{};
	std::string key; // of what is served
	std::string question; // as it was
};

template <typename Parse>
Parsed parsed(Parse parse, const std::string &bytes)
{
	static __u8 buffer[PS_IN_BUFFER], copy[PS_IN_BUFFER];
	const ps_cursor cursor{buffer, 0, static_cast<__u32>(bytes.size()), 0};
	Parsed out;

	memset(buffer, 0xa5, sizeof(buffer));
	memcpy(buffer, bytes.data(), bytes.size());
	parse(&cursor, &out.message);
	if (out.message.kind != DNS_IS_SERVED)
		return out;
	dns_make_key(buffer, copy, out.message.name_len, out.message.variant);
	const char *text = reinterpret_cast<const char *>(buffer) + DNS_KEY_AT;
	out.key.assign(text, dns_key_len(&out.message));
	text = reinterpret_cast<const char *>(copy) + DNS_HEADER;
	out.question.assign(text, out.message.name_len + DNS_TAIL);
	return out;
}

Parsed query(const std::string &bytes)
{
	return parsed(dns_parse_query, bytes);
}

Parsed reply(const std::string &bytes)
{
	return parsed(dns_parse_reply, bytes);
}

TEST(DnsParser, SpellingsOfANameAreOneKey)
{
	const auto plain = query(dns::query(7, "www.example.org[@`{Z"));
	const auto other = query(dns::query(8, "wWw.Example.ORG[@`{z"));
	ASSERT_EQ(plain.message.kind, DNS_IS_SERVED);
	EXPECT_EQ(plain.key, other.key);
	EXPECT_EQ(other.question, dns::question("wWw.Example.ORG[@`{z"));
	// These differ by the bit that tells letters of both cases apart.
	EXPECT_NE(query(dns::query(7, "[")).key, query(dns::query(7, "{")).key);
	EXPECT_NE(query(dns::query(7, "@")).key, query(dns::query(7, "`")).key);
	EXPECT_NE(query(dns::query(7, "\xc1")).key, query(dns::query(7, "\xe1")).key);
}

TEST(DnsParser, TypesAreNoLetters)
{
	const auto https = query(dns::header(7, 0) + dns::question("a", 'A'));
	const auto other = query(dns::header(7, 0) + dns::question("a", 'a'));
	ASSERT_EQ(https.message.kind, DNS_IS_SERVED);
	EXPECT_NE(https.key, other.key);
}

TEST(DnsParser, WhatMakesAnotherAnswerIsPartOfTheKey)
{
	const std::string plain = query(dns::query(7, "a", 0)).key;
	EXPECT_NE(plain, query(dns::query(7, "a", DNS_RECURSION)).key);
	EXPECT_NE(plain, query(dns::query(7, "a", DNS_UNCHECKED)).key);
	EXPECT_EQ(plain, query(dns::query(7, "a", DNS_AUTHENTIC)).key);
	const std::string edns = query(dns::query_edns(7, "a", dns::opt())).key;
	EXPECT_NE(query(dns::query(7, "a")).key, edns);
	EXPECT_NE(query(dns::query_edns(7, "a", dns::opt(1232, DNS_DNSSEC_OK))).key, edns);
}

TEST(DnsParser, QueriesThatAreLeftToTheServer)
{
	for (const std::string &bytes :
	     {dns::query_edns(7, "a", dns::opt(512)), dns::query_edns(7, "a", dns::opt(1232, 1)),
	      dns::query_edns(7, "a", dns::opt(1232, 0, "1234")), dns::query(7, "a") + "x",
	      dns::query(7, "a", DNS_TRUNCATED), dns::query(7, std::string(242, 'a')),
	      dns::header(7, 0) + dns::question("a", 255),
	      dns::header(7, 0) + dns::question("a", 1, 3), dns::header(7, 0) + "\xc0\x0c\0\1\0\1",
	      dns::query(7, "a").substr(0, 15)})
		EXPECT_EQ(query(bytes).message.kind, DNS_IS_READ) << testing::PrintToString(bytes);
	EXPECT_EQ(query(dns::query(7, std::string(240, 'a'))).key.size(), PS_MAX_KEY);
}

TEST(DnsParser, WhatMayChangeAZone)
{
	EXPECT_EQ(query(dns::query(7, "a", 5 << 11)).message.kind, DNS_IS_OTHER);
	EXPECT_EQ(query(dns::query(7, "a", 4 << 11)).message.kind, DNS_IS_OTHER);
	EXPECT_EQ(query(dns::query(7, "a").substr(0, 11)).message.kind, DNS_IS_OTHER);
	EXPECT_EQ(reply(dns::query(7, "a", 0x8000 | 5 << 11)).message.kind, DNS_IS_OTHER);
}

TEST(DnsParser, ARepliesKeyIsThatOfItsQuery)
{
	const auto answer = reply(dns::reply(7, "WWW", "text"));
	ASSERT_EQ(answer.message.kind, DNS_IS_SERVED);
	EXPECT_EQ(answer.key, query(dns::query(7, "www")).key);
	EXPECT_EQ(answer.message.value, DNS_HEADER + dns::question("www").size());
	EXPECT_EQ(answer.message.word, 0x0085u | 1 << 16);
	const auto edns = reply(dns::header(7, 0x8500, 1, 1) + dns::question("www") +
				dns::record("text") + dns::opt(4096, DNS_DNSSEC_OK));
	EXPECT_EQ(edns.key, query(dns::query_edns(7, "www", dns::opt(1232, DNS_DNSSEC_OK))).key);
	EXPECT_EQ(edns.message.word, 0x0085u | 1 << 16 | 1u << 26);
}

TEST(DnsParser, RepliesThatAreNotCached)
{
	for (const unsigned flags : {0x8700u, 0x8502u, 0x8505u, 0x8540u})
		EXPECT_EQ(reply(dns::reply(7, "a", "text", flags)).message.kind, DNS_IS_READ);
	EXPECT_EQ(reply(dns::reply(7, "a", "text", 0x8503)).message.kind, DNS_IS_SERVED);
	EXPECT_EQ(reply(dns::header(7, 0x8500, 32) + dns::question("a") + dns::record("text"))
			  .message.kind,
		  DNS_IS_READ);
	EXPECT_EQ(
		reply(dns::header(7, 0x8500, 1) + dns::question("a") + dns::name("a")).message.kind,
		DNS_IS_READ);
}

} // namespace
