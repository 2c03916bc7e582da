// SPDX-License-Identifier: GPL-2.0-only
// What a client thread is to main.cpp.
#pragma once

#include <atomic>
#include <mutex>
#include <utility>

#include "tally.hpp"

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

class Runner
{
public:
	Runner() = default;
	Runner(const Runner &) = delete;
	Runner &operator=(const Runner &) = delete;
	virtual ~Runner() = default;

	// Runs until `stop` is set, and then until nothing is outstanding. Throws std::exception.
	virtual void run(const std::atomic<bool> &stop, Board &board) = 0;
};

} // namespace prestack::load
