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
constexpr auto gathering = 5ms; // how long a question may wait for others
constexpr auto hearing = 1s; // later the agent is called deaf
// A server that must be heard may be slow: then it is not served, but what is cached stays good.
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
		    UserCounters &report, std::shared_ptr<spdlog::logger> log)
{
	std::vector<Served> served;
	for (const auto &service : services) {
		const auto info = std::ranges::find(plugins(), service.protocol, &PluginInfo::name);
		Served one;
		one.service = service;
		one.make_agent = info != plugins().end() ? info->make_agent : nullptr;
		if (one.make_agent != nullptr) {
			const auto codec = one.make_agent();
			one.must_listen = codec->must_listen();
			one.wall_clock = codec->lives_by_wall_clock();
			report[static_cast<std::uint32_t>(served.size())].listens =
				one.must_listen ? 1 : 0;
		}
		served.push_back(std::move(one));
	}
	const auto maps = objects.maps();
	std::unique_ptr<AgentRunner> runner(new AgentRunner(
		std::move(served), ExpiryAnswers(objects.programs().set_expiry),
		Invalidations(objects.programs().invalidations, config), report, std::move(log)));
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
	runner->make_auditor_ = [=, &report,
				 log = runner->log_](std::vector<Auditor::Audited> audited) {
		return ServiceMaps::open(maps.service_conf, maps.service_state)
			.and_then([&](ServiceMaps &&services) {
				return EntrySampler::open(maps.index, maps.small, maps.large,
							  config, geometry)
					.map([&](EntrySampler &&sampler) {
						return Auditor(std::move(sampler),
							       std::move(services), cache,
							       std::move(audited), report, log);
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
	events.drained = [this] {
		check_forgotten(invalidations_.give());
		give();
	};
	events.refused = [this, service] { services_[service].let_in = false; };
	events.news = [this, service](const AgentNews &news) { on_news(service, news); };
	events.heard = [this] { check_forgotten(invalidations_.give()); };
	return events;
}

void AgentRunner::on_connected(std::uint32_t service)
{
	auto &served = services_[service];
	report_[service].connected = 1;
	served.let_in = true;
	served.told_lost = false;
	served.told_not_let_in = false;
	served.told_refused = false;
	log_->info("service {}: the agent is connected to the server", served.service.name);
	// What changed before was not heard of.
	if (served.must_listen) {
		hooks_.flush(service);
	}
}

void AgentRunner::on_lost(std::uint32_t service, const std::string &reason)
{
	auto &served = services_[service];
	const bool stood = report_[service].connected != 0;
	report_[service].connected = 0;
	++report_[service].agent_errors;
	if (stood && served.must_listen) {
		hooks_.deaf(service);
	}
	const bool told = served.let_in ? served.told_lost : served.told_not_let_in;
	if (!told) {
		log_->warn("service {}: the agent has no connection to {}: {}{}; {} is not served",
			   served.service.name, to_string(served.service.server), reason,
			   served.let_in ? "" : " (does it want authentication?)",
			   served.must_listen ? "the service" : "what it would have to ask about");
	}
	served.told_lost = true;
	served.told_not_let_in = !served.let_in;
	if (stood) {
		hooks_.server_lost();
	}
}

void AgentRunner::on_news(std::uint32_t service, const AgentNews &news)
{
	report_[service].news += news.keys.size() + (news.anything ? 1 : 0);
	if (news.anything) {
		hooks_.flush(service);
	}
	for (const auto key : news.keys) {
		check_forgotten(invalidations_.add(static_cast<std::uint8_t>(service), key));
	}
}

void AgentRunner::check_forgotten(const Result<void> &done)
{
	if (done) {
		return;
	}
	// Whose keys they were is not known any more.
	log_->error("{}", to_string(done.error()));
	for (std::uint32_t i = 0; i < services_.size(); ++i) {
		hooks_.flush(i);
	}
}

std::chrono::nanoseconds AgentRunner::alive_for(std::uint32_t service,
						std::chrono::nanoseconds span) const
{
	const auto &served = services_[service];
	if (!served.must_listen) {
		return span;
	}
	if (!served.link || !served.link->heard()) {
		return std::chrono::nanoseconds{0};
	}
	const std::chrono::nanoseconds left =
		*served.link->heard() + span - AgentLink::Clock::now();
	return std::max(left, std::chrono::nanoseconds{0});
}

void AgentRunner::tell_who_is_deaf()
{
	for (std::uint32_t i = 0; i < services_.size(); ++i) {
		const auto &served = services_[i];
		const bool deaf = alive_for(i, hearing) == std::chrono::nanoseconds{0};
		const auto how = served.let_in ? Deaf::yes : Deaf::refused;
		const bool was_deaf = report_[i].deaf != static_cast<std::uint64_t>(Deaf::no);
		// Else the loss of the connection tells.
		if (deaf != was_deaf && served.link && served.link->heard()) {
			log_->log(
				deaf ? spdlog::level::warn : spdlog::level::info,
				"service {}: the server {} the agent's heartbeats; the service is "
				"{}served",
				served.service.name,
				deaf ? "does not answer, or refuses," : "answers",
				deaf ? "not " : "");
		}
		report_[i].deaf = static_cast<std::uint64_t>(deaf ? how : Deaf::no);
	}
}

AgentLinkLimits AgentRunner::limits_of(const Served &served)
{
	AgentLinkLimits limits;
	if (served.must_listen) {
		limits.patience = long_patience;
	}
	return limits;
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
	const auto tend = [this]() -> Result<void> {
		for (const auto &served : services_) {
			if (served.link) {
				served.link->tick();
			}
		}
		auditor_->tick();
		tell_who_is_deaf();
		// The kernel tells once per tick of its clock, which may stand still for longer than we gathered.
		return look_for_questions();
	};
	const auto look = [this] { return look_for_questions(); };
	const auto timer = loop.timer(look);
	if (!timer) {
		return tl::unexpected(timer.error());
	}
	look_again_ = *timer;
	if (auto done = tend(); !done) {
		return done;
	}
	return loop.every(tick, tend).and_then([&] {
		return loop.watch(ring_buffer__epoll_fd(questions_.get()), look);
	});
}

Result<void> AgentRunner::look_for_questions()
{
	if (ring_buffer__consume(questions_.get()) <= 0) {
		return {};
	}
	for (const auto &served : services_) {
		if (served.link) {
			served.link->push();
		}
	}
	// Of those that follow soon the kernel does not tell.
	return EventLoop::start(look_again_, gathering);
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
	auto &counters = report_[question.service];
	++counters.asked;
	const std::string_view key(reinterpret_cast<const char *>(question.key), question.key_len);
	const auto service = question.service;
	const ps_expiry_answer answer{question.table, question.index, question.seq, 0,
				      PS_EXPIRES_UNKNOWN};
	const auto &link = services_[service].link;
	// A question that is not passed on leaves its entry unserved; the next miss asks again.
	if (!link ||
	    !link->ask(key, false, [this, service, answer](const AgentReply *reply, auto asked_at) {
		    on_expiry(service, answer, reply, asked_at);
	    })) {
		++counters.unanswered;
	}
}

void AgentRunner::on_expiry(std::uint8_t service, ps_expiry_answer answer, const AgentReply *reply,
			    AgentLink::Clock::time_point asked_at)
{
	auto &served = services_[service];
	auto &counters = report_[service];
	if (reply != nullptr && reply->status == AgentReply::Status::refused) {
		++counters.agent_errors;
		if (!served.told_refused) {
			log_->warn("service {}: the server refuses the agent's questions (does it "
				   "want authentication?); what it would have to ask about is not "
				   "served",
				   served.service.name);
		}
		served.told_refused = true;
	}
	std::optional<std::uint64_t> expires;
	if (reply != nullptr && reply->status == AgentReply::Status::answered && reply->present &&
	    reply->plain) {
		expires = sure_expiry(*reply, to_ns(asked_at));
	}
	if (!expires) {
		++counters.unanswered;
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
		report_[i].answered += (*taken)[i];
	}
}

} // namespace prestack
