// SPDX-License-Identifier: GPL-2.0-only
// Who is answered from the kernel, and what of the protocol around the requests.
#include "fixture.hpp"

namespace prestack::test
{
namespace
{

class Clients : public BedTest
{
};

TEST_F(Clients, OutsideAllowedNetworksAreServedByMemcached)
{
	Bed &bed = Bed::shared({});
	const std::string key = bed.key("outside");
	UdpClient outside(bed.client_ns(), {Bed::server_outside, memcached_port},
			  Bed::client_outside);
	// The first reply of a socket that was not seen before might be that of a new server.
	outside.ask(get(key));
	bed.store_and_warm(key, "value");
	const std::uint64_t hits = bed.hits();
	const std::uint64_t gets = bed.memcached().stat("cmd_get");
	const std::string right = bed.control_udp().ask(get(key));
	for (int round = 0; round < 5; ++round)
		EXPECT_EQ(outside.ask(get(key)), right);
	EXPECT_EQ(bed.hits(), hits);
	EXPECT_EQ(bed.memcached().stat("cmd_get"), gets + 5);
	bed.read_hit(get(key));
	// What they write counts as any other write.
	EXPECT_EQ(outside.ask(store(key, "changed")), "STORED\r\n");
	bed.control_udp().ask(store(key, "changed"));
	EXPECT_EQ(bed.read(get(key)), "VALUE " + key + " 0 7\r\nchanged\r\nEND\r\n");
}

TEST_F(Clients, APrefixOfTheAllowListIsExact)
{
	Bed &bed = Bed::shared({.allow = {"10.0.0.2/32"}});
	const std::string key = bed.key("exact");
	bed.store_and_warm(key, "value");
	bed.client_ns().ip("addr replace 10.0.0.3/24 dev veth0");
	UdpClient neighbour(bed.client_ns(), bed.server(), "10.0.0.3");
	const std::uint64_t hits = bed.hits();
	for (int round = 0; round < 5; ++round)
		neighbour.ask(get(key));
	EXPECT_EQ(bed.hits(), hits);
	bed.read_hit(get(key));
}

TEST_F(Clients, FrameHeadersThatAreNotTheFirstOfOneGoToTheServer)
{
	Bed &bed = Bed::shared({});
	const std::string key = bed.key("header");
	bed.store_and_warm(key, "value");
	const std::uint64_t hits = bed.hits();
	UdpClient &client = bed.udp_client();
	// memcached does not look at the sequence, and ignores what is not one datagram of one.
	const std::uint16_t later = client.next_request_id();
	client.send({.request_id = later, .sequence = 1}, get(key));
	EXPECT_EQ(client.collect(later), "VALUE " + key + " 0 5\r\nvalue\r\nEND\r\n");
	for (const std::uint16_t total : {0, 2, 256, 65535}) {
		client.send({.request_id = client.next_request_id(), .total = total}, get(key));
	}
	EXPECT_EQ(bed.hits(), hits);
	bed.read_hit(get(key));
	EXPECT_EQ(client.strays(), 0U) << "nobody answers one datagram of several";
}

TEST_F(Clients, TheReservedFieldOfARequestIsAnsweredAsMemcachedDoes)
{
	Bed &bed = Bed::shared({});
	const std::string key = bed.key("reserved");
	bed.store_and_warm(key, "value");
	for (UdpClient *client : {&bed.udp_client(), &bed.control_udp()}) {
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
	Bed &bed = Bed::shared({});
	const std::string key = bed.key("form");
	bed.store_and_warm(key, "value");
	for (const std::string &request :
	     {"get " + key + "\n", "get  " + key + "\r\n", "get " + key + " \r\n",
	      "get " + key + "  " + key + "\r\n", "GET " + key + "\r\n", " get " + key + "\r\n",
	      "get\t" + key + "\r\n", "get " + key + "\r\r\n", "bget " + key + "\r\n",
	      "get " + key + " noreply\r\n", "gets " + key + "\r\n"}) {
		bed.read(request);
		bed.read(get(key));
	}
	bed.read(get(key) + get(key), 2);
	bed.read(get(key) + store(key, "other") + get(key), 3);
	bed.read(get(key));
}

TEST_F(Clients, TransportsThatAreOffAreLeftToMemcached)
{
	Bed &bed = Bed::shared({.transports = {"tcp"}});
	const std::string key = bed.key("off");
	bed.write(store(key, "value"));
	for (int round = 0; round < 5; ++round)
		bed.read_pass(get(key));
	EXPECT_EQ(bed.hits(), 0U);
}

TEST_F(Clients, WritesOverATransportThatIsNotServedStillInvalidate)
{
	Bed &bed = Bed::shared({.transports = {"udp"}});
	const std::string key = bed.key("unserved");
	bed.store_and_warm(key, "old");
	bed.write(store(key, "new"));
	EXPECT_EQ(bed.read(get(key)), "VALUE " + key + " 0 3\r\nnew\r\nEND\r\n");
}

TEST_F(Clients, ReadsOverTcpAreAnsweredByMemcachedAsEver)
{
	Bed &bed = Bed::shared({});
	const std::string key = bed.key("tcp");
	bed.store_and_warm(key, "value");
	const std::uint64_t gets = bed.memcached().stat("cmd_get");
	EXPECT_EQ(bed.write(get(key)), "VALUE " + key + " 0 5\r\nvalue\r\nEND\r\n");
	EXPECT_GE(bed.memcached().stat("cmd_get"), gets);
}

} // namespace
} // namespace prestack::test
