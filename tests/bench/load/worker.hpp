// SPDX-License-Identifier: GPL-2.0-only
// One client thread.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "options.hpp"
#include "tally.hpp"
#include "tcp_writer.hpp"
#include "udp_flow.hpp"
#include "workload.hpp"

namespace prestack::load
{

// What the workers have counted since the last look. Thread-safe.
class Board
{
public:
	void add(const Tally &tally)
	{
		const std::lock_guard lock(mutex_);
		sum_.merge(tally);
	}
	Tally take()
	{
		const std::lock_guard lock(mutex_);
		return std::exchange(sum_, Tally());
	}

private:
	std::mutex mutex_;
	Tally sum_;
};

class Worker
{
public:
	// `number` of options.threads; sets only keys that no other worker sets. Throws std::exception.
	Worker(const Options &options, Workload &workload, unsigned number);

	// Runs until `stop` is set, and then until nothing is outstanding. Throws std::exception.
	void run(const std::atomic<bool> &stop, Board &board);

private:
	// One round over all sockets; whether anything was received.
	bool receive();
	void send();
	void wait() const;
	void expire(Clock::time_point now);
	[[nodiscard]] bool idle() const;

	const Options &options_;
	Workload &workload_;
	unsigned number_;
	Random random_;
	std::vector<UdpFlow> flows_;
	std::optional<TcpWriter> writer_; // only if there are sets
	double sets_due_ = 0;
	Tally tally_;
};

} // namespace prestack::load
