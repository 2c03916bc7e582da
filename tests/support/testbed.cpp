// SPDX-License-Identifier: GPL-2.0-only
#include "testbed.hpp"

#include <gtest/gtest.h>

#include "testbed_pool.hpp"
#include "text_protocol.hpp"

namespace prestack::test
{

namespace
{

constexpr const char *control_address = "10.9.0.1";

TestbedPool<Testbed, TestbedOptions> &pool()
{
	static TestbedPool<Testbed, TestbedOptions> testbeds(6);
	return testbeds;
}

VethPair with_addresses(const Netns &server, VethPair link)
{
	for (const char *address : {"10.0.0.1/24", "fd00::1/64", "192.168.77.1/24"}) {
		link.server_address(address);
	}
	for (const char *address : {"10.0.0.2/24", "fd00::2/64", "192.168.77.2/24"}) {
		link.client_address(address);
	}
	// Whatever the source address, a reply to it can leave: memcached does not get over one that cannot.
	server.ip("route add default via 10.0.0.2");
	server.ip("-6 route add default via fd00::2");
	return link;
}

VethPair with_control_addresses(VethPair link)
{
	link.server_address("10.9.0.1/24");
	link.client_address("10.9.0.2/24");
	return link;
}

std::unique_ptr<Prestack> start_prestack(const Netns &ns, const TestbedOptions &options)
{
	if (!options.with_prestack)
		return nullptr;
	PrestackOptions prestack{.xdp_mode = options.xdp_mode,
				 .memory = options.memory,
				 .associativity = options.associativity,
				 .max_value = options.max_value};
	prestack.services.front().transports = options.transports;
	prestack.services.front().allow = options.allow;
	return std::make_unique<Prestack>(ns, prestack);
}

} // namespace

Testbed::Testbed(const TestbedOptions &options)
	: options_(options), server_(options.ipv6 ? server_v6 : server_v4, memcached_port),
	  server_ns_("server"), client_ns_("client"), control_ns_("control"),
	  link_(with_addresses(server_ns_, VethPair(server_ns_, client_ns_,
						    {.vlan_depth = options.vlan_depth}))),
	  control_link_(with_control_addresses(
		  VethPair(control_ns_, client_ns_, {.name = "veth9", .id = 9}))),
	  memcached_(server_ns_, {.addresses = {server_v4, server_v6, server_outside}}),
	  control_(control_ns_, {.addresses = {control_address}}),
	  prestack_(start_prestack(server_ns_, options)), tcp_client_(client_ns_, server_),
	  control_tcp_client_(client_ns_, Endpoint(control_address, memcached_port)),
	  udp_client_(client_ns_, server_),
	  control_udp_client_(client_ns_, Endpoint(control_address, memcached_port))
{
}

Testbed &Testbed::shared(const TestbedOptions &options)
{
	return pool().get(options);
}

void Testbed::discard_all()
{
	pool().clear();
}

std::string Testbed::why_not()
{
	return why_no_prestack();
}

TcpClient Testbed::control_tcp() const
{
	return TcpClient(client_ns_, Endpoint(control_address, memcached_port));
}

UdpFrame Testbed::frame(std::string payload) const
{
	return {.source_mac = link_.client_mac(),
		.destination_mac = link_.server_mac(),
		.vlan_depth = options_.vlan_depth,
		.source = options_.ipv6 ? client_v6 : client_v4,
		.destination = options_.ipv6 ? server_v6 : server_v4,
		.source_port = udp_client_.local_port(),
		.destination_port = memcached_port,
		.payload = std::move(payload)};
}

std::string Testbed::key(const std::string &label)
{
	return label + "-" + std::to_string(++keys_);
}

std::string Testbed::write(std::string_view command, unsigned replies)
{
	std::string answer = tcp_client_.ask(command, replies);
	EXPECT_EQ(printable(answer), printable(control_tcp_client_.ask(command, replies)))
		<< "over TCP: " << printable(command);
	return answer;
}

std::string Testbed::read(std::string_view command, unsigned replies)
{
	std::string answer = udp_client_.ask(command, replies);
	const std::string right = control_udp_client_.ask(command, replies);
	EXPECT_TRUE(answer == right)
		<< "over UDP: " << printable(command) << "\n  with prestack: " << printable(answer)
		<< "\n  memcached:     " << printable(right);
	return answer;
}

std::string Testbed::read_hit(std::string_view command)
{
	const std::uint64_t hits_before = hits();
	const std::uint64_t gets_before = memcached_.stat("cmd_get");
	std::string answer = read(command);
	EXPECT_EQ(hits(), hits_before + 1) << "not answered by the kernel: " << printable(command);
	EXPECT_EQ(memcached_.stat("cmd_get"), gets_before)
		<< "memcached saw: " << printable(command);
	return answer;
}

std::string Testbed::read_pass(std::string_view command, unsigned replies)
{
	const std::uint64_t hits_before = hits();
	std::string answer = read(command, replies);
	EXPECT_EQ(hits(), hits_before) << "answered by the kernel: " << printable(command);
	return answer;
}

void Testbed::reconnect()
{
	tcp_client_ = tcp();
}

void Testbed::warm(std::string_view key)
{
	const std::string get = "get " + std::string(key) + "\r\n";
	const std::uint64_t before = hits();
	const bool warmed = eventually([&] {
		read(get);
		return hits() > before;
	});
	EXPECT_TRUE(warmed) << "the kernel never answered for " << printable(key) << "\n"
			    << prestack_->stats().dump(2);
}

void Testbed::store_and_warm(std::string_view key, std::string_view value, unsigned flags)
{
	write(store(key, value, flags));
	warm(key);
}

} // namespace prestack::test
