// SPDX-License-Identifier: GPL-2.0-only
// Requests of a TCP connection that the kernel answers, and what becomes of the connection's other
// segments. docs/tcp.md.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>

#include <cstring>

#include "flow_fixture.hpp"
#include "support/frame.hpp"

namespace prestack::test
{
namespace
{

std::string stream_read(std::string_view key)
{
	return "0000 R " + std::string(key) + "\n";
}

// An IPv4 segment in a frame without tags, which has to be right in all its checksums.
struct Segment {
	std::uint32_t sequence = 0;
	std::uint32_t acknowledgement = 0;
	std::uint8_t flags = 0;
	std::uint16_t window = 0;
	std::string options;
	std::string payload;
	std::string source;
};

Segment decoded(std::string_view frame)
{
	Segment out;
	iphdr ip{};
	tcphdr tcp{};
	if (frame.size() < 14 + sizeof(ip) + sizeof(tcp)) {
		ADD_FAILURE() << "a frame of " << frame.size() << " bytes";
		return out;
	}
	std::memcpy(&ip, frame.data() + 14, sizeof(ip));
	std::memcpy(&tcp, frame.data() + 34, sizeof(tcp));
	const std::string_view packet = frame.substr(14, ntohs(ip.tot_len));
	EXPECT_EQ(packet.size() + 14, frame.size()) << "the IP length is not the frame's";
	EXPECT_EQ(ones_complement_sum(packet.substr(0, 20)), 0xffff) << "IP checksum";
	const std::size_t length = packet.size() - 20;
	const char proto_length[4] = {0, 6, static_cast<char>(length >> 8),
				      static_cast<char>(length)};
	std::string pseudo(packet.substr(12, 8));
	pseudo.append(proto_length, 4);
	EXPECT_EQ(ones_complement_sum(packet.substr(20), ones_complement_sum(pseudo)), 0xffff)
		<< "TCP checksum";
	out.sequence = ntohl(tcp.seq);
	out.acknowledgement = ntohl(tcp.ack_seq);
	out.flags = static_cast<std::uint8_t>(frame[14 + 20 + 13]);
	out.window = ntohs(tcp.window);
	const std::size_t head = static_cast<std::size_t>(tcp.doff) * 4;
	out.options = packet.substr(40, head - 20);
	out.payload = packet.substr(20 + head);
	char text[INET_ADDRSTRLEN] = {};
	::inet_ntop(AF_INET, &ip.saddr, text, sizeof(text));
	out.source = text;
	return out;
}

std::string stamps(std::uint32_t value, std::uint32_t echo)
{
	const std::uint32_t words[] = {htonl(0x0101080a), htonl(value), htonl(echo)};
	return {reinterpret_cast<const char *>(words), sizeof(words)};
}

std::string sack(std::uint32_t from, std::uint32_t to)
{
	const std::uint32_t words[] = {htonl(0x0101050a), htonl(from), htonl(to)};
	return {reinterpret_cast<const char *>(words), sizeof(words)};
}

class Splice : public FlowTest
{
protected:
	// A connection on which the server has answered a read; "key" is cached, with value "old".
	void begin(std::uint32_t client = 1000, std::uint32_t server = 2000)
	{
		connect(client, server);
		prove_tcp();
		cache({"key", "other"});
	}
	void prove_tcp()
	{
		EXPECT_EQ(sends(stream_read("unknown")), kPass);
		answers(kStreamNone);
		moved_now();
	}
	// What the client sends now: its numbers are the server's and what was answered here.
	Packet request(std::string payload) const
	{
		Packet packet = client_segment(std::move(payload), client_next_ + in_skip_);
		packet.tcp_acknowledgement = server_next_ + out_add_;
		return packet;
	}
	Packet reply(std::string payload) const
	{
		return server_segment(std::move(payload), server_next_);
	}
	// Reads `key` twice if need be: the first answer on a connection goes through TC.
	void splice(const std::string &key = "key")
	{
		const Packet packet = request(stream_read(key));
		const Outcome outcome = arrives(packet);
		ASSERT_EQ(outcome.verdict, kPass);
		ASSERT_EQ(moved_now(),
			  "requests+1 hits+1 flows_spliced+1 stream_hits+1 stream_acks+1");
		in_skip_ += static_cast<std::uint32_t>(packet.payload.size());
		out_add_ += static_cast<std::uint32_t>(stream_value(key, "old").size());
	}
	// A read that XDP answers at once; returns its answer.
	Segment read(const std::string &key, const std::string &value = "old")
	{
		const Packet packet = request(stream_read(key));
		const Outcome outcome = arrives(packet);
		EXPECT_EQ(outcome.verdict, kTransmit);
		if (outcome.verdict != kTransmit)
			return {};
		const Segment answer = decoded(outcome.frame);
		EXPECT_EQ(answer.payload, stream_value(key, value));
		EXPECT_EQ(answer.sequence, packet.tcp_acknowledgement);
		EXPECT_EQ(answer.acknowledgement, packet.tcp_sequence + packet.payload.size());
		EXPECT_EQ(answer.flags, kAck | kPush);
		EXPECT_EQ(answer.source, packet.destination);
		in_skip_ += static_cast<std::uint32_t>(packet.payload.size());
		out_add_ += static_cast<std::uint32_t>(answer.payload.size());
		return answer;
	}
	void expect_passes(const Packet &packet, std::string_view counters)
	{
		const Outcome outcome = arrives(packet);
		EXPECT_EQ(outcome.verdict, kPass);
		EXPECT_EQ(moved_now(), counters);
	}
	// A segment of the client's as the server gets it.
	Segment translated(const Packet &packet)
	{
		const Outcome outcome = arrives(packet);
		EXPECT_EQ(outcome.verdict, kPass);
		return decoded(outcome.frame);
	}
	Segment translated_out(const Packet &packet)
	{
		const Outcome outcome = leaves(packet);
		EXPECT_EQ(outcome.verdict, kNext);
		return decoded(outcome.frame);
	}

