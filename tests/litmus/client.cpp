// SPDX-License-Identifier: GPL-2.0-only
#include "client.hpp"

#include "value.hpp"

namespace prestack::test
{

std::int64_t now_ns()
{
	return std::chrono::nanoseconds(Clock::now().time_since_epoch()).count();
}

std::uint32_t Client::any_key_to_write()
{
	const std::uint32_t key = any_key();
	const auto times = protocol().clock().mortal_interval / options().write_interval;
	if (kind_of(key) == KeyKind::mortal && below(static_cast<unsigned>(times)) != 0)
		return any_key_to_write();
	return key;
}

Command Client::any_write(bool datagram)
{
	const unsigned flush_all_of = options().flush_all_of;
	const bool flush = flush_all_of != 0 && below(flush_all_of) == 0;
	return protocol().any_write(
		*this, {.quiet = !datagram, .base64 = options().base64, .flush = flush});
}

std::chrono::microseconds Client::interval()
{
	const LoadOptions &load = options();
	const unsigned writers =
		load.tcp_writers + load.udp_writers + load.careless + load.aside_writers;
	const double mean = static_cast<double>(load.write_interval.count()) * writers / load.keys;
	std::uniform_real_distribution<> around(0.1 * mean, 1.9 * mean);
	return std::chrono::microseconds(static_cast<std::int64_t>(around(random_)));
}

Clock::time_point Client::some_time_from_now()
{
	return Clock::now() + Milliseconds{200 + below(800)};
}

void Client::record(const Operation &operation)
{
	Operation &latest = history_.emplace_back(operation);
	latest.client = id_;
	if (aside_ && latest.kind == OperationKind::write) {
		latest.heard_late = true;
		latest.until = latest.last_effect();
		if (latest.end != never)
			latest.end += std::chrono::nanoseconds(options().heard_within).count();
	}
	shared_.operations.fetch_add(1, std::memory_order_relaxed);
}

void Client::read(std::uint32_t key, std::uint64_t version, std::int64_t start, std::int64_t end,
		  const char *how)
{
	record({.kind = OperationKind::read,
		.key = key,
		.version = version,
		.start = start,
		.end = end,
		.how = how});
}

void Client::record_write(const Command &command, Operation write)
{
	write.kind = OperationKind::write;
	write.key = command.key;
	write.how = command.how;
	if (command.effect == Effect::none)
		return;
	if (command.effect == Effect::erase_all) {
		write.replaces_before = write.start - protocol().clock().flush_spares;
		for (write.key = 0; write.key < options().keys; ++write.key)
			record(write);
		return;
	}
	if (command.lives.count() != 0)
		return record_death(command, write);
	record(write);
	for (const auto &[key, version] : command.more) {
		write.key = key;
		write.version = version;
		record(write);
	}
}

// A write of what does not live for ever, or one that says when what is there dies.
void Client::record_death(const Command &command, const Operation &write)
{
	const std::int64_t lives = std::chrono::nanoseconds(command.lives).count();
	const auto [spares, early, late, interval] = protocol().clock();
	const auto after_life = [&](std::int64_t time) {
		return time == never || time == always ? time : time + lives + late;
	};
	// And then it is gone, unless something else has taken its place.
	Operation death = write;
	death.version = absent_version;
	death.start = write.start + lives - early;
	if (command.effect == Effect::shorten) {
		death.replaces_before = write.start;
		death.end = after_life(write.end);
		death.until = after_life(write.until);
		return record(death);
	}
	Operation life = write;
	if (write.last_effect() != never)
		life.lives_until = after_life(write.last_effect());
	record(life);
	death.end = death.until = never;
	death.certain = false;
	death.how = "expiry";
	record(death);
}

void Client::wrote(const Command &command, std::uint64_t version, std::int64_t start,
		   std::int64_t end, std::int64_t until)
{
	record_write(command, {.version = version, .start = start, .end = end, .until = until});
	// Carried out once more, a change of a counter gives another result.
	if (command.effect == Effect::count && until > end)
		perhaps_wrote(command, start, until);
}

void Client::perhaps_wrote(const Command &command, std::int64_t start, std::int64_t until)
{
	record_write(command, {.version = command.version,
			       .start = start,
			       .end = never,
			       .until = until,
			       .certain = false});
}

void Client::wrote_if_it_could(const Command &command, std::int64_t start, std::int64_t end)
{
	record_write(command, {.version = command.version,
			       .start = start,
			       .end = end,
			       .certain = !command.conditional});
}

} // namespace prestack::test
