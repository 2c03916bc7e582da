// SPDX-License-Identifier: GPL-2.0-only
// What the agent asks Redis changes nothing that clients can see: the server behind prestack is compared with one
// that is alone and got the same commands.
#include "redis_testbed.hpp"

namespace prestack::test
{
namespace
{

class RedisServerState : public RedisTest
{
protected:
	// Each read raises a key's counter by one, and nothing lowers it.
	RedisTestbed testbed_{{.redis = {"--maxmemory-policy", "allkeys-lfu", "--lfu-log-factor",
					 "0", "--lfu-decay-time", "0"}}};

	std::uint64_t count(const std::string &name) { return testbed_.redis().info(name); }
	std::string frequency(const std::string &key)
	{
		return testbed_.ask_directly({"OBJECT", "FREQ", key});
	}
};

// Each key is read once: that fills the cache, and the agent asks when it expires.
TEST_F(RedisServerState, QuestionsCountAsNoReads)
{
	testbed_.cached_key(); // leases are taken from now on
	std::vector<std::string> keys;
	for (int i = 0; i < 20; ++i) {
		keys.push_back(testbed_.key());
		EXPECT_EQ(testbed_.ask_directly({"SET", keys.back(), "value"}), "+OK\r\n");
	}
	const auto asked = testbed_.prestack().counter("expiry_asked");
	TcpClient client = testbed_.tcp();
	for (const std::string &key : keys)
		client.ask(resp({"GET", key}), 1, resp_reply_length);
	EXPECT_TRUE(eventually([&] {
		return testbed_.prestack().counter("expiry_asked") >= asked + keys.size() &&
		       testbed_.prestack().counter("expiry_answered") +
				       testbed_.prestack().counter("expiry_unanswered") >=
			       testbed_.prestack().counter("expiry_asked");
	})) << testbed_.prestack().stats().dump(2);
	// 5 is what a new key has.
	for (const std::string &key : keys)
		EXPECT_EQ(frequency(key), ":6\r\n") << key;
}

// To look at what may be read asks for no key: a miss would be counted, and told to who listens for misses.
TEST_F(RedisServerState, LooksCountAsNoMisses)
{
	const auto misses = count("keyspace_misses");
	const auto rejected = count("total_error_replies");
	const auto looks = count("total_commands_processed");
	EXPECT_TRUE(eventually([&] { return count("total_commands_processed") > looks + 200; }));
	EXPECT_EQ(count("keyspace_misses"), misses);
	EXPECT_EQ(count("total_error_replies"), rejected);
}

} // namespace
} // namespace prestack::test
