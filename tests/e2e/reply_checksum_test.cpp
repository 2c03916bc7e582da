// SPDX-License-Identifier: GPL-2.0-only
// The checksums of the kernel's replies are right. BMC folds the IP checksum only once, so it loses
// one reply in 65,536: defect (l).
//
// A sum that needs a second fold is rare, so requests are made for many different sums: lengths, ids,
// addresses and hop limits vary. Each reply is checked on the wire, since elsewhere a wrong checksum
// looks like a lost packet.
#include <cstdio>
#include <random>

#include "fixture.hpp"
#include "support/packet_socket.hpp"

namespace prestack::test
{
namespace
{

std::string hex(unsigned value)
{
	char text[9];
	std::snprintf(text, sizeof(text), "%x", value);
	return text;
}

class ReplyChecksum : public E2eTest,
		      public testing::WithParamInterface<std::tuple<bool, const char *>>
{
};

TEST_P(ReplyChecksum, ChecksumsOfManyDifferentRepliesAreRight)
{
	const auto [ipv6, xdp_mode] = GetParam();
	Testbed testbed({.ipv6 = ipv6, .xdp_mode = xdp_mode});
	// The sender's addresses are many: its namespace takes any of them for its own, and the
	// server's sends them there.
	if (ipv6) {
		testbed.client_ns().ip("-6 route add local fd00:0:0:1::/64 dev lo");
		testbed.server_ns().ip("-6 route add fd00:0:0:1::/64 via fd00::2");
	} else {
		testbed.client_ns().ip("route add local 10.128.0.0/9 dev lo");
		testbed.server_ns().ip("route add 10.128.0.0/9 via 10.0.0.2");
	}
	std::vector<std::string> keys;
	for (std::size_t size = 0; size < 24; ++size) {
		keys.push_back(testbed.key("sum"));
		std::string value;
		for (std::size_t at = 0; at < size; ++at)
			value += static_cast<char>(at * 37 + size);
		testbed.store_and_warm(keys.back(), value);
	}
	const std::uint64_t before = testbed.hits();
	PacketSocket socket(testbed.client_ns(), testbed.link().interface());
	std::mt19937 random(1);
	constexpr std::uint16_t port = 40'000;
	constexpr unsigned requests = 4'000;
	for (unsigned count = 0; count < requests; ++count) {
		const std::string &key = keys[random() % keys.size()];
		UdpFrame frame = testbed.frame(
			UdpHeader{.request_id = static_cast<std::uint16_t>(random())}.encode() +
			get(key));
		frame.source = ipv6 ? "fd00:0:0:1::" + hex(random() % 0xffff + 1)
				    : "10." + std::to_string(128 + random() % 128) + "." +
					       std::to_string(random() % 256) + "." +
					       std::to_string(random() % 256);
		frame.source_port = port;
		frame.ip_id = static_cast<std::uint16_t>(random());
		frame.hop_limit = static_cast<std::uint8_t>(1 + random() % 255);
		frame.zero_udp_checksum = !ipv6 && random() % 4 == 0;
		if (!ipv6 && random() % 4 == 0)
			frame.ip_options = std::string(4 * (random() % 11), '\x01');
		socket.send(encode(frame));
		const auto reply = socket.receive_udp(port);
		ASSERT_TRUE(reply.has_value()) << "no reply to " << frame.source << " for " << key;
		ASSERT_EQ(reply->destination, frame.source);
		ASSERT_TRUE(reply->good_ip_checksum) << "to " << frame.source;
		ASSERT_TRUE(reply->good_udp_checksum || (!ipv6 && reply->zero_udp_checksum))
			<< "to " << frame.source;
		ASSERT_TRUE(reply->consistent_lengths);
		ASSERT_EQ(reply->payload.substr(0, 8), frame.payload.substr(0, 8));
		ASSERT_TRUE(reply->payload.substr(8).starts_with("VALUE " + key + " "));
	}
	EXPECT_EQ(testbed.hits(), before + requests) << "these were to be the kernel's replies";
}

std::string variant_name(const testing::TestParamInfo<ReplyChecksum::ParamType> &info)
{
	const auto &[ipv6, xdp_mode] = info.param;
	return std::string(ipv6 ? "IPv6" : "IPv4") + xdp_mode;
}

INSTANTIATE_TEST_SUITE_P(Memcached, ReplyChecksum,
			 testing::Combine(testing::Bool(), testing::Values("native", "generic")),
			 variant_name);

} // namespace
} // namespace prestack::test
