// SPDX-License-Identifier: GPL-2.0-only
// Connections that are not followed flush the cache where they may write, and are followed only from a
// known beginning.
#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>

#include "flow_fixture.hpp"

namespace prestack::test
{

namespace
{

const std::string kSet = stream_set("key", "new");
const std::string kGet = stream_get("key");
const auto kGetSize = static_cast<std::uint32_t>(kGet.size());

class FlowUnknown : public FlowTest
{
protected:
	void expect_unknown(const Packet &packet,
			    std::string_view counters = "flows_unknown+1 flushes+1 stream+1")
	{
		cache({"key"});
		EXPECT_EQ(arrives(packet).verdict, kPass);
		EXPECT_EQ(moved_now(), counters);
		EXPECT_FALSE(cached("key"));
		EXPECT_FALSE(flow());
	}
};

TEST_F(FlowUnknown, FlushesBothWays)
{
	expect_unknown(client_segment(kGet, 1000));
	cache({"key"});
	leaves(server_segment(kStreamNone, 2000));
	EXPECT_EQ(moved_now(), "flows_unknown+1 flushes+1");
	EXPECT_FALSE(cached("key"));
	// What carries nothing does nothing.
	cache({"key"});
	arrives(client_segment("", 1000));
	leaves(server_segment("", 2000));
	EXPECT_EQ(moved_now(), "");
	EXPECT_TRUE(cached("key"));
}

TEST_F(FlowUnknown, WhoDidNotSeeTheSynAckBeginsNothing)
{
	connect();
	Packet packet = client_segment(kGet, 1000);
	packet.tcp_acknowledgement = 1999;
	expect_unknown(packet);
}

TEST_F(FlowUnknown, BeforeTheFirstByteThereIsNothing)
{
	connect();
	expect_unknown(client_segment(kGet, 999));
	EXPECT_EQ(sends(kGet), kPass);
	EXPECT_TRUE(flow());
}

TEST_F(FlowUnknown, AfterTheEnd)
{
	connect();
	EXPECT_EQ(sends(kGet), kPass);
	Packet reset = client_segment("", client_next_);
	reset.tcp_flags = kRst;
	arrives(reset);
	expect_unknown(client_segment(kGet, 1000));
	expect_unknown(client_segment(kGet, client_next_ + 5));
}

TEST_F(FlowUnknown, ASynOfAStrangerChangesNothing)
{
	connect();
	Packet syn = client_segment("", 5);
	syn.tcp_flags = kSyn;
	arrives(syn);
	EXPECT_EQ(sends(kGet), kPass);
	EXPECT_TRUE(flow());
	arrives(syn);
	EXPECT_EQ(sends(kSet), kPass);
	EXPECT_EQ(flow()->requests, 2u);
	EXPECT_EQ(lost(), PS_LOST_NOT);
}

TEST_F(FlowUnknown, DataThatCameWithTheSyn)
{
	cache({"key"});
	Packet syn = client_segment(kGet, 999);
	syn.tcp_flags = kSyn;
	arrives(syn);
	EXPECT_FALSE(cached("key"));
	// The server takes it.
	connect(1000 + kGetSize);
	moved_now();
	expect_unknown(client_segment(kSet, client_next_));
	// The server leaves it, and it comes again.
	request_.source_port++;
	syn = client_segment(kGet, 999);
	syn.tcp_flags = kSyn;
	arrives(syn);
	connect(1000);
	EXPECT_EQ(sends(kGet), kPass);
	EXPECT_TRUE(flow());
}

// A connection to a listening socket that is not known: the server is another one.
TEST_F(FlowUnknown, AnotherListeningSocketIsARestart)
{
	cache({"key"});
	Packet accept = server_segment("", 1999);
	accept.tcp_flags = kSyn | kAck;
	datapath_.egress(accept.bytes(), 7);
	EXPECT_EQ(moved_now(), "restarts+1 flushes+1");
	EXPECT_FALSE(cached("key"));
	cache({"key"});
	datapath_.egress(accept.bytes(), 7);
	EXPECT_EQ(moved_now(), "");
	datapath_.egress(accept.bytes(), 8);
	EXPECT_EQ(moved_now(), "restarts+1 flushes+1");
}

// As IP says it of segments of more than 64 KiB, which only hosts' own interfaces carry.
TEST_F(FlowUnknown, APacketWithoutALengthFlushes)
{
	for (const char *client : {"10.0.0.2", "fd00::2"}) {
		SCOPED_TRACE(client);
		request_.source = client;
		request_.destination = request_.ipv6() ? "fd00::1" : "10.0.0.1";
		prove_path();
		cache({"key"});
		Packet packet = client_segment(kSet, 1000);
		packet.ip_length = 0;
		EXPECT_EQ(arrives(packet).verdict, kPass);
		EXPECT_FALSE(cached("key"));
	}
}

// No program looks at the reply.
TEST_F(FlowUnknown, WithoutAProgramRepliesFlush)
{
	connect();
	EXPECT_EQ(sends(kGet), kPass);
	cache({"key"});
	const std::uint32_t stream = PS_SLOT_STREAM;
	ASSERT_EQ(bpf_map_delete_elem(datapath_.map("ps_tc_progs"), &stream), 0);
	answers(kStreamNone);
	EXPECT_FALSE(cached("key"));
}

// With all places taken.
TEST_F(FlowUnknown, WhenThereAreTooMany)
{
	const auto value = std::make_unique<ps_flow>();
	const int map = datapath_.map("ps_flows");
	std::uint64_t made = 0;
	for (; made < 10000; ++made) {
		if (bpf_map_update_elem(map, &made, value.get(), BPF_NOEXIST) != 0)
			break;
	}
	EXPECT_EQ(made, DatapathOptions{}.flows);
	connect();
	expect_unknown(client_segment(kGet, 1000),
		       "flows_unknown+1 flows_refused+1 flushes+1 stream+1");
	// A later one is not held up by the first one.
	expect_unknown(client_segment(kGet, 1000 + kGetSize));
	cache({"key"});
	leaves(server_segment(kStreamNone, 2000));
	EXPECT_FALSE(cached("key"));
}

// Two of 2^64 may have the same hash. The one that comes later leaves the flow of the other as it is.
TEST_F(FlowUnknown, WhenAnotherConnectionHasItsHash)
{
	const auto other = std::make_unique<ps_flow>();
	other->key = flow_key();
	other->key.client[1] ^= 1;
	other->in.next = 1000 + kGetSize;
	other->out.next = 2000;
	other->splice.in_skip = 5; // its segments are translated
	const int map = datapath_.map("ps_flows");
	const std::uint64_t hash = flow_key().hash;
	ASSERT_EQ(bpf_map_update_elem(map, &hash, other.get(), BPF_NOEXIST), 0);
	const auto unchanged = [&](const Packet &packet, const Outcome &outcome) {
		EXPECT_EQ(outcome.frame, packet.bytes());
		ps_flow now;
		ASSERT_EQ(bpf_map_lookup_elem(map, &hash, &now), 0);
		EXPECT_EQ(std::memcmp(&now, other.get(), sizeof now), 0);
	};
	const auto client = [&](const std::string &payload, std::uint32_t sequence,
				std::uint8_t flags) {
		Packet packet = client_segment(payload, sequence);
		packet.tcp_flags = flags;
		unchanged(packet, arrives(packet));
	};
	const auto server = [&](const std::string &payload, std::uint8_t flags) {
		Packet packet = server_segment(payload, 2000);
		packet.tcp_flags = flags;
		unchanged(packet, leaves(packet));
	};
	connect();
	moved_now();
	client(kGet, 1000, kAck | kPush);
	EXPECT_EQ(moved_now(), "flows_unknown+1 flushes+1 stream+1");
	server(kStreamNone, kAck | kPush);
	EXPECT_EQ(moved_now(), "flows_unknown+1 flushes+1");
	server("", kAck);
	server("", kAck | kFin);
	server("", kAck | kRst);
	client("", 1000 + kGetSize, kAck);
	client("", 1000 + kGetSize, kAck | kFin);
	client("", 1000 + kGetSize, kAck | kRst);
	EXPECT_EQ(moved_now(), "");
}

} // namespace

} // namespace prestack::test
