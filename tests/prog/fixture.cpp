// SPDX-License-Identifier: GPL-2.0-only
#include "fixture.hpp"

#include <fmt/format.h>

#include "support/frame.hpp"

namespace prestack::test
{

namespace
{

// What checks a reply's headers and checksums knows nothing of how the programs make them.
void check_reply(const Packet &request, std::string_view frame, std::string_view payload)
{
	const std::string plain = request.reply("").bytes();
	const std::size_t l2 = 14 + 4 * request.tags.size();
	EXPECT_EQ(frame.substr(0, l2), plain.substr(0, l2)) << "Ethernet header";

	const auto reply = decode(frame);
	ASSERT_TRUE(reply) << "no UDP datagram";
	EXPECT_EQ(reply->vlan_depth, request.tags.size());
	EXPECT_EQ(reply->source, request.destination);
	EXPECT_EQ(reply->destination, request.source);
	EXPECT_EQ(reply->source_port, request.destination_port);
	EXPECT_EQ(reply->destination_port, request.source_port);
	EXPECT_TRUE(reply->good_ip_checksum);
	EXPECT_TRUE(reply->consistent_lengths);
	EXPECT_EQ(reply->payload, payload);
	// RFC 8200: UDP over IPv6 must have one; over IPv4 none is fine.
	EXPECT_TRUE(reply->good_udp_checksum || (!request.ipv6() && reply->zero_udp_checksum));
	const std::size_t headers = l2 + (request.ipv6() ? 40 : 20) + 8;
	EXPECT_EQ(frame.size(), headers + payload.size()) << "bytes behind the datagram";
}

} // namespace

std::string toy_get(std::string_view key, unsigned id)
{
	return fmt::format("{:04x} G {}\n", id & 0xffff, key);
}

std::string toy_set(std::string_view key, std::string_view value, unsigned id)
{
	return fmt::format("{:04x} S {} {}\n", id & 0xffff, key, value);
}

std::string toy_value(std::string_view key, std::string_view value, unsigned id)
{
	return fmt::format("{:04x} V {} {}\n", id & 0xffff, key, value);
}

std::string toy_ok(unsigned id)
{
	return fmt::format("{:04x} OK\n", id & 0xffff);
}

std::string toy_none(unsigned id)
{
	return fmt::format("{:04x} N\n", id & 0xffff);
}

std::string some_bytes(std::size_t length, unsigned seed)
{
	std::string out;
	for (std::size_t i = 0; i < length; ++i)
		out += static_cast<char>(seed * 31 + i * 7 + i / 256);
	return out;
}

Outcome ProgTest::send(std::string payload)
{
	Packet packet = request_;
	packet.payload = std::move(payload);
	return datapath_.ingress(packet.bytes());
}

Outcome ProgTest::answer(std::string payload)
{
	return datapath_.egress(request_.reply(std::move(payload)).bytes());
}

void ProgTest::prove_path()
{
	answer("0000 N\n");
}

bool ProgTest::fill(std::string_view key, std::string_view value)
{
	unsigned id = next_id();
	const auto before = count(PS_COUNT_fills);
	prove_path();
	if (send(toy_get(key, id)).verdict == kTransmit) {
		EXPECT_EQ(send(toy_set(key, value, id)).verdict, kPass);
		EXPECT_EQ(answer(toy_ok(id)).verdict, kNext);
		id = next_id();
		EXPECT_EQ(send(toy_get(key, id)).verdict, kPass);
	}
	EXPECT_EQ(answer(toy_value(key, value, id)).verdict, kNext);
	return count(PS_COUNT_fills) == before + 1;
}

std::string ProgTest::ask(std::string_view key, unsigned id)
{
	Packet packet = request_;
	packet.payload = toy_get(key, id);
	const std::string frame = packet.bytes();
	const Outcome outcome = datapath_.ingress(frame);
	if (outcome.verdict == kPass) {
		EXPECT_EQ(outcome.frame, frame) << "a packet that passes was changed";
		return {};
	}
	EXPECT_EQ(outcome.verdict, kTransmit);
	const auto reply = decode(outcome.frame);
	EXPECT_TRUE(reply);
	if (reply)
		check_reply(packet, outcome.frame, reply->payload);
	return reply ? reply->payload : "no datagram";
}

bool ProgTest::cached(std::string_view key)
{
	const unsigned id = next_id();
	if (!ask(key, id).empty())
		return true;
	EXPECT_EQ(answer(toy_none(id)).verdict, kNext);
	return false;
}

void ProgTest::expect_pass(const Packet &packet, std::string_view counters)
{
	moved_now();
	const std::string frame = packet.bytes();
	const Outcome outcome = datapath_.ingress(frame);
	EXPECT_EQ(outcome.verdict, kPass);
	EXPECT_EQ(outcome.frame, frame) << "a packet that passes was changed";
	EXPECT_EQ(moved_now(), counters);
}

void ProgTest::expect_reply(const Packet &packet, std::string_view payload)
{
	moved_now();
	const Outcome outcome = datapath_.ingress(packet.bytes());
	EXPECT_EQ(outcome.verdict, kTransmit);
	check_reply(packet, outcome.frame, payload);
	EXPECT_EQ(moved_now(), "requests+1 hits+1");
}

std::string ProgTest::moved_now()
{
	const Counts now = datapath_.counts();
	const std::string text = moved(seen_, now);
	seen_ = now;
	return text;
}

} // namespace prestack::test
