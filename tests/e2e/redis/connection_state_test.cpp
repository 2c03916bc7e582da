// SPDX-License-Identifier: GPL-2.0-only
// On a connection on which a read means something unusual, Redis answers it, although the key is
// cached and the kernel has answered on this connection before.
#include "compared_client.hpp"

#include "support/text_protocol.hpp"

namespace prestack::test
{
namespace
{

class ConnectionState : public RedisTest
{
protected:
	static RedisTestbed &testbed() { return RedisTestbed::shared(); }

	// A connection that the kernel has answered, in the protocol of this number.
	ComparedClient earned(int protocol = 2)
	{
		key_ = testbed().cached_key_in_both("value");
		ComparedClient compared(testbed());
		if (protocol == 3)
			compared.ask_unlike("HELLO 3");
		compared.warm(key_);
		return compared;
	}

	// All kinds of reads that may be answered, several times.
	void read_all(ComparedClient &compared)
	{
		for (int round = 0; round < 3; ++round) {
			for (const char *line : {"GET ", "MGET ", "STRLEN ", "EXISTS "})
				compared.ask(line + key_);
			compared.ask_bytes("get " + key_ + "\r\n");
		}
		compared.ask_bytes(resp({"GET", key_}) + resp({"get", key_}), 2);
	}

