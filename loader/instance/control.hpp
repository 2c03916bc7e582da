// SPDX-License-Identifier: GPL-2.0-only
// How `prestack stop` tells a running `prestack run` to stop, from whatever process or network
// namespace: words in a pinned map that both have mapped. `run` looks at them several times a second.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace prestack
{

enum class StopOrder : std::uint64_t {
	none,
	drain, // answer nothing more, and end when no connection needs us, or after a time
	now, // reset the connections that need us, and end
};

// How far it is.
enum class StopState : std::uint64_t {
	running,
	draining,
	ended, // nothing is attached any more
	left, // the loader has ended, what it attached had to stay
};

class Control
{
public:
	struct Words {
		StopOrder order = StopOrder::none;
		std::uint64_t timeout = 0; // ns, for `drain`; before the order
		StopState state = StopState::running;
		std::uint64_t spliced = 0; // connections that needed us when it began
		std::uint64_t reset = 0; // of these, closed by us
		std::uint64_t errnum = 0; // why they could not be
	};

	[[nodiscard]] static Result<Control> create();
	// Of another process; takes the descriptor.
	[[nodiscard]] static Result<Control> open(UniqueFd map);

	[[nodiscard]] int fd() const { return map_.get(); }
	[[nodiscard]] StopOrder order() const;
	[[nodiscard]] std::chrono::nanoseconds timeout() const;
	void give(StopOrder order, std::chrono::nanoseconds timeout);
	[[nodiscard]] Words read() const;
	void set_state(StopState state, std::uint64_t spliced, std::uint64_t reset, int errnum);

private:
	struct Unmap {
		void operator()(Words *words) const;
	};
	Control(UniqueFd map, Words *words) : map_(std::move(map)), words_(words) {}
	UniqueFd map_;
	std::unique_ptr<Words, Unmap> words_;
};

} // namespace prestack
