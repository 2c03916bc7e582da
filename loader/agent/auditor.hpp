// SPDX-License-Identifier: GPL-2.0-only
// Compares a steady sample of what the kernel serves with the server, and keeps what is read often
// warm in the server's LRU.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <spdlog/logger.h>

#include "agent/agent_link.hpp"
#include "agent/entry_sampler.hpp"
#include "base/result.hpp"
#include "config/config.hpp"
#include "kernel/service_maps.hpp"
#include "kernel/user_counters.hpp"

namespace prestack
{

enum class Verdict {
	same,
	absent, // the server does not have the item: it may have evicted it, the value was the last one
	undecided, // the entry changed meanwhile
	refused, // the server would not say
	value, // stale: the server has another value
	flags, // stale: other flags
	expiry, // stale: the item ends before the entry does
};

// What came of asking the server about an entry.
struct Audit {
	const EntryCopy &before; // read before the server was asked
	const EntryCopy *after = nullptr; // read after the server had answered; null if it was gone
	std::uint32_t epoch = 0; // of the service, after the server had answered
	std::uint64_t answered_at = 0; // ns of CLOCK_MONOTONIC
};
// A write is seen, and kills the entry, before the server can carry it out; or the change feed has told of
// it. So an entry that is live and the same after the answer as before the question must be what the server
// said.
[[nodiscard]] Verdict audit_verdict(const Audit &audit, const AgentReply &reply);

// How often, and whether the log may name keys of clients.
struct AuditSettings {
	std::uint32_t audit_rate = 0; // entries per second and service
	std::uint32_t warm_rate = 0;
	bool log_keys = false;
};

class Auditor
{
public:
	struct Audited {
		std::string name; // of the service
		AgentLink *link = nullptr; // null: a plug-in that cannot ask
	};
	// Services by number. `counters` must stay where it is.
	Auditor(EntrySampler sampler, ServiceMaps maps, const CacheConfig &cache,
		std::vector<Audited> services, UserCounters &counters,
		std::shared_ptr<spdlog::logger> log);

	void set(const AuditSettings &settings) { settings_ = settings; }
	// Call about ten times a second.
	void tick();

private:
	struct Due { // questions that may be asked by now, per service
		double audits = 0;
		double touches = 0;
	};
	void audit(std::uint32_t service);
	void warm();
	void ask_about(std::uint32_t service, EntryCopy entry);
	// An answer about a service with a change feed. It may be newer than what the feed has told of, so it
	// waits until the feed has caught up.
	struct WaitingVerdict {
		std::uint32_t service = 0;
		EntryCopy before;
		AgentReply reply;
		std::optional<std::string> value; // what reply.value points to
		AgentLink::Clock::time_point answered_at;
	};
	void on_reply(std::uint32_t service, const EntryCopy &before, const AgentReply &reply);
	void decide_waiting();
	void decide(std::uint32_t service, const EntryCopy &before, const AgentReply &reply,
		    AgentLink::Clock::time_point answered_at);
	// For the log.
	[[nodiscard]] std::string name_of(const std::string &key) const;
	[[nodiscard]] bool is_served(const EntryCopy &entry) const;

	EntrySampler sampler_;
	ServiceMaps maps_;
	CacheConfig cache_;
	AuditSettings settings_;
	std::vector<Audited> services_;
	UserCounters &counters_;
	std::shared_ptr<spdlog::logger> log_;
	std::vector<Due> due_;
	std::vector<WaitingVerdict> waiting_;
	AgentLink::Clock::time_point last_;
	std::minstd_rand random_;
	std::uint64_t walked_ = 0; // place of the index at which warm() goes on
};

} // namespace prestack
