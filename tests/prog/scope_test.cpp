// SPDX-License-Identifier: GPL-2.0-only
// Equal addresses and ports in two VRFs, or behind two interfaces: two clients, and two connections.
#include "flow_fixture.hpp"

namespace prestack::test
{
namespace
{

constexpr std::uint16_t other_lan = 5; // the id of the VLAN that is another VRF, and another LAN

class Scope : public FlowTest
{
protected:
	Scope()
	{
		auto &maps = datapath_.addresses();
		const int ifindex = Datapath::test_ifindex;
		EXPECT_TRUE(maps.set_links(
			{{{ifindex, 0}, {0, ifindex}}, {{ifindex, other_lan + 1}, {77, 78}}}));
		maps.commit();
	}

	static Packet elsewhere(Packet packet)
	{
		packet.tags = {{.id = other_lan}};
		return packet;
	}
	// The server's SYN-ACK to somebody with the client's address and port on the other LAN.
	void connect_elsewhere()
	{
		Packet packet = server_segment("", 7000);
		packet.tcp_acknowledgement = 9000;
		packet.tcp_flags = kSyn | kAck;
		leaves(elsewhere(packet));
	}
	void expect_that_both_are_followed()
	{
		connect();
		sends(stream_set("key", "one"));
		EXPECT_EQ(count(PS_COUNT_flows), 1U);
		connect_elsewhere();
		Packet packet = client_segment(stream_set("key", "two"), 9000);
		packet.tcp_acknowledgement = 7001;
		arrives(elsewhere(packet));
		EXPECT_EQ(count(PS_COUNT_flows), 2U) << "the other host's is not followed";
		sends(stream_set("key", "three"));
		EXPECT_EQ(count(PS_COUNT_flows_unknown), 0U)
			<< "the writer's is not followed any more";
		EXPECT_EQ(count(PS_COUNT_flows_lost), 0U);
		EXPECT_EQ(count(PS_COUNT_writes), 3U);
	}
};

TEST_F(Scope, AnotherVrfHasOtherConnections)
{
	expect_that_both_are_followed();
}

TEST_F(Scope, LinkLocalAddressesHoldOnOneLan)
{
	EXPECT_TRUE(datapath_.addresses().set_links(
		{{{Datapath::test_ifindex, other_lan + 1}, {0, 78}}}));
	datapath_.addresses().commit();
	request_.source = "fe80::2";
	request_.destination = "fe80::1";
	expect_that_both_are_followed();
}

// Requests and replies may use different interfaces.
TEST_F(Scope, OtherAddressesAreOneConnectionOnAllInterfaces)
{
	EXPECT_TRUE(datapath_.addresses().set_links(
		{{{Datapath::test_ifindex, other_lan + 1}, {0, 78}}}));
	datapath_.addresses().commit();
	connect();
	sends(stream_set("key", "one"));
	Packet packet = client_segment(stream_set("key", "two"), client_next_);
	arrives(elsewhere(packet));
	EXPECT_EQ(count(PS_COUNT_flows), 1U);
	EXPECT_EQ(count(PS_COUNT_writes), 2U);
	EXPECT_EQ(count(PS_COUNT_flows_unknown), 0U);
}

// A reply on the other LAN does not answer the request of this one.
TEST_F(Scope, ALeaseIsForOneLan)
{
	send(toy_get("key", 7));
	moved_now();
	Packet reply = request_.reply(toy_value("key", "strange", 7));
	datapath_.egress(elsewhere(reply).bytes());
	EXPECT_EQ(count(PS_COUNT_fills), 0U);
}

} // namespace
} // namespace prestack::test
