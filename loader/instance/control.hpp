// SPDX-License-Identifier: GPL-2.0-only
// How the commands and a running `prestack run` speak to each other, from whatever process or network
// namespace: words in a pinned map that both have mapped. `run` looks at them several times a second.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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

// What a command has done or asked for, for the log of `run`.
enum class Act : std::uint64_t { stop = 1, stop_now, flush };

// Who did. Filled in by the command itself: who may write the map may do all that the commands do.
struct Asker {
	std::uint32_t uid = 0;
	std::uint32_t login =
		0; // the user who logged in, whom sudo and su do not change; all ones: unknown
	std::uint64_t pid = 0; // in its own PID namespace
};
[[nodiscard]] Asker ourselves();

struct ActRecord {
	Act act = Act::stop;
	std::uint64_t service = 0; // number + 1; 0: all
	Asker asker;
};

class Control
{
public:
	static constexpr std::size_t records = 32;
	struct Record {
		ActRecord what;
		std::uint64_t number; // from 1, written last; 0: none yet
	};
	struct Words {
		StopOrder order = StopOrder::none;
		std::uint64_t timeout = 0; // ns, for `drain`; before the order
		StopState state = StopState::running;
		std::uint64_t spliced = 0; // connections that needed us when it began
		std::uint64_t reset = 0; // of these, closed by us
		std::uint64_t errnum = 0; // why they could not be
		std::uint64_t beat =
			0; // when the loader last showed that it lives, ns of CLOCK_MONOTONIC
		std::uint64_t recorded = 0; // how many records there have been
		Record record[records] = {}; // the last ones; record n is at n % records
	};

	[[nodiscard]] static Result<Control> create();
	// Of another process; takes the descriptor.
	[[nodiscard]] static Result<Control> open(UniqueFd map);

	[[nodiscard]] int fd() const { return map_.get(); }
	[[nodiscard]] StopOrder order() const;
	[[nodiscard]] std::chrono::nanoseconds timeout() const;
	void give(StopOrder order, std::chrono::nanoseconds timeout);
	[[nodiscard]] Words read() const;
	// The loader lives.
	void beat();
	// How long ago it said so.
	[[nodiscard]] std::chrono::nanoseconds silence() const;
	// Several processes may do so at once.
	void add(Act act, std::uint64_t service = 0);
	// Those since the last call. Older ones may be lost: then the first member is their number.
	[[nodiscard]] std::pair<std::uint64_t, std::vector<ActRecord>> take_new();
	void set_state(StopState state, std::uint64_t spliced, std::uint64_t reset, int errnum);

private:
	struct Unmap {
		void operator()(Words *words) const;
	};
	Control(UniqueFd map, Words *words) : map_(std::move(map)), words_(words) {}
	UniqueFd map_;
	std::unique_ptr<Words, Unmap> words_;
	std::uint64_t seen_ = 0; // records that take_new() has passed
};

// A loader that has been silent for longer hangs, or was stopped. The kernel serves nothing then.
inline constexpr std::chrono::seconds hung_after{3};

struct InstanceView;
// How long the loader of a live instance has been silent, if that is longer than `hung_after`.
[[nodiscard]] std::optional<std::chrono::nanoseconds> hangs_for(const InstanceView &view);
// Says so, and what to do.
[[nodiscard]] Failure hung(const InstanceView &view, std::chrono::nanoseconds silence);

// "uid 0 (login uid 1000), process 4321".
[[nodiscard]] std::string to_string(const Asker &asker);

} // namespace prestack
