// SPDX-License-Identifier: GPL-2.0-only
// Several ports and interfaces are served, over IPv4 with options, IPv6, VLAN tags and both XDP modes.
// This is defect (h) of BMC.
#include <netinet/in.h>
#include <sys/socket.h>

#include "fixture.hpp"
#include "support/system_error.hpp"

namespace prestack::test
{
namespace
{

class LinkKind : public E2eTest,
		 public testing::WithParamInterface<std::tuple<bool, unsigned, const char *>>
{
protected:
	Testbed &testbed()
	{
		const auto [ipv6, vlan_depth, xdp_mode] = GetParam();
		return Testbed::shared(
			{.ipv6 = ipv6, .vlan_depth = vlan_depth, .xdp_mode = xdp_mode});
	}
};

TEST_P(LinkKind, AnswersOverEveryKindOfLink)
{
	const std::string key = testbed().key("link");
	testbed().store_and_warm(key, "value", 7);
	testbed().read_hit(get(key));
	testbed().read_pass(get(testbed().key("absent")));
	testbed().write(store(key, std::string(1'000, 'x')));
	EXPECT_EQ(testbed().read(get(key)).size(),
		  ("VALUE " + key + " 0 1000\r\n\r\nEND\r\n").size() + 1'000);
	testbed().warm(key);
	testbed().read_hit(get(key));
	testbed().write("delete " + key + "\r\n");
	EXPECT_EQ(testbed().read(get(key)), "END\r\n");
	EXPECT_EQ(testbed().udp_client().strays(), 0U);
}

// Many lengths of reply, odd ones too: lengths and checksums are the client kernel's to check.
TEST_P(LinkKind, AnswersOfManyLengthsArrive)
{
	const std::string key = testbed().key("length");
	for (std::size_t size = 0; size <= 66; size += size < 18 ? 1 : 7) {
		testbed().store_and_warm(key, std::string(size, 'x'));
		testbed().read_hit(get(key));
	}
}

std::string link_name(const testing::TestParamInfo<LinkKind::ParamType> &info)
{
	const auto &[ipv6, vlan_depth, xdp_mode] = info.param;
	return std::string(ipv6 ? "IPv6" : "IPv4") + "Tags" + std::to_string(vlan_depth) + xdp_mode;
}

INSTANTIATE_TEST_SUITE_P(Memcached, LinkKind,
			 testing::Combine(testing::Bool(), testing::Values(0U, 1U, 2U),
					  testing::Values("native", "generic")),
			 link_name);

class IpOptions : public E2eTest
{
};

TEST_F(IpOptions, IPv4WithOptions)
{
	using namespace std::string_literals;
	Testbed &testbed = Testbed::shared({});
	const std::string key = testbed.key("options");
	testbed.store_and_warm(key, "value");
	for (const std::string &options :
	     {"\x01\x01\x01\x01"s, "\x94\x04\x00\x00"s,
	      "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"
	      "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"s}) {
		check(::setsockopt(testbed.udp_client().fd(), IPPROTO_IP, IP_OPTIONS,
				   options.data(), static_cast<socklen_t>(options.size())),
		      "IP_OPTIONS");
		EXPECT_EQ(testbed.read_hit(get(key)), "VALUE " + key + " 0 5\r\nvalue\r\nEND\r\n");
		testbed.read_pass(get(testbed.key("absent")));
		testbed.read(store(key, "value")); // a write with options invalidates as any other
		testbed.read_pass(get(key));
		testbed.warm(key);
	}
	check(::setsockopt(testbed.udp_client().fd(), IPPROTO_IP, IP_OPTIONS, nullptr, 0),
	      "IP_OPTIONS");
}

// Two memcacheds on two ports hold different values under one key; two interfaces lead to them.
class SeveralServices : public E2eTest
{
protected:
	static constexpr std::uint16_t second_port = 11'212;

	SeveralServices()
		: server_ns("server"), client_ns("client"),
		  first_link(server_ns, client_ns, {.name = "veth0", .id = 1}),
		  second_link(server_ns, client_ns, {.name = "veth1", .id = 2})
	{
		first_link.server_address("10.0.0.1/24");
		first_link.client_address("10.0.0.2/24");
		second_link.server_address("10.1.0.1/24");
		second_link.client_address("10.1.0.2/24");
		second_link.server_address("fd01::1/64");
		second_link.client_address("fd01::2/64");
	}

	void start()
	{
		const std::vector<std::string> addresses{"10.0.0.1", "10.1.0.1", "fd01::1"};
		first_server = std::make_unique<Memcached>(
			server_ns, MemcachedOptions{.addresses = addresses});
		second_server = std::make_unique<Memcached>(
			server_ns, MemcachedOptions{.addresses = addresses, .port = second_port});
		ServiceOptions service;
		ServiceOptions other{.port = second_port, .server = "10.0.0.1:11212"};
		prestack = std::make_unique<Prestack>(
			server_ns, PrestackOptions{.interfaces = {"veth0", "veth1"},
						   .services = {service, other}});
	}

	// Gets until the service answers from the kernel; returns what it answered.
	std::string warm(UdpClient &client, std::size_t service, const std::string &key)
	{
		const std::uint64_t before = prestack->counter("hits", service);
		std::string reply;
		EXPECT_TRUE(eventually([&] {
			reply = client.ask(get(key));
			return prestack->counter("hits", service) > before;
		})) << "service "
		    << service << " never answered from the kernel\n"
		    << prestack->stats().dump(2);
		return reply;
	}

	Netns server_ns;
	Netns client_ns;
	VethPair first_link;
	VethPair second_link;
	std::unique_ptr<Memcached> first_server;
	std::unique_ptr<Memcached> second_server;
	std::unique_ptr<Prestack> prestack;
};

TEST_F(SeveralServices, SeveralPortsAndInterfaces)
{
	start();
	TcpClient(client_ns, {"10.0.0.1", memcached_port}).ask(store("key", "of the first"));
	TcpClient(client_ns, {"10.1.0.1", second_port}).ask(store("key", "of the second", 2));
	// Twice: a socket that was not seen before might be a new server's, its first reply flushes.
	for (const char *address : {"10.0.0.1", "10.1.0.1", "fd01::1", "10.0.0.1", "10.1.0.1"}) {
		UdpClient first(client_ns, {address, memcached_port});
		UdpClient second(client_ns, {address, second_port});
		EXPECT_EQ(warm(first, 0, "key"), "VALUE key 0 12\r\nof the first\r\nEND\r\n");
		EXPECT_EQ(warm(second, 1, "key"), "VALUE key 2 13\r\nof the second\r\nEND\r\n");
	}
	// A write to one leaves the other's item where it is.
	TcpClient(client_ns, {"fd01::1", memcached_port}).ask(store("key", "changed"));
	UdpClient first(client_ns, {"10.0.0.1", memcached_port});
	UdpClient second(client_ns, {"10.0.0.1", second_port});
	EXPECT_EQ(first.ask(get("key")), "VALUE key 0 7\r\nchanged\r\nEND\r\n");
	EXPECT_EQ(warm(first, 0, "key"), "VALUE key 0 7\r\nchanged\r\nEND\r\n");
	const std::uint64_t before = prestack->counter("hits", 1);
	EXPECT_EQ(second.ask(get("key")), "VALUE key 2 13\r\nof the second\r\nEND\r\n");
	EXPECT_EQ(prestack->counter("hits", 1), before + 1);
}

TEST_F(SeveralServices, APortThatIsNoServiceIsLeftAlone)
{
	start();
	Memcached third(server_ns, {.addresses = {"10.0.0.1"}, .port = 11'213});
	UdpClient client(client_ns, {"10.0.0.1", 11'213});
	TcpClient(client_ns, {"10.0.0.1", 11'213}).ask(store("key", "of the third"));
	const auto requests = prestack->counter("requests");
	for (int round = 0; round < 5; ++round) {
		EXPECT_EQ(client.ask(get("key")), "VALUE key 0 12\r\nof the third\r\nEND\r\n");
	}
	EXPECT_EQ(third.stat("cmd_get"), 5U);
	EXPECT_EQ(prestack->counter("requests"), requests);
}

} // namespace
} // namespace prestack::test
