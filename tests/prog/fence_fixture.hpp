// SPDX-License-Identifier: GPL-2.0-only
// What the tests of fences, of requests that wait for replies and of expiry share. Time passes by
// changing what the maps say of it: nothing here waits or is late.
#pragma once

#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

#include "fixture.hpp"

namespace prestack::test
{

class FenceTest : public ProgTest
{
protected:
	// A write is held for longer than a test takes, unless let_holds_run_out().
	explicit FenceTest(std::uint32_t pending_requests = 32768)
		: ProgTest({.fences = 64,
			    .settle = std::chrono::hours(1),
			    .pending_requests = pending_requests})
	{
		prove_path();
		moved_now();
	}

	template <typename Value, typename Change>
	void each(const char *map, Change change)
	{
		const int fd = datapath_.map(map);
		Value value{};
		for (std::uint32_t i = 0; bpf_map_lookup_elem(fd, &i, &value) == 0; ++i) {
			if (change(value)) {
				ASSERT_EQ(bpf_map_update_elem(fd, &i, &value, BPF_ANY), 0);
			}
		}
	}
	void let_holds_run_out()
	{
		each<ps_fence>("ps_fences", [](ps_fence &fence) {
			fence.hold &= (1ULL << PS_HOLD_UNTIL) - 1;
			return true;
		});
		change_state([](ps_service_state &state) { state.settle_until = 0; });
	}
	// All requests that wait for replies have done so for long.
	void let_requests_grow_old()
	{
		each<ps_pending_request>("ps_pending_requests", [](ps_pending_request &pending) {
			const bool used = pending.kind != 0 || pending.tainted_until != 0;
			pending.since = pending.tainted_until = 0;
			return used;
		});
	}
	template <typename Change>
	void change_state(Change change)
	{
		const std::uint32_t service = 0;
		ps_service_state state{};
		const int fd = datapath_.map("ps_service_state");
		ASSERT_EQ(bpf_map_lookup_elem(fd, &service, &state), 0);
		change(state);
		ASSERT_EQ(bpf_map_update_elem(fd, &service, &state, BPF_ANY), 0);
	}

	void set(std::string_view key, unsigned id, std::string_view value = "x")
	{
		EXPECT_EQ(send(toy_set(key, value, id)).verdict, kPass);
		moved_now();
	}
	// The server's OK leaves; the counters that it moves.
	std::string ok(unsigned id)
	{
		moved_now();
		EXPECT_EQ(answer(toy_ok(id)).verdict, kNext);
		return moved_now();
	}
	void miss(std::string_view key, unsigned id)
	{
		EXPECT_EQ(send(toy_get(key, id)).verdict, kPass);
		moved_now();
	}
	std::string value(std::string_view key, std::string_view value, unsigned id)
	{
		moved_now();
		EXPECT_EQ(answer(toy_value(key, value, id)).verdict, kNext);
		return moved_now();
	}
};

inline constexpr const char *kFilled = "fills+1";
inline constexpr const char *kNotFilled = "nofill_lease+1";

} // namespace prestack::test
