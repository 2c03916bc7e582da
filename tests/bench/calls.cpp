// SPDX-License-Identifier: GPL-2.0-only
#include "calls.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>

#include <fmt/format.h>

#include "calls.skel.h"
#include "calls_types.h"
#include "support/datapath.hpp"

namespace prestack::bench
{
namespace
{

constexpr std::uint32_t repeat = 2'000;
constexpr unsigned turns = 9;

struct Close {
	void operator()(calls_bpf *object) const { calls_bpf__destroy(object); }
};

// ns per turn of the program's loop.
double run(const bpf_program *program)
{
	const std::string frame(64, '\0');
	const auto outcome = test::Datapath::run(bpf_program__fd(program), frame, repeat);
	return static_cast<double>(outcome.nanoseconds) / CALLS_TIMES;
}

} // namespace

void print_calls()
{
	const std::unique_ptr<calls_bpf, Close> object(calls_bpf__open_and_load());
	if (!object) {
		throw std::runtime_error("the loops of calls cannot be loaded");
	}
	struct Row {
		const char *what;
		const bpf_program *program;
		double least = std::numeric_limits<double>::max();
	};
	const auto &programs = object->progs;
	Row rows[] = {
		{"nothing", programs.calls_none},
		{"a call of a BPF function", programs.calls_of_function},
		{"a call of a helper (bpf_get_numa_node_id)", programs.calls_of_helper},
		{"bpf_spin_lock, bpf_spin_unlock", programs.calls_of_spin_lock},
		{"an exchange and a store", programs.calls_of_exchange},
	};
	for (unsigned turn = 0; turn < turns; ++turn) {
		for (auto &row : rows) {
			row.least = std::min(row.least, run(row.program));
		}
	}
	fmt::print("\nWhat is added to a turn of a loop of {}, least of {}:\n", CALLS_TIMES, turns);
	for (const auto &row : rows) {
		if (row.program != programs.calls_none) {
			fmt::print("{:<44}{:>6.1f} ns\n", row.what, row.least - rows[0].least);
		}
	}
}

} // namespace prestack::bench
