// SPDX-License-Identifier: GPL-2.0-only
// Every client receives the right bytes over unusual links and sockets, and however the connection
// ends.
#include <sys/socket.h>

#include <memory>
#include <thread>

#include "fixture.hpp"
#include "support/tcp_client.hpp"
#include "support/tcp_options.hpp"
#include "support/text_protocol.hpp"

namespace prestack::test
{
namespace
{

constexpr unsigned connections = 120;

class Variant : public TcpReads
{
protected:
	static void converse(const TcpTestbedOptions &options, const RunOptions &run_options = {},
			     const ScriptOptions &script_options = {})
	{
		const TcpTestbed testbed(options);
		const auto scripts =
			testbed.record(test_seed(), 30'000, connections, script_options);
		expect_all_complete(testbed.run_scripts(scripts, run_options), scripts.size());
		print_counters(testbed);
		expect_hits(testbed, 20);
	}
};

TEST_F(Variant, BehindAVlanTag)
{
	converse({.vlan_depth = 1});
}

TEST_F(Variant, BehindTwoVlanTags)
{
	// No frame may be longer than with one tag.
	converse({.vlan_depth = 2}, {.socket = {.largest_segment = 1'400}});
}

TEST_F(Variant, WithoutWindowScaling)
{
	converse({.sysctls = {{"ipv4/tcp_window_scaling", "0"}}});
}

TEST_F(Variant, WithoutTimestampsAndSack)
{
	converse({.sysctls = {{"ipv4/tcp_timestamps", "0"}, {"ipv4/tcp_sack", "0"}}});
}

TEST_F(Variant, SegmentsOf536Bytes)
{
	converse({}, {.socket = {.largest_segment = 536}});
}

// Hardly any reply fits one segment.
TEST_F(Variant, SegmentsOf100Bytes)
{
	converse({}, {.socket = {.largest_segment = 100}});
}

TEST_F(Variant, ASmallWindow)
{
	converse({}, {.socket = {.receive_buffer = 2'304}}, {.most = 4'000});
}

TEST_F(Variant, AClientWhoseNumbersComeRound)
{
	const TcpTestbed testbed;
	unsigned first = 31'000;
	for (const std::uint32_t before : {1U, 40U, 300U, 2'000U}) {
		const auto scripts = testbed.record(test_seed(), first, connections / 3);
		first += connections;
		expect_all_complete(
			testbed.run_scripts(scripts, {.socket = {.first_sequence = 0U - before}}),
			scripts.size());
	}
	print_counters(testbed);
	expect_hits(testbed, 10);
}

// One connection, on which the kernel has answered already. One testbed for all tests.
class Connection : public TcpReads
{
protected:
	static void SetUpTestSuite()
	{
		TcpReads::SetUpTestSuite();
		if (prestack_binary())
			shared_ = std::make_unique<TcpTestbed>();
	}
	static void TearDownTestSuite() { shared_.reset(); }
	void SetUp() override
	{
		TcpReads::SetUp();
		if (IsSkipped())
			return;
		client_ = connect();
		const std::uint64_t before = shared_->counter("stream_hits");
		client_->ask(store("key", value_));
		for (int i = 0; i < 20; ++i)
			EXPECT_EQ(client_->ask(get_), right_);
		EXPECT_GT(shared_->counter("stream_hits"), before);
	}

	static std::unique_ptr<TcpClient> connect()
	{
		return std::make_unique<TcpClient>(shared_->client_ns(), shared_->server());
	}

	const std::string value_ = std::string("\r\nEND\r\n\0", 8);
	const std::string get_ = "get key\r\n";
	const std::string right_ = "VALUE key 0 8\r\n" + value_ + "\r\nEND\r\n";
	static inline std::unique_ptr<TcpTestbed> shared_;
	std::unique_ptr<TcpClient> client_;
};

TEST_F(Connection, GoesOnAfterAPause)
{
	std::this_thread::sleep_for(Milliseconds{6'000});
	for (int i = 0; i < 20; ++i)
		EXPECT_EQ(client_->ask(get_), right_);
	EXPECT_EQ(client_->ask(store("key", "new")), "STORED\r\n");
	EXPECT_EQ(client_->ask(get_), "VALUE key 0 3\r\nnew\r\nEND\r\n");
}

TEST_F(Connection, HalfClosedWithRepliesToCome)
{
	std::string all;
	for (int i = 0; i < 30; ++i)
		all += get_;
	client_->send(all);
	const std::string replies = client_->receive_to_end();
	EXPECT_EQ(replies.size(), 30 * right_.size());
	EXPECT_EQ(replies.substr(29 * right_.size()), right_);
}

TEST_F(Connection, HalfClosedAfterTheLastReply)
{
	EXPECT_EQ(client_->ask(get_), right_);
	EXPECT_EQ(client_->receive_to_end(), "");
}

TEST_F(Connection, TheServerQuits)
{
	client_->send(get_ + "quit\r\n");
	EXPECT_EQ(client_->receive_to_servers_end(), right_);
}

// The server has to be told with a number that it believes.
TEST_F(Connection, AResetReachesTheServer)
{
	const std::uint64_t before = shared_->memcached().stat("curr_connections");
	{
		TcpClient doomed(shared_->client_ns(), shared_->server());
		for (int i = 0; i < 20; ++i)
			EXPECT_EQ(doomed.ask(get_), right_);
		close_with_reset_later(doomed.fd());
	}
	EXPECT_TRUE(eventually(
		[&] { return shared_->memcached().stat("curr_connections") <= before; }));
	EXPECT_EQ(client_->ask(get_), right_);
}

// The same ports at once again: another connection, whose numbers are not those of the one before.
TEST_F(Connection, PortsAreUsedAgain)
{
	std::uint16_t local_port = 0;
	for (int round = 0; round < 20; ++round) {
		TcpClient client(shared_->client_ns(), shared_->server(),
				 {.source_port = local_port});
		local_port = client.local_port();
		for (int i = 0; i < 10; ++i)
			EXPECT_EQ(client.ask(get_), right_);
		if (round % 2 == 0) {
			close_with_reset_later(client.fd());
		} else {
			client.send("quit\r\n");
			client.receive_to_servers_end();
		}
	}
}

// The server is killed: the client is told, and the connection that it makes then is right.
TEST_F(Connection, TheServerDies)
{
	shared_->memcached().restart();
	const auto ask = [this] { return client_->ask(get_); };
	EXPECT_THROW(
		{
			for (int i = 0; i < 200; ++i)
				ask();
		},
		std::exception);
	client_ = connect();
	EXPECT_EQ(ask(), "END\r\n");
}

} // namespace
} // namespace prestack::test
