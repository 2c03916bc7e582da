// SPDX-License-Identifier: GPL-2.0-only
// The programs leave other people's packets alone, in both directions, and replies that are handed
// over to TC leave from there.
#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "fixture.hpp"
#include "support/frame.hpp"

namespace prestack::test
{

namespace
{

class Egress : public ProgTest
{
protected:
	void expect_untouched(const std::string &frame)
	{
		moved_now();
		const Outcome out = datapath_.egress(frame);
		EXPECT_EQ(out.verdict, kNext);
		EXPECT_EQ(out.frame, frame);
		const Outcome in = datapath_.tc_ingress(frame);
		EXPECT_EQ(in.verdict, kNext);
		EXPECT_EQ(in.frame, frame);
		EXPECT_EQ(moved_now(), "");
	}
};

TEST_F(Egress, OthersTrafficIsUntouched)
{
	for (const bool ipv6 : {false, true}) {
		for (const Transport transport : {Transport::udp, Transport::tcp}) {
			Packet packet = request_.reply(toy_value("key", "value"));
			if (ipv6) {
				packet.source = "fd00::1";
				packet.destination = "fd00::2";
			}
			packet.transport = transport;
			packet.source_port = Datapath::service_port + 1;
			expect_untouched(packet.bytes());
			packet.destination_port = Datapath::service_port;
			expect_untouched(packet.bytes());
			packet.checksum = Checksum::wrong;
			expect_untouched(packet.bytes());
		}
	}
	expect_untouched(request_.destination_mac + request_.source_mac + "\x08\x06" +
			 std::string(28, 'a'));
}

TEST_F(Egress, RepliesLeaveUnchanged)
{
	for (const std::string &payload : std::vector<std::string>{
		     toy_value("key", "value"), std::string("0001 OK\n"), std::string("nonsense"),
		     std::string(3000, 'x'), std::string()}) {
		const std::string frame = request_.reply(payload).bytes();
		const Outcome outcome = datapath_.egress(frame);
		EXPECT_EQ(outcome.verdict, kNext);
		EXPECT_EQ(outcome.frame, frame);
	}
}

TEST_F(Egress, FragmentsAndOddRepliesDoNotFill)
{
	prove_path();
	Packet reply = request_.reply(toy_value("key", "value"));
	reply.fragment = Fragment{0, true};
	send(toy_get("key"));
	EXPECT_EQ(datapath_.egress(reply.bytes()).verdict, kNext);
	reply.fragment.reset();
	reply.udp_length = 12;
	EXPECT_EQ(datapath_.egress(reply.bytes()).verdict, kNext);
	reply.udp_length = 1200;
	EXPECT_EQ(datapath_.egress(reply.bytes()).verdict, kNext);
	EXPECT_EQ(count(PS_COUNT_fills), 0u);
}

const char *bytes_of(const ps_handover &parked)
{
	return reinterpret_cast<const char *>(parked.frame);
}

class Handover : public ProgTest
{
protected:
	Handover()
	{
		ps_service_conf conf = datapath_.conf();
		conf.flags |= PS_SERVICE_NO_XDP_TX;
		datapath_.set_conf(conf);
	}
	ps_handover slot(std::uint32_t ticket)
	{
		ps_handover result{};
		const std::uint32_t at = ticket % PS_HANDOVER_SLOTS;
		EXPECT_EQ(bpf_map_lookup_elem(datapath_.map("ps_handover"), &at, &result), 0);
		return result;
	}
	// `outcome` must be `frame` with a mark in front; returns the mark's ticket.
	static std::uint32_t ticket_of(const Outcome &outcome, const std::string &frame,
				       const ps_config &config)
	{
		std::uint32_t mark[2] = {};
		EXPECT_EQ(outcome.verdict, kPass);
		EXPECT_EQ(outcome.frame.size(), frame.size() + sizeof(ps_handover_mark));
		EXPECT_EQ(outcome.frame.substr(sizeof(ps_handover_mark)), frame)
			<< "the request itself must stay";
		std::memcpy(mark, outcome.frame.data(), sizeof(mark));
		EXPECT_EQ(mark[0], static_cast<std::uint32_t>(config.seed[1]));
		return mark[1];
	}
};

// BPF_PROG_TEST_RUN cannot give metadata to an skb, so what ps_tc_ingress makes of a marked frame is
// left to the end-to-end tests; here is what it is given.
TEST_F(Handover, ParksTheReplyAndMarksTheRequest)
{
	const std::string value = some_bytes(700);
	ASSERT_TRUE(fill("key", value));
	for (unsigned round = 0; round < 2 * PS_HANDOVER_SLOTS + 2; ++round) {
		request_.payload = toy_get("key", round);
		const std::string frame = request_.bytes();
		const Outcome outcome = datapath_.ingress(frame);
		const std::uint32_t ticket = ticket_of(outcome, frame, datapath_.config());
		const ps_handover parked = slot(ticket);
		ASSERT_EQ(parked.ticket, ticket);
		ASSERT_EQ(parked.service, 0u);
		const std::string reply(bytes_of(parked), parked.head + parked.len);
		const auto decoded = decode(reply);
		ASSERT_TRUE(decoded);
		EXPECT_EQ(reply.substr(0, 14), request_.reply("").bytes().substr(0, 14));
		EXPECT_EQ(decoded->source, request_.destination);
		EXPECT_EQ(decoded->destination, request_.source);
		EXPECT_EQ(decoded->destination_port, request_.source_port);
		EXPECT_TRUE(decoded->good_ip_checksum);
		EXPECT_TRUE(decoded->consistent_lengths);
		EXPECT_TRUE(decoded->zero_udp_checksum || decoded->good_udp_checksum);
		EXPECT_EQ(decoded->payload, toy_value("key", value, round));
	}
}

// The stack takes the outer tag out of a frame before TC sees it, and puts it back when it leaves.
TEST_F(Handover, LeavesOutTheOuterTag)
{
	for (const bool ipv6 : {false, true}) {
		request_.source = ipv6 ? "fd00::2" : "10.0.0.2";
		request_.destination = ipv6 ? "fd00::1" : "10.0.0.1";
		request_.tags = {{0x88a8, 300}, {0x8100, 200}};
		ASSERT_TRUE(fill("key" + std::to_string(ipv6), "value"));
		request_.payload = toy_get("key" + std::to_string(ipv6));
		const std::string frame = request_.bytes();
		const std::uint32_t ticket =
			ticket_of(datapath_.ingress(frame), frame, datapath_.config());
		const ps_handover parked = slot(ticket);
		Packet expected = request_.reply("");
		expected.tags.erase(expected.tags.begin());
		EXPECT_EQ(std::string(bytes_of(parked), 18), expected.bytes().substr(0, 18));
		const auto decoded =
			decode(std::string(bytes_of(parked), parked.head + parked.len));
		ASSERT_TRUE(decoded);
		EXPECT_EQ(decoded->payload, toy_value("key" + std::to_string(ipv6), "value"));
		EXPECT_TRUE(decoded->good_udp_checksum || (!ipv6 && decoded->zero_udp_checksum));
	}
}

TEST_F(Handover, PartialChecksumThatWouldMoveIsLeftToTheServer)
{
	request_.ip_options = std::string(8, '\x01');
	ASSERT_EQ(count(PS_COUNT_no_room), 0u);
	prove_path();
	send(toy_get("key"));
	answer(toy_value("key", "value"));
	request_.payload = toy_get("key");
	request_.checksum = Checksum::partial;
	expect_pass(request_, "requests+1 no_room+1");
	// The reply to that may come late, and fill nothing for a later read of the same number.
	send(toy_set("key", "new", 2));
	answer(toy_ok(2));
	send(toy_get("key"));
	moved_now();
	answer(toy_value("key", "value"));
	EXPECT_EQ(moved_now(), "nofill_lease+1");
}

} // namespace

} // namespace prestack::test
