// SPDX-License-Identifier: GPL-2.0-only
// The path between client and server takes less from some moment on, and a router tells so: on a connection on
// which the kernel has answered, by numbers that the server does not know.
#include <memory>
#include <string>

#include "fixture.hpp"
#include "support/memcached.hpp"
#include "support/prestack.hpp"
#include "support/tcp_client.hpp"
#include "support/text_protocol.hpp"
#include "support/veth.hpp"
#include "support/wait.hpp"

namespace prestack::test
{
namespace
{

struct Path {
	const char *name;
	const char *server;
	unsigned mtu; // at last
};

class PathMtu : public TcpReads, public testing::WithParamInterface<Path>
{
protected:
	PathMtu()
	{
		near_.server_address("10.0.0.1/24");
		near_.server_address("fd00::1/64");
		near_.client_address("10.0.0.254/24");
		near_.client_address("fd00::254/64");
		far_.server_address("10.0.1.254/24");
		far_.server_address("fd01::254/64");
		far_.client_address("10.0.1.2/24");
		far_.client_address("fd01::2/64");
		for (const char *forwarding : {"ipv4/ip_forward", "ipv6/conf/all/forwarding"})
			router_.sysctl(forwarding, "1");
		server_.ip("route add 10.0.1.0/24 via 10.0.0.254");
		server_.ip("-6 route add fd01::/64 via fd00::254");
		client_.ip("route add 10.0.0.0/24 via 10.0.1.254");
		client_.ip("-6 route add fd00::/64 via fd01::254");
	}
	void SetUp() override
	{
		TcpReads::SetUp();
		if (IsSkipped())
			return;
		memcached_ = std::make_unique<Memcached>(
			server_, MemcachedOptions{.addresses = {"10.0.0.1", "fd00::1"}});
		ServiceOptions service;
		service.allow = {"10.0.0.0/8", "fc00::/7"};
		prestack_ = std::make_unique<Prestack>(
			server_, PrestackOptions{.max_value = 1400, .services = {service}});
	}
	TcpClient connect() const { return TcpClient(client_, Endpoint(GetParam().server, 11211)); }
	void shrink() const { router_.ip("link set veth1 mtu " + std::to_string(GetParam().mtu)); }
	// Until the kernel answers `key` on this connection.
	void be_answered(TcpClient &client, const std::string &key)
	{
		const std::uint64_t before = prestack_->counter("stream_hits");
		EXPECT_TRUE(eventually([&] {
			client.ask("get " + key + "\r\n");
			return prestack_->counter("stream_hits") > before + 3;
		}));
	}
	static std::string value_of(const std::string &key, const std::string &value)
	{
		return "VALUE " + key + " 0 " + std::to_string(value.size()) + "\r\n" + value +
		       "\r\nEND\r\n";
	}

	Netns server_{"server"};
	Netns router_{"router"};
	Netns client_{"client"};
	VethPair near_{server_, router_, {}};
	VethPair far_{router_, client_, {.name = "veth1", .id = 1}};
	std::unique_ptr<Memcached> memcached_;
	std::unique_ptr<Prestack> prestack_;
};

TEST_P(PathMtu, BoundsWhatTheServerSends)
{
	const std::string big(200'000, 'B');
	TcpClient client = connect();
	client.ask(store("key", "value"));
	client.ask(store("big", big));
	be_answered(client, "key");
	shrink();
	EXPECT_TRUE(client.ask("get big\r\n") == value_of("big", big));
	EXPECT_GT(prestack_->counter("icmp_errors"), 0U);
	be_answered(client, "key");
	EXPECT_TRUE(client.ask("get big\r\n") == value_of("big", big));
}

// Nothing but the kernel's answers is too long. The first one gets lost, and comes again in parts.
TEST_P(PathMtu, BoundsWhatTheKernelAnswers)
{
	const std::string value(1'300, 'v');
	TcpClient client = connect();
	client.ask(store("key", value));
	be_answered(client, "key");
	shrink();
	const std::uint64_t hits = prestack_->counter("stream_hits");
	EXPECT_TRUE(client.ask("get key\r\n") == value_of("key", value));
	EXPECT_EQ(prestack_->counter("stream_hits"), hits + 1);
	EXPECT_GT(prestack_->counter("icmp_errors"), 0U);
	EXPECT_GE(prestack_->counter("replays"), 2U);
	/* From now on the server answers what is too long for one segment. */
	for (unsigned i = 0; i < 10; ++i)
		EXPECT_TRUE(client.ask("get key\r\n") == value_of("key", value));
	EXPECT_EQ(prestack_->counter("stream_hits"), hits + 1);
	client.ask(store("short", "value"));
	be_answered(client, "short");
}

INSTANTIATE_TEST_SUITE_P(, PathMtu,
			 testing::Values(Path{"IPv4", "10.0.0.1", 1'000},
					 Path{"IPv6", "fd00::1", 1'280}),
			 [](const auto &info) { return info.param.name; });

} // namespace
} // namespace prestack::test
