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
// A write is seen, and the entry dead, before the server can carry it out, or it was heard of. So an
// entry that is the same after that as before the question, and live, must be what the server said.
[[nodiscard]] Verdict judge(const Audit &audit, const AgentReply &reply);

class Auditor
{
public:
	struct Audited {
		std::string name; // of the service
		AgentLink *link = nullptr; // null: a plug-in that cannot ask
	};
	// Services by number. `report` must stay where it is.
	Auditor(EntrySampler sampler, ServiceMaps maps, const CacheConfig &cache,
		std::vector<Audited> services, UserCounters &report,
		std::shared_ptr<spdlog::logger> log);

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
	// An answer about a service whose changes are heard of: it may be newer than the news of it.
	struct Unheard {
		std::uint32_t service = 0;
		EntryCopy before;
		AgentReply reply;
		std::optional<std::string> value; // what reply.value points to
		AgentLink::Clock::time_point answered_at;
	};
	void on_reply(std::uint32_t service, const EntryCopy &before, const AgentReply &reply);
	void decide_what_was_heard();
	void decide(std::uint32_t service, const EntryCopy &before, const AgentReply &reply,
		    AgentLink::Clock::time_point answered_at);
	[[nodiscard]] bool is_served(const EntryCopy &entry) const;

	EntrySampler sampler_;
	ServiceMaps maps_;
	CacheConfig cache_;
	std::vector<Audited> services_;
	UserCounters &report_;
	std::shared_ptr<spdlog::logger> log_;
	std::vector<Due> due_;
	std::vector<Unheard> unheard_;
	AgentLink::Clock::time_point last_;
	std::minstd_rand random_;
	std::uint64_t walked_ = 0; // place of the index at which warm() goes on
};

} // namespace prestack
