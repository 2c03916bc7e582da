// SPDX-License-Identifier: GPL-2.0-only
// Segments that the host's TCP sends without a socket of the server's: what is done with them depends on the
// connection that they belong to. Here no packet has a socket with the server's port.
#include <bpf/bpf.h>

#include <utility>

#include "splice_fixture.hpp"

namespace prestack::test
{
namespace
{

class ControlSegment : public Splice
{
protected:
	ControlSegment() : Splice({.trust_sender = false})
	{
		client_next_ = 5000;
		server_next_ = 0xfffffff0;
		in_skip_ = 70;
		out_add_ = 300;
		ps_flow flow{};
		flow.key = flow_key();
		flow.origin[PS_REQUESTS] = 4000;
		flow.origin[PS_REPLIES] = 0xffff0000;
		flow.splice.in_skip = in_skip_;
		flow.splice.sent = std::uint64_t{out_add_} << 32 | server_next_;
		flow.splice.at = server_next_;
		flow.splice.server_una = server_next_;
		flow.splice.client_ack = server_next_ + out_add_;
		flow.splice.from = flow.splice.to = flow.in.next = flow.acked =
			client_next_ + in_skip_;
		flow.out.next = server_next_;
		put(flow);
		moved_now();
	}
	void put(const ps_flow &flow)
	{
		EXPECT_EQ(bpf_map_update_elem(datapath_.map("ps_flows"), &flow.key.hash, &flow,
					      BPF_ANY),
			  0);
	}
	Packet control(std::uint8_t flags) const
	{
		Packet packet = server_segment("", server_next_);
		packet.tcp_flags = flags;
		return packet;
	}
};

// As of a connection in TIME_WAIT.
TEST_F(ControlSegment, AnAcknowledgementIsTranslated)
{
	const Segment out = translated_out(control(kAck));
	EXPECT_EQ(out.sequence, server_next_ + out_add_);
	EXPECT_EQ(out.acknowledgement, client_next_ + in_skip_);
	EXPECT_EQ(moved_now(), "translations+1");
}

TEST_F(ControlSegment, AResetIsTranslatedAndEndsTheFlow)
{
	const Segment out = translated_out(control(kRst));
	EXPECT_EQ(out.sequence, server_next_ + out_add_);
	EXPECT_EQ(moved_now(), "translations+1");
	EXPECT_FALSE(flow());
}

// A SYN cookie: a new connection has these ports.
TEST_F(ControlSegment, ASynAckEndsTheFlowBefore)
{
	Packet first = control(kSyn | kAck);
	first.tcp_sequence = 0xffff0000 - 1;
	first.tcp_acknowledgement = 4000;
	EXPECT_EQ(leaves(first).frame, first.bytes());
	EXPECT_TRUE(flow()) << "this one began it";
	first.tcp_sequence += 77;
	EXPECT_EQ(leaves(first).frame, first.bytes());
	EXPECT_FALSE(flow());
	EXPECT_EQ(moved_now(), "");
}

// Bytes of a stranger's are not read, and prove nothing.
TEST_F(ControlSegment, DataIsTranslatedAndNotRead)
{
	const Segment out = translated_out(reply(kStreamNone));
	EXPECT_EQ(out.sequence, server_next_ + out_add_);
	EXPECT_EQ(out.payload, kStreamNone);
	EXPECT_EQ(moved_now(), "translations+1");
	EXPECT_EQ(flow()->out.next, server_next_);
	EXPECT_EQ(static_cast<std::uint32_t>(flow()->splice.sent), server_next_);
	EXPECT_EQ(flow()->splice.known, 0U);
}

TEST_F(ControlSegment, WithoutAFlowNothingIsDone)
{
	request_.source_port++;
	for (const std::uint8_t flags : {kAck, kRst, std::uint8_t{kSyn | kAck}}) {
		const Packet packet = control(flags);
		EXPECT_EQ(leaves(packet).frame, packet.bytes());
	}
	EXPECT_FALSE(flow());
	EXPECT_EQ(moved_now(), "");
}

// One that came in before, as an answer of ours on its way from ps_tc_ingress, has the client's numbers.
TEST_F(ControlSegment, WhatIsForwardedIsLeftAlone)
{
	const std::string frame = control(kAck).bytes();
	EXPECT_EQ(datapath_.forwarded(frame).frame, frame);
	EXPECT_EQ(moved_now(), "");
}

} // namespace
} // namespace prestack::test
