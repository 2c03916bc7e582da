// SPDX-License-Identifier: GPL-2.0-only
// Malformed, truncated, fragmented, oversized and random packets change no answer and crash nothing.
// After each batch, all known keys still have the right answer, and the kernel still serves.
#include <netinet/in.h>

#include <random>

#include "fixture.hpp"
#include "support/packet_socket.hpp"
#include "support/system_error.hpp"

namespace prestack::test
{
namespace
{

class OddTraffic : public E2eTest, public testing::WithParamInterface<std::tuple<bool, unsigned>>
{
protected:
	void SetUp() override
	{
		E2eTest::SetUp();
		if (IsSkipped())
			return;
		socket = std::make_unique<PacketSocket>(testbed().client_ns(),
							testbed().link().interface());
		for (int count = 0; count < 5; ++count) {
			known.push_back(testbed().key("known"));
			testbed().store_and_warm(known.back(), "value " + std::to_string(count));
		}
	}

	Testbed &testbed()
	{
		const auto [ipv6, vlan_depth] = GetParam();
		return Testbed::shared({.ipv6 = ipv6, .vlan_depth = vlan_depth});
	}
	bool ipv6() const { return std::get<0>(GetParam()); }

	// A request frame for the first key.
	UdpFrame request()
	{
		return testbed().frame(
			UdpHeader{.request_id = testbed().udp_client().next_request_id()}.encode() +
			get(known.front()));
	}
	void send(const UdpFrame &frame) { send_bytes(encode(frame)); }
	// Waits for the server from time to time: a full socket buffer would drop what is good.
	void send_bytes(const std::string &frame)
	{
		socket->send(frame);
		if (++sent % 20 == 0)
			testbed().udp_client().ask("version\r\n");
	}

	void expect_all_is_well(const std::string &after)
	{
		SCOPED_TRACE("after " + after);
		testbed().udp_client().strays(); // drops what memcached had to say
		for (const std::string &key : known)
			testbed().read(get(key));
		testbed().warm(known.front());
		testbed().read_hit(get(known.front()));
	}

