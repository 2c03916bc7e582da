// SPDX-License-Identifier: GPL-2.0-only
// One run: a server behind prestack, a network that may be bad, clients, and the result.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "load.hpp"
#include "support/chaos.hpp"
#include "support/memcached.hpp"
#include "support/prestack.hpp"
#include "support/veth.hpp"

namespace prestack::test
{

struct LitmusOptions {
	const Protocol *protocol = &memcached_protocol();
	Milliseconds settle{100};
	LoadOptions load{};
	std::optional<ChaosOptions> chaos{};
	std::string binary{}; // of prestack; empty: the right one
	bool stream_reads = true; // reads over TCP may be answered by the kernel
	bool with_prestack = true;
	std::uint64_t operations = 200'000; // how many are enough
	std::chrono::seconds at_least{4};
	std::chrono::seconds at_most{60}; // for enough, on a loaded machine
};

// What happened in a run.
struct RunResult {
	std::vector<Violation> violations;
	std::uint64_t operations = 0;
	std::uint64_t hits = 0;
	std::uint64_t fills = 0;
	std::uint64_t invalidations = 0;
	std::uint64_t audited_stale = 0; // what prestack's own audit has found
	ChaosCounters chaos{};
};

class LitmusTestbed
{
public:
	explicit LitmusTestbed(const LitmusOptions &options);

	// Calls `disturb` again and again until there is enough to check.
	void run(const std::function<void()> &disturb);
	// Ends the load, checks its history, and prints a line `LITMUS <name>: ...`.
	RunResult finish(const std::string &name);

	// The counters of a run of prestack are gone when it is: call before it ends.
	void count();

	// Kills it, with all that it knew, and starts it again.
	void restart_server();

	Server &server() { return *running_; }
	Memcached &memcached() { return dynamic_cast<Memcached &>(*running_); }
	Prestack &prestack() { return *prestack_; }
	Chaos &chaos() { return *chaos_; }
	Load &load() { return *load_; }

private:
	static VethPair with_addresses(VethPair link);
	void print(const std::string &name, const RunResult &result,
		   const std::vector<Operation> &history) const;

	const LitmusOptions options_;
	Netns server_;
	Netns client_;
	VethPair link_;
	std::unique_ptr<Server> running_;
	std::unique_ptr<Prestack> prestack_;
	std::unique_ptr<Chaos> chaos_;
	std::unique_ptr<Load> load_;
	// When the server was killed, and when a new one answered.
	std::vector<std::pair<std::int64_t, std::int64_t>> restarts_;
	std::map<std::string, std::uint64_t> counters_; // of all runs of prestack
};

} // namespace prestack::test
