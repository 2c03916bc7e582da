// SPDX-License-Identifier: GPL-2.0-only
// Connections that the server's host accepts by a SYN cookie are followed like all others.
#include <fcntl.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

#include "fixture.hpp"
#include "support/memcached.hpp"
#include "support/poll.hpp"
#include "support/prestack.hpp"
#include "support/system_error.hpp"
#include "support/tcp_client.hpp"
#include "support/tcp_options.hpp"
#include "support/text_protocol.hpp"
#include "support/veth.hpp"

namespace prestack::test
{
namespace
{

constexpr const char *get = "get key\r\n";
constexpr const char *right = "VALUE key 0 5\r\nvalue\r\nEND\r\n";

// Every connection begins with a cookie.
class SynCookie : public TcpReads
{
protected:
	static TcpTestbedOptions always(TcpTestbedOptions options = {})
	{
		options.sysctls = {{"ipv4/tcp_syncookies", "2"}};
		return options;
	}
	// The connection is followed: the kernel answers on it, and it flushes nothing.
	static void expect_answered(const TcpTestbed &testbed, const TcpOptions &options = {})
	{
		TcpClient client(testbed.client_ns(), testbed.server(), options);
		expect_answered(testbed, client);
	}
	static void expect_answered(const TcpTestbed &testbed, TcpClient &client)
	{
		EXPECT_EQ(client.ask(store("key", "value")), "STORED\r\n");
		const std::uint64_t hits = testbed.counter("stream_hits");
		const std::uint64_t flushes = testbed.counter("flushes");
		for (int i = 0; i < 20; ++i)
			EXPECT_EQ(client.ask(get), right);
		EXPECT_GE(testbed.counter("stream_hits"), hits + 15);
		EXPECT_EQ(testbed.counter("flushes"), flushes);
	}
	// There are some of the testbed's own besides.
	static void expect_all_followed(const TcpTestbed &testbed, std::uint64_t connections)
	{
		EXPECT_EQ(testbed.counter("flows_unknown"), 0U);
		EXPECT_GE(testbed.counter("syn_cookies"), connections);
		EXPECT_EQ(testbed.counter("flows"), testbed.counter("syn_cookies"));
	}
};

TEST_F(SynCookie, OverIPv4)
{
	const TcpTestbed testbed(always());
	for (int i = 0; i < 5; ++i)
		expect_answered(testbed);
	expect_all_followed(testbed, 5);
}

TEST_F(SynCookie, OverIPv6)
{
	const TcpTestbed testbed(always({.ipv6 = true}));
	for (int i = 0; i < 5; ++i)
		expect_answered(testbed);
	expect_all_followed(testbed, 5);
}

TEST_F(SynCookie, BehindAVlanTag)
{
	const TcpTestbed testbed(always({.vlan_depth = 1}));
	for (int i = 0; i < 5; ++i)
		expect_answered(testbed);
	expect_all_followed(testbed, 5);
}

TEST_F(SynCookie, ComesBackWithTheFirstData)
{
	const TcpTestbed testbed(always());
	for (int i = 0; i < 5; ++i)
		expect_answered(testbed, {.acknowledge_with_data = true});
	expect_all_followed(testbed, 5);
}

// What was known of the ports is another connection's.
TEST_F(SynCookie, WithPortsThatAreUsedAgain)
{
	const TcpTestbed testbed(always());
	std::uint16_t port = 0;
	for (int i = 0; i < 10; ++i) {
		TcpClient client(testbed.client_ns(), testbed.server(),
				 {.source_port = port, .acknowledge_with_data = i % 3 == 1});
		port = client.local_port();
		expect_answered(testbed, client);
		if (i % 2 == 0)
			close_with_reset_later(client.fd());
		else
			client.receive_to_end();
	}
	expect_all_followed(testbed, 10);
}

// An idle connection has no entry of its own yet when its first data comes.
TEST_F(SynCookie, OfAConnectionThatWaits)
{
	const TcpTestbed testbed(always());
	std::vector<std::unique_ptr<TcpClient>> idle;
	for (int i = 0; i < 50; ++i)
		idle.push_back(std::make_unique<TcpClient>(testbed.client_ns(), testbed.server()));
	for (auto &client : idle)
		expect_answered(testbed, *client);
	expect_all_followed(testbed, 50);
}

// More clients at once than the server's queue holds. With the ordinary setting it depends on the speed of the
// machine whether that leads to cookies, so the server's host is told to send them always.
class ConnectBurst : public TcpReads
{
protected:
	static constexpr unsigned clients = 400;
	static UniqueFd begin_connecting(const Endpoint &server)
	{
		UniqueFd fd(check(
			::socket(server.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
			"socket"));
		if (::connect(fd.get(), server.address(), server.size()) != 0 &&
		    errno != EINPROGRESS)
			check(-1, "connect over TCP");
		return fd;
	}
	static std::string ask(int fd, std::string_view request, std::size_t length)
	{
		std::string reply(length, '\0');
		if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) < 0)
			return "";
		const auto got = ::recv(fd, reply.data(), length, MSG_WAITALL);
		reply.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
		return reply;
	}
	void SetUp() override
	{
		TcpReads::SetUp();
		if (IsSkipped())
			return;
		link_.server_address("10.0.0.1/24");
		link_.client_address("10.0.0.2/24");
		server_ns_.sysctl("ipv4/tcp_syncookies", "2");
		memcached_ = std::make_unique<Memcached>(
			server_ns_,
			MemcachedOptions{.addresses = {"10.0.0.1"}, .extra = {"-b", "64"}});
		ServiceOptions service;
		service.allow = {"10.0.0.0/8"};
		prestack_ = std::make_unique<Prestack>(server_ns_,
						       PrestackOptions{.services = {service}});
	}

