// SPDX-License-Identifier: GPL-2.0-only
// The cost of a hit and of a miss in the kernel, and live frames: prestack against an echo (the
// floor) and against a byte-at-a-time cache, all in one run. Ends with a table of ratios.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <linux/bpf.h>

#include "calls.hpp"
#include "exchange.hpp"
#include "rig.hpp"

namespace
{

using prestack::bench::Rig;
using prestack::bench::Workload;

constexpr std::uint32_t runs = 200'000;
constexpr std::uint32_t live_frames = 1'000'000;

// Every measured value, by benchmark name: medians are taken at the end.
using Samples = std::map<std::string, std::vector<double>>;

double median(std::vector<double> values)
{
	if (values.empty()) {
		return 0;
	}
	std::sort(values.begin(), values.end());
	return values[values.size() / 2];
}

void add_run(Rig &rig, Samples &samples, const std::string &name, bench_target target,
	     Workload workload, std::uint32_t verdict)
{
	benchmark::RegisterBenchmark(
		name.c_str(),
		[&rig, &samples, name, target, workload, verdict](benchmark::State &state) {
			for (auto _ : state) {
				const auto ns = rig.run(target, workload, verdict, runs);
				if (!ns) {
					state.SkipWithError(to_string(ns.error()).c_str());
					return;
				}
				samples[name].push_back(*ns);
				state.SetIterationTime(*ns * 1e-9 * runs);
				state.counters["ns"] = *ns;
			}
		})
		->UseManualTime()
		->Iterations(1)
		->Repetitions(9)
		->ReportAggregatesOnly(true);
}

void add_live(Rig &rig, Samples &samples, const std::string &name, bench_target target,
	      Workload workload)
{
	benchmark::RegisterBenchmark(
		name.c_str(),
		[&rig, &samples, name, target, workload](benchmark::State &state) {
			for (auto _ : state) {
				const auto live = rig.live(target, workload, live_frames);
				if (!live) {
					state.SkipWithError(to_string(live.error()).c_str());
					return;
				}
				samples[name].push_back(live->replies_per_second);
				state.SetIterationTime(static_cast<double>(live->replies) /
						       live->replies_per_second);
				state.counters["frames/s"] = live->replies_per_second;
				state.counters["lost"] =
					static_cast<double>(live->sent - live->replies);
			}
		})
		->UseManualTime()
		->Iterations(1)
		->Repetitions(5)
		->ReportAggregatesOnly(true);
}

void print_table(Samples &samples, std::uint64_t bytes_per_item)
{
	fmt::print("\nAbove the echo floor, medians of this run (16-byte key, 32-byte value):\n");
	fmt::print("{:<28}{:>12}{:>12}{:>22}\n", "", "prestack", "naive", "naive / prestack");
	const auto row = [&](const char *title, const char *ours, const char *theirs,
			     const char *floor) {
		const double base = median(samples[floor]);
		const double mine = median(samples[ours]) - base;
		const double naive = median(samples[theirs]) - base;
		fmt::print("{:<28}{:>9.0f} ns{:>9.0f} ns{:>22.1f}\n", title, mine, naive,
			   naive / mine);
	};
	row("hit, one hot key", "hit/one_key/prestack", "hit/one_key/naive", "floor/one_key");
	row("hit, Zipf 0.99, 100k keys", "hit/zipf/prestack", "hit/zipf/naive", "floor/zipf");
	row("miss", "miss/prestack", "miss/naive", "floor/one_key");
	const double echo = median(samples["live/one_key/echo"]);
	if (echo > 0) {
		fmt::print("\nLive frames, one core, as a share of the echo's rate:\n");
		for (const char *name : {"live/one_key/prestack", "live/zipf/prestack",
					 "live/one_key/naive", "live/zipf/naive"}) {
			fmt::print("{:<28}{:>9.2f}\n", name, median(samples[name]) / echo);
		}
	}
	fmt::print("\nMemory per such item: {} bytes\n", bytes_per_item);
}

// What is passed on, one packet at a time. All kinds take turns; what counts is the least of the turns' medians,
// since others that use the machine only add to it.
void print_passing(bool cold)
{
	using prestack::bench::PassCost;
	using prestack::bench::Passing;
	constexpr unsigned turns = 8;
	constexpr unsigned times = 4'000;
	constexpr std::pair<Passing, const char *> rows[] = {
		{Passing::udp_miss, "get over UDP, a miss"},
		{Passing::tcp_miss, "get over TCP, a miss"},
		{Passing::tcp_set, "set over TCP"},
		{Passing::tcp_pipeline, "16 sets over TCP in a segment"},
		{Passing::tcp_pipeline_least, "the least that these take"},
		{Passing::tcp_fill, "get over TCP, a miss that fills"},
		{Passing::tcp_set_cached, "set over TCP of a cached key"},
	};
	prestack::bench::Exchange exchange;
	if (cold) {
		exchange.make_cold();
	}
	PassCost floor;
	PassCost costs[std::size(rows)];
	for (unsigned turn = 0; turn < turns; ++turn) {
		exchange.measure(Passing::neighbour, times, floor);
		for (std::size_t i = 0; i < std::size(rows); ++i) {
			exchange.measure(rows[i].first, times, costs[i]);
		}
	}
	fmt::print("\nWhat passes, caches {}, above a packet for another port ({:.0f} and {:.0f} "
		   "ns), least of {} medians:\n",
		   cold ? "used by others in between" : "warm", floor.request, floor.reply, turns);
	fmt::print("{:<32}{:>12}{:>12}{:>12}\n", "", "request", "reply", "sum");
	for (std::size_t i = 0; i < std::size(rows); ++i) {
		const double request = costs[i].request - floor.request;
		const double reply = costs[i].reply - floor.reply;
		fmt::print("{:<32}{:>9.0f} ns{:>9.0f} ns{:>9.0f} ns\n", rows[i].second, request,
			   reply, request + reply);
	}
}

} // namespace

