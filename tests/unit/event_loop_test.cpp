// SPDX-License-Identifier: GPL-2.0-only
// The event loop reports readiness both ways, and never calls for a descriptor that was removed in the
// same turn.
#include <array>
#include <cerrno>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/timex.h>

#include "base/event_loop.hpp"

namespace prestack
{
namespace
{

using namespace std::chrono_literals;

struct Pair {
	UniqueFd one;
	UniqueFd other;
};

Pair make_pair_of_sockets()
{
	std::array<int, 2> fds{};
	EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()), 0);
	return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

TEST(EventLoop, TellsWhatADescriptorIsReadyFor)
{
	auto loop = *EventLoop::create();
	const auto sockets = make_pair_of_sockets();
	std::string seen;
	ASSERT_TRUE(loop.watch_both(sockets.one.get(), true, [&](EventLoop::Ready ready) {
		seen += ready.writable ? 'w' : '-';
		seen += ready.readable ? 'r' : '-';
		return Result<void>();
	}));
	ASSERT_TRUE(loop.turn(0ms));
	EXPECT_EQ(seen, "w-");
	ASSERT_TRUE(loop.wants_write(sockets.one.get(), false));
	ASSERT_TRUE(loop.turn(0ms));
	EXPECT_EQ(seen, "w-");
	ASSERT_EQ(send(sockets.other.get(), "x", 1, 0), 1);
	ASSERT_TRUE(loop.turn(0ms));
	EXPECT_EQ(seen, "w--r");
	ASSERT_TRUE(loop.wants_write(sockets.one.get(), true));
	ASSERT_TRUE(loop.turn(0ms));
	EXPECT_EQ(seen, "w--rwr");
}

TEST(EventLoop, ATimerCallsBackOncePerStart)
{
	auto loop = *EventLoop::create();
	int calls = 0;
	const auto timer = loop.timer([&]() -> Result<void> {
		++calls;
		return {};
	});
	ASSERT_TRUE(timer);
	ASSERT_TRUE(loop.turn(10ms));
	EXPECT_EQ(calls, 0) << "it does not run yet";
	ASSERT_TRUE(EventLoop::start(*timer, 1ms));
	ASSERT_TRUE(loop.turn(10s));
	EXPECT_EQ(calls, 1);
	ASSERT_TRUE(loop.turn(10ms));
	EXPECT_EQ(calls, 1);
	// Started twice it calls back once, from the second start on.
	ASSERT_TRUE(EventLoop::start(*timer, 1ms));
	ASSERT_TRUE(EventLoop::start(*timer, 2ms));
	ASSERT_TRUE(loop.turn(10s));
	ASSERT_TRUE(loop.turn(10ms));
	EXPECT_EQ(calls, 2);
}

// A step of a nanosecond, which nobody else notices.
TEST(EventLoop, TellsThatTheWallClockWasSet)
{
	auto loop = *EventLoop::create();
	int steps = 0;
	ASSERT_TRUE(loop.on_clock_step([&]() -> Result<void> {
		++steps;
		return {};
	}));
	ASSERT_TRUE(loop.turn(0ms));
	EXPECT_EQ(steps, 0);
	for (int step = 1; step <= 2; ++step) {
		timex change{};
		change.modes = ADJ_SETOFFSET | ADJ_NANO;
		change.time.tv_usec = 1; // nanoseconds
		if (adjtimex(&change) < 0) {
			ASSERT_EQ(errno, EPERM);
			GTEST_SKIP() << "may not set the clock here";
		}
		for (int turns = 0; turns < 1000 && steps < step; ++turns) {
			ASSERT_TRUE(loop.turn(10ms));
		}
		EXPECT_EQ(steps, step);
	}
	ASSERT_TRUE(loop.turn(0ms));
	EXPECT_EQ(steps, 2);
}

// Both are ready in the same turn; whichever comes first forgets and closes the other.
TEST(EventLoop, AForgottenDescriptorIsNotCalledBack)
{
	auto loop = *EventLoop::create();
	auto first = make_pair_of_sockets();
	auto second = make_pair_of_sockets();
	int calls = 0;
	const auto only_once = [&](EventLoop::Ready) {
		++calls;
		for (auto *each : {&first.one, &second.one}) {
			loop.forget(each->get());
			each->reset();
		}
		return Result<void>();
	};
	ASSERT_TRUE(loop.watch_both(first.one.get(), true, only_once));
	ASSERT_TRUE(loop.watch_both(second.one.get(), true, only_once));
	ASSERT_TRUE(loop.turn(0ms));
	ASSERT_TRUE(loop.turn(0ms));
	EXPECT_EQ(calls, 1);
	// The number may be used again at once.
	const auto third = make_pair_of_sockets();
	ASSERT_TRUE(loop.watch_both(third.one.get(), true, [&](EventLoop::Ready) {
		calls += 10;
		return Result<void>();
	}));
	ASSERT_TRUE(loop.turn(0ms));
	EXPECT_EQ(calls, 11);
}

TEST(EventLoop, AFailingCallbackEndsTheTurn)
{
	auto loop = *EventLoop::create();
	const auto sockets = make_pair_of_sockets();
	ASSERT_TRUE(loop.watch_both(sockets.one.get(), true, [](EventLoop::Ready) -> Result<void> {
		return fail("object", "operation");
	}));
	const auto done = loop.turn(0ms);
	ASSERT_FALSE(done);
	EXPECT_EQ(done.error().object, "object");
}

} // namespace
} // namespace prestack
