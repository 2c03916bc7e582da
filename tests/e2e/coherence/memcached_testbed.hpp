// SPDX-License-Identifier: GPL-2.0-only
// The testbed of this folder: a coherence testbed with memcached.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "support/coherence_testbed.hpp"
#include "support/memcached.hpp"
#include "support/testbed_pool.hpp"
#include "support/text_protocol.hpp"
#include "support/udp_client.hpp"

namespace prestack::test
{

struct MemcachedTestbedOptions {
	std::string settle = "20ms";
	bool ipv6 = false; // what the clients use
	unsigned vlan_depth = 0; // tags between client and server
	std::vector<std::string> memcached{}; // more command line arguments

	auto operator<=>(const MemcachedTestbedOptions &) const = default;
};

class MemcachedTestbed : public CoherenceTestbed
{
public:
	explicit MemcachedTestbed(const MemcachedTestbedOptions &options);

	// One with these options, kept for later tests.
	static MemcachedTestbed &shared(const MemcachedTestbedOptions &options = {});
	static void discard_all();
	// Why there is nothing to test; empty: there is.
	static std::string why_not();

	UdpClient udp() const { return UdpClient(client_ns(), server()); }

	// Stores over TCP, through prestack.
	void store(std::string_view key, std::string_view value, long expiry = 0);
	// Gets over UDP, through prestack.
	Answer read(std::string_view key) override;
	std::string truth(std::string_view key) override { return truth_of("get", key); }
	// What memcached alone answers to "<verb> <key>\r\n".
	std::string truth_of(std::string_view verb, std::string_view key);
	// The item's cas unique.
	std::string unique(std::string_view key);

	Memcached &memcached() { return dynamic_cast<Memcached &>(server_process()); }
	UdpClient &udp_client() { return udp_client_; }
	// A new connection to memcached that does not pass prestack.
	TcpClient direct() const { return TcpClient(server_ns(), server()); }
	// Needed after a restart of memcached.
	void reconnect();

private:
	bool is_cacheable(const std::string &answer) const override;

	TcpClient store_client_;
	TcpClient direct_client_;
	UdpClient udp_client_;
};

using CoherenceTest = TestbedTest<MemcachedTestbed>;

inline std::string get_line(std::string_view key)
{
	return "get " + std::string(key) + "\r\n";
}
// The reply to a get of one item without client flags.
std::string value_reply(std::string_view key, std::string_view value);
inline constexpr std::string_view no_item = "END\r\n";

} // namespace prestack::test
