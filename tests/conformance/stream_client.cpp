// SPDX-License-Identifier: GPL-2.0-only
#include "stream_client.hpp"

#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include <cstring>

namespace prestack::test
{

namespace
{

constexpr int kPass = 2;
constexpr int kTransmit = 3;
constexpr int kNext = -1;
constexpr std::uint8_t kSynAck = 0x12;

unsigned get16(std::string_view bytes, std::size_t at)
{
	return static_cast<unsigned char>(bytes.at(at)) << 8 |
	       static_cast<unsigned char>(bytes.at(at + 1));
}

// Of a frame with a TCP segment. Checksums are for tests/prog to look at.
std::string payload_of(std::string_view frame)
{
	frame.remove_prefix(12);
	while (get16(frame, 0) == 0x8100 || get16(frame, 0) == 0x88a8)
		frame.remove_prefix(4);
	const bool ipv6 = get16(frame, 0) == 0x86dd;
	frame.remove_prefix(2);
	const std::size_t ip = ipv6 ? 40 : 20;
	const std::size_t length = ipv6 ? ip + get16(frame, 4) : get16(frame, 2);
	const std::size_t tcp = static_cast<std::size_t>(get16(frame, ip + 12) >> 12) * 4;
	return std::string(frame.substr(ip + tcp, length - ip - tcp));
}

} // namespace

StreamClient::StreamClient(const Datapath &datapath, Packet client, std::uint16_t port)
	: datapath_(datapath), client_(std::move(client))
{
	client_.transport = Transport::tcp;
	client_.source_port = port;
	Packet handshake = client_.reply("");
	handshake.transport = Transport::tcp;
	handshake.tcp_flags = kSynAck;
	handshake.tcp_sequence = server_next_ - 1;
	handshake.tcp_acknowledgement = client_next_;
	EXPECT_EQ(datapath_.egress(handshake.bytes()).verdict, kNext);
}

std::optional<std::string> StreamClient::asks(const std::string &payload)
{
	Packet packet = client_;
	packet.payload = payload;
	packet.tcp_sequence = client_next_ + taken_;
	packet.tcp_acknowledgement = server_next_ + put_in_;
	const std::string frame = packet.bytes();
	const Outcome outcome = datapath_.ingress(frame);
	std::optional<std::string> answer;
	if (outcome.verdict == kTransmit) {
		answer = payload_of(outcome.frame);
	} else {
		EXPECT_EQ(outcome.verdict, kPass);
		answer = handed_over(outcome.frame);
	}
	if (answer) {
		taken_ += static_cast<std::uint32_t>(payload.size());
		put_in_ += static_cast<std::uint32_t>(answer->size());
		return answer;
	}
	EXPECT_EQ(payload_of(outcome.frame), payload);
	client_next_ += static_cast<std::uint32_t>(payload.size());
	waits_ = true;
	return {};
}

// A frame that is handed over begins with a mark. Its length tells nothing: what the server gets may be an
// acknowledgement alone, shorter by the request than what arrived, and the mark makes up for eight bytes.
std::optional<std::string> StreamClient::handed_over(std::string_view frame) const
{
	ps_handover_mark mark{};
	if (frame.size() < sizeof(mark))
		return {};
	std::memcpy(&mark, frame.data(), sizeof(mark));
	if (mark.magic != static_cast<std::uint32_t>(datapath_.config().seed[1]))
		return {};
	const std::uint32_t at = mark.ticket % PS_HANDOVER_SLOTS;
	ps_handover slot{};
	EXPECT_EQ(bpf_map_lookup_elem(datapath_.map("ps_handover"), &at, &slot), 0);
	EXPECT_EQ(slot.ticket, mark.ticket);
	return payload_of(
		{reinterpret_cast<const char *>(slot.frame), std::size_t{slot.head} + slot.len});
}

void StreamClient::answers(const std::string &payload)
{
	Packet packet = client_.reply(payload);
	packet.transport = Transport::tcp;
	packet.tcp_sequence = server_next_;
	packet.tcp_acknowledgement = client_next_;
	packet.tcp_flags = client_.tcp_flags;
	const Outcome outcome = datapath_.egress(packet.bytes());
	EXPECT_EQ(outcome.verdict, kNext);
	EXPECT_EQ(payload_of(outcome.frame), payload);
	server_next_ += static_cast<std::uint32_t>(payload.size());
	waits_ = false;
}

} // namespace prestack::test
