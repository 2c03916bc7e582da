// SPDX-License-Identifier: GPL-2.0-only
#include "worker.hpp"

#include <poll.h>

namespace prestack::load
{
namespace
{

using namespace std::chrono_literals;

constexpr auto housekeeping = 10ms; // how often what was counted is shown, and losses looked for

} // namespace

Worker::Worker(const Options &options, Workload &workload, unsigned number)
	: options_(options), workload_(workload), number_(number),
	  random_(mix(options.seed + 1) + number)
{
	for (unsigned i = 0; i < options.sockets; ++i) {
		flows_.emplace_back(options, workload);
	}
	if (options.read_share < 1) {
		writer_.emplace(options, workload);
	}
}

bool Worker::receive()
{
	unsigned received = 0;
	for (auto &flow : flows_) {
		received += flow.receive(tally_);
	}
	if (writer_) {
		writer_->pump(tally_);
	}
	return received != 0;
}

void Worker::send()
{
	for (auto &flow : flows_) {
		// Gets wait for the sets that are due, so that the shares hold whatever is slower.
		while (sets_due_ >= 1 && writer_->ready()) {
			auto key = workload_.popularity().choose(random_);
			key -= key % options_.threads;
			key += number_;
			if (key < workload_.keys()) {
				writer_->begin(key);
				sets_due_ -= 1;
			}
		}
		if (sets_due_ >= 1) {
			return;
		}
		const auto sent = flow.send(max_window, random_, tally_);
		sets_due_ += sent * (1 - options_.read_share) / options_.read_share;
	}
}

void Worker::wait() const
{
	std::vector<pollfd> fds;
	for (const auto &flow : flows_) {
		fds.push_back({flow.fd(), POLLIN, 0});
	}
	if (writer_) {
		fds.push_back({writer_->fd(), POLLIN, 0});
	}
	poll(fds.data(), fds.size(), 1);
}

void Worker::expire(Clock::time_point now)
{
	for (auto &flow : flows_) {
		flow.expire(now, tally_);
	}
}

bool Worker::idle() const
{
	for (const auto &flow : flows_) {
		if (flow.outstanding() != 0) {
			return false;
		}
	}
	return !writer_ || writer_->idle();
}

void Worker::run(const std::atomic<bool> &stop, Board &board)
{
	auto next = Clock::now() + housekeeping;
	std::optional<Clock::time_point> give_up;
	for (;;) {
		const bool stopping = stop.load(std::memory_order_relaxed);
		if (!stopping) {
			send();
		}
		if (!receive()) {
			wait();
		}
		const auto now = Clock::now();
		if (now >= next || stopping) {
			expire(now);
			board.add(std::exchange(tally_, Tally()));
			next = now + housekeeping;
		}
		if (stopping) {
			give_up = give_up.value_or(now + options_.timeout + 1s);
			if (idle() || now > *give_up) {
				return;
			}
		}
	}
}

} // namespace prestack::load
