// SPDX-License-Identifier: GPL-2.0-only
#include "agent/agent_runner.hpp"

#include <algorithm>
#include <cerrno>

namespace prestack
{
namespace
{

using namespace std::chrono_literals;

constexpr auto tick = 100ms;
constexpr auto gather_time = 5ms; // how long a question may wait for others
constexpr auto feed_timeout = 1s; // a feed without an answered heartbeat for so long is down
// A server with a change feed may be slow. Then the service is not served, but what is cached stays good.
constexpr auto long_patience = 5s;

std::uint64_t to_ns(AgentLink::Clock::time_point time)
{
	return static_cast<std::uint64_t>(
		std::chrono::nanoseconds(time.time_since_epoch()).count());
}

} // namespace

Result<std::unique_ptr<AgentRunner>>
AgentRunner::create(const std::vector<ServiceConfig> &services, const CacheConfig &cache,
		    const Objects &objects, const ps_config &config, const Geometry &geometry,
		    UserCounters &counters, std::shared_ptr<spdlog::logger> log)
{
	std::vector<Served> served;
	for (const auto &service : services) {
		const auto info = std::ranges::find(plugins(), service.protocol, &PluginInfo::name);
		Served one;
		one.service = service;
		one.make_agent = info != plugins().end() ? info->make_agent : nullptr;
		if (one.make_agent != nullptr) {
			const auto codec = one.make_agent();
			one.needs_change_feed = codec->needs_change_feed();
			one.wall_clock = codec->lives_by_wall_clock();
			counters[static_cast<std::uint32_t>(served.size())].change_feed =
				one.needs_change_feed ? ChangeFeed::down : ChangeFeed::none;
		}
		served.push_back(std::move(one));
	}
	const auto maps = objects.maps();
	std::unique_ptr<AgentRunner> runner(new AgentRunner(
		std::move(served), ExpiryAnswers(objects.programs().set_expiry),
		Invalidations(objects.programs().invalidations, config), counters, std::move(log)));
	const auto on_question = [](void *context, void *data, std::size_t size) {
		if (const auto question = question_of(data, size)) {
			static_cast<AgentRunner *>(context)->on_question(*question);
		}
		return 0;
	};
	runner->questions_.reset(
		ring_buffer__new(maps.expiry_questions, on_question, runner.get(), nullptr));
	if (!runner->questions_) {
		return fail("map ps_expiry_questions", "open as a ring buffer", errno);
	}
	// Descriptors belong to `objects`, which outlives us.
	runner->make_auditor_ = [=, &counters,
				 log = runner->log_](std::vector<Auditor::Audited> audited) {
		return ServiceMaps::open(maps.service_conf, maps.service_state)
			.and_then([&](ServiceMaps &&services) {
				return EntrySampler::open(maps.index, maps.small, maps.large,
							  config, geometry)
					.map([&](EntrySampler &&sampler) {
						return Auditor(std::move(sampler),
							       std::move(services), cache,
							       std::move(audited), counters, log);
					});
			});
	};
	return runner;
}

AgentLink::Events AgentRunner::events_of(std::uint32_t service)
{
	AgentLink::Events events;
	events.connected = [this, service] { on_connected(service); };
	events.lost = [this, service](const std::string &reason) { on_lost(service, reason); };
	events.batch_done = [this] {
		check_invalidated(invalidations_.give());
		give();
	};
	events.refused = [this, service] { services_[service].let_in = false; };
	events.changes = [this, service](const FeedMessage &message) {
		on_changes(service, message);
	};
	events.caught_up = [this] { check_invalidated(invalidations_.give()); };
	return events;
}

void AgentRunner::on_connected(std::uint32_t service)
{
	auto &served = services_[service];
	counters_[service].agent_connected = 1;
	served.let_in = true;
	served.logged_lost = false;
	served.logged_not_let_in = false;
	served.logged_refused = false;
	log_->info("service {}: the agent is connected to the server", served.service.name);
	// The feed does not tell of what changed before it; and this need not be the server that there was.
	if (served.needs_change_feed || served.was_lost) {
		hooks_.flush(service);
	}
}

void AgentRunner::on_lost(std::uint32_t service, const std::string &reason)
{
	auto &served = services_[service];
	const bool stood = counters_[service].agent_connected != 0;
	counters_[service].agent_connected = 0;
	++counters_[service].agent_errors;
	if (stood) {
		served.was_lost = true;
		hooks_.server_lost(service);
	}
	if (stood && served.needs_change_feed) {
		hooks_.feed_lost(service);
	}
	const bool logged = served.let_in ? served.logged_lost : served.logged_not_let_in;
	if (!logged) {
		log_->warn("service {}: the agent has no connection to {}: {}{}; {} is not served",
			   served.service.name, to_string(served.service.server), reason,
			   served.let_in ? "" : " (does it want authentication?)",
			   served.needs_change_feed ? "the service"
						    : "what it would have to ask about");
	}
	served.logged_lost = true;
	served.logged_not_let_in = !served.let_in;
}

void AgentRunner::on_changes(std::uint32_t service, const FeedMessage &message)
{
	counters_[service].feed_changes += message.keys.size() + (message.any_key ? 1 : 0);
	if (message.any_key) {
		hooks_.flush(service);
	}
	for (const auto key : message.keys) {
		check_invalidated(invalidations_.add(static_cast<std::uint8_t>(service), key));
	}
}

void AgentRunner::check_invalidated(const Result<void> &done)
{
	if (done) {
		return;
	}
	// It is not known any more which services they belong to.
	log_->error("{}", to_string(done.error()));
	for (std::uint32_t i = 0; i < services_.size(); ++i) {
		hooks_.flush(i);
	}
}

std::chrono::nanoseconds AgentRunner::alive_for(std::uint32_t service,
						std::chrono::nanoseconds span) const
{
	const auto &served = services_[service];
	if (!served.needs_change_feed) {
		return span;
	}
	if (!served.link || !served.link->caught_up_to()) {
		return std::chrono::nanoseconds{0};
	}
	const std::chrono::nanoseconds left =
		*served.link->caught_up_to() + span - AgentLink::Clock::now();
	return std::max(left, std::chrono::nanoseconds{0});
}

void AgentRunner::update_change_feeds()
{
	for (std::uint32_t i = 0; i < services_.size(); ++i) {
		const auto &served = services_[i];
		if (!served.needs_change_feed) {
			continue;
		}
		const bool up = alive_for(i, feed_timeout) > std::chrono::nanoseconds{0};
		const bool was_up = counters_[i].change_feed == ChangeFeed::up;
		// The loss of a connection has a message of its own.
		if (up != was_up && served.link && served.link->caught_up_to()) {
			log_->log(
				up ? spdlog::level::info : spdlog::level::warn,
				"service {}: the server {} the agent's heartbeats; the service is "
				"{}served",
				served.service.name,
				up ? "answers" : "does not answer, or refuses,", up ? "" : "not ");
		}
		counters_[i].change_feed = up		   ? ChangeFeed::up
					   : served.let_in ? ChangeFeed::down
							   : ChangeFeed::refused;
	}
}

AgentLinkLimits AgentRunner::limits_of(const Served &served)
{
	AgentLinkLimits limits;
	if (served.needs_change_feed) {
		limits.patience = long_patience;
	}
	return limits;
}

void AgentRunner::set_audit(const AuditSettings &settings)
{
	audit_settings_ = settings;
	if (auditor_) {
		auditor_->set(settings);
	}
}

Result<void> AgentRunner::start(EventLoop &loop, AgentHooks hooks)
{
	hooks_ = std::move(hooks);
	std::vector<Auditor::Audited> audited;
	for (std::uint32_t i = 0; i < services_.size(); ++i) {
		auto &served = services_[i];
		if (served.make_agent != nullptr) {
			served.link = std::make_unique<AgentLink>(loop, served.service.server,
								  served.make_agent(), events_of(i),
								  limits_of(served));
		}
		audited.push_back({served.service.name, served.link.get()});
	}
	auto auditor = make_auditor_(std::move(audited));
	if (!auditor) {
		return tl::unexpected(auditor.error());
	}
	auditor_ = std::make_unique<Auditor>(std::move(*auditor));
	auditor_->set(audit_settings_);
	const auto tend = [this]() -> Result<void> {
		for (const auto &served : services_) {
			if (served.link) {
				served.link->tick();
			}
		}
		auditor_->tick();
		update_change_feeds();
		// The kernel wakes us once per tick of its clock, which may stand still for longer than we
		// gather questions.
		return consume_questions();
	};
	const auto look = [this] { return consume_questions(); };
	const auto timer = loop.timer(look);
	if (!timer) {
		return tl::unexpected(timer.error());
	}
	gather_timer_ = *timer;
	if (auto done = tend(); !done) {
		return done;
	}
	return loop.every(tick, tend).and_then([&] {
		return loop.watch(ring_buffer__epoll_fd(questions_.get()), look);
	});
}

Result<void> AgentRunner::consume_questions()
{
	if (ring_buffer__consume(questions_.get()) <= 0) {
		return {};
	}
	for (const auto &served : services_) {
		if (served.link) {
			served.link->push();
		}
	}
	// The kernel does not wake us for those that follow soon.
	return EventLoop::start(gather_timer_, gather_time);
}

std::vector<Endpoint> AgentRunner::own_connections() const
{
	std::vector<Endpoint> ends;
	for (const auto &served : services_) {
		if (served.link && served.link->local()) {
			ends.push_back(*served.link->local());
		}
	}
	return ends;
}

void AgentRunner::on_question(const ps_expiry_question &question)
{
	if (question.service >= services_.size()) {
		return;
	}
	auto &counters = counters_[question.service];
	++counters.expiry_asked;
	const std::string_view key(reinterpret_cast<const char *>(question.key), question.key_len);
	const auto service = question.service;
	const ps_expiry_answer answer{question.table, question.index, question.seq, 0,
				      PS_EXPIRES_UNKNOWN};
	const auto &link = services_[service].link;
	// A question that is not passed on leaves its entry unserved; the next miss asks again.
	if (!link ||
	    !link->ask({key}, [this, service, answer](const AgentReply *reply, auto asked_at) {
		    on_expiry(service, answer, reply, asked_at);
	    })) {
		++counters.expiry_unanswered;
	}
}

void AgentRunner::on_expiry(std::uint8_t service, ps_expiry_answer answer, const AgentReply *reply,
			    AgentLink::Clock::time_point asked_at)
{
	auto &served = services_[service];
	auto &counters = counters_[service];
	if (reply != nullptr && reply->status == AgentReply::Status::refused) {
		++counters.agent_errors;
		if (!served.logged_refused) {
			log_->warn("service {}: the server refuses the agent's questions (does it "
				   "want authentication?); what it would have to ask about is not "
				   "served",
				   served.service.name);
		}
		served.logged_refused = true;
	}
	std::optional<std::uint64_t> expires;
	if (reply != nullptr && reply->status == AgentReply::Status::answered && reply->present &&
	    reply->plain) {
		expires = sure_expiry(*reply, to_ns(asked_at));
	}
	if (!expires) {
		++counters.expiry_unanswered;
		return;
	}
	answer.expires = *expires;
	if (expiry_answers_.add(service, answer)) {
		give();
	}
}

void AgentRunner::give()
{
	const auto taken = expiry_answers_.give();
	if (!taken) {
		// The entries stay unserved.
		log_->error("{}", to_string(taken.error()));
		return;
	}
	for (std::uint32_t i = 0; i < services_.size(); ++i) {
		counters_[i].expiry_answered += (*taken)[i];
	}
}

} // namespace prestack
