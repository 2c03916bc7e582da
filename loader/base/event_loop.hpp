// SPDX-License-Identifier: GPL-2.0-only
// The one event loop of `prestack run`. Everything that happens after start happens on its thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace prestack
{

class EventLoop
{
public:
	// A callback that fails ends run() with its error.
	using Callback = std::function<Result<void>()>;

	[[nodiscard]] static Result<EventLoop> create();

	// Calls back when `fd` can be read. The caller keeps `fd` open for the life of the loop.
	[[nodiscard]] Result<void> watch(int fd, Callback callback);
	// What a descriptor that is watched both ways is ready for; errors and hang-ups are both.
	struct Ready {
		bool readable = false;
		bool writable = false;
	};
	// Calls back when `fd` can be read, and while `wants_write` says so, written. Until forgotten.
	[[nodiscard]] Result<void> watch_both(int fd, bool wants_write,
					      std::function<Result<void>(Ready)> callback);
	[[nodiscard]] Result<void> wants_write(int fd, bool on);
	// Before `fd` is closed. From a callback too, its own included.
	void forget(int fd);
	// Calls back once per interval; missed intervals are not made up for.
	[[nodiscard]] Result<void> every(std::chrono::milliseconds interval, Callback callback);
	// A timer that does not run yet. Returns its number, for start().
	[[nodiscard]] Result<int> timer(Callback callback);
	// It calls back once, `delay` from now (at least 1 ms); if it runs already, not before that.
	static Result<void> start(int timer, std::chrono::milliseconds delay);
	// Calls back when the wall clock was set to another time.
	[[nodiscard]] Result<void> on_clock_step(Callback callback);
	struct Signal {
		int number = 0;
		std::uint32_t uid = 0; // of who sent it
		std::int32_t pid = 0; // 0: the kernel, as for a key of the terminal
	};
	// From now on SIGTERM and SIGINT end run(), and SIGHUP and SIGUSR1 wait for on_signal(). Those that
	// would end the process and that nobody means so (SIGPIPE, SIGALRM, SIGUSR2, ...) do nothing.
	[[nodiscard]] Result<void> take_signals();
	// Is called for each of these four.
	void on_signal(std::function<Result<void>(const Signal &)> callback)
	{
		*on_signal_ = std::move(callback);
	}
	// As a signal does.
	void stop() { ++*stops_; }
	// How often it was asked to stop.
	[[nodiscard]] unsigned stops() const { return *stops_; }

	// Returns when it was asked to stop (good) or a callback failed.
	[[nodiscard]] Result<void> run();
	// Calls back for what is ready, after waiting for `at_most` if nothing is; negative: for ever.
	[[nodiscard]] Result<void> turn(std::chrono::milliseconds at_most);

private:
	explicit EventLoop(UniqueFd epoll) : epoll_(std::move(epoll)) {}

	struct Source {
		int fd; // -1: forgotten
		std::function<Result<void>(Ready)> callback;
	};
	[[nodiscard]] Result<void> add(int fd, std::uint32_t events,
				       std::function<Result<void>(Ready)> callback);
	[[nodiscard]] Source *find(int fd) const;

	UniqueFd epoll_;
	std::vector<UniqueFd> owned_;
	std::vector<std::unique_ptr<Source>> sources_; // epoll holds their addresses
	// Callbacks hold their addresses.
	std::unique_ptr<unsigned> stops_ = std::make_unique<unsigned>(0);
	std::unique_ptr<std::function<Result<void>(const Signal &)>> on_signal_ =
		std::make_unique<std::function<Result<void>(const Signal &)>>();
};

} // namespace prestack
