// SPDX-License-Identifier: GPL-2.0-only
// Only clients on the allow list are answered by the kernel, only over the transports that are on, and
// only requests of the usual form. All others get memcached's own answer.
#include "fixture.hpp"

namespace prestack::test
{
namespace
{

class Clients : public E2eTest
{
};

TEST_F(Clients, OutsideAllowedNetworksAreServedByMemcached)
{
	Testbed &testbed = Testbed::shared({});
	const std::string key = testbed.key("outside");
	UdpClient outside(testbed.client_ns(), {Testbed::server_outside, memcached_port},
			  Testbed::client_outside);
	// The first reply of a socket that was not seen before might be that of a new server.
	outside.ask(get(key));
	testbed.store_and_warm(key, "value");
	const std::uint64_t hits = testbed.hits();
	const std::uint64_t gets = testbed.memcached().stat("cmd_get");
	const std::string right = testbed.control_udp().ask(get(key));
	for (int round = 0; round < 5; ++round)
		EXPECT_EQ(outside.ask(get(key)), right);
	EXPECT_EQ(testbed.hits(), hits);
	EXPECT_EQ(testbed.memcached().stat("cmd_get"), gets + 5);
	testbed.read_hit(get(key));
	// What they write counts as any other write.
	EXPECT_EQ(outside.ask(store(key, "changed")), "STORED\r\n");
	testbed.control_udp().ask(store(key, "changed"));
	EXPECT_EQ(testbed.read(get(key)), "VALUE " + key + " 0 7\r\nchanged\r\nEND\r\n");
}

TEST_F(Clients, APrefixOfTheAllowListIsExact)
{
	Testbed &testbed = Testbed::shared({.allow = {"10.0.0.2/32"}});
	const std::string key = testbed.key("exact");
	testbed.store_and_warm(key, "value");
	testbed.client_ns().ip("addr replace 10.0.0.3/24 dev veth0");
	UdpClient neighbour(testbed.client_ns(), testbed.server(), "10.0.0.3");
	const std::uint64_t hits = testbed.hits();
	for (int round = 0; round < 5; ++round)
		neighbour.ask(get(key));
	EXPECT_EQ(testbed.hits(), hits);
	testbed.read_hit(get(key));
}

TEST_F(Clients, FrameHeadersThatAreNotTheFirstOfOneGoToTheServer)
{
	Testbed &testbed = Testbed::shared({});
	const std::string key = testbed.key("header");
	testbed.store_and_warm(key, "value");
	const std::uint64_t hits = testbed.hits();
	UdpClient &client = testbed.udp_client();
	// memcached does not look at the sequence, and ignores what is not one datagram of one.
	const std::uint16_t later = client.next_request_id();
	client.send({.request_id = later, .sequence = 1}, get(key));
	EXPECT_EQ(client.collect(later), "VALUE " + key + " 0 5\r\nvalue\r\nEND\r\n");
	for (const std::uint16_t total : {0, 2, 256, 65535}) {
		client.send({.request_id = client.next_request_id(), .total = total}, get(key));
	}
	EXPECT_EQ(testbed.hits(), hits);
	testbed.read_hit(get(key));
	EXPECT_EQ(client.strays(), 0U) << "nobody answers one datagram of several";
}

TEST_F(Clients, TheReservedFieldOfARequestIsAnsweredAsMemcachedDoes)
{
	Testbed &testbed = Testbed::shared({});
	const std::string key = testbed.key("reserved");
	testbed.store_and_warm(key, "value");
	for (UdpClient *client : {&testbed.udp_client(), &testbed.control_udp()}) {
		const std::uint16_t id = client->next_request_id();
		client->send({.request_id = id, .reserved = 0xabcd}, get(key));
		const auto reply = client->receive();
		ASSERT_TRUE(reply.has_value());
		EXPECT_EQ(reply->header, UdpHeader{.request_id = id});
		EXPECT_EQ(reply->payload, "VALUE " + key + " 0 5\r\nvalue\r\nEND\r\n");
	}
}

TEST_F(Clients, UnusualFormsOfGetAreAnsweredAsMemcachedDoes)
{
	Testbed &testbed = Testbed::shared({});
	const std::string key = testbed.key("form");
	testbed.store_and_warm(key, "value");
	for (const std::string &request :
	     {"get " + key + "\n", "get  " + key + "\r\n", "get " + key + " \r\n",
	      "get " + key + "  " + key + "\r\n", "GET " + key + "\r\n", " get " + key + "\r\n",
	      "get\t" + key + "\r\n", "get " + key + "\r\r\n", "bget " + key + "\r\n",
	      "get " + key + " noreply\r\n", "gets " + key + "\r\n"}) {
		testbed.read(request);
		testbed.read(get(key));
	}
	testbed.read(get(key) + get(key), 2);
	testbed.read(get(key) + store(key, "other") + get(key), 3);
	testbed.read(get(key));
}

TEST_F(Clients, TransportsThatAreOffAreLeftToMemcached)
{
	Testbed &testbed = Testbed::shared({.transports = {"tcp"}});
	const std::string key = testbed.key("off");
	testbed.write(store(key, "value"));
	for (int round = 0; round < 5; ++round)
		testbed.read_pass(get(key));
	EXPECT_EQ(testbed.hits(), 0U);
}

TEST_F(Clients, WritesOverATransportThatIsNotServedStillInvalidate)
{
	Testbed &testbed = Testbed::shared({.transports = {"udp"}});
	const std::string key = testbed.key("unserved");
	testbed.store_and_warm(key, "old");
	testbed.write(store(key, "new"));
	EXPECT_EQ(testbed.read(get(key)), "VALUE " + key + " 0 3\r\nnew\r\nEND\r\n");
}

TEST_F(Clients, ReadsOverTcpAreAnsweredByMemcachedAsEver)
{
	Testbed &testbed = Testbed::shared({});
	const std::string key = testbed.key("tcp");
	testbed.store_and_warm(key, "value");
	const std::uint64_t gets = testbed.memcached().stat("cmd_get");
	EXPECT_EQ(testbed.write(get(key)), "VALUE " + key + " 0 5\r\nvalue\r\nEND\r\n");
	EXPECT_GE(testbed.memcached().stat("cmd_get"), gets);
}

} // namespace
} // namespace prestack::test
