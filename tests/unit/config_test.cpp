// SPDX-License-Identifier: GPL-2.0-only
// The configuration reader accepts every field and fills in the defaults.
#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "config_fixture.hpp"

namespace prestack
{
namespace
{

using namespace std::chrono_literals;

TEST(Config, ReadsEveryField)
{
	const auto config = parse(R"(
interfaces = ["eth0", "eth1"]
xdp_mode = "generic"
drain_timeout = "3s"
[cache]
memory = "128MiB"
associativity = 8
max_key = 100
max_value = 512
settle = "250ms"
small_share = 0.5
flows = 1024
audit_rate = 0
warm_rate = 7
[[service]]
name = "sessions"
protocol = "alpha"
port = 7000
transports = ["udp", "tcp"]
server = "10.0.0.1:7000"
allow = ["10.0.0.0/8", "fd00::/8"]
[[service]]
protocol = "beta-experimental"
port = 7001
transports = ["tcp"]
server = "[fd00::1]:7001"
allow = ["fd00::1/128"]
existing_connections = "reset"
enabled = false
)");
	ASSERT_TRUE(config) << joined(config.error());
	ASSERT_EQ(config->interfaces.size(), 2u);
	EXPECT_EQ(config->interfaces[1].name, "eth1");
	EXPECT_EQ(config->where(config->interfaces[1].position), "test.toml:2:23");
	EXPECT_EQ(config->xdp_mode, XdpMode::generic);
	EXPECT_EQ(config->drain_timeout, 3s);
	EXPECT_EQ(config->cache.memory, std::uint64_t{128} << 20);
	EXPECT_EQ(config->cache.associativity, 8u);
	EXPECT_EQ(config->cache.max_key, 100u);
	EXPECT_EQ(config->cache.max_value, 512u);
	EXPECT_EQ(config->cache.settle, 250ms);
	EXPECT_EQ(config->cache.small_share, 0.5);
	EXPECT_EQ(config->cache.flows, 1024u);
	EXPECT_EQ(config->cache.audit_rate, 0u);
	EXPECT_EQ(config->cache.warm_rate, 7u);
	ASSERT_EQ(config->services.size(), 2u);
	const auto &first = config->services[0];
	EXPECT_EQ(first.name, "sessions");
	EXPECT_EQ(first.protocol, "alpha");
	EXPECT_EQ(first.port, 7000);
	EXPECT_TRUE(first.udp && first.tcp && first.enabled);
	EXPECT_EQ(to_string(first.server), "10.0.0.1:7000");
	ASSERT_EQ(first.allow.size(), 2u);
	EXPECT_EQ(first.allow[0].mapped_length(), 104u);
	EXPECT_EQ(first.allow[1].mapped_length(), 8u);
	const auto &second = config->services[1];
	EXPECT_EQ(second.name, "beta-experimental-7001");
	EXPECT_FALSE(second.udp);
	EXPECT_TRUE(second.tcp);
	EXPECT_FALSE(second.enabled);
	EXPECT_EQ(first.existing_connections, ExistingConnections::wait);
	EXPECT_EQ(second.existing_connections, ExistingConnections::reset);
	EXPECT_EQ(to_string(second.server), "[fd00::1]:7001");
}

TEST(Config, HasDefaults)
{
	const auto config = parse(minimal);
	ASSERT_TRUE(config) << joined(config.error());
	EXPECT_EQ(config->xdp_mode, XdpMode::automatic);
	EXPECT_EQ(config->cache.memory, std::uint64_t{64} << 20);
	EXPECT_EQ(config->cache.associativity, 4u);
	EXPECT_EQ(config->cache.max_key, 250u);
	EXPECT_EQ(config->cache.max_value, 1024u);
	EXPECT_EQ(config->cache.settle, 100ms);
	EXPECT_EQ(config->drain_timeout, 10s);
	EXPECT_EQ(config->cache.small_share, 0.75);
	EXPECT_EQ(config->cache.flows, 65536u);
	EXPECT_EQ(config->cache.audit_rate, 10u);
	EXPECT_EQ(config->cache.warm_rate, 100u);
	EXPECT_EQ(config->services[0].existing_connections, ExistingConnections::wait);
	EXPECT_EQ(config->services[0].name, "alpha-7000");
	EXPECT_TRUE(config->services[0].enabled);
}

TEST(Config, MemoryMayBeANumberOfBytes)
{
	const auto config = parse(std::string(minimal) + "[cache]\nmemory = 33554432\n");
	ASSERT_TRUE(config) << joined(config.error());
	EXPECT_EQ(config->cache.memory, 33554432u);
}

} // namespace
} // namespace prestack
