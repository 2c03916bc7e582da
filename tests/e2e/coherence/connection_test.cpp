// SPDX-License-Identifier: GPL-2.0-only
// Writes invalidate however their connection ends, begins again or numbers its bytes, and over every
// kind of link.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <optional>

#include "change.hpp"
#include "support/system_error.hpp"
#include "support/tcp_options.hpp"

namespace prestack::test
{
namespace
{

class Connection : public CoherenceTest
{
protected:
	virtual MemcachedTestbed &testbed() { return MemcachedTestbed::shared({.settle = "3ms"}); }

	std::string cached_key(const std::string &value = "old-value")
	{
		std::string key = testbed().key();
		testbed().store(key, value);
		testbed().cache(key);
		return key;
	}
	// A write over this connection counts.
	void expect_followed(TcpClient &client)
	{
		const std::string key = cached_key();
		EXPECT_EQ(client.ask(test::store(key, "new")), "STORED\r\n");
		EXPECT_EQ(testbed().expect_truth_and_cached_again(key), value_reply(key, "new"));
	}
	// The same with the command in two segments, cut at each byte.
	void expect_followed_in_pieces(TcpClient &client)
	{
		const std::size_t length = test::store(testbed().key(), "new").size();
		for (std::size_t cut = 1; cut < length; ++cut) {
			SCOPED_TRACE("cut after " + std::to_string(cut) + " bytes");
			const std::string key = cached_key();
			const std::string command = test::store(key, "new");
			client.send(command.substr(0, cut));
			testbed().read(key);
			client.send(command.substr(cut));
			ASSERT_EQ(client.receive(), "STORED\r\n");
			ASSERT_EQ(testbed().expect_truth(key), value_reply(key, "new"));
		}
		expect_followed(client);
	}
};

TEST_F(Connection, ClosedInTheMiddleOfACommand)
{
	const std::string key = cached_key();
	const std::string command = test::store(key, "new");
	for (std::size_t cut = 1; cut <= command.size(); ++cut) {
		SCOPED_TRACE("closed after " + std::to_string(cut) + " bytes");
		TcpClient client = testbed().tcp();
		client.send(command.substr(0, cut));
		client.receive_to_end();
		const std::string answer = testbed().expect_truth_and_cached_again(key);
		EXPECT_EQ(answer, value_reply(key, cut < command.size() ? "old-value" : "new"));
	}
	TcpClient client = testbed().tcp();
	expect_followed(client);
}

// Nobody knows whether a write was carried out whose connection was reset.
TEST_F(Connection, ResetInTheMiddleOfACommand)
{
	std::string key = cached_key();
	const std::string command = test::store(key, "new") + "mn\r\n";
	const std::uint64_t connections = testbed().memcached().stat("curr_connections");
	for (std::size_t cut = 1; cut <= command.size(); ++cut) {
		SCOPED_TRACE("reset after " + std::to_string(cut) + " bytes");
		{
			TcpClient client = testbed().tcp();
			client.send(command.substr(0, cut));
			close_with_reset_later(client.fd());
		}
		wait_until("the server has closed the connection", [&] {
			return testbed().memcached().stat("curr_connections") == connections;
		});
		testbed().expect_truth_and_cached_again(key);
	}
	TcpClient client = testbed().tcp();
	expect_followed(client);
}

// The last bytes and the end in one go.
TEST_F(Connection, TheLastWriteBeforeTheEnd)
{
	for (unsigned round = 0; round < 20; ++round) {
		const std::string key = cached_key();
		TcpClient client = testbed().tcp();
		const int on = 1;
		// Held back, so that they leave together.
		check(::setsockopt(client.fd(), IPPROTO_TCP, TCP_CORK, &on, sizeof(on)),
		      "TCP_CORK");
		client.send("delete " + key + "\r\n");
		EXPECT_EQ(client.receive_to_end(), "DELETED\r\n");
		EXPECT_EQ(testbed().expect_truth(key), no_item);
	}
}

TEST_F(Connection, AnUrgentByteInACommand)
{
	const std::string key = cached_key();
	TcpClient client = testbed().tcp();
	const std::string command = "delete " + key + "\r\n";
	client.send(command.substr(0, 9));
	check(::send(client.fd(), "!", 1, MSG_OOB), "send an urgent byte");
	client.send(command.substr(9));
	client.receive();
	testbed().expect_truth(
		key); // the byte is not part of the stream, or it is: memcached decides
	const std::string next = cached_key();
	client.ask("delete " + next + "\r\n");
	EXPECT_EQ(testbed().expect_truth(next), no_item);
}

class PortReuse : public Connection
{
protected:
	static constexpr std::uint16_t port = 45'678;