int main(int argc, char **argv)
{
	std::vector<char *> arguments(argv, argv + argc);
	// Noise on a shared machine comes in stretches: spread each benchmark's repetitions.
	std::string interleave = "--benchmark_enable_random_interleaving=true";
	arguments.insert(arguments.begin() + 1, interleave.data());
	int count = static_cast<int>(arguments.size());
	benchmark::Initialize(&count, arguments.data());
	// NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
	if (std::getenv("PRESTACK_BENCH_PASSING") != nullptr) {
		print_passing(false);
		print_passing(true);
		prestack::bench::print_calls();
		return 0;
	}
	const char *ways =
		std::getenv("PRESTACK_BENCH_WAYS"); // NOLINT(concurrency-mt-unsafe): one thread
	auto rig = Rig::create(ways != nullptr ? static_cast<std::uint32_t>(std::stoul(ways)) : 4);
	if (!rig) {
		fmt::print(stderr, "prestack_bench: {}\n", to_string(rig.error()));
		return 1;
	}
	Samples samples;
	Rig &r = **rig;
	add_run(r, samples, "floor/one_key", BENCH_ECHO, Workload::one_key, XDP_TX);
	add_run(r, samples, "floor/zipf", BENCH_ECHO, Workload::zipf, XDP_TX);
	add_run(r, samples, "hit/one_key/prestack", BENCH_PRESTACK, Workload::one_key, XDP_TX);
	add_run(r, samples, "hit/one_key/naive", BENCH_NAIVE, Workload::one_key, XDP_TX);
	add_run(r, samples, "hit/zipf/prestack", BENCH_PRESTACK, Workload::zipf, XDP_TX);
	// Keys whose hashes collide miss in the direct-mapped table, and a miss is cheaper than a hit.
	add_run(r, samples, "hit/zipf/naive", BENCH_NAIVE, Workload::zipf,
		prestack::bench::any_verdict);
	add_run(r, samples, "miss/prestack", BENCH_PRESTACK, Workload::missing, XDP_PASS);
	add_run(r, samples, "miss/naive", BENCH_NAIVE, Workload::missing, XDP_PASS);
	add_live(r, samples, "live/one_key/echo", BENCH_ECHO, Workload::one_key);
	add_live(r, samples, "live/one_key/prestack", BENCH_PRESTACK, Workload::one_key);
	add_live(r, samples, "live/one_key/naive", BENCH_NAIVE, Workload::one_key);
	add_live(r, samples, "live/zipf/prestack", BENCH_PRESTACK, Workload::zipf);
	add_live(r, samples, "live/zipf/naive", BENCH_NAIVE, Workload::zipf);
	benchmark::RunSpecifiedBenchmarks();
	if (!samples.empty()) {
		print_table(samples, r.bytes_per_item());
	}
	print_passing(false);
	print_passing(true);
	prestack::bench::print_calls();
	return 0;
}
