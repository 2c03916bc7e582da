// SPDX-License-Identifier: GPL-2.0-only
// Bounded waiting. A test never asserts how long something took: it waits until a condition holds,
// and fails only when a generous bound has passed.
#pragma once

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

namespace prestack::test
{

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

// Long enough for a loaded two-core machine; reached only when something is broken.
inline constexpr Milliseconds default_patience{10'000};

// Time left until `deadline` in whole milliseconds for poll(2), never negative.
inline int remaining_ms(Clock::time_point deadline)
{
	const auto left = std::chrono::ceil<Milliseconds>(deadline - Clock::now()).count();
	return left > 0 ? static_cast<int>(left) : 0;
}

// Calls `condition` until it returns true or `patience` has passed; returns its last answer.
template <typename Condition>
bool eventually(Condition condition, Milliseconds patience = default_patience,
		Milliseconds pause = Milliseconds{5})
{
	const auto deadline = Clock::now() + patience;
	while (!condition()) {
		if (Clock::now() >= deadline)
			return false;
		std::this_thread::sleep_for(pause);
	}
	return true;
}

// As `eventually`, but throws std::runtime_error naming `what` when the condition never held.
template <typename Condition>
void wait_until(const std::string &what, Condition condition,
		Milliseconds patience = default_patience)
{
	if (!eventually(condition, patience)) {
		throw std::runtime_error("gave up waiting after " +
					 std::to_string(patience.count()) + " ms: " + what);
	}
}

} // namespace prestack::test