	Netns server_ns_{"server"};
	Netns client_ns_{"client"};
	VethPair link_{server_ns_, client_ns_, {}};
	std::unique_ptr<Memcached> memcached_;
	std::unique_ptr<Prestack> prestack_;
};

TEST_F(ConnectBurst, LeavesAPoolThatIsAnswered)
{
	const Endpoint server("10.0.0.1", 11211);
	TcpClient first(client_ns_, server);
	EXPECT_EQ(first.ask(store("key", "value")), "STORED\r\n");
	EXPECT_EQ(first.ask(get), right);
	std::vector<UniqueFd> pool = client_ns_.in([&] {
		std::vector<UniqueFd> all;
		for (unsigned i = 0; i < clients; ++i)
			all.push_back(begin_connecting(server));
		return all;
	});
	for (const UniqueFd &one : pool) {
		::fcntl(one.get(), F_SETFL, 0);
		const timeval patience{10, 0};
		::setsockopt(one.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		::setsockopt(one.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	}
	const std::string expected = right;
	// Some were told too late that the queue was full: the server knows nothing of those.
	std::erase_if(pool, [&](const UniqueFd &one) {
		return ask(one.get(), get, expected.size()) != expected;
	});
	EXPECT_GT(pool.size(), clients / 2);
	EXPECT_GT(prestack_->counter("syn_cookies"), 0U) << "nothing was tested";
	const std::uint64_t hits = prestack_->counter("stream_hits");
	const std::uint64_t flushes = prestack_->counter("flushes");
	for (int i = 0; i < 20; ++i)
		for (const UniqueFd &one : pool)
			EXPECT_EQ(ask(one.get(), get, expected.size()), expected);
	EXPECT_GE(prestack_->counter("stream_hits"), hits + 17 * pool.size());
	EXPECT_EQ(prestack_->counter("flushes"), flushes);
	EXPECT_EQ(prestack_->counter("flows_unknown"), 0U);
}

} // namespace
} // namespace prestack::test
