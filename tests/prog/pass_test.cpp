// SPDX-License-Identifier: GPL-2.0-only
// A request that is not answered passes unchanged, with its reason counted, and changes nothing that
// it must not change.
#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "fixture.hpp"

namespace prestack::test
{

namespace
{

class Pass : public ProgTest
{
protected:
	Pass()
	{
		EXPECT_TRUE(fill("key", "value"));
		moved_now();
	}
	Packet get(std::string_view key = "key") const
	{
		Packet packet = request_;
		packet.payload = toy_get(key);
		return packet;
	}
	Packet set() const
	{
		Packet packet = request_;
		packet.payload = toy_set("key", "new");
		return packet;
	}
};

TEST_F(Pass, Miss)
{
	expect_pass(get("other"), "requests+1 misses+1");
	expect_pass(get("ke"), "requests+1 misses+1");
	expect_pass(get("key2"), "requests+1 misses+1");
	expect_pass(get("KEY"), "requests+1 misses+1");
}

TEST_F(Pass, UnprovenPath)
{
	Packet packet = get();
	packet.destination = "10.0.0.9";
	expect_pass(packet, "requests+1 path_unproven+1");
	packet = get();
	packet.destination_mac = "others"; // a promiscuous interface shows us other hosts' frames
	expect_pass(packet, "requests+1 path_unproven+1");
	packet = get();
	packet.tags = {{0x8100, 5}};
	expect_pass(packet, "requests+1 path_unproven+1");
	packet.tags = {{0x8100, 0}};
	expect_pass(packet, "requests+1 path_unproven+1");
	packet = get();
	packet.destination_mac = "others"; // a promiscuous interface lets it in
	expect_pass(packet, "requests+1 path_unproven+1");
	datapath_.bump_epoch();
	// Those above are waited for, so this needs a number of its own.
	packet = get();
	packet.payload = toy_get("key", 2);
	expect_pass(packet, "requests+1 misses+1");
	// A miss stays a miss, proven or not; the lease that it took lets the reply fill.
	answer(toy_value("key", "value", 2));
	expect_reply(get(), toy_value("key", "value"));
}

TEST_F(Pass, MorePathsThanThereIsRoomForStayUnproven)
{
	for (unsigned i = 0; i < PS_MAX_PATHS + 3; ++i) {
		Packet packet = get();
		packet.destination = "10.0.1." + std::to_string(i);
		datapath_.egress(packet.reply("0000 N\n").bytes());
		// One path was proven before.
		if (i < PS_MAX_PATHS - 1)
			expect_reply(packet, toy_value("key", "value"));
		else
			expect_pass(packet, "requests+1 path_unproven+1");
	}
	expect_reply(get(), toy_value("key", "value"));
}

TEST_F(Pass, ClientThatIsNotAllowed)
{
	datapath_.allow({});
	expect_pass(get(), "requests+1 not_allowed+1");

	datapath_.allow({"10.0.0.2/31", "fd00::/16"});
	for (const auto &[client, allowed] : {std::pair{"10.0.0.1", false},
					      {"10.0.0.2", true},
					      {"10.0.0.3", true},
					      {"10.0.0.4", false},
					      {"9.0.0.2", false},
					      {"10.0.1.2", false}}) {
		SCOPED_TRACE(client);
		Packet packet = get();
		packet.source = client;
		if (allowed)
			expect_reply(packet, toy_value("key", "value"));
		else
			expect_pass(packet, "requests+1 not_allowed+1");
	}
	request_.destination = "fd00::1";
	request_.source = "fd00::2";
	prove_path();
	expect_reply(get(), toy_value("key", "value"));
	request_.source = "fd01::2";
	expect_pass(get(), "requests+1 not_allowed+1");
	// How an IPv4 client of the list is written, but not a source that a server's stack accepts.
	request_.source = "::ffff:10.0.0.2";
	expect_pass(get(), "requests+1 not_allowed+1");
}

TEST_F(Pass, WritesOfAClientThatIsNotAllowedInvalidateAllTheSame)
{
	datapath_.allow({});
	expect_pass(set(), "invalidations+1 writes+1 not_served+1");
}

TEST_F(Pass, TransportThatIsOff)
{
	ps_service_conf conf = datapath_.conf();
	conf.flags &= ~static_cast<std::uint32_t>(PS_SERVICE_UDP);
	datapath_.set_conf(conf);
	expect_pass(get(), "requests+1 transport_off+1");
	expect_pass(set(), "invalidations+1 writes+1 not_served+1");
}

// Nobody looked at what may have been a write.
TEST_F(Pass, WithoutAProgramItFlushes)
{
	const std::uint32_t stream = PS_SLOT_STREAM;
	ASSERT_EQ(bpf_map_delete_elem(datapath_.map("ps_xdp_progs"), &stream), 0);
	Packet packet = get();
	packet.transport = Transport::tcp;
	expect_pass(packet, "flushes+1 no_program+1");
	EXPECT_FALSE(cached("key"));
	packet.payload.clear(); // an acknowledgement
	expect_pass(packet, "");
}

TEST_F(Pass, MoreTagsThanAreFollowedFlush)
{
	Packet packet = set();
	packet.tags = {{0x88a8, 1}, {0x8100, 2}, {0x8100, 3}};
	expect_pass(packet, "flushes+1 fragment+1");
	EXPECT_FALSE(cached("key"));
}

// Where the transport's header would be without IP options there is what looks like another service's.
TEST_F(Pass, OptionsDoNotHideAWrite)
{
	Packet packet = set();
	const auto length = static_cast<std::uint8_t>(16 + packet.payload.size());
	packet.ip_options = std::string("\x9c\x40\x00\x09\x00", 5) + static_cast<char>(length) +
			    std::string(2, '\0');
	expect_pass(packet, "invalidations+1 writes+1 not_served+1");
	EXPECT_FALSE(cached("key"));
}

TEST_F(Pass, AFragmentFlushes)
{
	for (const Fragment fragment :
	     {Fragment{0, true}, Fragment{10, true}, Fragment{10, false}}) {
		ASSERT_TRUE(fill("key", "value")) << moved_now();
		Packet packet = set();
		packet.fragment = fragment;
		expect_pass(packet, "flushes+1 fragment+1");
		EXPECT_FALSE(cached("key"));
	}
	request_.source = "fd00::2";
	request_.destination = "fd00::1";
	for (const Fragment fragment :
	     {Fragment{0, true}, Fragment{10, true}, Fragment{10, false}}) {
		ASSERT_TRUE(fill("key", "value"));
		Packet packet = set();
		packet.fragment = fragment;
		expect_pass(packet, "flushes+1 fragment+1");
		EXPECT_FALSE(cached("key"));
	}
}

TEST_F(Pass, HeadersThatHideTheTransportFlush)
{
	request_.source = "fd00::2";
	request_.destination = "fd00::1";
	ASSERT_TRUE(fill("key", "value"));
	Packet packet = set();
	packet.extensions = std::vector<Extension>(16, Extension{60, "x"});
	expect_pass(packet, "flushes+1 fragment+1");
	ASSERT_TRUE(fill("key", "value"));
	packet.extensions = {{60, std::string(600, 'x')}};
	expect_pass(packet, "flushes+1 fragment+1");
}

TEST_F(Pass, WrongChecksumsNeitherServeNorInvalidate)
{
	for (Packet packet : {get(), set()}) {
		packet.checksum = Checksum::wrong;
		expect_pass(packet, "bad_checksum+1");
		packet.checksum = Checksum::right;
		packet.wrong_ip_checksum = true;
		expect_pass(packet, "bad_checksum+1");
		packet.ip_options = std::string(12, '\x01');
		expect_pass(packet, "bad_checksum+1");
	}
	expect_reply(get(), toy_value("key", "value"));
	request_.source = "fd00::2";
	request_.destination = "fd00::1";
	prove_path();
	Packet packet = set();
	packet.checksum = Checksum::wrong;
	expect_pass(packet, "bad_checksum+1");
	expect_reply(get(), toy_value("key", "value"));
}

TEST_F(Pass, OtherPortsAndProtocolsAreLeftAlone)
{
	for (const Transport transport : {Transport::udp, Transport::tcp}) {
		Packet packet = set();
		packet.transport = transport;
		packet.destination_port = Datapath::service_port + 1;
		expect_pass(packet, "");
		// Out of the service's port, but coming in: another's traffic.
		packet.source_port = Datapath::service_port;
		expect_pass(packet, "");
		packet.checksum = Checksum::wrong;
		expect_pass(packet, "");
	}
	const std::string arp =
		request_.destination_mac + request_.source_mac + "\x08\x06" + std::string(28, 'a');
	moved_now();
	const Outcome outcome = datapath_.ingress(arp);
	EXPECT_EQ(outcome.verdict, kPass);
	EXPECT_EQ(outcome.frame, arp);
	EXPECT_EQ(moved_now(), "");
	EXPECT_TRUE(cached("key"));
}

} // namespace

} // namespace prestack::test
