// SPDX-License-Identifier: GPL-2.0-only
// What the benchmarks measure on: prestack's programs, the naive ones and the echo, filled with the
// same items, in a network namespace of this process with a veth pair for the live frames.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "bench_frames.skel.h"
#include "bench_types.h"
#include "loader/base/result.hpp"
#include "loader/kernel/objects.hpp"
#include "naive.skel.h"

namespace prestack::bench
{

inline constexpr std::uint32_t any_verdict = ~0U; // but XDP_ABORTED

enum class Workload { one_key, zipf, missing };

struct CloseFrames {
	void operator()(bench_frames_bpf *object) const { bench_frames_bpf__destroy(object); }
};
struct CloseNaive {
	void operator()(naive_bpf *object) const { naive_bpf__destroy(object); }
};

class Rig
{
public:
	// Moves the process into a fresh network namespace; loads and fills everything.
	[[nodiscard]] static Result<std::unique_ptr<Rig>> create(std::uint32_t ways);

	// Mean ns per run of the wrapper and `target`; checks that the last one gave `verdict`.
	[[nodiscard]] Result<double> run(bench_target target, Workload workload,
					 std::uint32_t verdict, std::uint32_t repeat);
	// Frames per second that come back over the veth pair from `target`, and how many did not.
	struct Live {
		double replies_per_second = 0;
		std::uint64_t sent = 0;
		std::uint64_t replies = 0;
	};
	[[nodiscard]] Result<Live> live(bench_target target, Workload workload,
					std::uint32_t frames);

	[[nodiscard]] std::uint64_t bytes_per_item() const { return bytes_per_item_; }

private:
	Rig() = default;

	[[nodiscard]] Result<void> load(std::uint32_t ways);
	[[nodiscard]] Result<void> fill();
	[[nodiscard]] Result<void> make_veth();
	void choose(Workload workload);

	Objects objects_;
	std::unique_ptr<bench_frames_bpf, CloseFrames> frames_;
	std::unique_ptr<naive_bpf, CloseNaive> naive_;
	int server_ifindex_ = 0;
	int client_ifindex_ = 0;
	std::uint64_t bytes_per_item_ = 0;
	std::uint32_t reply_size_ = 0;
	std::vector<std::uint32_t> zipf_;
};

} // namespace prestack::bench
