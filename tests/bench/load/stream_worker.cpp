// SPDX-License-Identifier: GPL-2.0-only
#include "stream_worker.hpp"

#include <optional>

#include <sys/epoll.h>

namespace prestack::load
{
namespace
{

using namespace std::chrono_literals;

constexpr auto housekeeping = 10ms; // how often what was counted is shown
constexpr int most_events = 64;

} // namespace

StreamWorker::StreamWorker(const Options &options, Workload &workload, unsigned number)
	: options_(options), random_(mix(options.seed + 1) + number),
	  epoll_(epoll_create1(EPOLL_CLOEXEC))
{
	if (epoll_ < 0) {
		throw_errno("epoll_create1");
	}
	for (unsigned i = 0; i < options.sockets; ++i) {
		flows_.push_back(std::make_unique<StreamFlow>(options, workload,
							      number * options.sockets + i));
		epoll_event event{};
		event.events = EPOLLIN;
		event.data.ptr = flows_.back().get();
		if (epoll_ctl(epoll_, EPOLL_CTL_ADD, flows_.back()->fd(), &event) != 0) {
			throw_errno("epoll_ctl");
		}
	}
}

StreamWorker::~StreamWorker()
{
	close(epoll_);
}

void StreamWorker::serve(int timeout_ms, bool refill)
{
	std::array<epoll_event, most_events> events{};
	const int count = epoll_wait(epoll_, events.data(), most_events, timeout_ms);
	if (count < 0 && errno != EINTR) {
		throw_errno("epoll_wait");
	}
	for (int i = 0; i < count; ++i) {
		auto &flow =
			*static_cast<StreamFlow *>(events[static_cast<std::size_t>(i)].data.ptr);
		flow.receive(tally_);
		if (refill) {
			flow.fill(random_, tally_);
		}
	}
}

unsigned StreamWorker::outstanding() const
{
	unsigned sum = 0;
	for (const auto &flow : flows_) {
		sum += flow->outstanding();
	}
	return sum;
}

void StreamWorker::run(const std::atomic<bool> &stop, Board &board)
{
	using Clock = StreamFlow::Clock;
	auto next = Clock::now() + housekeeping;
	std::optional<Clock::time_point> give_up;
	for (const auto &flow : flows_) {
		flow->fill(random_, tally_);
	}
	for (;;) {
		const bool stopping = stop.load(std::memory_order_relaxed);
		serve(1, !stopping);
		const auto now = Clock::now();
		if (now < next && !stopping) {
			continue;
		}
		next = now + housekeeping;
		for (const auto &flow : flows_) {
			flow->flush();
		}
		if (stopping) {
			give_up = give_up.value_or(now + options_.timeout + 1s);
		}
		const bool over = stopping && (outstanding() == 0 || now > *give_up);
		if (over) {
			tally_.lost += outstanding();
		}
		board.add(std::exchange(tally_, Tally()));
		if (over) {
			return;
		}
	}
}

} // namespace prestack::load
