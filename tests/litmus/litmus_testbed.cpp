// SPDX-License-Identifier: GPL-2.0-only
#include "litmus_testbed.hpp"

#include <algorithm>
#include <iostream>

namespace prestack::test
{

namespace
{

constexpr std::size_t max_printed = 5; // violations

std::uint64_t value_or_zero(const std::map<std::string, std::uint64_t> &map,
			    const std::string &name)
{
	const auto found = map.find(name);
	return found == map.end() ? 0 : found->second;
}

// The server was killed after `killed`; a new one was there at `ready`. Once that has answered a write,
// nothing that was written before is to be seen.
void add_restart_deletions(std::vector<Operation> &history, std::uint32_t keys, std::int64_t killed,
			   std::int64_t ready)
{
	std::int64_t answered = never;
	for (const Operation &each : history) {
		if (each.kind == OperationKind::write && each.took_effect() && each.start >= ready)
			answered = std::min(answered, each.end);
	}
	for (std::uint32_t key = 0; key < keys; ++key) {
		history.push_back({.kind = OperationKind::write,
				   .key = key,
				   .version = absent_version,
				   .start = killed,
				   .end = answered,
				   .until = ready,
				   .by_restart = true,
				   .how = "restart"});
	}
}

std::ostream &operator<<(std::ostream &out, const ChaosCounters &counters)
{
	return out << counters.seen << " packets, " << counters.dropped << " dropped, "
		   << counters.duplicated << " doubled, " << counters.delayed << " delayed, "
		   << counters.reordered << " reordered";
}

} // namespace

LitmusTestbed::LitmusTestbed(const LitmusOptions &options)
	: options_(options), server_("server"), client_("client"),
	  link_(with_addresses(VethPair(server_, client_, {}))),
	  running_(options_.protocol->start(server_, "10.0.0.1"))
{
	const ServiceOptions service = options_.protocol->service();
	if (options_.with_prestack) {
		PrestackOptions how{.xdp_mode = "native",
				    .settle = std::to_string(options_.settle.count()) + "ms",
				    .services = {service},
				    .binary = options_.binary};
		if (!options_.stream_reads)
			how.services.front().transports = {"udp"};
		prestack_ = std::make_unique<Prestack>(server_, how);
	}
	LoadOptions load = options_.load;
	if (options_.chaos) {
		chaos_ = std::make_unique<Chaos>(client_, link_.interface(), *options_.chaos);
		load.lossy = true;
		load.loss_patience = Milliseconds{100}; // longer than anything is held
	}
	load_ = std::make_unique<Load>(*options_.protocol, client_, server_,
				       Endpoint("10.0.0.1", service.port), load);
}

VethPair LitmusTestbed::with_addresses(VethPair link)
{
	link.server_address("10.0.0.1/24");
	link.client_address("10.0.0.2/24");
	return link;
}

void LitmusTestbed::run(const std::function<void()> &disturb)
{
	const auto begin = Clock::now();
	for (;;) {
		const auto passed = Clock::now() - begin;
		if (passed > options_.at_most ||
		    (passed > options_.at_least && load_->operations() >= options_.operations))
			break;
		disturb();
	}
}

void LitmusTestbed::restart_server()
{
	const std::int64_t killed = now_ns();
	running_->restart();
	restarts_.emplace_back(killed, now_ns());
}

void LitmusTestbed::count()
{
	if (!prestack_)
		return;
	const nlohmann::json stats = prestack_->stats();
	for (const auto &[name, value] : stats.at("services").at(0).items()) {
		if (value.is_number_unsigned())
			counters_[name] += value.get<std::uint64_t>();
	}
}

RunResult LitmusTestbed::finish(const std::string &name)
{
	std::vector<Operation> history = load_->stop();
	for (const auto &[killed, ready] : restarts_)
		add_restart_deletions(history, options_.load.keys, killed, ready);
	count();
	RunResult result{.violations = find_violations(history, {.seen_within = options_.settle}),
			 .operations = history.size(),
			 .hits = value_or_zero(counters_, "hits"),
			 .fills = value_or_zero(counters_, "fills"),
			 .invalidations = value_or_zero(counters_, "invalidations"),
			 .audited_stale = value_or_zero(counters_, "stale")};
	if (chaos_) {
		result.chaos = chaos_->to_server();
		result.chaos += chaos_->to_client();
	}
	print(name, result, history);
	return result;
}

void LitmusTestbed::print(const std::string &name, const RunResult &result,
			  const std::vector<Operation> &history) const
{
	std::map<std::string, std::uint64_t> kinds;
	std::uint64_t reads = 0;
	std::uint64_t unacknowledged = 0;
	std::uint64_t slow = 0;
	for (const Operation &each : history) {
		if (each.kind == OperationKind::read) {
			++reads;
			continue;
		}
		++kinds[each.how];
		unacknowledged += each.end == never ? 1 : 0;
		slow += each.end != never &&
					each.end - each.start >
						std::chrono::nanoseconds(options_.settle).count()
				? 1
				: 0;
	}
	std::cout << "LITMUS " << name << ": operations " << history.size() << ", reads " << reads
		  << ", writes " << history.size() - reads << " (" << unacknowledged
		  << " without acknowledgement, " << slow << " slower than settle), seed "
		  << load_->seed() << "; violations " << result.violations.size() << std::endl;
	std::cout << "LITMUS " << name << ": prestack:";
	for (const char *counter :
	     {"hits", "requests", "fills", "writes", "invalidations", "replies", "flushes", "flows",
	      "flows_lost", "flows_unknown", "restarts", "questions", "audited", "stale"}) {
		if (counters_.contains(counter))
			std::cout << " " << counter << " " << counters_.at(counter);
	}
	std::cout << std::endl << "LITMUS " << name << ": writes:";
	for (const auto &[how, count] : kinds)
		std::cout << " " << how << " " << count << ",";
	std::cout << " clients began again " << load_->disturbed() << " times" << std::endl;
	if (chaos_)
		std::cout << "LITMUS " << name << ": chaos: " << result.chaos << std::endl;
	for (std::size_t i = 0; i < std::min(result.violations.size(), max_printed); ++i)
		std::cout << "  " << describe(result.violations[i]) << std::endl;
}

} // namespace prestack::test
