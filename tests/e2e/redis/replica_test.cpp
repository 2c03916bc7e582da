// SPDX-License-Identifier: GPL-2.0-only
// A Redis that becomes a replica of another one, takes all that this has, and goes on by itself later: most
// of that is no command of any client's.
#include "stage.hpp"

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
		RedisStage stage;
		Redis other(stage.server_ns(), {.addresses = {}, .port = other_port});
		const std::string key = stage.cached_key("old-value");
		EXPECT_EQ(other.tell({"SET", key, "of-the-other"}), "+OK\r\n");
		const auto tell = [&](const std::vector<std::string> &words) {
			EXPECT_EQ(inside ? stage.redis().tell(words) : stage.write(words),
				  "+OK\r\n");
		};
		// What is replicated is heard of a moment later.
		const auto expect_soon = [&](const std::string &value) {
			EXPECT_TRUE(eventually([&] {
				return stage.truth(key) == resp_bulk(value);
			})) << value;
			EXPECT_TRUE(eventually([&] {
				return stage.read(key).bytes == resp_bulk(value);
			})) << value;
			EXPECT_EQ(stage.cache(key), resp_bulk(value));
		};

		tell({"REPLICAOF", "127.0.0.1", std::to_string(other_port)});
		expect_soon("of-the-other");
		other.tell({"SET", key, "newer"});
		expect_soon("newer");
		other.tell({"EVAL", "return redis.call('APPEND', KEYS[1], '-still')", "1", key});
		expect_soon("newer-still");

		tell({"REPLICAOF", "NO", "ONE"});
		stage.write({"SET", key, "its-own"});
		EXPECT_EQ(stage.expect_truth(key), resp_bulk("its-own"));
		other.tell({"SET", key, "of-no-concern"});
		EXPECT_EQ(stage.cache(key), resp_bulk("its-own"));
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
