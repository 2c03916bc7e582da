// SPDX-License-Identifier: GPL-2.0-only
#include "agent/auditor.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

namespace prestack
{
namespace
{

using Clock = AgentLink::Clock;
using namespace std::chrono_literals;

// Bounds of one tick's work.
constexpr unsigned most_places = 8192; // index words looked at to find one entry
constexpr unsigned most_reads = 512; // entries copied by warm()
constexpr std::uint64_t walk_ticks = 600; // ticks in which warm() goes once through the index
constexpr double most_due = 2; // ticks' worth of questions that may be made up for

// The server's clock ticks once a second, and late when the host is busy.
constexpr std::uint64_t second = 1'000'000'000;
constexpr std::uint64_t clock_slack = 1 * second;
constexpr std::uint64_t millisecond = 1'000'000;
constexpr std::uint64_t exact_slack = 100 * millisecond;

std::uint64_t to_ns(Clock::time_point time)
{
	return static_cast<std::uint64_t>(
		std::chrono::nanoseconds(time.time_since_epoch()).count());
}

std::uint64_t now_ns()
{
	return to_ns(Clock::now());
}

// After this the item is gone, if the answer came at `answered_at`. Nothing: it lasts for ever.
std::optional<std::uint64_t> latest_end(const AgentReply &reply, std::uint64_t answered_at)
{
	if (reply.milliseconds_left) {
		// Later than any entry's is soon enough.
		const auto left = std::min(*reply.milliseconds_left, most_milliseconds);
		return answered_at + left * millisecond + exact_slack;
	}
	if (reply.seconds_left) {
		return answered_at + *reply.seconds_left * second + clock_slack;
	}
	return std::nullopt;
}

std::string printable(std::string_view key)
{
	std::string text;
	for (const char c : key) {
		const auto byte = static_cast<unsigned char>(c);
		text += std::isprint(byte) != 0 && c != '\\' ? std::string(1, c)
							     : fmt::format("\\x{:02x}", byte);
	}
	return text;
}

std::string_view describe(Verdict verdict)
{
	switch (verdict) {
	case Verdict::value:
		return "another value";
	case Verdict::flags:
		return "other flags";
	case Verdict::expiry:
		return "an earlier end";
	default:
		return "";
	}
}

} // namespace

Verdict audit_verdict(const Audit &audit, const AgentReply &reply)
{
	const auto &before = audit.before;
	if (audit.after == nullptr || audit.after->head.seq != before.head.seq ||
	    audit.after->key != before.key ||
	    !is_servable(audit.after->head, audit.epoch, audit.answered_at)) {
		return Verdict::undecided;
	}
	if (reply.status != AgentReply::Status::answered) {
		return Verdict::refused;
	}
	if (!reply.present) {
		return Verdict::absent;
	}
	if (!reply.value || *reply.value != before.value) {
		return Verdict::value;
	}
	if (reply.flags != before.head.flags) {
		return Verdict::flags;
	}
	const auto expires = audit.after->head.expires;
	const auto end = latest_end(reply, audit.answered_at);
	if (end && (expires == PS_EXPIRES_NEVER || expires > *end)) {
		return Verdict::expiry;
	}
	return Verdict::same;
}

Auditor::Auditor(EntrySampler sampler, ServiceMaps maps, const CacheConfig &cache,
		 std::vector<Audited> services, UserCounters &counters,
		 std::shared_ptr<spdlog::logger> log)
	: sampler_(std::move(sampler)), maps_(std::move(maps)), cache_(cache),
	  services_(std::move(services)), counters_(counters), log_(std::move(log)),
	  due_(services_.size()), last_(Clock::now()), random_(std::random_device{}())
{
}

void Auditor::tick()
{
	decide_waiting();
	const auto now = Clock::now();
	const double seconds = std::chrono::duration<double>(now - last_).count();
	last_ = now;
	const auto earn = [seconds](double due, std::uint32_t rate) {
		return std::min(due + rate * seconds, std::max(1.0, most_due * rate / 10));
	};
	for (std::uint32_t i = 0; i < services_.size(); ++i) {
		if (services_[i].link == nullptr || !services_[i].link->connected()) {
			continue;
		}
		due_[i].audits = earn(due_[i].audits, settings_.audit_rate);
		due_[i].touches = earn(due_[i].touches, settings_.warm_rate);
		for (; due_[i].audits >= 1; due_[i].audits -= 1) {
			audit(i);
		}
	}
	warm();
	for (const auto &service : services_) {
		if (service.link != nullptr) {
			service.link->push();
		}
	}
}

std::string Auditor::name_of(const std::string &key) const
{
	return settings_.log_keys
		       ? fmt::format("key \"{}\"", printable(key))
		       : fmt::format("a key of {} bytes (log.keys = true names it)", key.size());
}

// Of what the kernel would serve at this moment, were there a request.
bool Auditor::is_served(const EntryCopy &entry) const
{
	return entry.head.service < services_.size() && maps_.is_serving(entry.head.service) &&
	       is_servable(entry.head, maps_.epoch(entry.head.service), now_ns());
}

// From a random place on, the first entry of the service that is served and was: to the server the comparison
// looks like the reads that were answered from it.
void Auditor::audit(std::uint32_t service)
{
	const std::uint64_t start =
		std::uniform_int_distribution<std::uint64_t>(0, sampler_.places() - 1)(random_);
	for (unsigned i = 0; i < most_places && i < sampler_.places(); ++i) {
		if (sampler_.is_empty(start + i)) {
			continue;
		}
		auto entry = sampler_.at(start + i);
		if (entry && entry->head.service == service && entry->head.used != 0 &&
		    is_served(*entry)) {
			ask_about(service, std::move(*entry));
			return;
		}
	}
}

void Auditor::ask_about(std::uint32_t service, EntryCopy entry)
{
	const auto key = entry.key;
	auto on_reply = [this, service, entry = std::move(entry)](const AgentReply *reply,
								  Clock::time_point) {
		if (reply == nullptr) {
			++counters_[service].undecided;
		} else {
			this->on_reply(service, entry, *reply);
		}
	};
	// Without room nothing is compared; that shows in a counter that stands still.
	(void)services_[service].link->ask({key, AgentPurpose::value}, std::move(on_reply));
}

void Auditor::on_reply(std::uint32_t service, const EntryCopy &before, const AgentReply &reply)
{
	const auto now = Clock::now();
	if (!services_[service].link->needs_change_feed()) {
		decide(service, before, reply, now);
		return;
	}
	std::optional<std::string> value;
	if (reply.value) {
		value.emplace(*reply.value);
	}
	waiting_.push_back({service, before, reply, std::move(value), now});
}

// A connection that was lost meanwhile has changed the epoch.
void Auditor::decide_waiting()
{
	std::vector<WaitingVerdict> still_waiting;
	for (auto &one : waiting_) {
		const auto caught_up = services_[one.service].link->caught_up_to();
		if (!caught_up || *caught_up <= one.answered_at) {
			still_waiting.push_back(std::move(one));
			continue;
		}
		if (one.value) {
			one.reply.value = *one.value;
		}
		decide(one.service, one.before, one.reply, one.answered_at);
	}
	waiting_ = std::move(still_waiting);
}

void Auditor::decide(std::uint32_t service, const EntryCopy &before, const AgentReply &reply,
		     Clock::time_point answered_at)
{
	const auto after = sampler_.read(before.table, before.index);
	auto verdict = audit_verdict(
		{before, after ? &*after : nullptr, maps_.epoch(service), to_ns(answered_at)},
		reply);
	if (!maps_.is_serving(service)) {
		verdict = Verdict::undecided;
	}
	auto &counters = counters_[service];
	switch (verdict) {
	case Verdict::undecided:
		++counters.undecided;
		return;
	case Verdict::refused:
		++counters.undecided;
		// The feed does not tell when rights are taken, and they may be taken for many keys.
		if (services_[service].link->needs_change_feed()) {
			maps_.bump_epoch(service);
			log_->warn("service {}: the server refuses to tell of {}, which "
				   "was cached; cache flushed",
				   services_[service].name, name_of(before.key));
		}
		return;
	case Verdict::same:
		++counters.audited;
		return;
	case Verdict::absent:
		++counters.audited;
		++counters.absent;
		return;
	default:
		++counters.audited;
		++counters.stale;
	}
	maps_.bump_epoch(service, cache_.settle);
	log_->error("service {}: STALE: the server has {} for {}; cache flushed. A write came "
		    "by a way that prestack does not see, or this is a defect: please report it",
		    services_[service].name, describe(verdict), name_of(before.key));
}

// Goes round the index in a minute, if it is not very large, and touches what hits have marked.
void Auditor::warm()
{
	const auto wanted = [](const Due &due) { return due.touches >= 1; };
	const std::uint64_t share = sampler_.places() / walk_ticks + 1;
	unsigned reads = 0;
	for (std::uint64_t i = 0; i < share && reads < most_reads; ++i) {
		if (std::ranges::none_of(due_, wanted)) {
			return;
		}
		const auto place = walked_++;
		if (sampler_.is_empty(place)) {
			continue;
		}
		++reads;
		const auto entry = sampler_.at(place);
		if (!entry || entry->head.used == 0 || !is_served(*entry) ||
		    !wanted(due_[entry->head.service])) {
			continue;
		}
		const std::uint32_t service = entry->head.service;
		if (services_[service].link->ask({entry->key, AgentPurpose::touch}, nullptr)) {
			due_[service].touches -= 1;
			++counters_[service].warmed;
		}
	}
}

} // namespace prestack
