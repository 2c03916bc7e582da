// SPDX-License-Identifier: GPL-2.0-only
// While there are clients that were connected before prestack started, nothing is served, or they are
// reset: nobody knows what they have already sent.
#include "memcached_testbed.hpp"

namespace prestack::test
{
namespace
{

class OldConnections : public CoherenceTest
{
protected:
	OldConnections()
	{
		link.server_address("10.0.0.1/24");
		link.client_address("10.0.0.2/24");
		memcached = std::make_unique<Memcached>(
			server_ns, MemcachedOptions{.addresses = {"10.0.0.1"}});
	}

	void start(const std::string &existing_connections)
	{
		PrestackOptions options;
		options.services.front().existing_connections = existing_connections;
		prestack = std::make_unique<Prestack>(server_ns, options);
		counters = std::make_unique<Counters>(prestack->name());
		udp = std::make_unique<UdpClient>(client_ns, address);
	}
	std::uint64_t hits() const { return counters->get(PS_COUNT_hits); }
	void expect_never_served(const std::string &key, const std::string &value)
	{
		for (unsigned count = 0; count < 200; ++count)
			ASSERT_EQ(udp->ask(get_line(key)), value_reply(key, value));
		/* It would be served, were it not for them. */
		EXPECT_TRUE(eventually([&] {
			EXPECT_EQ(udp->ask(get_line(key)), value_reply(key, value));
			return counters->get(PS_COUNT_waiting) > 0;
		}));
		EXPECT_EQ(hits(), 0U);
	}
	void expect_served_soon(const std::string &key, const std::string &value)
	{
		EXPECT_TRUE(eventually([&] {
			EXPECT_EQ(udp->ask(get_line(key)), value_reply(key, value));
			return hits() > 0;
		})) << prestack->stats().dump(2);
	}

	const Endpoint address{"10.0.0.1", memcached_port};
	Netns server_ns{"server"};
	Netns client_ns{"client"};
	VethPair link{server_ns, client_ns, {}};
	std::unique_ptr<Memcached> memcached;
	std::unique_ptr<Prestack> prestack;
	std::unique_ptr<Counters> counters;
	std::unique_ptr<UdpClient> udp;
};

TEST_F(OldConnections, WaitServesNothingUntilTheyAreGone)
{
	auto old = std::make_unique<TcpClient>(client_ns, address);
	old->ask(store("k", "first"));
	start("wait");
	expect_never_served("k", "first");
	EXPECT_EQ(old->ask(store("k", "second")), "STORED\r\n");
	expect_never_served("k", "second");
	old.reset();
	expect_served_soon("k", "second");
	TcpClient young(client_ns, address);
	EXPECT_EQ(young.ask(store("k", "third")), "STORED\r\n");
	EXPECT_EQ(udp->ask(get_line("k")), value_reply("k", "third"));
}

// The place in the stream of one that is in the middle of a command is not to be guessed.
TEST_F(OldConnections, WaitForOneInTheMiddleOfACommand)
{
	auto old = std::make_unique<TcpClient>(client_ns, address);
	old->ask(store("k", "first"));
	old->send("set k 0 0 30\r\nthis is a val");
	start("wait");
	expect_never_served("k", "first");
	EXPECT_EQ(old->ask("ue of thirty char\r\n"), "STORED\r\n");
	expect_never_served("k", "this is a value of thirty char");
	old.reset();
	expect_served_soon("k", "this is a value of thirty char");
}

TEST_F(OldConnections, WithoutAnyItServesAtOnce)
{
	TcpClient(client_ns, address).ask(store("k", "value"));
	start("wait");
	expect_served_soon("k", "value");
}

TEST_F(OldConnections, ResetEndsThem)
{
	TcpClient old(client_ns, address);
	old.ask(store("k", "first"));
	start("reset");
	EXPECT_THROW(
		{
			for (unsigned count = 0; count < 1'000; ++count)
				old.ask("delete k\r\n");
		},
		std::exception)
		<< "the old connection still writes";
	TcpClient young(client_ns, address);
	EXPECT_EQ(young.ask(store("k", "second")), "STORED\r\n");
	expect_served_soon("k", "second");
	EXPECT_EQ(young.ask(store("k", "third")), "STORED\r\n");
	EXPECT_EQ(udp->ask(get_line("k")), value_reply("k", "third"));
}

// From the host itself, past prestack: seen to be there and told, but it is not waited for.
TEST_F(OldConnections, ThoseThatPassNoServedInterfaceAreTold)
{
	TcpClient local(server_ns, address);
	local.ask(store("k", "value"));
	start("wait");
	EXPECT_TRUE(eventually([&] {
		return prestack->cli("status").output.find("do not pass a served interface") !=
		       std::string::npos;
	})) << prestack->cli("status").output;
}

} // namespace
} // namespace prestack::test
