// SPDX-License-Identifier: GPL-2.0-only
// A bad network between client and server: packets are dropped, duplicated, delayed and reordered.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "chaos_types.h"
#include "loader/base/fd.hpp"
#include "netns.hpp"

struct chaos_bpf;

namespace prestack::test
{

// Probabilities in thousandths.
struct ChaosRates {
	unsigned drop = 0;
	unsigned duplicate = 0;
	unsigned delay = 0;
	unsigned reorder = 0;

	static constexpr ChaosRates all(unsigned rate) { return {rate, rate, rate, rate}; }
};

struct ChaosOptions {
	ChaosRates to_server{};
	ChaosRates to_client{};
	// How long a delayed packet is held, and one that is only to be overtaken by a few.
	std::chrono::microseconds longest_delay{60'000};
	std::chrono::microseconds longest_reorder{1'000};
};

struct ChaosCounters {
	std::uint64_t seen = 0;
	std::uint64_t dropped = 0;
	std::uint64_t duplicated = 0;
	std::uint64_t delayed = 0;
	std::uint64_t reordered = 0;
	std::uint64_t back = 0; // delayed or reordered packets, or late copies, that went on

	ChaosCounters &operator+=(const ChaosCounters &other);
};

class Chaos
{
public:
	// At `interface`, the client's end of the link, which has no other TC programs. Frames that
	// the server's end sends by XDP_TX pass here too, if the interface has an XDP program.
	Chaos(const Netns &client, const std::string &interface, const ChaosOptions &options);
	Chaos(const Chaos &) = delete;
	Chaos &operator=(const Chaos &) = delete;
	// What is held back is lost.
	~Chaos();

	// From the next packet on.
	void set(const ChaosRates &to_server, const ChaosRates &to_client);
	ChaosCounters to_server() const { return counters(CHAOS_TO_SERVER); }
	ChaosCounters to_client() const { return counters(CHAOS_TO_CLIENT); }
	// The longest time that any packet was really held.
	std::chrono::nanoseconds longest_held() const
	{
		return std::chrono::nanoseconds(longest_held_.load());
	}

private:
	struct Detour {
		std::string interface;
		UniqueFd tap;
		std::chrono::microseconds longest;
	};

	void open_detours(const ChaosOptions &options);
	void load();
	void attach();
	void hold();
	ChaosCounters counters(chaos_way way) const;

	const Netns &client_;
	const std::string interface_;
	std::vector<Detour> detours_; // [way * CHAOS_DETOURS + detour]
	std::unique_ptr<chaos_bpf, void (*)(chaos_bpf *)> programs_;
	std::atomic<bool> stop_{false};
	std::atomic<std::int64_t> longest_held_{0};
	std::thread holder_;
};

} // namespace prestack::test
