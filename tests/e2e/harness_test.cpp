// SPDX-License-Identifier: GPL-2.0-only
// The harness works: its clients, frames and processes do what the tests take for granted. memcached
// runs without prestack here.
#include <gtest/gtest.h>

#include "support/packet_socket.hpp"
#include "support/testbed.hpp"
#include "support/text_protocol.hpp"

namespace prestack::test
{
namespace
{

TEST(Harness, ReplyLengthFindsTheEnd)
{
	EXPECT_EQ(reply_length("STORED\r\n"), 8u);
	EXPECT_EQ(reply_length("STORED"), 0u);
	EXPECT_EQ(reply_length("END\r\nx"), 5u);
	EXPECT_EQ(reply_length("VALUE a 0 3\r\nabc\r\n"), 0u);
	EXPECT_EQ(reply_length("VALUE a 0 3\r\nabc\r\nEND\r\n"), 23u);
	EXPECT_EQ(reply_length("VALUE a 0 5\r\nEND\r\n\r\n"), 0u)
		<< "END inside a value ends nothing";
	EXPECT_EQ(reply_length("VA 3 f\r\nabc\r\n"), 13u);
	EXPECT_TRUE(holds_replies("STORED\r\nHD\r\n", 2));
	EXPECT_FALSE(holds_replies("STORED\r\nHD\r\n", 1));
}

TEST(Harness, ProcessIsBoundedAndReaped)
{
	Process sleeper = Process::spawn({.argv = {"sleep", "60"}});
	EXPECT_TRUE(sleeper.running());
	EXPECT_EQ(sleeper.stop(), 128 + SIGTERM);
	EXPECT_FALSE(sleeper.running());
	const Finished finished = run({.argv = {"sh", "-c", "echo out; echo err >&2; exit 3"}});
	EXPECT_EQ(finished.exit_code, 3);
	EXPECT_EQ(finished.output, "out\n");
	EXPECT_EQ(finished.errors, "err\n");
	EXPECT_EQ(run({.argv = {"/no/such/program"}}).exit_code, 127);
}

class PlainTestbed : public testing::TestWithParam<std::tuple<bool, unsigned>>
{
};

TEST_P(PlainTestbed, MemcachedAnswersBothWays)
{
	const auto [ipv6, vlan_depth] = GetParam();
	Testbed testbed({.ipv6 = ipv6, .vlan_depth = vlan_depth, .with_prestack = false});
	EXPECT_EQ(testbed.write(store("a", "alpha", 7)), "STORED\r\n");
	EXPECT_EQ(testbed.read("get a\r\n"), "VALUE a 7 5\r\nalpha\r\nEND\r\n");
	EXPECT_EQ(testbed.read("get a nothing\r\n"), "VALUE a 7 5\r\nalpha\r\nEND\r\n");
	const std::uint64_t before = testbed.memcached().stat("cmd_get");
	testbed.read("get a\r\n");
	EXPECT_EQ(testbed.memcached().stat("cmd_get"), before + 1);
	EXPECT_EQ(testbed.udp_client().strays(), 0u);
}

TEST_P(PlainTestbed, HandMadeFramesAreAnswered)
{
	const auto [ipv6, vlan_depth] = GetParam();
	Testbed testbed({.ipv6 = ipv6, .vlan_depth = vlan_depth, .with_prestack = false});
	testbed.write(store("a", std::string(100, 'x')));
	testbed.read("get a\r\n"); // fills the neighbour tables
	PacketSocket socket(testbed.client_ns(), testbed.link().interface());
	const std::string right = "VALUE a 0 100\r\n" + std::string(100, 'x') + "\r\nEND\r\n";

	const std::uint16_t whole = testbed.udp_client().next_request_id();
	socket.send(encode(testbed.frame(UdpHeader{.request_id = whole}.encode() + "get a\r\n")));
	EXPECT_EQ(testbed.udp_client().collect(whole), right);

	const std::uint16_t split = testbed.udp_client().next_request_id();
	const UdpFrame frame = testbed.frame(UdpHeader{.request_id = split}.encode() + "get a\r\n");
	for (const std::string &each : encode_fragments(frame, 16, 8, 77))
		socket.send(each);
	EXPECT_EQ(testbed.udp_client().collect(split), right);

	const auto seen = socket.receive_udp(testbed.udp_client().local_port());
	ASSERT_TRUE(seen.has_value());
	EXPECT_EQ(seen->vlan_depth, vlan_depth) << "tags on the wire";
	EXPECT_TRUE(seen->good_ip_checksum);
	EXPECT_TRUE(seen->consistent_lengths);
	EXPECT_EQ(seen->payload.substr(8), right);
}

INSTANTIATE_TEST_SUITE_P(Links, PlainTestbed,
			 testing::Combine(testing::Bool(), testing::Values(0u, 1u, 2u)));

} // namespace
} // namespace prestack::test
