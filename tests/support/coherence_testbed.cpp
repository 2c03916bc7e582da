// SPDX-License-Identifier: GPL-2.0-only
#include "coherence_testbed.hpp"

#include <gtest/gtest.h>

#include <cstdio>

#include "text_protocol.hpp"

namespace prestack::test
{

namespace
{

constexpr unsigned audit_rate = 50; // entries per second

// Many small segments must be able to be under way at once, and are acknowledged at once: no test
// waits for a delayed acknowledgement, and no two of its segments are joined on the way.
VethPair prepared(const Netns &server, const Netns &client, const VethPair &link,
		  unsigned vlan_depth)
{
	// A veth drops frames of full MTU with two tags.
	const std::string segments = vlan_depth == 2 ? " advmss 1400" : "";
	link.server_address("10.0.0.1/24");
	link.client_address("10.0.0.2/24");
	link.server_address("fd00::1/64");
	link.client_address("fd00::2/64");
	client.ip("route replace 10.0.0.0/24 dev veth0 src 10.0.0.2 initcwnd 2000" + segments);
	client.ip("-6 route replace fd00::/64 dev veth0 initcwnd 2000" + segments);
	server.ip("route replace 10.0.0.0/24 dev veth0 src 10.0.0.1 quickack 1" + segments);
	server.ip("-6 route replace fd00::/64 dev veth0 quickack 1" + segments);
	return link;
}

PrestackOptions audited(PrestackOptions options)
{
	options.audit_rate = audit_rate;
	return options;
}

} // namespace

CoherenceTestbed::CoherenceTestbed(const Setup &setup)
	: server_(setup.ipv6 ? server_v6 : server_v4, setup.port), server_ns_("server"),
	  client_ns_("client"),
	  link_(prepared(server_ns_, client_ns_,
			 VethPair(server_ns_, client_ns_, {.vlan_depth = setup.vlan_depth}),
			 setup.vlan_depth)),
	  server_process_(setup.start_server(server_ns_, {server_v4, server_v6})),
	  prestack_(std::make_unique<Prestack>(server_ns_, audited(setup.prestack))),
	  counters_(std::make_unique<Counters>(prestack_->name()))
{
}

CoherenceTestbed::~CoherenceTestbed()
{
	try {
		EXPECT_EQ(prestack_->counter("stale"), 0U) << prestack_->stats().dump(2);
	} catch (const std::exception &error) {
		ADD_FAILURE() << "no statistics: " << error.what();
	}
}

void CoherenceTestbed::reopen_counters()
{
	counters_ = std::make_unique<Counters>(prestack_->name());
}

std::string CoherenceTestbed::key()
{
	char text[16];
	std::snprintf(text, sizeof(text), "k%06u", ++keys_);
	return text;
}

std::string CoherenceTestbed::cache(std::string_view key)
{
	const std::string truth = this->truth(key);
	Answer answer;
	bool right = true;
	const bool cached = eventually(
		[&] {
			answer = read(key);
			right = answer.bytes == truth;
			return answer.hit || !right;
		},
		default_patience, Milliseconds{1});
	EXPECT_TRUE(right) << "with prestack: " << printable(answer.bytes)
			   << "\n  server alone:  " << printable(truth);
	EXPECT_TRUE(cached) << "the kernel never answered for " << key << "\n"
			    << prestack_->stats().dump(2);
	return answer.bytes;
}

std::string CoherenceTestbed::expect_truth(std::string_view key)
{
	const Answer answer = read(key);
	const std::string truth = this->truth(key);
	EXPECT_EQ(printable(answer.bytes), printable(truth))
		<< (answer.hit ? "answered by the kernel" : "answered by the server");
	return answer.bytes;
}

std::string CoherenceTestbed::expect_truth_and_cached_again(std::string_view key)
{
	std::string answer = expect_truth(key);
	return is_cacheable(answer) ? cache(key) : answer;
}

} // namespace prestack::test
