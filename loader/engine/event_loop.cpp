// SPDX-License-Identifier: GPL-2.0-only
#include "event_loop.hpp"

#include <array>
#include <cerrno>
#include <csignal>

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

namespace prestack
{

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
	auto source = std::make_unique<Source>(Source{fd, std::move(callback)});
	epoll_event event{};
	event.events = EPOLLIN;
	event.data.ptr = source.get();
	if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
		return fail("event loop", "epoll_ctl", errno);
	}
	sources_.push_back(std::move(source));
	return {};
}

Result<void> EventLoop::every(std::chrono::milliseconds interval, Callback callback)
{
	UniqueFd timer(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
	if (!timer) {
		return fail("event loop", "timerfd_create", errno);
	}
	itimerspec spec{};
	spec.it_interval.tv_sec = interval.count() / 1000;
	spec.it_interval.tv_nsec = interval.count() % 1000 * 1'000'000;
	spec.it_value = spec.it_interval;
	if (timerfd_settime(timer.get(), 0, &spec, nullptr) != 0) {
		return fail("event loop", "timerfd_settime", errno);
	}
	const int fd = timer.get();
	owned_.push_back(std::move(timer));
	return watch(fd, [fd, callback = std::move(callback)]() -> Result<void> {
		std::uint64_t expirations = 0;
		if (read(fd, &expirations, sizeof expirations) < 0) {
			return {};
		}
		return callback();
	});
}

Result<void> EventLoop::stop_on_signals()
{
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	if (sigprocmask(SIG_BLOCK, &signals, nullptr) != 0) {
		return fail("event loop", "sigprocmask", errno);
	}
	UniqueFd fd(signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC));
	if (!fd) {
		return fail("event loop", "signalfd", errno);
	}
	const int raw = fd.get();
	owned_.push_back(std::move(fd));
	return watch(raw, [raw, stopping = stopping_.get()]() -> Result<void> {
		signalfd_siginfo info{};
		if (read(raw, &info, sizeof info) == sizeof info) {
			*stopping = true;
		}
		return {};
	});
}

Result<void> EventLoop::run()
{
	while (!*stopping_) {
		std::array<epoll_event, 16> events{};
		const int count = epoll_wait(epoll_.get(), events.data(), events.size(), -1);
		if (count < 0 && errno != EINTR) {
			return fail("event loop", "epoll_wait", errno);
		}
		for (int i = 0; i < count; ++i) {
			auto *source =
				static_cast<Source *>(events[static_cast<std::size_t>(i)].data.ptr);
			if (auto done = source->callback(); !done) {
				return done;
			}
		}
	}
	return {};
}

} // namespace prestack
