// SPDX-License-Identifier: GPL-2.0-only
// The TCP connections of a server are listed: which are old, which bypass prestack, and which flows
// have no socket.
#include <array>
#include <cerrno>
#include <cstring>
#include <set>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <prestack/flow.h>
#include <sys/socket.h>

#include "watch/connection_monitor.hpp"
#include "watch/served_routes.hpp"
#include "watch/tcp_connections.hpp"

namespace prestack
{
namespace
{

TcpConnection connection(std::uint64_t cookie, std::uint16_t port = 1)
{
	TcpConnection one;
	one.local = {*parse_address("10.0.0.1"), 7000};
	one.remote = {*parse_address("10.0.0.2"), port};
	one.cookie = cookie;
	return one;
}

TEST(OldConnections, GoOneByOneAndNewOnesDoNotCount)
{
	OldConnections old({connection(1), connection(2), connection(3)});
	EXPECT_EQ(old.size(), 3u);
	const std::vector now{connection(2), connection(3), connection(4)};
	old.keep(now);
	EXPECT_EQ(old.size(), 2u);
	// The same addresses and ports, another connection.
	const std::vector later{connection(5)};
	old.keep(later);
	EXPECT_EQ(old.size(), 0u);
	old.keep(now);
	EXPECT_EQ(old.size(), 0u);
}

TEST(FlowKey, IsWhatThePacketsSay)
{
	const auto key = flow_keys(connection(1, 0x1234), {}).at(0);
	ps_flow_key expected{};
	const std::array<std::uint8_t, 16> client{0, 0, 0,    0,    0,	0, 0, 0,
						  0, 0, 0xff, 0xff, 10, 0, 0, 2};
	const std::array<std::uint8_t, 16> local{0, 0, 0,    0,	   0,  0, 0, 0,
						 0, 0, 0xff, 0xff, 10, 0, 0, 1};
	std::memcpy(expected.client, client.data(), 16);
	std::memcpy(expected.local, local.data(), 16);
	expected.client_port = htons(0x1234);
	expected.local_port = htons(7000);
	expected.hash = ps_flow_hash(&expected);
	EXPECT_EQ(std::memcmp(&key, &expected, sizeof key), 0);
}

// Whatever part of it is another.
TEST(FlowKey, HasAHashOfItsOwn)
{
	std::set<std::uint64_t> hashes;
	const auto add = [&](const ps_flow_key &key) {
		EXPECT_TRUE(hashes.insert(ps_flow_hash(&key)).second);
	};
	const auto first = flow_keys(connection(1, 1), {}).at(0);
	add(first);
	for (unsigned bit = 0; bit < 64; ++bit) {
		for (unsigned word = 0; word < 2; ++word) {
			ps_flow_key key = first;
			key.client[word] ^= std::uint64_t{1} << bit;
			add(key);
			key = first;
			key.local[word] ^= std::uint64_t{1} << bit;
			add(key);
		}
	}
	for (unsigned bit = 0; bit < 16; ++bit) {
		ps_flow_key key = first;
		key.client_port ^= 1U << bit;
		add(key);
		key = first;
		key.local_port ^= 1U << bit;
		add(key);
	}
	EXPECT_EQ(hashes.size(), 1u + 4 * 64 + 2 * 16);
}

TEST(FlowSweep, ForgetsWhatHasNoSocketTwice)
{
	const auto a = flow_keys(connection(1, 1), {}).at(0).hash;
	const auto b = flow_keys(connection(1, 2), {}).at(0).hash;
	const auto c = flow_keys(connection(1, 3), {}).at(0).hash;
	FlowSweep sweep;
	EXPECT_TRUE(sweep.gone({a, b}, {b}).empty()) << "its socket may come yet";
	const auto gone = sweep.gone({a, b, c}, {b});
	ASSERT_EQ(gone.size(), 1u);
	EXPECT_EQ(gone[0], a);
	EXPECT_TRUE(sweep.gone({b, c}, {b, c}).empty()) << "came late";
	EXPECT_TRUE(sweep.gone({b, c}, {b}).empty()) << "and counts from the start again";
}

TEST(PassingServed, FollowsVlansBridgesAndBonds)
{
	const std::vector<Link> links{
		{.ifindex = 1}, // lo
		{.ifindex = 2, .master = 10}, // eth0 in bond 10
		{.ifindex = 3, .master = 10}, // eth1 as well
		{.ifindex = 10, .master = 11}, // the bond in bridge 11
		{.ifindex = 11},
		{.ifindex = 12, .lower = 11}, // a VLAN on the bridge
		{.ifindex = 20}, // another card
		{.ifindex = 21, .lower = 20},
	};
	EXPECT_EQ(passing_served(links, {2}), (std::set{2, 10, 11, 12}));
	EXPECT_EQ(passing_served(links, {20}), (std::set{20, 21}));
	EXPECT_EQ(passing_served(links, {21}), (std::set{21}))
		<< "not all that passes 20 is for 21";
}

// A connection to ourselves, over the loopback.
class RealConnection : public testing::Test
{
protected:
	RealConnection()
	{
		listener_ = UniqueFd(socket(AF_INET6, SOCK_STREAM, 0));
		sockaddr_in6 address{};
		address.sin6_family = AF_INET6;
		socklen_t length = sizeof address;
		auto *generic = reinterpret_cast<sockaddr *>(&address);
		EXPECT_EQ(bind(listener_.get(), generic, length), 0);
		EXPECT_EQ(listen(listener_.get(), 4), 0);
		EXPECT_EQ(getsockname(listener_.get(), generic, &length), 0);
		port_ = ntohs(address.sin6_port);
		client_ = UniqueFd(socket(AF_INET, SOCK_STREAM, 0));
		sockaddr_in to{};
		to.sin_family = AF_INET;
		to.sin_port = htons(port_);
		to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		EXPECT_EQ(connect(client_.get(), reinterpret_cast<sockaddr *>(&to), sizeof to), 0);
		server_ = UniqueFd(accept(listener_.get(), nullptr, nullptr));
	}

