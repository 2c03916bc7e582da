// SPDX-License-Identifier: GPL-2.0-only
// Where replies end and what they tell, wherever the stream is cut.
#include <gtest/gtest.h>

#include <string>

#include "stream_log.hpp"

namespace prestack::redis
{
namespace
{

using namespace std::string_literals;

TEST(RedisReplies, Scalars)
{
	expect_replies("+OK\r\n+PONG\r\n-ERR no\r\n:1\r\n:-1\r\n$-1\r\n*-1\r\n_\r\n#t\r\n,1.5\r\n"
		       "(123456789012345678901234567890\r\n+\r\n+OKAY\r\n",
		       "succeeded.,.,.,.,.,.,.,.,.,.,.,.,.,");
	expect_replies("$0\r\n\r\n$5\r\nhello\r\n", "value 0 serves.,value 5 serves.,");
	expect_replies("=9\r\ntxt:hello\r\n!5\r\nERR x\r\n", ".,.,");
}

TEST(RedisReplies, Aggregates)
{
	expect_replies("*0\r\n~0\r\n%0\r\n*2\r\n$1\r\na\r\n$-1\r\n:1\r\n", ".,.,.,.,.,");
	expect_replies("%2\r\n+a\r\n:1\r\n+b\r\n*2\r\n:2\r\n:3\r\n+OK\r\n", ".,succeeded.,");
	expect_replies("~2\r\n+a\r\n%1\r\n+OK\r\n$2\r\nOK\r\n$1\r\na\r\n", ".,value 1 serves.,");
	expect_replies("*3\r\n*0\r\n*1\r\n*1\r\n*-1\r\n%1\r\n_\r\n~1\r\n#f\r\n:1\r\n", ".,.,");
	std::string deep, shallow;
	for (int i = 0; i < 1'000; ++i)
		deep += "*1\r\n";
	EXPECT_EQ(".,.,", ReplyLog::log_of({deep + ":1\r\n:1\r\n"}));
	for (int i = 0; i < 10'000; ++i)
		shallow += i % 3 == 0 ? ":" + std::to_string(i) + "\r\n" : "$3\r\nabc\r\n";
	EXPECT_EQ(".,.,", ReplyLog::log_of({"*10000\r\n" + shallow + ":1\r\n"}));
	EXPECT_EQ(".,.,",
		  ReplyLog::log_of(StreamReader::cut("*10000\r\n" + shallow + ":1\r\n", 1'448)));
}

TEST(RedisReplies, Attributes)
{
	expect_replies("|1\r\n+key\r\n*2\r\n:1\r\n:2\r\n$2\r\nab\r\n+OK\r\n", ".,succeeded.,");
	expect_replies("*2\r\n|1\r\n+ttl\r\n:60\r\n:1\r\n:2\r\n+OK\r\n", ".,succeeded.,");
	expect_replies("|0\r\n:1\r\n", ".,");
}

// The server does not answer for some keys, or for any: what is cached of it ends.
TEST(RedisReplies, KeysThatAreElsewhere)
{
	for (const std::string error :
	     {"MOVED 3999 127.0.0.1:6381", "ASK 3999 127.0.0.1:6381",
	      "CLUSTERDOWN Hash slot not served", "MASTERDOWN Link with MASTER is down",
	      "TRYAGAIN Multiple keys request", "LOADING Redis is loading", "MOVED 1 a",
	      "ASK 1 :1"})
		expect_replies("-" + error + "\r\n+OK\r\n", "elsewhere.,succeeded.,");
	for (const std::string error : {"ERR MOVED 1 a", "MOVEDX 1 a", "ASKING", "moved 1 a",
					"MOVED", "NOPERM no", "WRONGTYPE Operation against a key"})
		expect_replies("-" + error + "\r\n+OK\r\n", ".,succeeded.,");
	expect_replies("+MOVED 1 a\r\n$9\r\n-MOVED 1 \r\n", ".,value 9 serves.,");
	expect_replies("*2\r\n+a\r\n-MOVED 1 a\r\n", ".,");
}

TEST(RedisReplies, PushesAreNoReplies)
{
	expect_replies(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n+OK\r\n>1\r\n+x\r\n:1\r\n",
		       ">,succeeded.,>,.,");
	EXPECT_TRUE(ReplyLog::log_of({"*1\r\n>1\r\n+x\r\n"}).ends_with("LOST"));
}

TEST(RedisReplies, Values)
{
	const std::string text("\0\r\n$5\r\n\xff", 8);
	ReplyLog replies;
	replies.read("$8\r\n" + text + "\r\n$700\r\n" + std::string(700, 'v') + "\r\n");
	EXPECT_EQ("value 8 serves.,value 700 serves.,", replies.log());
	EXPECT_EQ(std::string(700, 'v'), replies.value());
	const std::string big = "$5000\r\n" + std::string(5'000, '\r') + "\r\n:1\r\n";
	for (const std::size_t size : {1, 9, 1'448, 9'999})
		EXPECT_EQ("value 5000 serves.,.,", ReplyLog::log_of(StreamReader::cut(big, size)));
	// Not that of an element.
	expect_replies("*1\r\n$1\r\na\r\n", ".,");
}

TEST(RedisReplies, LongLines)
{
	const std::string line = "-ERR " + std::string(1'000, 'x') + "\r\n";
	const std::string status = "+OK" + std::string(100, 'x') + "\r\n";
	expect_replies(line + status + "*2\r\n" + status + line + "+OK\r\n", ".,.,.,succeeded.,");
}

TEST(RedisReplies, Lost)
{
	for (const std::string &bad :
	     {"hello\r\n"s, "\r\n"s, "$x\r\n"s, "$01\r\n"s, "$-2\r\n"s, "$-1x\n"s,
	      "$536870913\r\n"s, "*-2\r\n"s, "*67108863\r\n"s, "*?\r\n"s, "%-1\r\n"s, "+OK\n"s,
	      "$\r\n"s, "$12345678901\r\n"s, "*1\r\nhello"s, "-ERR " + std::string(50, 'x') + "\n",
	      "%67108862\r\n%67108862\r\n%67108862\r\n"s}) {
		for (const std::size_t size : {std::size_t{1}, std::size_t{7}, bad.size()}) {
			const auto log =
				ReplyLog::log_of(StreamReader::cut("+PONG\r\n" + bad, size));
			EXPECT_TRUE(log.ends_with("LOST"))
				<< testing::PrintToString(bad) << ": " << log;
			// Where replies are not counted it may be no reply at all.
			const auto other =
				ReplyLog::log_of(StreamReader::cut("+PONG\r\n" + bad, size), false);
			EXPECT_TRUE(other.ends_with("opaque,"))
				<< testing::PrintToString(bad) << ": " << other;
		}
	}
}

TEST(RedisReplies, WhatReplicasGetIsNotLookedAt)
{
	for (const std::string &begin :
	     {"+FULLRESYNC 0123456789012345678901234567890123456789 1\r\n"s, "+CONTINUE\r\n"s,
	      "\n"s}) {
		const std::string stream = "+OK\r\n" + begin + "$5\r\nREDIS*1\r\n$4\r\nPING\r\n";
		expect_replies(stream, "succeeded.,opaque,", false);
	}
	expect_replies("+OK\r\n+\r\n+1700000000.1 [0 127.0.0.1:1] \"PING\"\r\n", "succeeded.,.,.,",
		       false);
}

TEST(RedisReplies, SmallElementsAreEatenTogether)
{
	ReplyLog replies;
	std::string text = "*64\r\n";
	for (int i = 0; i < 64; ++i)
		text += "$5\r\nabcde\r\n";
	replies.read(text);
	EXPECT_EQ(".,", replies.log());
	EXPECT_GE(10U, replies.messages());
}

// Each with how many elements come from it on: so the request names its keys as well.
TEST(RedisReplies, OfSeveralValues)
{
	const std::string stream = "*4\r\n$1\r\na\r\n$-1\r\n$0\r\n\r\n$3\r\nd\r\n\r\n"
				   "$2\r\nhi\r\n*0\r\n*1\r\n$1\r\nz\r\n:1\r\n";
	expect_however_cut(stream,
			   "value 1 of 4  servesvalue 0 of 2  servesvalue 3 of 1  serves.,value 2 "
			   "serves.,.,.,.,",
			   [](const std::vector<std::string> &segments) {
				   return ReplyLog::log_of(segments, true, true);
			   });
	expect_however_cut(stream, ".,value 2 serves.,.,.,.,",
			   [](const std::vector<std::string> &segments) {
				   return ReplyLog::log_of(segments);
			   });
}

} // namespace
} // namespace prestack::redis
