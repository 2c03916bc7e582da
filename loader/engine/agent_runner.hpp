// SPDX-License-Identifier: GPL-2.0-only
// Runs the plug-ins' agents: answers the kernel's questions about when entries expire, audits, and
// keeps hot items warm.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <bpf/libbpf.h>
#include <prestack/types.h>
#include <spdlog/logger.h>

#include "config.hpp"
#include "engine/agent_link.hpp"
#include "engine/agent_report.hpp"
#include "engine/auditor.hpp"
#include "engine/event_loop.hpp"
#include "engine/objects.hpp"
#include "registry.hpp"
#include "result.hpp"

namespace prestack
{

// When an item that had `seconds_left` as it answered a question asked at `asked_at` (ns of
// CLOCK_MONOTONIC) surely still lives: a time, PS_EXPIRES_NEVER, or nothing if not even then.
[[nodiscard]] std::optional<std::uint64_t> sure_expiry(std::optional<std::uint64_t> seconds_left,
						       std::uint64_t asked_at);

// Entries that may be served from now on, given to the kernel many at a time.
class Voucher
{
public:
	explicit Voucher(int program) : program_(program) {}
	// True if the batch is full: give it out.
	[[nodiscard]] bool add(std::uint8_t service, const ps_answer &answer);
	// Runs the program. For each service, how many answers were of use: index = service.
	[[nodiscard]] Result<std::vector<std::uint32_t>> give();

private:
	int program_;
	ps_answers batch_{};
	std::vector<std::uint8_t> services_; // of each answer in the batch
};

class AgentRunner
{
public:
	// `services` are the enabled ones, in the order of their numbers. `report` must stay where it
	// is. Nothing runs before start().
	[[nodiscard]] static Result<std::unique_ptr<AgentRunner>>
	create(const std::vector<ServiceConfig> &services, const CacheConfig &cache,
	       const Objects &objects, const ps_config &config, const Geometry &geometry,
	       AgentReport &report, std::shared_ptr<spdlog::logger> log);
	AgentRunner(const AgentRunner &) = delete;
	AgentRunner &operator=(const AgentRunner &) = delete;
	~AgentRunner() = default;

	// `on_server_lost` is called when a server closes its connection: it may have been restarted.
	[[nodiscard]] Result<void> start(EventLoop &loop,
					 const std::function<void()> &on_server_lost);
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
		bool told_lost = false; // once per outage
		bool told_refused = false; // once per connection
	};

	AgentRunner(std::vector<Served> services, Voucher voucher, AgentReport &report,
		    std::shared_ptr<spdlog::logger> log)
		: services_(std::move(services)), voucher_(std::move(voucher)), report_(report),
		  log_(std::move(log))
	{
	}
	void on_question(const ps_question &question);
	void on_expiry(std::uint8_t service, ps_answer answer, const AgentReply *reply,
		       AgentLink::Clock::time_point asked_at);
	void give();
	[[nodiscard]] AgentLink::Events events_of(std::uint32_t service,
						  const std::function<void()> &on_server_lost);

	std::vector<Served> services_;
	Voucher voucher_;
	AgentReport &report_;
	std::shared_ptr<spdlog::logger> log_;
	std::unique_ptr<ring_buffer, FreeRing> questions_;
	std::function<Result<Auditor>(std::vector<Auditor::Audited>)> make_auditor_;
	std::unique_ptr<Auditor> auditor_;
};

} // namespace prestack
