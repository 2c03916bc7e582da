// SPDX-License-Identifier: GPL-2.0-only
// A service is an address and a port: what is for others passes, and costs nobody anything.
#include "fixture.hpp"

namespace prestack::test
{
namespace
{

Listening at(std::string_view address, bool udp = true)
{
	return {{parse_address(address).value(), Datapath::service_port}, udp};
}

// The server listens at 10.0.0.1. 10.0.0.7 is this host's as well, 10.0.0.9 is another host.
class Address : public ProgTest
{
protected:
	Address() : ProgTest({.everywhere = false})
	{
		auto &maps = datapath_.addresses();
		EXPECT_TRUE(maps.add_local({parse_prefix("10.0.0.1/32").value(),
					    parse_prefix("10.0.0.7/32").value()}));
		EXPECT_TRUE(maps.set_listening({{at("10.0.0.1"), 0}}));
		maps.commit();
		prove_path();
		moved_now();
	}

	Packet request(std::string payload, const std::string &destination)
	{
		Packet packet = request_;
		packet.payload = std::move(payload);
		packet.destination = destination;
		return packet;
	}
	void tell(const ListeningMap &listening)
	{
		EXPECT_TRUE(datapath_.addresses().set_listening(listening));
		datapath_.addresses().commit();
	}
};

TEST_F(Address, WhatIsForAnotherAddressPassesAndChangesNothing)
{
	ASSERT_TRUE(fill("key", "value"));
	moved_now();
	for (const auto *other : {"10.0.0.7", "10.0.0.9"}) {
		expect_pass(request(toy_set("key", "other"), other), "");
		expect_pass(request(toy_get("key"), other), "");
	}
	EXPECT_EQ(ask("key"), toy_value("key", "value"));
}

TEST_F(Address, FragmentsToOthersFlushNobody)
{
	ASSERT_TRUE(fill("key", "value"));
	moved_now();
	Packet packet = request(toy_set("key", "other"), "10.0.0.9");
	for (const std::uint16_t offset : {0, 8}) {
		packet.fragment = Fragment{offset, offset == 0};
		expect_pass(packet, "");
	}
	EXPECT_EQ(ask("key"), toy_value("key", "value"));
	packet.destination = "10.0.0.7";
	moved_now();
	expect_pass(packet, "flushes+1 fragment+1");
}

TEST_F(Address, RepliesOfAStrangerOnThePortFillNothing)
{
	send(toy_get("key", 7));
	moved_now();
	Packet reply = request_.reply(toy_value("key", "strange", 7));
	reply.source = "10.0.0.7";
	EXPECT_EQ(datapath_.egress(reply.bytes()).verdict, kNext);
	EXPECT_EQ(moved_now(), "");
	EXPECT_FALSE(cached("key"));
}

TEST_F(Address, TheWildcardStandsForLocalAddressesOnly)
{
	tell({{{{wildcard_of(IpFamily::v4), Datapath::service_port}, true}, 0},
	      {at("10.0.0.7"), PS_SERVICE_NONE}});
	ASSERT_TRUE(fill("key", "value"));
	moved_now();
	expect_pass(request(toy_set("key", "other"), "10.0.0.9"), "");
	expect_pass(request(toy_set("key", "other"), "10.0.0.7"), "");
	EXPECT_EQ(ask("key"), toy_value("key", "value"));
}

// Both transports are looked up, and what was found is remembered: a change must be seen at once.
TEST_F(Address, AChangeIsSeenAtOnce)
{
	ASSERT_TRUE(fill("key", "value"));
	EXPECT_EQ(ask("key"), toy_value("key", "value"));
	tell({{at("10.0.0.7"), 0}});
	moved_now();
	expect_pass(request(toy_get("key"), "10.0.0.1"), "");
	expect_pass(request(toy_set("key", "new"), "10.0.0.7"),
		    "invalidations+1 writes+1 not_served+1");
	tell({{at("10.0.0.7"), 0}, {at("10.0.0.1"), 0}});
	EXPECT_FALSE(cached("key"));
	EXPECT_TRUE(fill("key", "newer"));
}

} // namespace
} // namespace prestack::test
