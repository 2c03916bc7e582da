// SPDX-License-Identifier: GPL-2.0-only
// Changes that pass no served interface: Redis tells of them, or nothing is served.
#include "stage.hpp"

#include "support/text_protocol.hpp"

namespace prestack::test
{
namespace
{

nlohmann::json status(RedisStage &stage)
{
	return nlohmann::json::parse(stage.prestack().cli("status --json").output)
		.at("services")
		.at(0);
}

// Reads what Redis alone says, a moment later at most, and then never the old value again.
void expect_heard(RedisStage &stage, const std::string &key)
{
	EXPECT_TRUE(eventually([&] { return stage.read(key).bytes == stage.truth(key); }))
		<< key << ": " << printable(stage.truth(key)) << "\n"
		<< stage.prestack().stats().dump(2);
	for (int i = 0; i < 10; ++i)
		stage.expect_truth(key);
	EXPECT_EQ(stage.prestack().counter("stale"), 0U) << "heard of, not found by the audit";
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
	RedisStage &stage = RedisStage::shared();
	const std::string key = stage.cached_key();
	std::vector<std::string> command = words(GetParam().command);
	for (std::string &word : command)
		word = word == "{k}" ? key : word;
	const std::string old = stage.truth(key);
	EXPECT_NE(stage.tell(command).front(), '-');
	EXPECT_TRUE(eventually([&] { return stage.truth(key) != old; })) << "it expires";
	expect_heard(stage, key);
	stage.expect_truth_and_cached_again(key);
	EXPECT_GT(stage.prestack().counter("feed_changes"), 0U);
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
	RedisStage stage_;
};

TEST_F(Agent, AnEvictionIsHeardOf)
{
	const std::string key = stage_.cached_key();
	EXPECT_EQ(stage_.tell({"CONFIG", "SET", "maxmemory-policy", "allkeys-random"}), "+OK\r\n");
	EXPECT_EQ(stage_.tell({"CONFIG", "SET", "maxmemory", "3mb"}), "+OK\r\n");
	for (int i = 0; stage_.tell({"EXISTS", key}) == ":1\r\n"; ++i) {
		ASSERT_LT(i, 100000) << "not evicted";
		stage_.tell({"SET", "fill" + std::to_string(i), std::string(5000, 'x')});
	}
	expect_heard(stage_, key);
}

// Many keys in one piece of news.
TEST_F(Agent, ManyChangesAtATimeAreHeardOf)
{
	std::vector<std::string> keys;
	for (int i = 0; i < 200; ++i)
		keys.push_back(stage_.cached_key());
	std::vector<std::string> change{"MSET"};
	for (const std::string &key : keys) {
		change.push_back(key);
		change.emplace_back("changed");
	}
	for (int i = 0; i < 3000; ++i)
		change.insert(change.end(), {"other" + std::to_string(i), "x"});
	EXPECT_EQ(stage_.tell(change), "+OK\r\n");
	for (const std::string &key : keys)
		expect_heard(stage_, key);
}

TEST_F(Agent, AServerThatTellsNothingIsNotServedFor)
{
	const std::string key = stage_.cached_key();
	TcpClient client = stage_.tcp();
	EXPECT_TRUE(eventually([&] {
		const auto before = stage_.count(PS_COUNT_stream_hits);
		client.ask(resp({"GET", key}), 1, resp_reply_length);
		return stage_.count(PS_COUNT_stream_hits) != before;
	}));
	stage_.redis().pause();
	EXPECT_TRUE(eventually([&] { return status(stage_).at("change_feed") == "down"; }));
	EXPECT_TRUE(eventually([&] { return status(stage_).at("watched") == false; }));
	EXPECT_NE(stage_.prestack().cli("status").output.find("the server's change feed is down"),
		  std::string::npos);
	const auto hits = stage_.count(PS_COUNT_stream_hits);
	client.send(resp({"GET", key}));
	EXPECT_TRUE(eventually([&] { return stage_.count(PS_COUNT_unwatched) > 0; }));
	EXPECT_EQ(stage_.count(PS_COUNT_stream_hits), hits);
	stage_.redis().resume();
	EXPECT_EQ(client.receive(1, resp_reply_length), stage_.truth(key));
	EXPECT_TRUE(eventually([&] { return status(stage_).at("change_feed") == "up"; }));
	stage_.cache(key);
}

TEST_F(Agent, ARestartIsNoLoss)
{
	const std::string key = stage_.cached_key();
	stage_.redis().restart();
	stage_.reconnect();
	EXPECT_EQ(stage_.tell({"SET", key, "after"}), "+OK\r\n");
	expect_heard(stage_, key);
	stage_.cache(key);
	EXPECT_EQ(stage_.tell({"SET", key, "heard"}), "+OK\r\n");
	expect_heard(stage_, key);
}

TEST_F(Agent, WhoIsNotLetInDoesNotServe)
{
	const std::string key = stage_.cached_key();
	EXPECT_EQ(stage_.tell({"CONFIG", "SET", "requirepass", "secret"}), "+OK\r\n");
	stage_.tell({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
	EXPECT_TRUE(eventually([&] { return status(stage_).at("change_feed") == "refused"; }));
	EXPECT_EQ(status(stage_).at("watched"), false);
	EXPECT_NE(stage_.prestack().cli("status").output.find("does it want authentication?"),
		  std::string::npos);
	EXPECT_TRUE(eventually([&] {
		return stage_.prestack().process().errors().find("the server does not let us in") !=
		       std::string::npos;
	}));
	EXPECT_EQ(stage_.tell({"CONFIG", "SET", "requirepass", ""}), "+OK\r\n");
	stage_.reconnect();
	stage_.cache(key);
}

// Nobody is told of that, so the agent looks.
TEST_F(Agent, RightsThatAreTakenAreNoticed)
{
	const std::string key = stage_.cached_key();
	for (const std::string right : {"get", "exists", "mget", "strlen"}) {
		EXPECT_EQ(stage_.tell({"ACL", "SETUSER", "default", "-" + right}), "+OK\r\n");
		EXPECT_TRUE(eventually([&] { return status(stage_).at("watched") == false; }))
			<< right;
		EXPECT_EQ(stage_.tell({"ACL", "SETUSER", "default", "+" + right}), "+OK\r\n");
		stage_.cache(key);
	}
}

} // namespace
} // namespace prestack::test
