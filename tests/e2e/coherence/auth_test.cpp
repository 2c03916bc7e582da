// SPDX-License-Identifier: GPL-2.0-only
// memcached with ASCII authentication (-Y) has no UDP: the kernel must not answer a datagram with what
// it learned from authenticated clients. Their commands pass unharmed.
#include <sys/stat.h>

#include "change.hpp"
#include "support/tcp_options.hpp"

namespace prestack::test
{
namespace
{

class Authentication : public CoherenceTest
{
protected:
	void SetUp() override
	{
		CoherenceTest::SetUp();
		if (IsSkipped())
			return;
		link.server_address("10.0.0.1/24");
		link.client_address("10.0.0.2/24");
		server_ns.ip("route replace 10.0.0.0/24 dev veth0 src 10.0.0.1 quickack 1");
		client_ns.ip("route replace 10.0.0.0/24 dev veth0 src 10.0.0.2 initcwnd 2000");
		const std::string users = directory.write("users", "user:password\n");
		// Not only ours to read: the server gives up its rights before it reads it.
		ASSERT_EQ(::chmod(directory.path().c_str(), 0755), 0);
		ASSERT_EQ(::chmod(users.c_str(), 0644), 0);
		memcached = std::make_unique<Memcached>(
			server_ns, MemcachedOptions{.addresses = {"10.0.0.1"},
						    .extra = {"-U", "0", "-Y", users}});
		prestack = std::make_unique<Prestack>(server_ns, PrestackOptions{});
		counters = std::make_unique<Counters>(prestack->name());
	}

	TcpClient authenticated(const Netns &from) const
	{
		TcpClient client(from, address);
		EXPECT_EQ(client.ask("set auth 0 0 13\r\nuser password\r\n"), "STORED\r\n");
		return client;
	}

	// Nobody answers.
	void expect_no_datagram(const std::string &key)
	{
		UdpClient client(client_ns, address);
		try {
			client.send({.request_id = 1}, get_line(key));
			EXPECT_EQ(client.collect(1, 1, Milliseconds{5}), "");
		} catch (const std::system_error &) { // nobody listens, says the host
		}
		/* Who did authenticate may be served, over TCP. */
		EXPECT_EQ(counters->get(PS_COUNT_hits), counters->get(PS_COUNT_stream_hits));
	}

	const Endpoint address{"10.0.0.1", memcached_port};
	TempDir directory;
	Netns server_ns{"server"};
	Netns client_ns{"client"};
	VethPair link{server_ns, client_ns, {}};
	std::unique_ptr<Memcached> memcached;
	std::unique_ptr<Prestack> prestack;
	std::unique_ptr<Counters> counters;
};

TEST_F(Authentication, NothingIsServedToThoseWhoDidNot)
{
	TcpClient client = authenticated(client_ns);
	EXPECT_EQ(client.ask(store("key", "secret")), "STORED\r\n");
	for (unsigned count = 0; count < 20; ++count) {
		EXPECT_EQ(client.ask(get_line("key")), value_reply("key", "secret"));
		expect_no_datagram("key");
	}
	TcpClient stranger(client_ns, address);
	EXPECT_TRUE(stranger.ask(get_line("key")).starts_with("CLIENT_ERROR"));
}

TEST_F(Authentication, EveryCommandPasses)
{
	TcpClient direct = authenticated(server_ns);
	TcpClient client = authenticated(client_ns);
	unsigned number = 0;
	for (const auto *changes : {&text_changes(), &meta_changes()}) {
		for (const Change &change : *changes) {
			SCOPED_TRACE(change.name);
			if (change.needs_unique())
				continue;
			const std::string key = "key" + std::to_string(++number);
			direct.ask(store(key, change.initial));
			const std::string bytes = change.bytes(key, "");
			const std::size_t cut = 1 + number % (bytes.size() - 1);
			client.send(bytes.substr(0, cut));
			client.send(bytes.substr(cut));
			if (change.replies == 0)
				client.send(change.sync());
			change.receive(client);
			ASSERT_EQ(direct.ask(get_line(key)) != value_reply(key, change.initial),
				  change.shows);
		}
	}
	expect_no_datagram("key1");
}

// What is data to one who authenticated is commands to the server of one who did not.
TEST_F(Authentication, DataOfOneWhoDidNot)
{
	TcpClient direct = authenticated(server_ns);
	direct.ask(store("key", "old"));
	for (const char *bytes : {"set auth 0 0 13\r\nuser wrongword\r\n", "get key\r\n",
				  "set x 0 0 12\r\ndelete key\r\n\r\n", "delete key\r\n"}) {
		TcpClient stranger(client_ns, address);
		stranger.send(bytes);
		stranger.receive_to_end();
		expect_no_datagram("key");
		EXPECT_EQ(direct.ask(get_line("key")), value_reply("key", "old"));
	}
}

} // namespace
} // namespace prestack::test
