// SPDX-License-Identifier: GPL-2.0-only
// The testbed: a server namespace with memcached and prestack, a client namespace, and a control
// memcached without prestack in a third, which gets the same commands and gives the right answers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "frame.hpp"
#include "memcached.hpp"
#include "netns.hpp"
#include "prestack.hpp"
#include "tcp_client.hpp"
#include "udp_client.hpp"
#include "veth.hpp"

namespace prestack::test
{

struct TestbedOptions {
	unsigned associativity = 4;
	bool ipv6 = false; // which of the two addresses the clients use
	unsigned vlan_depth = 0; // tags between client and server
	std::string xdp_mode = "auto";
	std::string memory = "4MiB";
	unsigned max_value = 1024;
	std::vector<std::string> transports{"udp", "tcp"};
	std::vector<std::string> allow{"10.0.0.0/8", "fd00::/8"};
	bool with_prestack = true;

	auto operator<=>(const TestbedOptions &) const = default;
};

class Testbed
{
public:
	explicit Testbed(const TestbedOptions &options);

	// One with these options, kept for later tests: see TestbedPool.
	static Testbed &shared(const TestbedOptions &options);
	static void discard_all();
	// Why there is nothing to test; empty: there is.
	static std::string why_not();

	// Fresh connections to the server under test.
	TcpClient tcp() const { return TcpClient(client_ns_, server_); }
	UdpClient udp() const { return UdpClient(client_ns_, server_); }
	TcpClient control_tcp() const;
	// A frame from the client's end of the link to the server, with `payload` behind the UDP
	// header, as if udp_client() had sent it: what is answered arrives there.
	UdpFrame frame(std::string payload) const;
	// A key that no test has used before on this testbed: `label` and a number.
	std::string key(const std::string &label);

	// Runs a command over TCP on both servers; the answers must be the same (else a gtest failure).
	std::string write(std::string_view command, unsigned replies = 1);
	// The same over UDP. Compares payloads joined in order of arrival.
	std::string read(std::string_view command, unsigned replies = 1);
	// read() that must be answered by the kernel: hits + 1, and the server's cmd_get unmoved.
	std::string read_hit(std::string_view command);
	// read() that must reach the server: hits unmoved.
	std::string read_pass(std::string_view command, unsigned replies = 1);
	// Closes the connection that write() uses and makes a new one: what prestack finds open when it
	// starts, it waits for.
	void reconnect();
	// Gets the key until the kernel answers it. A gtest failure when it never does.
	void warm(std::string_view key);
	// Stores on both servers, then warms.
	void store_and_warm(std::string_view key, std::string_view value, unsigned flags = 0);

	Prestack &prestack() { return *prestack_; }
	Memcached &memcached() { return memcached_; }
	Memcached &control() { return control_; }
	UdpClient &control_udp() { return control_udp_client_; }
	UdpClient &udp_client() { return udp_client_; }
	const Netns &server_ns() const { return server_ns_; }
	const Netns &client_ns() const { return client_ns_; }
	const VethPair &link() const { return link_; }
	const Endpoint &server() const { return server_; }
	const TestbedOptions &options() const { return options_; }
	std::uint64_t hits() const { return prestack_->counter("hits"); }

	static constexpr const char *server_v4 = "10.0.0.1";
	static constexpr const char *client_v4 = "10.0.0.2";
	static constexpr const char *server_v6 = "fd00::1";
	static constexpr const char *client_v6 = "fd00::2";
	// Addresses on the same link that `allow` does not hold.
	static constexpr const char *server_outside = "192.168.77.1";
	static constexpr const char *client_outside = "192.168.77.2";

private:
	TestbedOptions options_;
	Endpoint server_;
	// Order matters: what uses a namespace goes before it.
	Netns server_ns_;
	Netns client_ns_;
	Netns control_ns_;
	VethPair link_;
	VethPair control_link_;
	Memcached memcached_;
	Memcached control_;
	std::unique_ptr<Prestack> prestack_;
	TcpClient tcp_client_;
	TcpClient control_tcp_client_;
	UdpClient udp_client_;
	UdpClient control_udp_client_;
	unsigned keys_ = 0;
};

} // namespace prestack::test
