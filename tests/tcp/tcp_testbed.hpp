// SPDX-License-Identifier: GPL-2.0-only
// A server behind prestack on one end of a link, clients on the other, and beside them a reference server that
// is asked for the right answers.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "conversation.hpp"
#include "protocol.hpp"
#include "support/chaos.hpp"
#include "support/memcached.hpp"
#include "support/prestack.hpp"
#include "support/veth.hpp"

namespace prestack::test
{

struct TcpTestbedOptions {
	const Protocol *protocol = &memcached_protocol;
	bool ipv6 = false;
	unsigned vlan_depth = 0;
	bool with_prestack = true;
	std::optional<ChaosOptions> chaos{};
	// Below /proc/sys/net, in both namespaces.
	std::vector<std::pair<std::string, std::string>> sysctls{};
};

// How often each outcome was seen, and the first few that are not `complete`.
struct Tally {
	std::map<Outcome, unsigned> outcomes;
	std::vector<std::string> details;

	unsigned count(Outcome outcome) const
	{
		const auto found = outcomes.find(outcome);
		return found == outcomes.end() ? 0 : found->second;
	}
};

struct RunOptions {
	unsigned at_a_time = 32;
	SocketOptions socket{};
	Milliseconds patience{30'000};
};

class TcpTestbed
{
public:
	explicit TcpTestbed(const TcpTestbedOptions &options = {});

	// Scripts number first.. of the seed, with the answers of the reference server.
	std::vector<RecordedScript> record(std::uint64_t seed, unsigned first, unsigned count,
					   const ScriptOptions &options = {}) const;
	// Performs them all, a bounded number at a time.
	Tally run_scripts(const std::vector<RecordedScript> &scripts,
			  const RunOptions &options = {}) const;

	// 0 without prestack, and for counters that this version does not have.
	std::uint64_t counter(const std::string &name) const;
	// Why requests were left to the server, without those that never were.
	std::map<std::string, std::uint64_t> passed() const;

	Prestack &prestack() { return *prestack_; }
	// If that is what it is.
	Memcached &memcached() { return dynamic_cast<Memcached &>(*behind_); }
	Chaos &chaos() { return *chaos_; }
	const Netns &server_ns() const { return server_; }
	const Netns &client_ns() const { return client_; }
	const Endpoint &server() const { return endpoint_; }
	// The reference server: where it is, and where it can be reached.
	const Netns &reference_ns() const { return reference_ns_; }
	static constexpr const char *reference_address = "127.0.0.1";
	static constexpr const char *server_address = "10.0.0.1";
	std::uint16_t port() const { return protocol().service.port; }

private:
	const Protocol &protocol() const { return *options_.protocol; }
	VethPair with_addresses(VethPair link) const;

	const TcpTestbedOptions options_;
	const Endpoint endpoint_;
	Netns server_;
	Netns client_;
	Netns reference_ns_;
	VethPair link_;
	std::unique_ptr<Server> behind_;
	std::unique_ptr<Server> reference_;
	std::unique_ptr<Prestack> prestack_;
	std::unique_ptr<Chaos> chaos_;
};

// $PRESTACK_TCP_SEED, else always the same; printed.
std::uint64_t test_seed();

} // namespace prestack::test
