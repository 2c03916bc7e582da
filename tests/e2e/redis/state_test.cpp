// SPDX-License-Identifier: GPL-2.0-only
// Connections on which a read means something else than it usually does. They have been answered by the
// kernel before, and the key is cached: from then on it is for Redis to answer.
#include "twin.hpp"

#include "support/text_protocol.hpp"

namespace prestack::test
{
namespace
{

class State : public RedisTest
{
protected:
	static RedisStage &stage() { return RedisStage::shared(); }

	// A connection that the kernel has answered, in the protocol of this number.
	Twin earned(int protocol = 2)
	{
		key_ = stage().cached_key_in_both("value");
		Twin twin(stage());
		if (protocol == 3)
			twin.ask_unlike("HELLO 3");
		twin.earn(key_);
		return twin;
	}

	// All kinds of reads that may be answered, several times.
	void read_all(Twin &twin)
	{
		for (int round = 0; round < 3; ++round) {
			for (const char *line : {"GET ", "MGET ", "STRLEN ", "EXISTS "})
				twin.ask(line + key_);
			twin.ask_bytes("get " + key_ + "\r\n");
		}
		twin.ask_bytes(resp({"GET", key_}) + resp({"get", key_}), 2);
	}

	std::string key_;
};

TEST_F(State, AnotherDatabase)
{
	Twin twin = earned();
	twin.ask("SELECT 1");
	read_all(twin);
	stage().write_both({"SET", key_, "newer"});
	stage().cache(key_);
	read_all(twin);
	twin.ask("SET " + key_ + " of-db-1");
	read_all(twin);
	EXPECT_EQ(stage().expect_truth(key_), resp_bulk("newer"));
	twin.ask("SELECT 99999");
	read_all(twin);
	twin.ask("SELECT 0");
	read_all(twin);
	twin.ask("SELECT nonsense");
	read_all(twin);
	twin.ask("DEL " + key_);
	EXPECT_EQ(stage().expect_truth(key_), no_value);
	read_all(twin);
}

TEST_F(State, AnotherDatabaseInTheSameSegment)
{
	for (const char *select : {"SELECT 1", "select 01", "Select 3"}) {
		Twin twin = earned();
		twin.ask_bytes(resp_line(select) + resp({"GET", key_}), 2);
		read_all(twin);
	}
	for (const char *line : {"select 1\r\n", "\"select\" \"1\"\r\n", "  SELECT   1\n",
				 "*2\r\n$6\r\nSeLeCt\r\n$1\r\n2\r\n"}) {
		Twin twin = earned();
		twin.ask_bytes(line);
		read_all(twin);
	}
}

TEST_F(State, Transaction)
{
	Twin twin = earned();
	twin.ask("MULTI");
	read_all(twin);
	stage().write_both({"SET", key_, "newer"});
	twin.ask("EXEC");
	read_all(twin);
	twin.ask("MULTI");
	read_all(twin);
	twin.ask("DISCARD");
	read_all(twin);
	twin.ask_bytes("multi\r\n");
	read_all(twin);
	twin.ask("NOSUCH");
	twin.ask("EXEC");
	read_all(twin);
}

TEST_F(State, WatchedKeys)
{
	Twin twin = earned();
	twin.ask("WATCH " + key_);
	read_all(twin);
	stage().write_both({"SET", key_, "newer"});
	read_all(twin);
	twin.ask("MULTI");
	twin.ask("GET " + key_);
	EXPECT_EQ(twin.ask("EXEC"), "*-1\r\n");
	twin.ask("WATCH " + key_);
	twin.ask("UNWATCH");
	read_all(twin);
}

class Subscribed : public State, public testing::WithParamInterface<int>
{
};

TEST_P(Subscribed, ToAChannel)
{
	Twin twin = earned(GetParam());
	twin.ask("SUBSCRIBE channel");
	read_all(twin);
	stage().write_both({"PUBLISH", "channel", "$5\r\nvalue\r\n"});
	twin.receive();
	read_all(twin);
	twin.ask("PSUBSCRIBE chan*");
	twin.ask_bytes(resp_line("SSUBSCRIBE a b c") + resp({"GET", key_}), 4);
	stage().write_both({"PUBLISH", "channel", "-ERR"});
	twin.receive(2);
	read_all(twin);
	twin.ask("UNSUBSCRIBE");
	twin.ask("PUNSUBSCRIBE");
	twin.ask_bytes(resp_line("SUNSUBSCRIBE a b c"), 3);
	read_all(twin);
	twin.ask("SUBSCRIBE other");
	twin.ask("RESET");
	read_all(twin);
}

// To no channel at all, there is one reply all the same.
TEST_P(Subscribed, ToNothing)
{
	Twin twin = earned(GetParam());
	twin.ask("UNSUBSCRIBE");
	twin.ask("PUNSUBSCRIBE a");
	twin.ask_bytes(resp_line("UNSUBSCRIBE a b c") + resp({"GET", key_}), 4);
	read_all(twin);
}

INSTANTIATE_TEST_SUITE_P(Redis, Subscribed, testing::Values(2, 3),
			 [](const auto &info) { return "Resp" + std::to_string(info.param); });

// A replica may not read, and neither may this. What else it is told is not the same twice.
TEST_F(State, Monitor)
{
	Twin twin = earned();
	twin.ask("MONITOR");
	for (int round = 0; round < 3; ++round) {
		twin.send(resp({"GET", key_}));
		for (TcpClient *client : {&twin.served(), &twin.alone()}) {
			std::string reply = "+";
			while (reply.front() == '+')
				reply = client->receive(1, resp_reply_length);
			EXPECT_EQ(reply.substr(0, 12), "-ERR Replica");
		}
	}
}

TEST_F(State, NoReplies)
{
	Twin twin = earned();
	twin.send(resp_line("CLIENT REPLY OFF"));
	for (int i = 0; i < 3; ++i)
		twin.send(resp({"GET", key_}));
	twin.send(resp({"SET", key_, "newer"}) + resp_line("CLIENT REPLY ON"));
	EXPECT_EQ(twin.receive(), "+OK\r\n");
	EXPECT_EQ(stage().expect_truth(key_), resp_bulk("newer"));
	read_all(twin);
}

TEST_F(State, OneReplyLess)
{
	Twin twin = earned();
	for (int round = 0; round < 3; ++round) {
		twin.send(resp_line("client reply skip"));
		twin.send(resp({"GET", key_}));
		EXPECT_EQ(twin.ask("PING"), "+PONG\r\n");
		twin.ask_bytes(resp_line("CLIENT REPLY SKIP") + resp({"SET", key_, "newer"}) +
			       resp({"GET", key_}));
		EXPECT_EQ(stage().expect_truth(key_), resp_bulk("newer"));
		twin.send("CLIENT REPLY SKIP\r\n");
		twin.send(resp({"DEL", key_}));
		twin.ask("PING");
		EXPECT_EQ(stage().expect_truth(key_), no_value);
		read_all(twin);
	}
}

// A reply that is taken for that to an earlier read would bring its value under another key.
TEST_F(State, RepliesAreNotThoseToEarlierReads)
{
	for (const char *command : {"CLIENT REPLY SKIP", "client reply skip"}) {
		SCOPED_TRACE(command);
		Twin twin = earned();
		std::vector<std::string> keys;
		for (int i = 0; i < 6; ++i) {
			keys.push_back(stage().key());
			stage().write_both({"SET", keys.back(), "value of " + keys.back()});
		}
		twin.send(resp_line(command) + resp({"SET", key_, "newer"}));
		for (const auto &key : keys)
			EXPECT_EQ(twin.ask({"GET", key}), resp_bulk("value of " + key));
		for (int round = 0; round < 3; ++round) {
			for (const auto &key : keys)
				EXPECT_EQ(stage().expect_truth(key), resp_bulk("value of " + key));
		}
	}
}

TEST_F(State, Tracking)
{
	for (const char *options : {"", " BCAST", " OPTOUT", " NOLOOP"}) {
		SCOPED_TRACE(options);
		Twin twin = earned(3);
		twin.ask(std::string("CLIENT TRACKING ON") + options);
		EXPECT_FALSE(twin.hits({"GET", key_}));
		stage().write_both({"SET", key_, "newer"});
		EXPECT_EQ(twin.receive(), ">2\r\n$10\r\ninvalidate\r\n*1\r\n" + resp_bulk(key_));
		read_all(twin);
		stage().write_both({"DEL", key_});
		twin.receive();
		read_all(twin);
		twin.ask("CLIENT TRACKING OFF");
		read_all(twin);
	}
}

TEST_F(State, TrackingOfWhatIsAskedFor)
{
	Twin twin = earned(3);
	twin.ask("CLIENT TRACKING ON OPTIN");
	read_all(twin);
	twin.ask("CLIENT CACHING YES");
	twin.ask("GET " + key_);
	stage().write_both({"SET", key_, "newer"});
	twin.receive();
	read_all(twin);
}

// In RESP2 there is no other way.
TEST_F(State, TrackingThatTellsAnotherConnection)
{
	for (const char *options : {"", " BCAST"}) {
		SCOPED_TRACE(options);
		Twin twin = earned();
		auto listener = std::make_unique<Twin>(stage());
		const auto track = [&](TcpClient &reader, TcpClient &told) {
			told.send(resp_line("CLIENT ID"));
			const std::string id = told.receive(1, resp_reply_length);
			reader.send(resp_line("CLIENT TRACKING ON REDIRECT " +
					      id.substr(1, id.size() - 3) + options));
			EXPECT_EQ(reader.receive(1, resp_reply_length), "+OK\r\n");
		};
		track(twin.served(), listener->served());
		track(twin.alone(), listener->alone());
		listener->ask("SUBSCRIBE __redis__:invalidate");
		// Redis tells of what it was asked for: this one read has to get there.
		EXPECT_FALSE(twin.hits({"GET", key_}));
		stage().write_both({"SET", key_, "newer"});
		EXPECT_EQ(listener->receive(),
			  "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n"
			  "*1\r\n" +
				  resp_bulk(key_));
		read_all(twin);
		EXPECT_EQ(stage().expect_truth(key_), resp_bulk("newer"));
		// Nobody is left to be told.
		listener.reset();
		stage().write_both({"DEL", key_});
		read_all(twin);
		twin.ask("CLIENT TRACKING OFF");
		read_all(twin);
	}
}

TEST_F(State, Blocked)
{
	Twin twin = earned();
	twin.ask_bytes(resp_line("BLPOP nothing 0.05") + resp({"GET", key_}), 2);
	read_all(twin);
	twin.send(resp_line("BLPOP list-" + key_ + " 0") + resp({"GET", key_}));
	stage().write_both({"SET", key_, "newer"});
	stage().expect_truth(key_);
	stage().write_both({"RPUSH", "list-" + key_, "element"});
	twin.receive(2);
	read_all(twin);
	twin.ask("WAIT 0 10");
	read_all(twin);
}

TEST_F(State, HarmlessOnes)
{
	Twin twin = earned();
	for (const char *line : {"PING",
				 "PING text",
				 "ECHO text",
				 "CLIENT SETNAME somebody",
				 "CLIENT GETNAME",
				 "CLIENT NO-EVICT ON",
				 "CLIENT NO-EVICT OFF",
				 "CONFIG GET maxmemory",
				 "COMMAND COUNT",
				 "SLOWLOG LEN",
				 "PUBLISH channel text",
				 "PUBSUB NUMSUB channel",
				 "OBJECT HELP",
				 "LASTSAVE NOSUCH",
				 "READONLY",
				 "READWRITE",
				 "ASKING",
				 "CLUSTER INFO",
				 "SYNC x",
				 "SHUTDOWN ABORT",
				 "AUTH",
				 "AUTH wrong",
				 "ACL WHOAMI",
				 "SCRIPT EXISTS a",
				 "NOSUCH",
				 "GET",
				 "MGET",
				 "EXISTS",
				 "GET a b",
				 "STRLEN a b",
				 "SELECT",
				 "HELLO 9",
				 "HELLO x",
				 "CLIENT",
				 "CLIENT NOSUCH",
				 "CLIENT REPLY",
				 "CLIENT REPLY NOSUCH"}) {
		twin.ask(line);
		read_all(twin);
	}
}

TEST_F(State, QuitAndReset)
{
	Twin quits = earned();
	quits.send(resp({"GET", key_}) + resp_line("QUIT") + resp({"GET", key_}));
	EXPECT_EQ(quits.receive_to_servers_end(), resp_bulk("value") + "+OK\r\n");
	Twin resets = earned(3);
	resets.ask("CLIENT TRACKING ON");
	resets.ask("RESET");
	read_all(resets);
	resets.ask("GET absent-" + key_); // in RESP2 again
}

} // namespace
} // namespace prestack::test
