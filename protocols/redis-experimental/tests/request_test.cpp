// SPDX-License-Identifier: GPL-2.0-only
// What commands do, wherever the stream is cut.
#include <gtest/gtest.h>

#include <string>

#include "stream_log.hpp"

namespace prestack::redis
{
namespace
{

using namespace std::string_literals;

TEST(RedisRequests, Reads)
{
	expect_requests(command({"GET", "a"}) + command({"get", "bb"}) + command({"gEt", "c"}),
			"read a.,read bb.,read c.,");
	expect_requests(command({"MGET", "a", "b"}) + command({"mget", "c"}),
			"read aread b.,read c.,");
	// Their replies are not the values of keys.
	expect_requests(command({"STRLEN", "a"}) + command({"EXISTS", "a", "b"}) +
				command({"TTL", "a"}) + command({"HGETALL", "a"}) +
				command({"XREAD", "STREAMS", "s", "0"}),
			".,.,.,.,.,");
	// Refused.
	expect_requests(command({"GET"}) + command({"GET", "a", "b"}), ".,.,");
}

TEST(RedisRequests, WritesOfOneKey)
{
	expect_requests(command({"SET", "a", "1"}) + command({"APPEND", "a", "2"}) +
				command({"INCR", "n"}) + command({"GETDEL", "d"}) +
				command({"EXPIRE", "e", "10"}) + command({"HSET", "h", "f", "v"}) +
				command({"lpush", "l", "1", "2", "3", "4", "5"}),
			"write a lasting.,write a.,write n.,write d.,write e.,write h.,write l.,");
	expect_requests(command({"SET", "a", "1", "EX", "10"}) +
				command({"SET", "a", "1", "KEEPTTL"}) + command({"SET", "a"}) +
				command({"SET"}),
			"write a.,write a.,write a.,.,");
	expect_requests(command({"GETEX", "g", "PERSIST"}) + command({"PFCOUNT", "p", "q"}),
			"write g.,write p write q.,");
}

TEST(RedisRequests, WritesOfManyKeys)
{
	expect_requests(command({"DEL", "a", "b", "c"}) + command({"UNLINK", "d"}),
			"write a write b write c.,write d.,");
	expect_requests(command({"MSET", "a", "1", "b", "2", "c", "3"}) +
				command({"MSETNX", "a", "1", "b", "2"}) + command({"MSET", "a"}),
			"write a lasting write b lasting write c lasting.,write a write b.,"
			"write a lasting.,");
	expect_requests(command({"RENAME", "a", "b"}) + command({"SMOVE", "from", "to", "member"}) +
				command({"LMOVE", "x", "y", "LEFT", "RIGHT"}),
			"write a write b.,write from write to.,write x write y.,");
	// A timeout is taken for one more.
	expect_requests(command({"BLPOP", "a", "b", "0"}), "write a write b write 0.,");
	std::string all;
	std::vector<std::string> words = {"DEL"};
	for (int i = 0; i < 500; ++i) {
		words.push_back("key" + std::to_string(i));
		all += (i == 0 ? "write key" : " write key") + std::to_string(i);
	}
	EXPECT_EQ(all + ".,", RequestLog::log_of({command(words)}));
	EXPECT_EQ(all + ".,", RequestLog::log_of(StreamReader::cut(command(words), 1448)));
}

TEST(RedisRequests, WhatIsOnlyReadOnTheWayIsNoWrite)
{
	expect_requests(command({"BITOP", "AND", "to", "a", "b"}) + command({"COPY", "a", "to"}) +
				command({"SINTERSTORE", "to", "a", "b"}) +
				command({"ZUNIONSTORE", "to", "2", "a", "b"}) +
				command({"GEOSEARCHSTORE", "to", "a", "FROMMEMBER", "m"}),
			"write to.,write to.,write to.,write to.,write to.,");
	// Where these write stands among their arguments.
	expect_requests(command({"SORT", "a", "STORE", "to"}), "write a write STORE write to.,");
	expect_requests(command({"LMPOP", "1", "l", "LEFT"}), ".,");
}

TEST(RedisRequests, Flushes)
{
	expect_requests(command({"FLUSHALL"}) + command({"FLUSHDB", "ASYNC"}) +
				command({"SWAPDB", "0", "1"}) +
				command({"EVAL", "return 1", "1", "k"}) +
				command({"DEBUG", "RELOAD"}) +
				command({"MIGRATE", "h", "1", "k", "0", "9"}) + command({"EXEC"}) +
				command({"REPLICAOF", "NO", "ONE"}),
			"flush.,flush.,flush.,flush.,flush.,flush.,flush.,flush.,");
	// Before the server can have begun, and again when it can.
	const std::string eval = command({"EVAL", "return 1", "0"});
	RequestLog whole, parts;
	whole.read(eval);
	EXPECT_EQ(1U, whole.flushes());
	parts.read(eval.substr(0, 14));
	EXPECT_EQ(1U, parts.flushes());
	EXPECT_EQ("", parts.log());
	parts.read(eval.substr(14));
	EXPECT_EQ(2U, parts.flushes());
	EXPECT_EQ("flush.,", parts.log());
}

TEST(RedisRequests, UnknownOnesMayBeAnything)
{
	expect_requests(command({"NOSUCH", "a"}) + command({"GET", "k"}), "flush.!,.!,");
	expect_requests(command({""}), "flush.!,");
	// Found by the server, by chance, as if it ended before the zero.
	expect_requests(command({"GET\0x"s, "a"}), "flush?!,");
	expect_requests(command({"SUBSCRIBE\0more"s, "a"}), "flush?!,");
	expect_requests(command({"ZREMRANGEBYSCORE\0x"s, "a"}), "flush?!,");
	expect_requests(command({std::string(24, 'N'), "a"}), "flush.!,");
	expect_requests(command({std::string(25, 'N'), "a"}), "flush?!,");
	expect_requests(command({std::string(3'000, 'N')}), "flush?!,");
}

TEST(RedisRequests, OtherConnections)
{
	for (const std::string &mode :
	     {command({"MULTI"}), command({"AUTH", "secret"}), command({"AUTH", "user", "secret"}),
	      command({"SELECT", "1"}), command({"SELECT", "00"}),
	      command({"HELLO", "3", "AUTH", "default", "x"}),
	      command({"HELLO", "3", "SETNAME", "n", "auth", "default", "x"}),
	      command({"HELLO", "3", "AUTH\0x"s, "default", "x"}), command({"WATCH", "a"}),
	      command({"CLIENT", "TRACKING", "ON"}), command({"client", "caching", "yes"}),
	      command({"READONLY"}), command({"READWRITE"}), command({"ASKING"}),
	      command({"RESET"}), command({"QUIT"}), command({"SELECT", std::string(40, '0')})}) {
		expect_requests(command({"GET", "a"}) + mode + command({"GET", "b"}) +
					command({"SET", "c", "1"}),
				"read a.,.!,.!,write c.!,");
	}
}

TEST(RedisRequests, TheSameConnection)
{
	expect_requests(command({"SELECT", "0"}) + command({"HELLO", "3"}) + command({"HELLO"}) +
				command({"HELLO", "3", "SETNAME", "me"}) + command({"PING"}) +
				command({"ECHO", "x"}) + command({"INFO", "all"}) +
				command({"COMMAND", "DOCS"}) + command({"CLIENT", "SETNAME", "n"}) +
				command({"CLIENT", "SETINFO", "lib-name", "x"}) +
				command({"client", "id"}) + command({"CONFIG", "GET", "*"}) +
				command({"SCRIPT", "LOAD", "return 1"}) +
				command({"PUBLISH", "channel", "text"}),
			".,.,.,.,.,.,.,.,.,.,.,.,.,.,");
	expect_requests(command({"CONFIG", "SET", "maxmemory", "1mb"}) + command({"CONFIG"}) +
				command({"CLIENT"}) + command({"SELECT"}),
			"flush.,.,.,.,");
	expect_requests(command({"CLIENT", "PAUSE", "10"}), "flush.!,");
	expect_requests(command({"CLIENT", "SOMETHINGNEW"}), "flush.!,");
}

TEST(RedisRequests, RepliesThatCannotBeCounted)
{
	for (const char *name :
	     {"SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE",
	      "SUNSUBSCRIBE", "MONITOR", "SYNC", "PSYNC", "REPLCONF"})
		expect_requests(command({name, "a", "b"}) + command({"GET", "b"}) +
					command({"SET", "c", "1"}) + command({"FLUSHALL"}),
				"?!,?!,write c unsure?!,flush?!,");
	expect_requests(command({"CLIENT", "REPLY", "OFF"}) + command({"PING"}), "?!,?!,");
	expect_requests(command({"CLIENT", "reply", "SKIP"}) + command({"PING"}), "?!,?!,");
	expect_requests(command({"SCRIPT", "DEBUG", "YES"}) + command({"PING"}), "flush?!,?!,");
}

TEST(RedisRequests, Keys)
{
	const std::string longest(250, 'L'), too_long(251, 'L');
	expect_requests(command({"GET", ""}) + command({"GET", longest}) +
				command({"GET", too_long}) + command({"SET", "", ""}) +
				command({"SET", longest, "1"}) + command({"SET", too_long, "1"}) +
				command({"MSET", too_long, "1", "k", "1", "", "2", "l", "3"}),
			".,read " + longest + ".,.,.,write " + longest +
				" lasting.,.,write k lasting write l lasting.,");
	const std::string binary("\0\r\n*1\r\n$4\r\n\xff \n", 15);
	expect_requests(command({"GET", binary}) + command({"SET", binary, binary}) +
				command({"PING"}),
			"read " + binary + ".,write " + binary + " lasting.,.,");
}

TEST(RedisRequests, ValuesAreNotLookedAt)
{
	const std::string value = "\r\n" + command({"FLUSHALL"}) + std::string(5'000, 'x') +
				  command({"SET", "no", "1"});
	const std::string stream = command({"SET", "a", value}) + command({"GET", "b"}) +
				   command({"HSET", "h", value, value, "", value}) +
				   command({"GET", "c"});
	const std::string log = "write a lasting.,read b.,write h.,read c.,";
	for (const std::size_t size : {std::size_t{1}, std::size_t{7}, std::size_t{1'448},
				       std::size_t{9'000}, stream.size()})
		EXPECT_EQ(log, RequestLog::log_of(StreamReader::cut(stream, size))) << size;
}

TEST(RedisRequests, NoCommands)
{
	expect_requests("*0\r\n*-1\r\n*-2147483647\r\n" + command({"GET", "a"}), "-,-,-,read a.,");
	expect_requests("\r\n\n   \r\n" + command({"GET", "a"}), "-,-,-,read a.,");
}

TEST(RedisRequests, Inline)
{
	expect_requests("PING\r\n  ping \nGET a\r\nINFO all\r\nEXISTS a\n", ".,.,.,.,.,");
	expect_requests("SET a 1\r\nDEL a\nFLUSHALL\r\nset \"a\" 'x y'\r\nEVAL x 0\n",
			"flush.,flush.,flush.,flush.,flush.,");
	expect_requests("SELECT 0\r\nCONFIG GET *\r\nCLIENT ID\nCONFIG SET a b\r\n",
			".,.,.,flush.,");
	expect_requests("SELECT 1\r\nGET a\r\n", ".!,.!,");
	expect_requests("MULTI\r\n" + command({"GET", "a"}), ".!,.!,");
	expect_requests("SUBSCRIBE a\r\n", "?!,");
	expect_requests("CLIENT REPLY OFF\r\n", "?!,");
	// Quoted, so perhaps any command.
	expect_requests("\"GET\" a\r\n", "flush?!,");
	expect_requests("SEL\"ECT\" 1\r\n", "flush?!,");
	expect_requests("CLIENT \"REPLY\" OFF\r\n", "flush?!,");
	expect_requests("HELLO 3 AUTH a b\r\n", "flush?!,");
	expect_requests("GET\ta\r\nPING\r\n", "flush?!,?!,");
	expect_requests("nonsense\r\n", "flush?!,");
}

TEST(RedisRequests, Lost)
{
	for (const std::string &bad : {"*\r\n"s,
				       "*x\r\n"s,
				       "*01\r\n"s,
				       "*+1\r\n"s,
				       "* 1\r\n"s,
				       "*1 \r\n"s,
				       "*1\n"s,
				       "*1\rx"s,
				       "*-\r\n"s,
				       "*-0\r\n"s,
				       "*-01\r\n"s,
				       "*262145\r\n"s,
				       "*99999999999\r\n"s,
				       "*1\r\n$12345678901\r\n"s,
				       "*4294967297\r\n$4\r\nPING\r\n"s,
				       "*1\r\nPING\r\n"s,
				       "*1\r\n$-1\r\n"s,
				       "*1\r\n$04\r\nPING\r\n"s,
				       "*1\r\n$4\r\nPINGxx"s,
				       "*1\r\n$536870913\r\n"s,
				       "*2\r\n$3\r\nGET\r\n$1\r\naxx"s,
				       "*2\r\n$3\r\nGET\r\n*1\r\n"s,
				       "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$x\r\n"s,
				       "\t\r\n"s,
				       std::string(12, ' ') + "\r\n",
				       std::string(600, 'x')}) {
		for (const std::size_t size : {std::size_t{1}, std::size_t{7}, std::size_t{999}}) {
			const auto log = RequestLog::log_of(
				StreamReader::cut(command({"PING"}) + bad, size));
			EXPECT_TRUE(log.ends_with("LOST"))
				<< testing::PrintToString(bad) << ": " << log;
		}
	}
}

TEST(RedisRequests, UpToAsManyArgumentsAsAreCounted)
{
	EXPECT_EQ("", RequestLog::log_of({"*262144\r\n$3\r\nDEL\r\n"}));
	std::string text = "*262144\r\n$4\r\nLLEN\r\n";
	for (int i = 1; i < 262'144; ++i)
		text += "$1\r\nx\r\n";
	EXPECT_EQ(".,read a.,", RequestLog::log_of({text + command({"GET", "a"})}));
	EXPECT_EQ(".,read a.,",
		  RequestLog::log_of(StreamReader::cut(text + command({"GET", "a"}), 1'448)));
}

TEST(RedisRequests, AreMostlyOneMessage)
{
	for (const std::string &text :
	     {command({"GET", "key"}), command({"SET", "key", "value"}),
	      command({"SET", "key", "value", "EX", "10"}), command({"DEL", "a"}),
	      command({"HMGET", "a", "b", "c", "d", "e"}),
	      command({"SET", "key", std::string(1'000, 'v')})}) {
		RequestLog requests;
		requests.read(text);
		EXPECT_EQ(1U, requests.messages()) << text;
		EXPECT_EQ(1U, requests.replies()) << text;
	}
}

} // namespace
} // namespace prestack::redis
