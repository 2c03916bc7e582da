// SPDX-License-Identifier: GPL-2.0-only
// A hit is answered over each form of header that the dispatcher understands.
#include <gtest/gtest.h>

#include <vector>

#include "fixture.hpp"

namespace prestack::test
{

namespace
{

struct Shape {
	std::string name;
	Packet request;
};

// IPv4 and IPv6, with 0 to 2 VLAN tags, with and without options or extension headers.
std::vector<Shape> shapes()
{
	std::vector<Shape> all;
	for (const bool ipv6 : {false, true}) {
		for (std::size_t tags = 0; tags <= 2; ++tags) {
			for (const std::size_t options : {0, 4, 12, 40}) {
				Packet packet;
				const std::string body(options, '\x01');
				if (ipv6) {
					packet.source = "fd00::2";
					packet.destination = "fd00::1";
					if (options > 0)
						packet.extensions = {{0, body}, {60, body}};
				} else {
					packet.ip_options = body;
				}
				packet.tags = {{0x88a8, 300}, {0x8100, 200}};
				packet.tags.erase(packet.tags.begin(), packet.tags.end() - tags);
				all.push_back({std::string(ipv6 ? "IPv6, " : "IPv4, ") +
						       std::to_string(tags) + " tags, " +
						       std::to_string(options) +
						       " bytes of options",
					       packet});
			}
		}
	}
	return all;
}

class Hit : public ProgTest
{
protected:
	// Makes `shape` the client's; nothing is cached and no path is proven.
	void become(const Shape &shape)
	{
		datapath_.bump_epoch();
		request_ = shape.request;
	}
};

TEST_F(Hit, IsAnsweredTheWayItCame)
{
	for (const Shape &shape : shapes()) {
		SCOPED_TRACE(shape.name);
		become(shape);
		ASSERT_TRUE(fill("key", "value"));
		request_.payload = toy_get("key", 0xbeef);
		expect_reply(request_, toy_value("key", "value", 0xbeef));
	}
}

TEST_F(Hit, EveryGoodChecksumIsAccepted)
{
	for (const Shape &shape : shapes()) {
		SCOPED_TRACE(shape.name);
		become(shape);
		ASSERT_TRUE(fill("key", "value"));
		for (const Checksum checksum :
		     {Checksum::right, Checksum::partial, Checksum::zero}) {
			Packet packet = request_;
			packet.payload = toy_get("key");
			packet.checksum = checksum;
			if (checksum == Checksum::zero && packet.ipv6())
				expect_pass(packet, "bad_checksum+1");
			else
				expect_reply(packet, toy_value("key", "value"));
		}
	}
}

// The frame grows, shrinks and keeps its size. The lengths exercise each remainder of the loops that
// copy and sum words, and both sides of the limit between small and large entries.
TEST_F(Hit, ValuesOfAllSizes)
{
	for (const Shape &shape : shapes()) {
		SCOPED_TRACE(shape.name);
		become(shape);
		for (const unsigned length : {0u, 1u, 2u, 7u, 8u, 9u, 15u, 16u, 17u, 63u, 87u, 88u,
					      89u, 255u, 256u, 257u, 1000u, 1399u, 1400u}) {
			SCOPED_TRACE(length);
			const std::string value = some_bytes(length, length);
			const std::string key = "key" + std::to_string(length);
			ASSERT_TRUE(fill(key, value));
			request_.payload = toy_get(key, 0xaffe);
			expect_reply(request_, toy_value(key, value, 0xaffe));
		}
	}
}

// Checksums of all lengths, of requests (a write carries the value) as well as of replies.
TEST_F(Hit, EveryValueSize)
{
	for (const bool ipv6 : {false, true}) {
		request_.source = ipv6 ? "fd00::2" : "10.0.0.2";
		request_.destination = ipv6 ? "fd00::1" : "10.0.0.1";
		prove_path();
		for (unsigned length = 0; length <= PS_MAX_VALUE; ++length) {
			const std::string value = some_bytes(length, length);
			ASSERT_TRUE(fill("key", value)) << length << ": " << moved_now();
			ASSERT_EQ(ask("key"), toy_value("key", value)) << length;
		}
	}
}

TEST_F(Hit, EveryKeyLength)
{
	for (unsigned length = 1; length <= PS_MAX_KEY; ++length) {
		const std::string key(length, 'k');
		moved_now();
		ASSERT_TRUE(fill(key, some_bytes(20, length))) << length << ": " << moved_now();
	}
	// Most of them are there at once, each a prefix of the next: some share a large element.
	unsigned hits = 0;
	for (unsigned length = 1; length <= PS_MAX_KEY; ++length) {
		const std::string key(length, 'k');
		const std::string reply = ask(key);
		if (reply.empty())
			continue;
		++hits;
		ASSERT_EQ(reply, toy_value(key, some_bytes(20, length))) << length;
	}
	EXPECT_GT(hits, 170u);
}

TEST_F(Hit, PaddingIsNotPartOfTheRequestNorOfTheReply)
{
	ASSERT_TRUE(fill("key", "v"));
	request_.payload = toy_get("key");
	for (const std::size_t length : {1, 4, 18, 100, 1000}) {
		request_.padding = std::string(length, '\n');
		expect_reply(request_, toy_value("key", "v"));
	}
}

TEST_F(Hit, ReplyOfJustTheMtu)
{
	// IP, UDP, "<id> V ", key, blank, value, newline.
	const std::size_t room = 1500 - 20 - 8 - 7 - 1 - 1;
	const std::string value = some_bytes(1400);
	const std::string key(room - value.size(), 'k');
	ASSERT_TRUE(fill(key, value));
	ASSERT_TRUE(fill(key + 'k', value));
	request_.payload = toy_get(key);
	expect_reply(request_, toy_value(key, value));
	request_.payload = toy_get(key + 'k');
	expect_pass(request_, "requests+1 reply_too_long+1");
}

TEST_F(Hit, ReplyOfJustTheMtuOfASmallLink)
{
	ps_service_conf conf = datapath_.conf();
	conf.mtu = 100;
	datapath_.set_conf(conf);
	for (const Shape &shape : shapes()) {
		SCOPED_TRACE(shape.name);
		become(shape);
		const std::size_t headers = request_.ipv6() ? 48 : 28;
		const std::string fits(100 - headers - 7 - 3 - 2, 'v');
		ASSERT_TRUE(fill("fit", fits));
		ASSERT_TRUE(fill("not", fits + 'v'));
		request_.payload = toy_get("fit");
		expect_reply(request_, toy_value("fit", fits));
		request_.payload = toy_get("not");
		expect_pass(request_, "requests+1 reply_too_long+1");
	}
}

} // namespace

} // namespace prestack::test
