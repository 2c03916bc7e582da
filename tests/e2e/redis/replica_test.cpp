// SPDX-License-Identifier: GPL-2.0-only
// A Redis that becomes a replica, takes over the data of its master, and is promoted again serves no
// old value, although few of these changes are a client's commands.
#include "redis_testbed.hpp"

#include "support/wait.hpp"

namespace prestack::test
{
namespace
{

constexpr std::uint16_t other_port = 6380;

class Replica : public RedisTest
{
protected:
	// By commands that pass the interface, or that do not.
	static void fail_over(bool inside)
	{
		RedisTestbed testbed;
		Redis other(testbed.server_ns(), {.addresses = {}, .port = other_port});
		const std::string key = testbed.cached_key("old-value");
		EXPECT_EQ(other.tell({"SET", key, "of-the-other"}), "+OK\r\n");
		const auto tell = [&](const std::vector<std::string> &words) {
			EXPECT_EQ(inside ? testbed.redis().tell(words) : testbed.write(words),
				  "+OK\r\n");
		};
		// What is replicated is heard of a moment later.
		const auto expect_soon = [&](const std::string &value) {
			EXPECT_TRUE(eventually([&] {
				return testbed.truth(key) == resp_bulk(value);
			})) << value;
			EXPECT_TRUE(eventually([&] {
				return testbed.read(key).bytes == resp_bulk(value);
			})) << value;
			EXPECT_EQ(testbed.cache(key), resp_bulk(value));
		};

		tell({"REPLICAOF", "127.0.0.1", std::to_string(other_port)});
		expect_soon("of-the-other");
		other.tell({"SET", key, "newer"});
		expect_soon("newer");
		other.tell({"EVAL", "return redis.call('APPEND', KEYS[1], '-still')", "1", key});
		expect_soon("newer-still");

		tell({"REPLICAOF", "NO", "ONE"});
		testbed.write({"SET", key, "its-own"});
		EXPECT_EQ(testbed.expect_truth(key), resp_bulk("its-own"));
		other.tell({"SET", key, "of-no-concern"});
		EXPECT_EQ(testbed.cache(key), resp_bulk("its-own"));
	}
};

TEST_F(Replica, ByCommandsThatPassTheInterface)
{
	fail_over(false);
}

TEST_F(Replica, ByCommandsThatDoNot)
{
	fail_over(true);
}

} // namespace
} // namespace prestack::test
