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

// The groups as PS_COUNTERS spells them.
constexpr CounterGroup counter_group(std::string_view spelled)
{
	return spelled == "TOTAL"    ? CounterGroup::total
	       : spelled == "PASS"   ? CounterGroup::pass
	       : spelled == "NOFILL" ? CounterGroup::no_fill
				     : CounterGroup::drop;
}

// Index = enum ps_counter.
inline constexpr std::array<Counter, PS_NR_COUNTERS> counters{{
#define X(name, group, text) Counter{#name, counter_group(#group), text},
	PS_COUNTERS(X)
#undef X
}};

} // namespace prestack