	std::string key_;
};

TEST_F(ConnectionState, AnotherDatabase)
{
	ComparedClient compared = earned();
	compared.ask("SELECT 1");
	read_all(compared);
	testbed().write_both({"SET", key_, "newer"});
	testbed().cache(key_);
	read_all(compared);
	compared.ask("SET " + key_ + " of-db-1");
	read_all(compared);
	EXPECT_EQ(testbed().expect_truth(key_), resp_bulk("newer"));
	compared.ask("SELECT 99999");
	read_all(compared);
	compared.ask("SELECT 0");
	read_all(compared);
	compared.ask("SELECT nonsense");
	read_all(compared);
	compared.ask("DEL " + key_);
	EXPECT_EQ(testbed().expect_truth(key_), no_value);
	read_all(compared);
}

TEST_F(ConnectionState, AnotherDatabaseInTheSameSegment)
{
	for (const char *select : {"SELECT 1", "select 01", "Select 3"}) {
		ComparedClient compared = earned();
		compared.ask_bytes(resp_line(select) + resp({"GET", key_}), 2);
		read_all(compared);
	}
	for (const char *line : {"select 1\r\n", "\"select\" \"1\"\r\n", "  SELECT   1\n",
				 "*2\r\n$6\r\nSeLeCt\r\n$1\r\n2\r\n"}) {
		ComparedClient compared = earned();
		compared.ask_bytes(line);
		read_all(compared);
	}
}

TEST_F(ConnectionState, Transaction)
{
	ComparedClient compared = earned();
	compared.ask("MULTI");
	read_all(compared);
	testbed().write_both({"SET", key_, "newer"});
	compared.ask("EXEC");
	read_all(compared);
	compared.ask("MULTI");
	read_all(compared);
	compared.ask("DISCARD");
	read_all(compared);
	compared.ask_bytes("multi\r\n");
	read_all(compared);
	compared.ask("NOSUCH");
	compared.ask("EXEC");
	read_all(compared);
}

TEST_F(ConnectionState, WatchedKeys)
{
	ComparedClient compared = earned();
	compared.ask("WATCH " + key_);
	read_all(compared);
	testbed().write_both({"SET", key_, "newer"});
	read_all(compared);
	compared.ask("MULTI");
	compared.ask("GET " + key_);
	EXPECT_EQ(compared.ask("EXEC"), "*-1\r\n");
	compared.ask("WATCH " + key_);
	compared.ask("UNWATCH");
	read_all(compared);
}

class Subscribed : public ConnectionState, public testing::WithParamInterface<int>
{
};

TEST_P(Subscribed, ToAChannel)
{
	ComparedClient compared = earned(GetParam());
	compared.ask("SUBSCRIBE channel");
	read_all(compared);
	testbed().write_both({"PUBLISH", "channel", "$5\r\nvalue\r\n"});
	compared.receive();
	read_all(compared);
	compared.ask("PSUBSCRIBE chan*");
	compared.ask_bytes(resp_line("SSUBSCRIBE a b c") + resp({"GET", key_}), 4);
	testbed().write_both({"PUBLISH", "channel", "-ERR"});
	compared.receive(2);
	read_all(compared);
	compared.ask("UNSUBSCRIBE");
	compared.ask("PUNSUBSCRIBE");
	compared.ask_bytes(resp_line("SUNSUBSCRIBE a b c"), 3);
	read_all(compared);
	compared.ask("SUBSCRIBE other");
	compared.ask("RESET");
	read_all(compared);
}

// To no channel at all, there is one reply all the same.
TEST_P(Subscribed, ToNothing)
{
	ComparedClient compared = earned(GetParam());
	compared.ask("UNSUBSCRIBE");
	compared.ask("PUNSUBSCRIBE a");
	compared.ask_bytes(resp_line("UNSUBSCRIBE a b c") + resp({"GET", key_}), 4);
	read_all(compared);
}

INSTANTIATE_TEST_SUITE_P(Redis, Subscribed, testing::Values(2, 3),
			 [](const auto &info) { return "Resp" + std::to_string(info.param); });

// A replica may not read, and neither may this. What else it is told is not the same twice.
TEST_F(ConnectionState, Monitor)
{
	ComparedClient compared = earned();
	compared.ask("MONITOR");
	for (int round = 0; round < 3; ++round) {
		compared.send(resp({"GET", key_}));
		for (TcpClient *client : {&compared.served(), &compared.alone()}) {
			std::string reply = "+";
			while (reply.front() == '+')
				reply = client->receive(1, resp_reply_length);
			EXPECT_EQ(reply.substr(0, 12), "-ERR Replica");
		}
	}
}

TEST_F(ConnectionState, NoReplies)
{
	ComparedClient compared = earned();
	compared.send(resp_line("CLIENT REPLY OFF"));
	for (int i = 0; i < 3; ++i)
		compared.send(resp({"GET", key_}));
	compared.send(resp({"SET", key_, "newer"}) + resp_line("CLIENT REPLY ON"));
	EXPECT_EQ(compared.receive(), "+OK\r\n");
	EXPECT_EQ(testbed().expect_truth(key_), resp_bulk("newer"));
	read_all(compared);
}

TEST_F(ConnectionState, OneReplyLess)
{
	ComparedClient compared = earned();
	for (int round = 0; round < 3; ++round) {
		compared.send(resp_line("client reply skip"));
		compared.send(resp({"GET", key_}));
		EXPECT_EQ(compared.ask("PING"), "+PONG\r\n");
		compared.ask_bytes(resp_line("CLIENT REPLY SKIP") + resp({"SET", key_, "newer"}) +
				   resp({"GET", key_}));
		EXPECT_EQ(testbed().expect_truth(key_), resp_bulk("newer"));
		compared.send("CLIENT REPLY SKIP\r\n");
		compared.send(resp({"DEL", key_}));
		compared.ask("PING");
		EXPECT_EQ(testbed().expect_truth(key_), no_value);
		read_all(compared);
	}
}

// A reply that is taken for that to an earlier read would bring its value under another key.
TEST_F(ConnectionState, RepliesAreNotThoseToEarlierReads)
{
	for (const char *command : {"CLIENT REPLY SKIP", "client reply skip"}) {
		SCOPED_TRACE(command);
		ComparedClient compared = earned();
		std::vector<std::string> keys;
		for (int i = 0; i < 6; ++i) {
			keys.push_back(testbed().key());
			testbed().write_both({"SET", keys.back(), "value of " + keys.back()});
		}
		compared.send(resp_line(command) + resp({"SET", key_, "newer"}));
		for (const auto &key : keys)
			EXPECT_EQ(compared.ask({"GET", key}), resp_bulk("value of " + key));
		for (int round = 0; round < 3; ++round) {
			for (const auto &key : keys)
				EXPECT_EQ(testbed().expect_truth(key),
					  resp_bulk("value of " + key));
		}
	}
}

TEST_F(ConnectionState, Tracking)
{
	for (const char *options : {"", " BCAST", " OPTOUT", " NOLOOP"}) {
		SCOPED_TRACE(options);
		ComparedClient compared = earned(3);
		compared.ask(std::string("CLIENT TRACKING ON") + options);
		EXPECT_FALSE(compared.hits({"GET", key_}));
		testbed().write_both({"SET", key_, "newer"});
		EXPECT_EQ(compared.receive(),
			  ">2\r\n$10\r\ninvalidate\r\n*1\r\n" + resp_bulk(key_));
		read_all(compared);
		testbed().write_both({"DEL", key_});
		compared.receive();
		read_all(compared);
		compared.ask("CLIENT TRACKING OFF");
		read_all(compared);
	}
}

TEST_F(ConnectionState, TrackingOfWhatIsAskedFor)
{
	ComparedClient compared = earned(3);
	compared.ask("CLIENT TRACKING ON OPTIN");
	read_all(compared);
	compared.ask("CLIENT CACHING YES");
	compared.ask("GET " + key_);
	testbed().write_both({"SET", key_, "newer"});
	compared.receive();
	read_all(compared);
}

// In RESP2 there is no other way.
TEST_F(ConnectionState, TrackingThatTellsAnotherConnection)
{
	for (const char *options : {"", " BCAST"}) {
		SCOPED_TRACE(options);
		ComparedClient compared = earned();
		auto listener = std::make_unique<ComparedClient>(testbed());
		const auto track = [&](TcpClient &reader, TcpClient &told) {
			told.send(resp_line("CLIENT ID"));
			const std::string id = told.receive(1, resp_reply_length);
			reader.send(resp_line("CLIENT TRACKING ON REDIRECT " +
					      id.substr(1, id.size() - 3) + options));
			EXPECT_EQ(reader.receive(1, resp_reply_length), "+OK\r\n");
		};
		track(compared.served(), listener->served());
		track(compared.alone(), listener->alone());
		listener->ask("SUBSCRIBE __redis__:invalidate");
		// Redis tells of what it was asked for: this one read has to get there.
		EXPECT_FALSE(compared.hits({"GET", key_}));
		testbed().write_both({"SET", key_, "newer"});
		EXPECT_EQ(listener->receive(),
			  "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n"
			  "*1\r\n" +
				  resp_bulk(key_));
		read_all(compared);
		EXPECT_EQ(testbed().expect_truth(key_), resp_bulk("newer"));
		// Nobody is left to be told.
		listener.reset();
		testbed().write_both({"DEL", key_});
		read_all(compared);
		compared.ask("CLIENT TRACKING OFF");
		read_all(compared);
	}
}

TEST_F(ConnectionState, Blocked)
{
	ComparedClient compared = earned();
	compared.ask_bytes(resp_line("BLPOP nothing 0.05") + resp({"GET", key_}), 2);
	read_all(compared);
	compared.send(resp_line("BLPOP list-" + key_ + " 0") + resp({"GET", key_}));
	testbed().write_both({"SET", key_, "newer"});
	testbed().expect_truth(key_);
	testbed().write_both({"RPUSH", "list-" + key_, "element"});
	compared.receive(2);
	read_all(compared);
	compared.ask("WAIT 0 10");
	read_all(compared);
}

TEST_F(ConnectionState, HarmlessOnes)
{
	ComparedClient compared = earned();
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
		compared.ask(line);
		read_all(compared);
	}
}

TEST_F(ConnectionState, QuitAndReset)
{
	ComparedClient quits = earned();
	quits.send(resp({"GET", key_}) + resp_line("QUIT") + resp({"GET", key_}));
	EXPECT_EQ(quits.receive_to_servers_end(), resp_bulk("value") + "+OK\r\n");
	ComparedClient resets = earned(3);
	resets.ask("CLIENT TRACKING ON");
	resets.ask("RESET");
	read_all(resets);
	resets.ask("GET absent-" + key_); // in RESP2 again
}

} // namespace
} // namespace prestack::test