	unsigned sent = 0;
	std::vector<std::string> known;
	std::unique_ptr<PacketSocket> socket;
};

TEST_P(OddTraffic, Truncated)
{
	const std::string frame = encode(request());
	for (std::size_t size = 14; size < frame.size(); ++size)
		send_bytes(frame.substr(0, size));
	expect_all_is_well("truncated frames");
}

TEST_P(OddTraffic, TruncatedWrites)
{
	// Up to the line's end only: of a datagram that ends in a data block memcached takes the rest
	// from the next datagram, whatever that is.
	const std::string line = "set " + known.front() + " 0 0 5\r\n";
	const std::string payload = UdpHeader{}.encode() + line;
	for (std::size_t size = 0; size < payload.size() - 1; ++size)
		send(testbed().frame(payload.substr(0, size)));
	expect_all_is_well("writes cut off at every byte");
}

TEST_P(OddTraffic, WrongLengthsAndChecksums)
{
	for (const int udp_length : {0, 1, 7, 8, 9, 15, 16, 17, 100, 1500, 65535}) {
		UdpFrame frame = request();
		frame.udp_length = static_cast<std::uint16_t>(udp_length);
		send(frame);
	}
	for (const int ip_length : {0, 1, 19, 20, 27, 28, 29, 36, 100, 1500, 65535}) {
		UdpFrame frame = request();
		frame.ip_length = static_cast<std::uint16_t>(ip_length);
		send(frame);
	}
	expect_all_is_well("wrong lengths");
	const std::uint64_t hits = testbed().hits();
	const unsigned strays = testbed().udp_client().strays();
	for (const int damage : {1, 0x100, 0x8000, 0xffff}) {
		UdpFrame frame = request();
		frame.damage_udp_checksum = static_cast<std::uint16_t>(damage);
		send(frame);
		if (!ipv6() && damage != 0xffff) {
			frame = request();
			frame.damage_ip_checksum = static_cast<std::uint16_t>(damage);
			send(frame);
		}
	}
	EXPECT_EQ(testbed().udp_client().ask("version\r\n").substr(0, 8), "VERSION ");
	EXPECT_EQ(testbed().udp_client().strays(), strays)
		<< "the server's stack drops a wrong checksum";
	EXPECT_EQ(testbed().hits(), hits);
	expect_all_is_well("wrong checksums");
}

// What a damaged write would have done must not be believed, and an undamaged one must be.
TEST_P(OddTraffic, PaddingBehindThePacketIsIgnored)
{
	for (const std::size_t size : {1, 2, 7, 20, 300}) {
		UdpFrame frame = request();
		frame.trailer = "set " + known.front() + " 0 0 1\r\nx\r\n";
		frame.trailer.resize(size, 'x');
		const std::uint16_t id = testbed().udp_client().next_request_id();
		frame.payload.replace(0, 8, UdpHeader{.request_id = id}.encode());
		send(frame);
		EXPECT_EQ(testbed().udp_client().collect(id),
			  testbed().control_udp().ask(get(known.front())));
	}
	expect_all_is_well("frames with padding");
}

TEST_P(OddTraffic, FragmentedReadsAreAnsweredByMemcached)
{
	std::uint32_t fragment_id = 1;
	for (const std::size_t first : {8U, 16U, 24U}) {
		const std::uint16_t id = testbed().udp_client().next_request_id();
		const UdpFrame frame =
			testbed().frame(UdpHeader{.request_id = id}.encode() + get(known.front()));
		const std::uint64_t hits = testbed().hits();
		for (const std::string &each : encode_fragments(frame, first, 8, ++fragment_id))
			send_bytes(each);
		EXPECT_EQ(testbed().udp_client().collect(id),
			  testbed().control_udp().ask(get(known.front())));
		EXPECT_EQ(testbed().hits(), hits);
	}
	expect_all_is_well("fragmented reads");
}

TEST_P(OddTraffic, FragmentedWritesInvalidate)
{
	std::uint32_t fragment_id = 100;
	for (const std::size_t first : {8U, 16U, 24U, 32U}) {
		const std::string key = known.front();
		testbed().warm(key);
		const std::string command =
			store(key, "written in fragments " + std::to_string(first));
		const std::uint16_t id = testbed().udp_client().next_request_id();
		const UdpFrame frame =
			testbed().frame(UdpHeader{.request_id = id}.encode() + command);
		for (const std::string &each : encode_fragments(frame, first, 16, ++fragment_id))
			send_bytes(each);
		EXPECT_EQ(testbed().udp_client().collect(id), testbed().control_udp().ask(command));
		testbed().read(get(key));
	}
	expect_all_is_well("fragmented writes");
}

TEST_P(OddTraffic, LoneFragments)
{
	std::uint32_t fragment_id = 200;
	for (int count = 0; count < 10; ++count) {
		const auto fragments = encode_fragments(request(), 16, 8, ++fragment_id);
		send_bytes(count % 2 == 0 ? fragments.front() : fragments.back());
	}
	expect_all_is_well("fragments that are never whole");
}

TEST_P(OddTraffic, OversizedDatagrams)
{
	if (std::get<1>(GetParam()) == 2)
		GTEST_SKIP() << "a veth drops frames of full MTU with two tags";
	const std::string key = known.front();
	for (const std::size_t size : {1'200U, 1'400U, 2'000U, 4'000U, 20'000U}) {
		testbed().warm(key);
		testbed().read(
			store(key, std::string(size, 'x'))); // in IP fragments where it must be
		testbed().read(get(key));
		testbed().read(store(key, "short again"));
		testbed().read(get(key));
	}
	std::string many = "get";
	for (int count = 0; count < 150; ++count)
		many += " " + known[static_cast<unsigned>(count) % known.size()];
	testbed().read(many + "\r\n");
	expect_all_is_well("oversized datagrams");
}

TEST_P(OddTraffic, RandomBytes)
{
	std::mt19937 random(20);
	for (int count = 0; count < 500; ++count) {
		std::string payload(random() % 200, '\0');
		for (char &each : payload)
			each = static_cast<char>(random());
		if (random() % 2 == 0 && payload.size() >= 8)
			payload.replace(0, 8, UdpHeader{}.encode());
		send(testbed().frame(payload));
	}
	expect_all_is_well("random payloads");
	for (int count = 0; count < 500; ++count) {
		std::string frame(14 + random() % 200, '\0');
		for (char &each : frame)
			each = static_cast<char>(random());
		// Past the Ethernet header, so that it is looked at.
		frame.replace(0, 14, encode(request()).substr(0, 14));
		send_bytes(frame);
	}
	expect_all_is_well("random frames");
}

TEST_P(OddTraffic, RandomlyDamagedRequests)
{
	std::mt19937 random(21);
	for (int count = 0; count < 2'000; ++count) {
		std::string frame = encode(request());
		for (unsigned flips = 1 + random() % 3; flips > 0; --flips) {
			frame[12 + random() % (frame.size() - 12)] ^=
				static_cast<char>(1 << random() % 8);
		}
		if (random() % 4 == 0)
			frame.resize(14 + random() % (frame.size() - 14));
		if (random() % 4 == 0)
			frame += std::string(random() % 64, static_cast<char>(random()));
		send_bytes(frame);
		if (count % 500 == 499)
			expect_all_is_well("damaged requests up to " + std::to_string(count));
	}
}

std::string link_name(const testing::TestParamInfo<OddTraffic::ParamType> &info)
{
	const auto &[ipv6, vlan_depth] = info.param;
	return std::string(ipv6 ? "IPv6" : "IPv4") + "Tags" + std::to_string(vlan_depth);
}

INSTANTIATE_TEST_SUITE_P(Memcached, OddTraffic,
			 testing::Combine(testing::Bool(), testing::Values(0U, 1U, 2U)), link_name);

class OddHeaders : public E2eTest
{
};

TEST_F(OddHeaders, WritesBehindIPv6ExtensionHeadersInvalidate)
{
	Testbed &testbed = Testbed::shared({.ipv6 = true});
	const std::string key = testbed.key("extension");
	const char padding[8] = {0, 0, 1, 4, 0, 0, 0, 0};
	for (const int option : {IPV6_HOPOPTS, IPV6_DSTOPTS}) {
		testbed.store_and_warm(key, "old");
		UdpClient client = testbed.udp();
		check(::setsockopt(client.fd(), IPPROTO_IPV6, option, padding, sizeof(padding)),
		      "extension header");
		EXPECT_EQ(client.ask(store(key, "new")), "STORED\r\n");
		EXPECT_EQ(testbed.control_udp().ask(store(key, "new")), "STORED\r\n");
		EXPECT_EQ(testbed.read(get(key)), "VALUE " + key + " 0 3\r\nnew\r\nEND\r\n");
		EXPECT_EQ(client.ask(get(key)), "VALUE " + key + " 0 3\r\nnew\r\nEND\r\n");
	}
}

} // namespace
} // namespace prestack::test
