// SPDX-License-Identifier: GPL-2.0-only
#include "client.hpp"

#include "value.hpp"

namespace prestack::test
{

namespace
{

constexpr std::int64_t second = 1'000'000'000;
// memcached's clock has whole seconds, and its flush spares what is younger than one of them.
constexpr std::int64_t flush_spares = 2 * second;

// Mean time between the writes of a mortal key.
constexpr std::chrono::seconds mortal_interval{5};
// Its clock may go by two at a time: an item may be gone so much before its time, or after it.
constexpr std::int64_t expiry_early = 2 * second;
constexpr std::int64_t expiry_late = second;

} // namespace

std::int64_t now_ns()
{
	return std::chrono::nanoseconds(Clock::now().time_since_epoch()).count();
}

std::uint32_t Client::any_key_to_write()
{
	const std::uint32_t key = any_key();
	// It has to be left alone for long enough to die.
	const auto times = mortal_interval / options().write_interval;
	if (kind_of(key) == KeyKind::mortal && below(static_cast<unsigned>(times)) != 0)
		return any_key_to_write();
	return key;
}

Command Client::any_write(bool datagram)
{
	const unsigned flush_all_of = options().flush_all_of;
	const bool flush = flush_all_of != 0 && below(flush_all_of) == 0;
	return any_command(random_, any_key_to_write(), next_version(),
			   {.quiet = !datagram, .base64 = options().base64, .flush = flush});
}

std::chrono::microseconds Client::interval()
{
	const LoadOptions &load = options();
	const unsigned writers = load.tcp_writers + load.udp_writers + load.careless;
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
	history_.push_back(operation);
	history_.back().client = id_;
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
		write.replaces_before = write.start - flush_spares;
		for (write.key = 0; write.key < options().keys; ++write.key)
			record(write);
		return;
	}
	if (command.lives == 0) {
		record(write);
		return;
	}
	const std::int64_t lives = command.lives * second;
	if (write.last_effect() != never)
		write.lives_until = write.last_effect() + lives + expiry_late;
	record(write);
	// And then it is gone, unless something else has taken its place.
	record({.kind = OperationKind::write,
		.key = command.key,
		.version = absent_version,
		.start = write.start + lives - expiry_early,
		.end = never,
		.until = never,
		.certain = false,
		.how = "expiry"});
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