	std::uint32_t in_skip_ = 0;
	std::uint32_t out_add_ = 0;
};

TEST_F(Splice, TheFirstAnswerLeavesTheServerItsAcknowledgement)
{
	begin();
	const Packet packet = request(stream_read("key"));
	const Outcome outcome = arrives(packet);
	ASSERT_EQ(outcome.verdict, kPass);
	ASSERT_GT(outcome.frame.size(), sizeof(ps_handover_mark));
	std::uint32_t mark[2] = {};
	std::memcpy(mark, outcome.frame.data(), sizeof(mark));
	const Segment bare = decoded(outcome.frame.substr(sizeof(mark)));
	EXPECT_EQ(bare.payload, "");
	EXPECT_EQ(bare.sequence, client_next_);
	EXPECT_EQ(bare.acknowledgement, server_next_);
	EXPECT_EQ(bare.flags, kAck);

	ps_handover slot{};
	const std::uint32_t at = mark[1] % PS_HANDOVER_SLOTS;
	ASSERT_EQ(bpf_map_lookup_elem(datapath_.map("ps_handover"), &at, &slot), 0);
	EXPECT_EQ(slot.ticket, mark[1]);
	const Segment answer = decoded(
		{reinterpret_cast<const char *>(slot.frame), std::size_t{slot.head} + slot.len});
	EXPECT_EQ(answer.payload, stream_value("key", "old"));
	EXPECT_EQ(answer.sequence, server_next_);
	EXPECT_EQ(answer.acknowledgement, client_next_ + packet.payload.size());
	EXPECT_EQ(std::string_view(reinterpret_cast<const char *>(slot.ack), slot.ack_len),
		  outcome.frame.substr(sizeof(mark)));
}

TEST_F(Splice, TheNextOnesAreAnsweredAtOnce)
{
	begin();
	splice();
	for (unsigned i = 0; i < 5; ++i)
		read(i % 2 ? "key" : "other");
	EXPECT_EQ(moved_now(), "requests+5 hits+5 stream_hits+5");
}

TEST_F(Splice, RequestsInOneSegmentAreAnsweredTogether)
{
	begin();
	splice();
	const Outcome outcome = arrives(request(stream_read("key") + stream_read("other")));
	EXPECT_EQ(outcome.verdict, kTransmit);
	EXPECT_EQ(decoded(outcome.frame).payload,
		  stream_value("key", "old") + stream_value("other", "old"));
	EXPECT_EQ(moved_now(), "requests+2 hits+2 stream_hits+2");
}

TEST_F(Splice, WhatFollowsIsTranslated)
{
	begin();
	splice();
	read("key");
	moved_now();
	const Packet write = request(stream_set("key", "new"));
	const Segment at_server = translated(write);
	EXPECT_EQ(at_server.sequence, client_next_);
	EXPECT_EQ(at_server.acknowledgement, server_next_);
	EXPECT_EQ(at_server.payload, write.payload);
	client_next_ += static_cast<std::uint32_t>(write.payload.size());
	const Packet stored = reply(kStreamOk);
	const Segment at_client = translated_out(stored);
	EXPECT_EQ(at_client.sequence, server_next_ + out_add_);
	EXPECT_EQ(at_client.acknowledgement, client_next_ + in_skip_);
	EXPECT_EQ(at_client.payload, kStreamOk);
	server_next_ += static_cast<std::uint32_t>(kStreamOk.size());
	/* The write is done: its old value is not read any more, and the new one is not known. */
	expect_passes(
		request(stream_read("key")),
		"requests+1 misses+1 invalidations+1 writes+1 replies+1 translations+3 stream+2");
}

TEST_F(Splice, APartialChecksumStaysOne)
{
	begin();
	splice();
	Packet packet = request(stream_set("key", "new"));
	packet.checksum = Checksum::partial;
	const Outcome outcome = arrives(packet);
	Packet expected = client_segment(packet.payload, client_next_);
	expected.checksum = Checksum::partial;
	EXPECT_EQ(outcome.frame, expected.bytes());
}

// The answer got lost: the client gets the very same bytes, whatever the value is by now.
TEST_F(Splice, ARequestThatComesAgainGetsTheSameAnswer)
{
	begin();
	splice();
	const Packet packet = request(stream_read("key"));
	const Segment first = read("key");
	EXPECT_EQ(send(toy_set("key", "changed", 77)).verdict, kPass);
	answer(toy_ok(77));
	moved_now();
	for (unsigned again = 0; again < 2; ++again) {
		const Outcome outcome = arrives(packet);
		ASSERT_EQ(outcome.verdict, kTransmit);
		const Segment second = decoded(outcome.frame);
		EXPECT_EQ(second.payload, first.payload);
		EXPECT_EQ(second.sequence, first.sequence);
		EXPECT_EQ(second.acknowledgement, first.acknowledgement);
	}
	EXPECT_EQ(moved_now(), "replays+2");
	/* A bare acknowledgement from before it says the same, as after a reply that came early. */
	Packet bare = request("");
	bare.tcp_acknowledgement -= static_cast<std::uint32_t>(first.payload.size());
	EXPECT_EQ(decoded(arrives(bare).frame).payload, first.payload);
	/* Once it is acknowledged nothing is sent again. */
	EXPECT_EQ(translated(request("")).acknowledgement, server_next_);
	const Outcome old = arrives(packet);
	EXPECT_EQ(old.verdict, kPass);
	EXPECT_LT(static_cast<std::int32_t>(decoded(old.frame).sequence - client_next_), 0)
		<< "new bytes for the server";
}

TEST_F(Splice, OldBytesOfTheServerKeepTheirOffset)
{
	begin();
	splice();
	read("key");
	moved_now();
	/* The server has not seen the client's acknowledgement of its last reply. */
	const Packet old = server_segment(
		kStreamNone, server_next_ - static_cast<std::uint32_t>(kStreamNone.size()));
	const Segment again = translated_out(old);
	EXPECT_LE(static_cast<std::int32_t>(again.sequence + again.payload.size() - server_next_ -
					    out_add_),
		  -static_cast<std::int32_t>(stream_value("key", "old").size()));
	/* From before and after the answers in one: it cannot be sent. */
	EXPECT_EQ(leaves(server_segment(kStreamNone + kStreamOk,
					server_next_ -
						static_cast<std::uint32_t>(kStreamNone.size())))
			  .verdict,
		  kShot);
}

// As long as the client may have to send the request again, it is not acknowledged by the server.
TEST_F(Splice, ABareAcknowledgementOfTheServersDoesNotCoverTheRequest)
{
	begin();
	splice();
	const std::uint32_t before = client_next_ + in_skip_;
	read("key");
	EXPECT_EQ(translated_out(reply("")).acknowledgement, before);
	translated(request(""));
	EXPECT_EQ(translated_out(reply("")).acknowledgement, client_next_ + in_skip_);
}

TEST_F(Splice, SackBlocks)
{
	begin();
	splice();
	Packet packet = request("");
	packet.tcp_options =
		sack(packet.tcp_acknowledgement + 100, packet.tcp_acknowledgement + 200);
	EXPECT_EQ(translated(packet).options, sack(server_next_ + 100, server_next_ + 200));
	packet.tcp_options = stamps(7, 8) + packet.tcp_options;
	EXPECT_EQ(translated(packet).options,
		  stamps(7, 8) + sack(server_next_ + 100, server_next_ + 200));
	packet.tcp_options =
		sack(packet.tcp_acknowledgement - 300, packet.tcp_acknowledgement - 200);
	EXPECT_EQ(translated(packet).options, std::string(12, 1));
	Packet other = reply("");
	other.tcp_options = sack(client_next_ + 10, client_next_ + 20);
	EXPECT_EQ(translated_out(other).options,
		  sack(client_next_ + in_skip_ + 10, client_next_ + in_skip_ + 20));
	other.tcp_options = sack(client_next_ - 20, client_next_ - 10);
	EXPECT_EQ(translated_out(other).options, std::string(12, 1));
}

TEST_F(Splice, Timestamps)
{
	connect();
	Packet asks = request(stream_read("unknown"));
	asks.tcp_options = stamps(100, 50);
	EXPECT_EQ(arrives(asks).verdict, kPass);
	client_next_ += static_cast<std::uint32_t>(asks.payload.size());
	Packet says = reply(kStreamNone);
	says.tcp_options = stamps(60, 100);
	leaves(says);
	server_next_ += static_cast<std::uint32_t>(kStreamNone.size());
	cache({"key"});
	for (std::uint32_t now : {101U, 102U}) {
		Packet packet = request(stream_read("key"));
		packet.tcp_options = stamps(now, 60);
		const Outcome outcome = arrives(packet);
		in_skip_ += static_cast<std::uint32_t>(packet.payload.size());
		out_add_ += static_cast<std::uint32_t>(stream_value("key", "old").size());
		if (now == 101) {
			EXPECT_EQ(outcome.verdict, kPass);
			continue;
		}
		ASSERT_EQ(outcome.verdict, kTransmit);
		EXPECT_EQ(decoded(outcome.frame).options, stamps(60, 102));
	}
	moved_now();
	/* None, or one from before, is no segment of this connection's that is in order. */
	expect_passes(request(stream_read("key")),
		      "requests+1 translations+1 odd_segment+1 stream+1");
}

TEST_F(Splice, NothingWithoutAReadThatTheServerAnswered)
{
	connect();
	cache({"key"});
	EXPECT_EQ(sends(stream_read("key")), kPass);
	EXPECT_EQ(moved_now(), "requests+1 flows+1 unearned+1 stream+1");
}

TEST_F(Splice, NothingWhileSomethingIsOutstanding)
{
	begin();
	EXPECT_EQ(sends(stream_set("other", "new")), kPass);
	moved_now();
	expect_passes(request(stream_read("key")), "requests+1 outstanding+1 stream+1");
}

TEST_F(Splice, NothingBehindAWriteWithoutReply)
{
	begin();
	EXPECT_EQ(sends(stream_quiet_set("other", "new")), kPass);
	acknowledges();
	moved_now();
	expect_passes(request(stream_read("key")), "requests+1 outstanding+1 stream+1");
}

TEST_F(Splice, NothingThatTheClientHasNotAcknowledged)
{
	begin();
	Packet packet = request(stream_read("key"));
	packet.tcp_acknowledgement -= 1;
	expect_passes(packet, "requests+1 outstanding+1 stream+1");
}

TEST_F(Splice, NothingOddAndNothingInParts)
{
	begin();
	Packet fin = request(stream_read("key"));
	fin.tcp_flags |= kFin;
	Packet options = request(stream_read("key"));
	options.tcp_options = std::string("\x1e\x04\x00\x00", 4); // MPTCP
	for (const Packet &packet : {options, fin})
		expect_passes(packet, "requests+1 odd_segment+1 stream+1");
}

TEST_F(Splice, AMissGoesToTheServerWithAllThatIsInTheSegment)
{
	begin();
	expect_passes(request(stream_read("key") + stream_read("absent")),
		      "requests+1 misses+1 stream+1");
	answers(stream_value("key", "old") + kStreamNone);
}

TEST_F(Splice, NothingWhilePrestackIsBeingStopped)
{
	begin();
	splice();
	ps_service_conf conf = datapath_.conf();
	conf.flags |= PS_SERVICE_DRAIN;
	datapath_.set_conf(conf);
	expect_passes(request(stream_read("key")), "requests+1 translations+1 draining+1 stream+1");
}

TEST_F(Splice, NumbersWrapAround)
{
	begin(0xffffffff - 20, 0xffffffff - 30);
	splice();
	for (unsigned i = 0; i < 8; ++i)
		read("key");
	const Packet write = request(stream_set("key", "new"));
	EXPECT_EQ(translated(write).sequence, client_next_);
	client_next_ += static_cast<std::uint32_t>(write.payload.size());
	EXPECT_EQ(translated_out(reply(kStreamOk)).sequence, server_next_ + out_add_);
}

TEST_F(Splice, ALostFlowIsStillTranslated)
{
	begin();
	splice();
	const Packet packet = request("what is this?\n");
	EXPECT_EQ(translated(packet).sequence, client_next_);
	EXPECT_NE(lost(), 0U);
	client_next_ += static_cast<std::uint32_t>(packet.payload.size());
	EXPECT_EQ(translated(request(stream_read("key"))).sequence, client_next_);
	EXPECT_EQ(translated_out(reply(kStreamError)).sequence, server_next_ + out_add_);
}

TEST_F(Splice, ANewConnectionWithTheSamePortsIsNotTranslated)
{
	begin();
	splice();
	in_skip_ = out_add_ = 0;
	connect(70000, 90000);
	EXPECT_EQ(sends(stream_get("key")), kPass);
	answers(stream_value("key", "old"));
}

} // namespace
} // namespace prestack::test
