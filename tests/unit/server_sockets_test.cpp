// SPDX-License-Identifier: GPL-2.0-only
// The sockets of a service's server are told apart from others, with their owner.
#include <gtest/gtest.h>

#include "watch/server_sockets.hpp"

namespace prestack
{
namespace
{

ServerSocket bound_to(std::string_view address, bool udp = true, std::uint32_t uid = 100)
{
	ServerSocket socket;
	socket.address = *parse_address(address);
	socket.port = 7000;
	socket.udp = udp;
	socket.uid = uid;
	return socket;
}

ServiceConfig service(std::string_view server, bool udp, bool tcp)
{
	ServiceConfig config;
	config.server = *parse_endpoint(server);
	config.port = config.server.port;
	config.udp = udp;
	config.tcp = tcp;
	return config;
}

TEST(TakesRequests, ForAnExactAddress)
{
	EXPECT_TRUE(takes_requests(bound_to("10.0.0.1"), *parse_address("10.0.0.1")));
	EXPECT_FALSE(takes_requests(bound_to("10.0.0.2"), *parse_address("10.0.0.1")));
	EXPECT_TRUE(takes_requests(bound_to("fd00::1"), *parse_address("fd00::1")));
	EXPECT_FALSE(takes_requests(bound_to("fd00::1"), *parse_address("10.0.0.1")));
	// An IPv6 socket bound to an IPv4-mapped address serves IPv4.
	EXPECT_TRUE(takes_requests(bound_to("::ffff:10.0.0.1"), *parse_address("10.0.0.1")));
}

TEST(TakesRequests, ForWildcards)
{
	EXPECT_TRUE(takes_requests(bound_to("0.0.0.0"), *parse_address("10.0.0.1")));
	EXPECT_FALSE(takes_requests(bound_to("0.0.0.0"), *parse_address("fd00::1")));
	EXPECT_TRUE(takes_requests(bound_to("::"), *parse_address("fd00::1")));
	EXPECT_TRUE(takes_requests(bound_to("::"), *parse_address("10.0.0.1")));
	auto v6only = bound_to("::");
	v6only.v6only = true;
	EXPECT_FALSE(takes_requests(v6only, *parse_address("10.0.0.1")));
	EXPECT_TRUE(takes_requests(v6only, *parse_address("fd00::1")));
}

TEST(Judge, NobodyListens)
{
	const auto state = server_state({}, service("10.0.0.1:7000", true, true));
	EXPECT_TRUE(state.sockets.empty());
	EXPECT_EQ(state.uid, std::nullopt);
}

TEST(Judge, CountsOnlyTransportsOfTheService)
{
	const std::vector sockets{bound_to("10.0.0.1", true), bound_to("10.0.0.1", false, 200)};
	const auto udp = server_state(sockets, service("10.0.0.1:7000", true, false));
	EXPECT_EQ(udp.uid, 100u);
	EXPECT_TRUE(udp.has_udp);
	EXPECT_FALSE(udp.has_tcp);
	const auto tcp = server_state(sockets, service("10.0.0.1:7000", false, true));
	EXPECT_EQ(tcp.uid, 200u);
}

TEST(Judge, SeveralOwnersAreNoOwner)
{
	const std::vector sockets{bound_to("10.0.0.1"), bound_to("0.0.0.0", true, 200)};
	const auto state = server_state(sockets, service("10.0.0.1:7000", true, true));
	EXPECT_EQ(state.sockets.size(), 2u);
	EXPECT_EQ(state.uid, std::nullopt);
}

TEST(Judge, WhatIsBoundToTheVeryAddressIsTheServer)
{
	const std::vector sockets{bound_to("10.0.0.1"), bound_to("0.0.0.0")};
	const auto state = server_state(sockets, service("10.0.0.1:7000", true, true));
	ASSERT_EQ(state.sockets.size(), 1u);
	EXPECT_EQ(state.sockets.front().address, *parse_address("10.0.0.1"));
	EXPECT_EQ(state.uid, 100u);
}

TEST(Judge, RootIsAnOwnerLikeAnyOther)
{
	const std::vector sockets{bound_to("10.0.0.1", true, 0)};
	EXPECT_EQ(server_state(sockets, service("10.0.0.1:7000", true, true)).uid, 0u);
}

TEST(Judge, AnotherSocketIsAnotherState)
{
	auto first = bound_to("10.0.0.1");
	auto second = first;
	first.cookie = 1;
	second.cookie = 2;
	const auto config = service("10.0.0.1:7000", true, true);
	EXPECT_EQ(server_state(std::vector{first}, config),
		  server_state(std::vector{first}, config));
	EXPECT_NE(server_state(std::vector{first}, config),
		  server_state(std::vector{second}, config));
}

} // namespace
} // namespace prestack
