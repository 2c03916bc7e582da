// SPDX-License-Identifier: GPL-2.0-only
// Packets that are cut off or lie about their lengths are never answered wrongly, and no program gives
// up on them.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "fixture.hpp"
#include "support/frame.hpp"

namespace prestack::test
{

namespace
{

class Malformed : public ProgTest
{
protected:
	// A frame may pass unchanged. It may be answered only with `reply`.
	void expect_harmless(const std::string &frame, std::string_view reply = {})
	{
		const Outcome outcome = datapath_.ingress(frame);
		if (outcome.verdict == kTransmit && !reply.empty()) {
			const auto answered = decode(outcome.frame);
			ASSERT_TRUE(answered);
			EXPECT_EQ(answered->payload, reply);
			return;
		}
		EXPECT_EQ(outcome.verdict, kPass);
		EXPECT_EQ(outcome.frame, frame);
	}
	std::vector<Packet> forms() const
	{
		Packet v4, v4_options, v6, v6_extensions;
		v4_options.ip_options = std::string(12, '\x01');
		v4_options.tags = {{0x88a8, 1}, {0x8100, 2}};
		v6.source = v6_extensions.source = "fd00::2";
		v6.destination = v6_extensions.destination = "fd00::1";
		v6_extensions.extensions = {{0, "abc"}, {60, std::string(20, 'd')}};
		v6_extensions.tags = {{0x8100, 2}};
		return {v4, v4_options, v6, v6_extensions};
	}
};

TEST_F(Malformed, CutOffAtEveryByte)
{
	for (const Packet &form : forms()) {
		request_ = form;
		ASSERT_TRUE(fill("key", "value"));
		request_.payload = toy_get("key");
		const std::string frame = request_.bytes();
		for (std::size_t length = 14; length < frame.size(); ++length) {
			SCOPED_TRACE(length);
			expect_harmless(frame.substr(0, length));
		}
		expect_reply(request_, toy_value("key", "value"));
	}
}

TEST_F(Malformed, CutOffSegmentsAndReplies)
{
	Packet segment = request_;
	segment.transport = Transport::tcp;
	segment.payload = toy_set("key", "value");
	const std::string reply = request_.reply(toy_value("key", "value")).bytes();
	const std::string frame = segment.bytes();
	for (std::size_t length = 14; length < frame.size(); ++length)
		expect_harmless(frame.substr(0, length));
	for (std::size_t length = 14; length < reply.size(); ++length) {
		SCOPED_TRACE(length);
		// The kernel takes no skb that is shorter than its own IP header.
		EXPECT_EQ(datapath_.egress(reply.substr(0, std::max<std::size_t>(length, 34)))
				  .verdict,
			  kNext);
	}
}

TEST_F(Malformed, LengthsThatLie)
{
	for (const Packet &form : forms()) {
		request_ = form;
		ASSERT_TRUE(fill("key", "value"));
		request_.payload = toy_get("key");
		for (unsigned length = 0; length < 200; ++length) {
			SCOPED_TRACE(length);
			Packet packet = request_;
			packet.ip_length = static_cast<std::uint16_t>(length);
			expect_harmless(packet.bytes(), toy_value("key", "value"));
			packet = request_;
			packet.udp_length = static_cast<std::uint16_t>(length);
			expect_harmless(packet.bytes(), toy_value("key", "value"));
		}
		for (const unsigned length : {1500u, 4000u, 0x7fffu, 0x8000u, 0xffffu}) {
			Packet packet = request_;
			packet.ip_length = static_cast<std::uint16_t>(length);
			expect_harmless(packet.bytes());
			packet = request_;
			packet.udp_length = static_cast<std::uint16_t>(length);
			expect_harmless(packet.bytes());
		}
	}
}

TEST_F(Malformed, LengthsThatLieAreCounted)
{
	ASSERT_TRUE(fill("key", "value"));
	Packet packet = request_;
	packet.payload = toy_get("key");
	const auto udp_length = static_cast<std::uint16_t>(8 + packet.payload.size());
	packet.ip_length = static_cast<std::uint16_t>(20 + udp_length + 1); // beyond the frame
	expect_pass(packet, "bad_header+1");
	packet.ip_length = static_cast<std::uint16_t>(20 + udp_length - 1); // UDP beyond IP
	expect_pass(packet, "bad_header+1");
	packet.ip_length.reset();
	packet.udp_length = static_cast<std::uint16_t>(udp_length + 1);
	expect_pass(packet, "bad_header+1");
	packet.udp_length = 7; // shorter than its header
	expect_pass(packet, "bad_header+1");
	packet.udp_length.reset();
	packet.transport = Transport::tcp;
	packet.tcp_header_words = 4;
	expect_pass(packet, "bad_header+1");
	packet.tcp_header_words = 15;
	expect_pass(packet, "bad_header+1");
	packet.tcp_header_words.reset();
	for (const std::string &options :
	     {std::string(), "\x01\x01\x08\x0a" + std::string(8, 'x')}) {
		const std::size_t header = 20 + options.size();
		packet.tcp_options = options;
		packet.ip_length =
			static_cast<std::uint16_t>(20 + header + packet.payload.size() + 1);
		expect_pass(packet, "bad_header+1");
		packet.ip_length = static_cast<std::uint16_t>(20 + header - 1);
		expect_pass(packet, "bad_header+1");
	}
	EXPECT_TRUE(cached("key"));
}

TEST_F(Malformed, WhatIsTooLongForTheParserFlushes)
{
	ASSERT_TRUE(fill("key", "value"));
	Packet packet = request_;
	packet.payload = toy_set("key", std::string(PS_IN_SIZE, 'x'));
	expect_pass(packet, "flushes+1 too_long+1");
	packet.payload = std::string(PS_IN_SIZE, 'x');
	expect_pass(packet, "flushes+1 malformed+1");
}

// A request never shows bytes of the one before it: the buffer holds leftovers.
TEST_F(Malformed, LeftoversOfTheLastPacketAreNotRead)
{
	ASSERT_TRUE(fill("key", "value"));
	ASSERT_TRUE(cached("key"));
	const std::string whole = toy_get("key");
	for (std::size_t length = 1; length < whole.size(); ++length) {
		Packet packet = request_;
		packet.payload = whole;
		datapath_.ingress(packet.bytes());
		packet.payload = whole.substr(0, length);
		expect_harmless(packet.bytes());
		ASSERT_TRUE(fill("key", "value")); // a malformed request flushes
	}
}

TEST_F(Malformed, RandomDamage)
{
	std::mt19937 random(20240229);
	std::uniform_int_distribution<int> byte(0, 255);
	const auto all = forms();
	unsigned answered = 0;
	for (int round = 0; round < 20000; ++round) {
		request_ = all[static_cast<std::size_t>(round) % all.size()];
		// Damage may have flushed, or made a request for the key's fill a stranger's.
		if (round % 500 < 4) {
			ASSERT_TRUE(fill("key", "value"));
		}
		request_.payload = toy_get("key");
		std::string frame = request_.bytes();
		for (int hits = byte(random) % 3; hits >= 0; --hits)
			frame[random() % frame.size()] = static_cast<char>(byte(random));
		if (byte(random) < 64)
			frame.resize(14 + random() % (frame.size() - 13));
		const Outcome outcome = datapath_.ingress(frame);
		if (outcome.verdict == kPass) {
			ASSERT_EQ(outcome.frame, frame);
			continue;
		}
		ASSERT_EQ(outcome.verdict, kTransmit);
		++answered;
		const auto reply = decode(outcome.frame);
		ASSERT_TRUE(reply);
		EXPECT_EQ(reply->payload.substr(4), toy_value("key", "value").substr(4));
	}
	EXPECT_GT(answered, 50u);
}

} // namespace

} // namespace prestack::test
