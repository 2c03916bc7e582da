// SPDX-License-Identifier: GPL-2.0-only
// Runs the plug-ins' agents: answers the kernel's questions about when entries expire, passes on what
// change feeds say, audits, and keeps hot items warm.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <bpf/libbpf.h>
#include <prestack/types.h>
#include <spdlog/logger.h>

#include "agent/agent_link.hpp"
#include "agent/auditor.hpp"
#include "agent/expiry_answers.hpp"
#include "agent/invalidations.hpp"
#include "base/event_loop.hpp"
#include "base/result.hpp"
#include "config/config.hpp"
#include "kernel/objects.hpp"
#include "kernel/user_counters.hpp"
#include "plugin/registry.hpp"

namespace prestack
{

// What the agents report to the rest of the loader.
struct AgentHooks {
	// A connection that stood is closed: the server may be dead, or be another one by now. It is the first that
	// a process which ends does in sight, and the last if somebody else has its sockets too.
	std::function<void(std::uint32_t service)> server_lost;
	// Anything that is cached of the service may be old.
	std::function<void(std::uint32_t service)> flush;
	// The same, and the change feed is down from now on: nothing may be served.
	std::function<void(std::uint32_t service)> feed_lost;
};

class AgentRunner
{
public:
	// `services` are the enabled ones, in the order of their numbers. `counters` must stay where
	// it is. Nothing runs before start().
	[[nodiscard]] static Result<std::unique_ptr<AgentRunner>>
	create(const std::vector<ServiceConfig> &services, const CacheConfig &cache,
	       const Objects &objects, const ps_config &config, const Geometry &geometry,
	       UserCounters &counters, std::shared_ptr<spdlog::logger> log);
	AgentRunner(const AgentRunner &) = delete;
	AgentRunner &operator=(const AgentRunner &) = delete;
	~AgentRunner() = default;

	[[nodiscard]] Result<void> start(EventLoop &loop, AgentHooks hooks);
	void set_audit(const AuditSettings &settings);
	// For how long from now the service may be served, at most `span`; 0: not at all. So a
	// change that the feed does not tell of is served around for `span` at most.
	[[nodiscard]] std::chrono::nanoseconds alive_for(std::uint32_t service,
							 std::chrono::nanoseconds span) const;
	[[nodiscard]] bool lives_by_wall_clock(std::uint32_t service) const
	{
		return services_[service].wall_clock;
	}
	// Our ends of the agents' own connections.
	[[nodiscard]] std::vector<Endpoint> own_connections() const;

private:
	struct FreeRing {
		void operator()(ring_buffer *ring) const { ring_buffer__free(ring); }
	};
	struct Served {
		ServiceConfig service;
		std::unique_ptr<AgentCodec> (*make_agent)() = nullptr;
		std::unique_ptr<AgentLink> link;
		bool needs_change_feed = false;
		bool wall_clock = false;
		bool let_in = true; // false: the server refused the last opening
		bool was_lost = false; // there was a connection before
		bool logged_lost = false; // once per outage
		bool logged_not_let_in = false; // the same
		bool logged_refused = false; // once per connection
	};

	AgentRunner(std::vector<Served> services, ExpiryAnswers expiry_answers,
		    const Invalidations &invalidations, UserCounters &counters,
		    std::shared_ptr<spdlog::logger> log)
		: services_(std::move(services)), expiry_answers_(std::move(expiry_answers)),
		  invalidations_(invalidations), counters_(counters), log_(std::move(log))
	{
	}
	[[nodiscard]] Result<void> consume_questions();
	void on_question(const ps_expiry_question &question);
	void on_expiry(std::uint8_t service, ps_expiry_answer answer, const AgentReply *reply,
		       AgentLink::Clock::time_point asked_at);
	void give();
	void on_connected(std::uint32_t service);
	void on_lost(std::uint32_t service, const std::string &reason);
	void on_changes(std::uint32_t service, const FeedMessage &message);
	void check_invalidated(const Result<void> &done);
	void update_change_feeds();
	[[nodiscard]] AgentLink::Events events_of(std::uint32_t service);
	[[nodiscard]] static AgentLinkLimits limits_of(const Served &served);

	std::vector<Served> services_;
	ExpiryAnswers expiry_answers_;
	Invalidations invalidations_;
	UserCounters &counters_;
	std::shared_ptr<spdlog::logger> log_;
	AgentHooks hooks_;
	std::unique_ptr<ring_buffer, FreeRing> questions_;
	int gather_timer_ = -1; // a timer of the loop
	std::function<Result<Auditor>(std::vector<Auditor::Audited>)> make_auditor_;
	std::unique_ptr<Auditor> auditor_;
	AuditSettings audit_settings_;
};

} // namespace prestack
