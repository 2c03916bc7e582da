// SPDX-License-Identifier: GPL-2.0-only
// Whose answer it is: several servers on one port, one server on several ports, NAT, other hosts' frames.
#include "fixture.hpp"
#include "support/packet_socket.hpp"
#include "support/redis.hpp"
#include "support/resp.hpp"

namespace prestack::test
{
namespace
{

constexpr std::uint16_t second_port = 11'311;

class Addresses : public testing::Test
{
protected:
	Addresses() : server_ns_("server"), client_ns_("client"), link_(server_ns_, client_ns_, {})
	{
		for (const auto *address : {"10.0.0.1/24", "10.0.0.3/24"})
			link_.server_address(address);
		link_.client_address("10.0.0.2/24");
	}

	// Asks by `client` until the kernel answers. What is cached first waits for its expiry.
	template <typename Client>
	void expect_hits(Prestack &prestack, Client &client, const std::string &expected) const
	{
		const std::uint64_t before = prestack.counter("hits");
		EXPECT_TRUE(eventually([&] {
			EXPECT_EQ(client.ask(get("key")), expected);
			return prestack.counter("hits") > before;
		})) << prestack.stats().dump(2);
	}

	const Netns server_ns_;
	const Netns client_ns_;
	const VethPair link_;
};

std::string value(const std::string &text)
{
	return "VALUE key 0 " + std::to_string(text.size()) + "\r\n" + text + "\r\nEND\r\n";
}

TEST_F(Addresses, TwoServersOnOnePortKeepTheirValues)
{
	const Memcached first(server_ns_, {.addresses = {"10.0.0.1"}});
	const Memcached second(server_ns_, {.addresses = {"10.0.0.3"}});
	Prestack prestack(server_ns_, {});
	const Endpoint one("10.0.0.1", memcached_port);
	const Endpoint other("10.0.0.3", memcached_port);
	TcpClient tcp_one(client_ns_, one);
	TcpClient tcp_other(client_ns_, other);
	UdpClient udp_one(client_ns_, one);
	UdpClient udp_other(client_ns_, other);
	tcp_one.ask(store("key", "of the first"));
	tcp_other.ask(store("key", "of the second"));
	expect_hits(prestack, udp_one, value("of the first"));
	for (int round = 0; round < 40; ++round) {
		ASSERT_EQ(tcp_one.ask(get("key")), value("of the first"));
		ASSERT_EQ(tcp_other.ask(get("key")), value("of the second"));
		ASSERT_EQ(udp_one.ask(get("key")), value("of the first"));
		ASSERT_EQ(udp_other.ask(get("key")), value("of the second"));
	}
	const std::uint64_t flushes = prestack.counter("flushes");
	for (int round = 0; round < 10; ++round)
		tcp_other.ask(store("key", "of the second"));
	EXPECT_EQ(prestack.counter("flushes"), flushes) << "a stranger's traffic flushed";
}

TEST_F(Addresses, TwoServicesOnOnePortAreServedBoth)
{
	const Memcached first(server_ns_, {.addresses = {"10.0.0.1"}});
	const Memcached second(server_ns_, {.addresses = {"10.0.0.3"}});
	PrestackOptions options;
	options.services.push_back(options.services.front());
	options.services.back().server = "10.0.0.3:11211";
	options.services.back().name = "second";
	Prestack prestack(server_ns_, options);
	for (std::size_t i = 0; i < 2; ++i) {
		const auto *address = i == 0 ? "10.0.0.1" : "10.0.0.3";
		TcpClient tcp(client_ns_, Endpoint(address, memcached_port));
		UdpClient udp(client_ns_, Endpoint(address, memcached_port));
		tcp.ask(store("key", address));
		EXPECT_TRUE(eventually([&] {
			EXPECT_EQ(tcp.ask(get("key")), value(address));
			EXPECT_EQ(udp.ask(get("key")), value(address));
			return prestack.counter("hits", i) > 0 &&
			       prestack.counter("stream_hits", i) > 0;
		})) << prestack.stats().dump(2);
	}
}

TEST_F(Addresses, OneServerOnTwoPortsIsOneCache)
{
	const Memcached server(server_ns_,
			       {.addresses = {"10.0.0.1"}, .extra = {"-l", "10.0.0.1:11311"}});
	Prestack prestack(server_ns_, {});
	TcpClient one(client_ns_, Endpoint("10.0.0.1", memcached_port));
	TcpClient other(client_ns_, Endpoint("10.0.0.1", second_port));
	one.ask(store("key", "first"));
	expect_hits(prestack, one, value("first"));
	for (int round = 0; round < 40; ++round) {
		const std::string text = "number " + std::to_string(round);
		ASSERT_EQ(other.ask(store("key", text)), "STORED\r\n");
		for (int again = 0; again < 5; ++again)
			ASSERT_EQ(one.ask(get("key")), value(text)) << prestack.stats().dump(2);
	}
	expect_hits(prestack, one, value("number 39"));
}

// A bridge, or a promiscuous interface, shows us what others say to each other.
TEST_F(Addresses, FramesToOtherHostsFlushNobody)
{
	const Memcached server(server_ns_, {.addresses = {"10.0.0.1"}});
	Prestack prestack(server_ns_, {});
	UdpClient udp(client_ns_, Endpoint("10.0.0.1", memcached_port));
	TcpClient(client_ns_, Endpoint("10.0.0.1", memcached_port)).ask(store("key", "value"));
	ASSERT_TRUE(eventually([&] {
		EXPECT_EQ(udp.ask(get("key")), value("value"));
		return prestack.counter("hits") > 0;
	}));
	PacketSocket socket(client_ns_, link_.interface());
	const std::uint64_t flushes = prestack.counter("flushes");
	const std::uint64_t hits = prestack.counter("hits");
	constexpr int rounds = 50;
	for (int round = 0; round < rounds; ++round) {
		UdpFrame frame{.source_mac = link_.client_mac(),
			       .destination_mac = link_.server_mac(),
			       .source = "10.0.0.2",
			       .destination = "10.0.0.77",
			       .source_port = 4000,
			       .destination_port = memcached_port,
			       .payload = UdpHeader{}.encode() + store("key", "of the guest")};
		socket.send(encode(frame));
		for (const auto &each : encode_fragments(frame, 16, 16, 77U + round))
			socket.send(each);
		ASSERT_EQ(udp.ask(get("key")), value("value"));
	}
	EXPECT_EQ(prestack.counter("flushes"), flushes) << prestack.stats().dump(2);
	EXPECT_EQ(prestack.counter("hits"), hits + rounds) << prestack.stats().dump(2);
}

TEST_F(Addresses, SixtyFourServicesStart)
{
	const Memcached server(server_ns_, {.addresses = {"10.0.0.1"}});
	PrestackOptions options;
	for (std::uint16_t i = 1; i < 64; ++i) {
		ServiceOptions more;
		more.port = static_cast<std::uint16_t>(20'000 + i);
		more.server = "10.0.0.1:" + std::to_string(more.port);
		options.services.push_back(more);
	}
	Prestack prestack(server_ns_, options);
	UdpClient udp(client_ns_, Endpoint("10.0.0.1", memcached_port));
	TcpClient(client_ns_, Endpoint("10.0.0.1", memcached_port)).ask(store("key", "value"));
	EXPECT_TRUE(eventually([&] {
		EXPECT_EQ(udp.ask(get("key")), value("value"));
		return prestack.counter("hits", 0) > 0;
	}));
}

// Writes that come by a redirected port are not seen, but their replies are.
TEST_F(Addresses, ARedirectedPortFlushes)
{
	try {
		server_ns_.exec("nft add table ip t");
		server_ns_.exec(
			"nft add chain ip t pre { type nat hook prerouting priority -100 ; }");
		server_ns_.exec("nft add rule ip t pre udp dport 22122 redirect to :11211");
		server_ns_.exec("nft add rule ip t pre tcp dport 22122 redirect to :11211");
	} catch (const std::exception &problem) {
		GTEST_SKIP() << "no NAT here: " << problem.what();
	}
	const Memcached server(server_ns_, {.addresses = {"10.0.0.1"}});
	Prestack prestack(server_ns_, {});
	UdpClient udp(client_ns_, Endpoint("10.0.0.1", memcached_port));
	UdpClient redirected(client_ns_, Endpoint("10.0.0.1", 22'122));
	TcpClient redirected_tcp(client_ns_, Endpoint("10.0.0.1", 22'122));
	for (int round = 0; round < 10; ++round) {
		const std::string text = "number " + std::to_string(round);
		ASSERT_EQ(redirected.ask(store("key", text)), "STORED\r\n");
		for (int again = 0; again < 20; ++again)
			ASSERT_EQ(udp.ask(get("key")), value(text)) << prestack.stats().dump(2);
		redirected_tcp.ask(store("key", text + "!"));
		for (int again = 0; again < 20; ++again)
			ASSERT_EQ(udp.ask(get("key")), value(text + "!"));
	}
	EXPECT_GT(prestack.counter("nat"), 0U);
}

// Until the loader hears of a new address nothing that comes by it is seen. The replies are.
TEST_F(Addresses, WritesByAnAddressThatTheLoaderDoesNotKnowYetFlush)
{
	const Memcached server(server_ns_, {.addresses = {"0.0.0.0"}});
	Prestack prestack(server_ns_, {});
	UdpClient udp(client_ns_, Endpoint("10.0.0.1", memcached_port));
	for (int round = 0; round < 5; ++round) {
		udp.ask(store("key", "old"));
		expect_hits(prestack, udp, value("old"));
		const std::uint64_t seen = prestack.counter("nat");
		const std::string address = "10.0.0." + std::to_string(20 + round);
		prestack.process().signal(SIGSTOP);
		link_.server_address(address + "/24");
		TcpClient late(client_ns_, Endpoint(address, memcached_port));
		EXPECT_EQ(late.ask(store("key", "new")), "STORED\r\n");
		for (int again = 0; again < 20; ++again)
			EXPECT_EQ(udp.ask(get("key")), value("new"));
		prestack.process().signal(SIGCONT);
		EXPECT_TRUE(eventually([&] { return prestack.counter("nat") > seen; }));
	}
}

TEST_F(Addresses, TwoRedisServersOnOnePortKeepTheirValues)
{
	if (const std::string why = why_no_redis(); !why.empty())
		GTEST_SKIP() << why;
	const Redis first(server_ns_, {.addresses = {"10.0.0.1"}});
	const Redis second(server_ns_,
			   {.addresses = {"10.0.0.3"}, .extra = {"--bind", "10.0.0.3"}});
	PrestackOptions options;
	options.services = {redis_service("10.0.0.1"), redis_service("10.0.0.3")};
	options.services.back().name = "second";
	Prestack prestack(server_ns_, options);
	TcpClient one(client_ns_, Endpoint("10.0.0.1", redis_port));
	TcpClient other(client_ns_, Endpoint("10.0.0.3", redis_port));
	const auto ask = [](TcpClient &client, const std::vector<std::string> &words) {
		return client.ask(resp(words), 1, resp_reply_length);
	};
	EXPECT_EQ(ask(one, {"SET", "key", "first"}), "+OK\r\n");
	EXPECT_EQ(ask(other, {"SET", "key", "second"}), "+OK\r\n");
	EXPECT_TRUE(eventually([&] {
		EXPECT_EQ(ask(one, {"GET", "key"}), "$5\r\nfirst\r\n");
		EXPECT_EQ(ask(other, {"GET", "key"}), "$6\r\nsecond\r\n");
		return prestack.counter("hits", 0) > 0 && prestack.counter("hits", 1) > 0;
	})) << prestack.stats().dump(2);
}

} // namespace
} // namespace prestack::test