	TcpClient connect(std::optional<std::uint32_t> sequence = {})
	{
		return testbed().tcp({.source_port = port, .first_sequence = sequence});
	}
};

TEST_F(PortReuse, AfterAnEndThatTheServerBegan)
{
	for (unsigned round = 0; round < 10; ++round) {
		TcpClient client = connect();
		expect_followed(client);
		client.send("quit\r\n");
		client.receive_to_servers_end();
	}
}

TEST_F(PortReuse, AfterAReset)
{
	for (unsigned round = 0; round < 10; ++round) {
		TcpClient client = connect();
		expect_followed(client);
		client.send("set half 0 0 100\r\nof it"); // never whole
		close_with_reset_later(client.fd());
	}
	TcpClient client = connect();
	expect_followed_in_pieces(client);
}

// The client's host lost the connection, the server did not: it answers the new SYN with what it
// knows of the old one, which the client resets.
TEST_F(PortReuse, AfterASilentDeath)
{
	for (const std::uint32_t sequence : {1'000U, 2'000'000'000U, 4'000'000'000U}) {
		{
			TcpClient client = connect();
			expect_followed(client);
			client.send("set half 0 0 100\r\nof it");
			close_silently_later(client.fd());
		}
		TcpClient client = connect(sequence);
		expect_followed(client);
		client.send("quit\r\n");
		client.receive_to_servers_end();
	}
}

// The client's sequence numbers pass 2^32 at each byte of the connection's first command.
TEST_F(Connection, SequenceNumbersThatWrap)
{
	const std::size_t length = test::store(testbed().key(), "new").size() + 4;
	for (std::size_t before = 0; before < length; ++before) {
		SCOPED_TRACE(std::to_string(before) + " bytes before the wrap");
		const auto first = static_cast<std::uint32_t>(-1 - static_cast<long>(before));
		TcpClient client = testbed().tcp({.first_sequence = first});
		const std::string key = cached_key();
		const std::string command = test::store(key, "new");
		client.send(command.substr(0, 9));
		testbed().read(key);
		client.send(command.substr(9));
		ASSERT_EQ(client.receive(), "STORED\r\n");
		ASSERT_EQ(next_sequence(client.fd()),
			  static_cast<std::uint32_t>(first + 1 + command.size()));
		ASSERT_EQ(testbed().expect_truth_and_cached_again(key), value_reply(key, "new"));
		EXPECT_EQ(client.ask("delete " + key + "\r\n"), "DELETED\r\n");
		ASSERT_EQ(testbed().expect_truth(key), no_item);
	}
}

// And in the middle of values of several segments.
TEST_F(Connection, SequenceNumbersThatWrapInALongValue)
{
	for (const std::uint32_t before : {10U, 1'000U, 5'000U, 40'000U, 99'000U}) {
		SCOPED_TRACE(std::to_string(before) + " bytes before the wrap");
		TcpClient client = testbed().tcp({.first_sequence = 0U - before});
		const std::string key = cached_key();
		EXPECT_EQ(client.ask(test::store(key, std::string(100'000, 'x'))), "STORED\r\n");
		client.ask(get_line(key));
		EXPECT_EQ(client.ask(test::store(key, "new")), "STORED\r\n");
		EXPECT_EQ(testbed().expect_truth_and_cached_again(key), value_reply(key, "new"));
	}
}

TEST_F(Connection, ManyAtATime)
{
	std::vector<TcpClient> clients;
	for (unsigned count = 0; count < 100; ++count)
		clients.push_back(testbed().tcp());
	const std::string first_half = "incr ";
	for (unsigned round = 0; round < 3; ++round) {
		std::vector<std::string> keys;
		for (TcpClient &client : clients) {
			keys.push_back(cached_key("10"));
			client.send(first_half);
		}
		for (std::size_t at = 0; at < clients.size(); ++at)
			clients[at].send(keys[at] + " 5\r\n");
		for (std::size_t at = 0; at < clients.size(); ++at) {
			ASSERT_EQ(clients[at].receive(), "15\r\n");
			ASSERT_EQ(testbed().expect_truth(keys[at]), value_reply(keys[at], "15"));
		}
	}
}

struct Link {
	const char *name;
	bool ipv6;
	unsigned vlan_depth;

	friend void PrintTo(const Link &link, std::ostream *out) { *out << link.name; }
};

class OtherLinks : public Connection, public testing::WithParamInterface<Link>
{
protected:
	MemcachedTestbed &testbed() override
	{
		return MemcachedTestbed::shared({.settle = "3ms",
						 .ipv6 = GetParam().ipv6,
						 .vlan_depth = GetParam().vlan_depth});
	}
};

TEST_P(OtherLinks, WritesInPieces)
{
	TcpClient client = testbed().tcp();
	expect_followed_in_pieces(client);
}

TEST_P(OtherLinks, ALongValue)
{
	TcpClient client = testbed().tcp();
	const std::string key = cached_key();
	EXPECT_EQ(client.ask(test::store(key, std::string(200'000, 'x')) + get_line(key), 2).size(),
		  std::string_view("STORED\r\n").size() +
			  value_reply(key, std::string(200'000, 'x')).size());
	EXPECT_EQ(client.ask(test::store(key, "new")), "STORED\r\n");
	EXPECT_EQ(testbed().expect_truth_and_cached_again(key), value_reply(key, "new"));
	expect_followed_in_pieces(client);
}

TEST_P(OtherLinks, EveryCommandWhole)
{
	TcpClient text = testbed().tcp();
	TcpClient binary = testbed().tcp();
	for (const Change &change : every_change()) {
		SCOPED_TRACE(change.name);
		const std::string key = cached_key(change.initial);
		TcpClient &client = change.is_binary() ? binary : text;
		client.send(change.bytes(key, change.needs_unique() ? testbed().unique(key) : ""));
		if (change.replies == 0)
			client.send(change.sync());
		change.receive(client);
		ASSERT_EQ(testbed().expect_truth(key) != value_reply(key, change.initial),
			  change.shows);
	}
}

INSTANTIATE_TEST_SUITE_P(Coherence, OtherLinks,
			 testing::Values(Link{"IPv4", false, 0}, Link{"IPv6", true, 0},
					 Link{"IPv4Tag", false, 1}, Link{"IPv4TwoTags", false, 2},
					 Link{"IPv6Tag", true, 1}),
			 [](const auto &info) { return std::string(info.param.name); });

} // namespace
} // namespace prestack::test
