// SPDX-License-Identifier: GPL-2.0-only
#include "base/event_loop.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <limits>

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

namespace prestack
{
namespace
{

timespec to_timespec(std::chrono::milliseconds time)
{
	return {time.count() / 1000, time.count() % 1000 * 1'000'000};
}

Result<void> set_timer(int timer, std::chrono::milliseconds first,
		       std::chrono::milliseconds interval)
{
	const itimerspec spec{to_timespec(interval), to_timespec(first)};
	if (timerfd_settime(timer, 0, &spec, nullptr) != 0) {
		return fail("event loop", "timerfd_settime", errno);
	}
	return {};
}

// Not those that say that something is broken (SIGSEGV, SIGQUIT, ...), nor those of job control.
void ignore_signals()
{
	for (const int number :
	     {SIGPIPE, SIGALRM, SIGUSR2, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSTKFLT, SIGXFSZ}) {
		std::signal(number, SIG_IGN);
	}
	for (int number = SIGRTMIN; number <= SIGRTMAX; ++number) {
		std::signal(number, SIG_IGN);
	}
}

} // namespace

Result<EventLoop> EventLoop::create()
{
	UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
	if (!epoll) {
		return fail("event loop", "epoll_create1", errno);
	}
	return EventLoop(std::move(epoll));
}

Result<void> EventLoop::watch(int fd, Callback callback)
{
	return add(fd, EPOLLIN, [callback = std::move(callback)](Ready) { return callback(); });
}

Result<void> EventLoop::watch_both(int fd, bool wants_write,
				   std::function<Result<void>(Ready)> callback)
{
	return add(fd, EPOLLIN | (wants_write ? EPOLLOUT : 0U), std::move(callback));
}

Result<void> EventLoop::wants_write(int fd, bool on)
{
	epoll_event event{};
	event.events = EPOLLIN | (on ? EPOLLOUT : 0U);
	event.data.ptr = find(fd);
	if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) != 0) {
		return fail("event loop", "epoll_ctl", errno);
	}
	return {};
}

// The source itself lives until its events, which may be under way, have been passed over.
void EventLoop::forget(int fd)
{
	if (Source *source = find(fd)) {
		epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
		source->fd = -1;
	}
}

EventLoop::Source *EventLoop::find(int fd) const
{
	const auto found =
		std::ranges::find(sources_, fd, [](const auto &source) { return source->fd; });
	return found == sources_.end() ? nullptr : found->get();
}

Result<void> EventLoop::add(int fd, std::uint32_t events,
			    std::function<Result<void>(Ready)> callback)
{
	auto source = std::make_unique<Source>(Source{fd, std::move(callback)});
	epoll_event event{};
	event.events = events;
	event.data.ptr = source.get();
	if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
		return fail("event loop", "epoll_ctl", errno);
	}
	sources_.push_back(std::move(source));
	return {};
}

Result<int> EventLoop::timer(Callback callback)
{
	UniqueFd timer(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
	if (!timer) {
		return fail("event loop", "timerfd_create", errno);
	}
	const int fd = timer.get();
	owned_.push_back(std::move(timer));
	const auto on_time = [fd, callback = std::move(callback)]() -> Result<void> {
		std::uint64_t expirations = 0;
		if (read(fd, &expirations, sizeof expirations) < 0) {
			return {};
		}
		return callback();
	};
	return watch(fd, on_time).map([fd] { return fd; });
}

Result<void> EventLoop::every(std::chrono::milliseconds interval, Callback callback)
{
	return timer(std::move(callback)).and_then([interval](int timer) {
		return set_timer(timer, interval, interval);
	});
}

Result<void> EventLoop::start(int timer, std::chrono::milliseconds delay)
{
	return set_timer(timer, delay, std::chrono::milliseconds{0});
}

Result<void> EventLoop::on_clock_step(Callback callback)
{
	UniqueFd timer(timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC));
	if (!timer) {
		return fail("event loop", "timerfd_create", errno);
	}
	// Never over, but cancelled by each step.
	itimerspec never{};
	never.it_value.tv_sec = std::numeric_limits<std::int32_t>::max();
	never.it_value.tv_sec *= 2;
	if (timerfd_settime(timer.get(), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never,
			    nullptr) != 0) {
		return fail("event loop", "timerfd_settime", errno);
	}
	const int fd = timer.get();
	owned_.push_back(std::move(timer));
	return watch(fd, [fd, never, callback = std::move(callback)]() -> Result<void> {
		std::uint64_t expirations = 0;
		if (read(fd, &expirations, sizeof expirations) >= 0 || errno != ECANCELED) {
			return {};
		}
		if (timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never,
				    nullptr) != 0) {
			return fail("event loop", "timerfd_settime", errno);
		}
		return callback();
	});
}

// A loader that dies leaves its programs attached, and systemd takes death by some of these for a clean exit.
Result<void> EventLoop::take_signals()
{
	ignore_signals();
	sigset_t signals;
	sigemptyset(&signals);
	for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) {
		sigaddset(&signals, number);
	}
	if (sigprocmask(SIG_BLOCK, &signals, nullptr) != 0) {
		return fail("event loop", "sigprocmask", errno);
	}
	UniqueFd fd(signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC));
	if (!fd) {
		return fail("event loop", "signalfd", errno);
	}
	const int raw = fd.get();
	owned_.push_back(std::move(fd));
	return watch(raw,
		     [raw, stops = stops_.get(), on_signal = on_signal_.get()]() -> Result<void> {
			     signalfd_siginfo info{};
			     if (read(raw, &info, sizeof info) != sizeof info) {
				     return {};
			     }
			     const Signal signal{static_cast<int>(info.ssi_signo), info.ssi_uid,
						 static_cast<std::int32_t>(info.ssi_pid)};
			     if (signal.number == SIGTERM || signal.number == SIGINT) {
				     ++*stops;
			     }
			     return *on_signal ? (*on_signal)(signal) : Result<void>();
		     });
}

Result<void> EventLoop::run()
{
	while (*stops_ == 0) {
		if (auto done = turn(std::chrono::milliseconds{-1}); !done) {
			return done;
		}
	}
	return {};
}

Result<void> EventLoop::turn(std::chrono::milliseconds at_most)
{
	std::array<epoll_event, 16> events{};
	const int count = epoll_wait(epoll_.get(), events.data(), events.size(),
				     static_cast<int>(at_most.count()));
	if (count < 0 && errno != EINTR) {
		return fail("event loop", "epoll_wait", errno);
	}
	for (int i = 0; i < count; ++i) {
		const auto &event = events[static_cast<std::size_t>(i)];
		auto *source = static_cast<Source *>(event.data.ptr);
		if (source->fd < 0) {
			continue;
		}
		const bool broken = (event.events & (EPOLLERR | EPOLLHUP)) != 0;
		const Ready ready{broken || (event.events & EPOLLIN) != 0,
				  broken || (event.events & EPOLLOUT) != 0};
		if (auto done = source->callback(ready); !done) {
			return done;
		}
	}
	std::erase_if(sources_, [](const auto &source) { return source->fd < 0; });
	return {};
}

} // namespace prestack
