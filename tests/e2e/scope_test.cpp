// SPDX-License-Identifier: GPL-2.0-only
// Hosts with equal link-local addresses on two LANs: a client's connection and its twin on the other LAN.
#include <net/if.h>
#include <netinet/in.h>

#include "fixture.hpp"

namespace prestack::test
{
namespace
{

constexpr std::uint16_t client_port = 4000;

Endpoint link_local(const Netns &ns, const std::string &interface)
{
	const Endpoint plain("fe80::1", memcached_port);
	sockaddr_storage storage{};
	std::memcpy(&storage, plain.address(), plain.size());
	reinterpret_cast<sockaddr_in6 &>(storage).sin6_scope_id =
		ns.in([&] { return ::if_nametoindex(interface.c_str()); });
	return Endpoint(storage);
}

std::string value(const std::string &text)
{
	return "VALUE key 0 " + std::to_string(text.size()) + "\r\n" + text + "\r\nEND\r\n";
}

class TwoLans : public testing::Test
{
protected:
	TwoLans()
		: server_ns_("server"), client_ns_("client"), other_ns_("other"),
		  link_(server_ns_, client_ns_, {}),
		  other_link_(server_ns_, other_ns_, {.name = "veth1", .id = 1}), server_(start())
	{
	}

	Memcached start() const
	{
		for (const auto *link : {&link_, &other_link_}) {
			link->server_address("fe80::1/64");
			link->client_address("fe80::2/64");
		}
		return Memcached(server_ns_, {.addresses = {"::"}});
	}
	static PrestackOptions options()
	{
		PrestackOptions options;
		options.interfaces = {"veth0", "veth1"};
		options.services.front().server = "[::]:11211";
		options.services.front().allow = {"fe80::/10"};
		return options;
	}

	const Netns server_ns_;
	const Netns client_ns_;
	const Netns other_ns_;
	const VethPair link_;
	const VethPair other_link_;
	const Memcached server_;
};

TEST_F(TwoLans, ATwinOfTheWriterLeavesItFenced)
{
	Prestack prestack(server_ns_, options());
	const Endpoint here = link_local(client_ns_, "veth0");
	const Endpoint there = link_local(other_ns_, "veth1");
	UdpClient reader(client_ns_, here);
	TcpClient writer(client_ns_, here, {.source_port = client_port});
	writer.ask(store("key", "first"));
	EXPECT_TRUE(eventually([&] {
		EXPECT_EQ(reader.ask(get("key")), value("first"));
		return prestack.counter("hits") > 0;
	})) << prestack.stats().dump(2);
	TcpClient twin(other_ns_, there, {.source_port = client_port});
	for (int round = 0; round < 40; ++round) {
		const std::string text = "number " + std::to_string(round);
		ASSERT_EQ(twin.ask(store("another", text)), "STORED\r\n");
		ASSERT_EQ(writer.ask(store("key", text)), "STORED\r\n");
		for (int again = 0; again < 5; ++again)
			ASSERT_EQ(reader.ask(get("key")), value(text));
	}
	EXPECT_EQ(prestack.counter("flows"), 2U) << prestack.stats().dump(2);
	EXPECT_EQ(prestack.counter("flows_unknown"), 0U);
	EXPECT_EQ(prestack.counter("flows_lost"), 0U);
}

TEST_F(TwoLans, ATwinOfASplicedConnectionLeavesItGoingOn)
{
	Prestack prestack(server_ns_, options());
	TcpClient client(client_ns_, link_local(client_ns_, "veth0"), {.source_port = client_port});
	client.ask(store("key", "value"));
	const auto goes_on = [&](TcpClient &each) {
		const std::uint64_t before = prestack.counter("stream_hits");
		return eventually([&] {
			EXPECT_EQ(each.ask(get("key")), value("value"));
			return prestack.counter("stream_hits") > before;
		});
	};
	EXPECT_TRUE(goes_on(client)) << prestack.stats().dump(2);
	TcpClient twin(other_ns_, link_local(other_ns_, "veth1"), {.source_port = client_port});
	EXPECT_TRUE(goes_on(twin)) << prestack.stats().dump(2);
	for (int round = 0; round < 20; ++round) {
		ASSERT_EQ(client.ask(get("key")), value("value"));
		ASSERT_EQ(twin.ask(get("key")), value("value"));
		ASSERT_EQ(client.ask(get("none")), "END\r\n");
		ASSERT_EQ(twin.ask(get("none")), "END\r\n");
	}
	EXPECT_TRUE(goes_on(client)) << prestack.stats().dump(2);
	EXPECT_EQ(prestack.counter("flows_spliced"), 2U) << prestack.stats().dump(2);
}

} // namespace
} // namespace prestack::test
