// SPDX-License-Identifier: GPL-2.0-only
// The same as clients_test.cpp, with clients of Redis.
#include <filesystem>

#include "real_client.hpp"
#include "support/hiredis_client.hpp"

namespace prestack::test
{
namespace
{

class RedisClients : public RealClient
{
protected:
	RedisClients()
		: RealClient({.protocol = why_no_redis().empty() ? &redis_protocol
								 : &memcached_protocol})
	{
	}
	void SetUp() override
	{
		TcpReads::SetUp();
		skip_without(&redis_protocol);
	}
};

std::string hiredis_session(const Netns &ns, const std::string &host, std::uint16_t port)
{
	HiredisClient client(ns, host, port);
	const std::string binary("\0\r\n$3\r\n\xff", 8);
	std::string told = client.ask({"SET", "hi-text", "text"}) +
			   client.ask({"SET", "hi-binary", binary}) +
			   client.ask("MSET hi-1 one hi-2 two hi-3 three");
	for (int round = 0; round < 200; ++round) {
		told += client.ask("GET hi-text") + client.ask("GET hi-binary");
		told += client.ask("MGET hi-1 hi-absent hi-3") + client.ask("MGET hi-1 hi-2 hi-3");
		told += client.ask("STRLEN hi-binary") + client.ask("EXISTS hi-1 hi-2 hi-absent");
		for (const std::string &reply :
		     client.pipeline({{"GET", "hi-1"}, {"GET", "hi-2"}, {"GET", "hi-3"}}))
			told += reply;
		told += "\n";
	}
	for (const char *line : {"APPEND hi-text +", "GET hi-text", "DEL hi-text", "GET hi-text",
				 "INCR hi-1", "SET hi-number 7", "INCR hi-number", "GET hi-number",
				 "MULTI", "GET hi-1", "EXEC", "GET hi-1", "SELECT 1", "GET hi-1"})
		told += client.ask(line) + "\n";
	return told;
}

TEST_F(RedisClients, Hiredis)
{
	const std::string with =
		hiredis_session(testbed_.client_ns(), TcpTestbed::server_address, testbed_.port());
	EXPECT_EQ(with, hiredis_session(testbed_.reference_ns(), TcpTestbed::reference_address,
					testbed_.port()));
	EXPECT_NE(with.find("[\"one\", nil, \"three\"]"), std::string::npos);
	expect_many_hits();
}

TEST_F(RedisClients, RedisCli)
{
	const TempDir directory;
	std::string lines = "SET cli-text \"some text\"\nSET cli-binary \"\\x00\\r\\n\\xff\"\n";
	// For longer than it takes until the kernel may answer.
	for (int i = 0; i < 500; ++i)
		lines += "GET cli-text\nMGET cli-text cli-binary\nSTRLEN cli-text\n";
	lines += "GET cli-absent\nAPPEND cli-text !\nGET cli-text\nDEL cli-text\nGET cli-text\n"
		 "LPUSH cli-list a b c\nLRANGE cli-list 0 -1\nGET cli-list\nMULTI\nGET cli-binary\n"
		 "EXEC\nGET cli-binary\n";
	const std::string file = directory.write("lines", lines);
	for (const char *options : {"", "-3", "--no-raw"}) {
		compare({"sh", "-c",
			 std::string("redis-cli -h {host} -p {port} ") + options + " < " + file});
	}
	compare({"sh", "-c", "redis-cli -h {host} -p {port} -r 50 GET cli-binary"});
	expect_many_hits();
}

TEST_F(RedisClients, RedisPy)
{
	const char *python = "/usr/bin/python3"; // Debian's, which has Debian's packages
	if (!std::filesystem::exists(python) ||
	    run({.argv = {python, "-c", "import redis"}}).exit_code != 0)
		GTEST_SKIP() << "no redis-py (package python3-redis)";
	compare({python, script("redis_client.py"), "{host}", "{port}"});
	expect_many_hits();
}

TEST_F(RedisClients, Ioredis)
{
	if (!std::filesystem::exists(PRESTACK_NODE_CLIENTS "/node_modules/ioredis"))
		GTEST_SKIP() << "no npm packages: tests/tcp/clients/install "
			     << PRESTACK_NODE_CLIENTS << " did not run, or could not";
	compare({"node", script("ioredis_client.js"), "{host}", "{port}"});
	expect_many_hits();
}

} // namespace
} // namespace prestack::test
