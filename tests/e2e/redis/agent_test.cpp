// SPDX-License-Identifier: GPL-2.0-only
// Changes that pass no served interface are heard of from Redis itself; while they cannot be heard of,
// nothing is served.
#include "redis_testbed.hpp"

#include "support/text_protocol.hpp"

namespace prestack::test
{
namespace
{

nlohmann::json status(RedisTestbed &testbed)
{
	return nlohmann::json::parse(testbed.prestack().cli("status --json").output)
		.at("services")
		.at(0);
}

// Reads what Redis alone says, a moment later at most, and then never the old value again.
void expect_heard(RedisTestbed &testbed, const std::string &key)
{
	EXPECT_TRUE(eventually([&] { return testbed.read(key).bytes == testbed.truth(key); }))
		<< key << ": " << printable(testbed.truth(key)) << "\n"
		<< testbed.prestack().stats().dump(2);
	for (int i = 0; i < 10; ++i)
		testbed.expect_truth(key);
	EXPECT_EQ(testbed.prestack().counter("stale"), 0U) << "heard of, not found by the audit";
}

struct OtherWay {
	const char *name;
	const char *command; // {k}: the key
};

std::ostream &operator<<(std::ostream &out, const OtherWay &way)
{
	return out << way.name;
}

class Unseen : public RedisTest, public testing::WithParamInterface<OtherWay>
{
};

TEST_P(Unseen, IsHeardOf)
{
	RedisTestbed &testbed = RedisTestbed::shared();
	const std::string key = testbed.cached_key();
	std::vector<std::string> command = words(GetParam().command);
	for (std::string &word : command)
		word = word == "{k}" ? key : word;
	const std::string old = testbed.truth(key);
	EXPECT_NE(testbed.ask_directly(command).front(), '-');
	EXPECT_TRUE(eventually([&] { return testbed.truth(key) != old; })) << "it expires";
	expect_heard(testbed, key);
	testbed.expect_truth_and_cached_again(key);
	EXPECT_GT(testbed.prestack().counter("feed_changes"), 0U);
}

INSTANTIATE_TEST_SUITE_P(
	Redis, Unseen,
	testing::Values(OtherWay{"Set", "SET {k} new-value"}, OtherWay{"Append", "APPEND {k} x"},
			OtherWay{"Del", "DEL {k}"}, OtherWay{"Expire", "PEXPIRE {k} 100"},
			OtherWay{"ExpireBefore", "PEXPIREAT {k} 1"},
			OtherWay{"Script", "EVAL return(redis.call('SET',KEYS[1],'script')) 1 {k}"},
			OtherWay{"ScriptDel", "EVAL return(redis.call('DEL',KEYS[1])) 1 {k}"},
			OtherWay{"Rename", "RENAME {k} away"}, OtherWay{"Move", "MOVE {k} 1"},
			OtherWay{"FlushDb", "FLUSHDB"}, OtherWay{"FlushAll", "FLUSHALL ASYNC"}),
	[](const auto &info) { return info.param.name; });

class Agent : public RedisTest
{
protected:
	RedisTestbed testbed_;
};

TEST_F(Agent, AnEvictionIsHeardOf)
{
	const std::string key = testbed_.cached_key();
	EXPECT_EQ(testbed_.ask_directly({"CONFIG", "SET", "maxmemory-policy", "allkeys-random"}),
		  "+OK\r\n");
	EXPECT_EQ(testbed_.ask_directly({"CONFIG", "SET", "maxmemory", "3mb"}), "+OK\r\n");
	for (int i = 0; testbed_.ask_directly({"EXISTS", key}) == ":1\r\n"; ++i) {
		ASSERT_LT(i, 100000) << "not evicted";
		testbed_.ask_directly({"SET", "fill" + std::to_string(i), std::string(5000, 'x')});
	}
	expect_heard(testbed_, key);
}

// Many keys in one piece of news.
TEST_F(Agent, ManyChangesAtATimeAreHeardOf)
{
	std::vector<std::string> keys;
	for (int i = 0; i < 200; ++i)
		keys.push_back(testbed_.cached_key());
	std::vector<std::string> change{"MSET"};
	for (const std::string &key : keys) {
		change.push_back(key);
		change.emplace_back("changed");
	}
	for (int i = 0; i < 3000; ++i)
		change.insert(change.end(), {"other" + std::to_string(i), "x"});
	EXPECT_EQ(testbed_.ask_directly(change), "+OK\r\n");
	for (const std::string &key : keys)
		expect_heard(testbed_, key);
}

TEST_F(Agent, AServerThatTellsNothingIsNotServedFor)
{
	const std::string key = testbed_.cached_key();
	TcpClient client = testbed_.tcp();
	EXPECT_TRUE(eventually([&] {
		const auto before = testbed_.count(PS_COUNT_stream_hits);
		client.ask(resp({"GET", key}), 1, resp_reply_length);
		return testbed_.count(PS_COUNT_stream_hits) != before;
	}));
	testbed_.redis().pause();
	EXPECT_TRUE(eventually([&] { return status(testbed_).at("change_feed") == "down"; }));
	EXPECT_TRUE(eventually([&] { return status(testbed_).at("watched") == false; }));
	EXPECT_NE(testbed_.prestack().cli("status").output.find("the server's change feed is down"),
		  std::string::npos);
	const auto hits = testbed_.count(PS_COUNT_stream_hits);
	client.send(resp({"GET", key}));
	EXPECT_TRUE(eventually([&] { return testbed_.count(PS_COUNT_unwatched) > 0; }));
	EXPECT_EQ(testbed_.count(PS_COUNT_stream_hits), hits);
	testbed_.redis().resume();
	EXPECT_EQ(client.receive(1, resp_reply_length), testbed_.truth(key));
	EXPECT_TRUE(eventually([&] { return status(testbed_).at("change_feed") == "up"; }));
	testbed_.cache(key);
}

TEST_F(Agent, ARestartIsNoLoss)
{
	const std::string key = testbed_.cached_key();
	testbed_.redis().restart();
	testbed_.reconnect();
	EXPECT_EQ(testbed_.ask_directly({"SET", key, "after"}), "+OK\r\n");
	expect_heard(testbed_, key);
	testbed_.cache(key);
	EXPECT_EQ(testbed_.ask_directly({"SET", key, "heard"}), "+OK\r\n");
	expect_heard(testbed_, key);
}

TEST_F(Agent, WhoIsNotLetInDoesNotServe)
{
	const std::string key = testbed_.cached_key();
	EXPECT_EQ(testbed_.ask_directly({"CONFIG", "SET", "requirepass", "secret"}), "+OK\r\n");
	testbed_.ask_directly({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
	EXPECT_TRUE(eventually([&] { return status(testbed_).at("change_feed") == "refused"; }));
	EXPECT_EQ(status(testbed_).at("watched"), false);
	EXPECT_NE(testbed_.prestack().cli("status").output.find("does it want authentication?"),
		  std::string::npos);
	EXPECT_TRUE(eventually([&] {
		return testbed_.prestack().process().errors().find(
			       "the server does not let us in") != std::string::npos;
	}));
	EXPECT_EQ(testbed_.ask_directly({"CONFIG", "SET", "requirepass", ""}), "+OK\r\n");
	testbed_.reconnect();
	testbed_.cache(key);
}

// Nobody is told of that, so the agent looks.
TEST_F(Agent, RightsThatAreTakenAreNoticed)
{
	const std::string key = testbed_.cached_key();
	for (const std::string right : {"get", "exists", "mget", "strlen"}) {
		EXPECT_EQ(testbed_.ask_directly({"ACL", "SETUSER", "default", "-" + right}),
			  "+OK\r\n");
		EXPECT_TRUE(eventually([&] { return status(testbed_).at("watched") == false; }))
			<< right;
		EXPECT_EQ(testbed_.ask_directly({"ACL", "SETUSER", "default", "+" + right}),
			  "+OK\r\n");
		testbed_.cache(key);
	}
}

} // namespace
} // namespace prestack::test
