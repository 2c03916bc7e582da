// SPDX-License-Identifier: GPL-2.0-only
// The counters of prestack/types.h as text: names and groups come from its table.
#pragma once

#include <array>
#include <string_view>

#include <prestack/types.h>

namespace prestack
{

enum class CounterGroup { total, pass, no_fill, drop };

struct Counter {
	std::string_view name;
	CounterGroup group;
	std::string_view text;
};

namespace counter_groups
{
inline constexpr auto TOTAL = CounterGroup::total;
inline constexpr auto PASS = CounterGroup::pass;
inline constexpr auto NOFILL = CounterGroup::no_fill;
inline constexpr auto DROP = CounterGroup::drop;
} // namespace counter_groups

// Index = enum ps_counter.
inline constexpr std::array<Counter, PS_NR_COUNTERS> counters{{
#define X(name, group, text) Counter{#name, counter_groups::group, text},
	PS_COUNTERS(X)
#undef X
}};

} // namespace prestack