	UniqueFd listener_;
	UniqueFd client_;
	UniqueFd server_;
	std::uint16_t port_ = 0;
};

TEST_F(RealConnection, IsListedWithBothEnds)
{
	const auto diag = ConnectionDiag::open();
	ASSERT_TRUE(diag) << to_string(diag.error());
	const auto connections = diag->on_port(port_);
	ASSERT_TRUE(connections) << to_string(connections.error());
	ASSERT_EQ(connections->size(), 1u);
	const auto &one = connections->front();
	EXPECT_EQ(to_string(one.local), "127.0.0.1:" + std::to_string(port_));
	EXPECT_EQ(to_string(one.remote.address), "127.0.0.1");
	EXPECT_TRUE(one.family6) << "an IPv6 socket that serves IPv4";
	EXPECT_TRUE(one.readable);
	EXPECT_NE(one.cookie, 0u);
}

TEST_F(RealConnection, IsNotReadableOnceTheServerClosedIt)
{
	const auto diag = ConnectionDiag::open();
	server_.reset();
	const auto connections = diag->on_port(port_);
	ASSERT_TRUE(connections);
	for (const auto &one : *connections) {
		EXPECT_FALSE(one.readable);
	}
}

// Until then its last segments may have to be translated.
TEST_F(RealConnection, IsListedUntilTheKernelHasForgottenIt)
{
	const auto diag = ConnectionDiag::open();
	server_.reset();
	client_.reset();
	// The last acknowledgement is on its way.
	std::vector<TcpConnection> connections;
	for (int i = 0; i < 1000; ++i) {
		connections = *diag->on_port(port_);
		if (!connections.empty() && connections.front().time_wait) {
			break;
		}
	}
	ASSERT_EQ(connections.size(), 1u);
	EXPECT_TRUE(connections.front().time_wait);
	EXPECT_FALSE(connections.front().readable);
}

TEST_F(RealConnection, CanBeReset)
{
	const auto diag = ConnectionDiag::open();
	const auto connections = diag->on_port(port_);
	ASSERT_TRUE(connections);
	ASSERT_EQ(connections->size(), 1u);
	const auto destroyed = diag->destroy(connections->front());
	if (!destroyed &&
	    (destroyed.error().errnum == EPERM || destroyed.error().errnum == EOPNOTSUPP)) {
		GTEST_SKIP() << "cannot reset connections here: " << to_string(destroyed.error());
	}
	ASSERT_TRUE(destroyed) << to_string(destroyed.error());
	EXPECT_TRUE(diag->destroy(connections->front())) << "gone already is no failure";
	char byte = 0;
	EXPECT_EQ(recv(client_.get(), &byte, 1, 0), -1);
	EXPECT_EQ(errno, ECONNRESET);
}

TEST_F(RealConnection, OverTheLoopbackBypasses)
{
	const auto connections = ConnectionDiag::open()->on_port(port_);
	ASSERT_TRUE(connections);
	auto elsewhere = ServedRoutes::open({999});
	ASSERT_TRUE(elsewhere) << to_string(elsewhere.error());
	EXPECT_EQ(bypassing(*connections, {}, *elsewhere), 1u);
	const std::vector own{connections->front().remote};
	EXPECT_EQ(bypassing(*connections, own, *elsewhere), 0u) << "the agent's own";
	auto loopback = ServedRoutes::open({1});
	ASSERT_TRUE(loopback);
	EXPECT_EQ(bypassing(*connections, {}, *loopback), 0u);
}

} // namespace
} // namespace prestack
