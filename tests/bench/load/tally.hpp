// SPDX-License-Identifier: GPL-2.0-only
// What was counted and timed.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace prestack::load
{

// Times in nanoseconds, to within 1/32.
class Histogram
{
public:
	void add(std::uint64_t ns) { ++count_[bucket(ns)]; }

	void merge(const Histogram &other)
	{
		for (std::size_t i = 0; i < count_.size(); ++i) {
			count_[i] += other.count_[i];
		}
	}

	// The time that a share 0..1 of all times does not exceed; 0 if there are none.
	[[nodiscard]] std::uint64_t quantile(double share) const
	{
		std::uint64_t all = 0;
		for (const auto count : count_) {
			all += count;
		}
		const auto wanted = std::max<double>(1, share * static_cast<double>(all));
		std::uint64_t seen = 0;
		for (std::size_t i = 0; i < count_.size(); ++i) {
			seen += count_[i];
			if (all != 0 && static_cast<double>(seen) >= wanted) {
				return highest(i);
			}
		}
		return 0;
	}

private:
	static constexpr unsigned sub_bits = 5; // 32 buckets for each power of two

	static std::size_t bucket(std::uint64_t ns)
	{
		ns = std::min<std::uint64_t>(ns, UINT32_MAX);
		if (ns < 1u << sub_bits) {
			return ns;
		}
		const auto shift = static_cast<unsigned>(std::bit_width(ns)) - sub_bits - 1;
		return (std::size_t{shift} + 1) * (1u << sub_bits) + (ns >> shift) -
		       (1u << sub_bits);
	}
	static std::uint64_t highest(std::size_t i)
	{
		if (i < 1u << sub_bits) {
			return i;
		}
		const auto shift = i / (1u << sub_bits) - 1;
		const auto sub = i % (1u << sub_bits) + (1u << sub_bits);
		return ((std::uint64_t{sub} + 1) << shift) - 1;
	}

	std::array<std::uint64_t, (32 - sub_bits + 1) * (1u << sub_bits)> count_{};
};

struct Tally {
	std::uint64_t requests = 0; // gets sent
	std::uint64_t right = 0; // answers that are what they must be, byte for byte
	std::uint64_t absent = 0; // answers that say that there is no such key
	std::uint64_t stale = 0; // a value that was replaced before the get was sent
	std::uint64_t wrong = 0; // any other answer
	std::uint64_t lost = 0; // no answer in time
	std::uint64_t late = 0; // answers to what counted as lost already
	std::uint64_t sets = 0; // confirmed by the server
	Histogram latency; // of right answers, and over TCP of sets

	void merge(const Tally &other)
	{
		requests += other.requests;
		right += other.right;
		absent += other.absent;
		stale += other.stale;
		wrong += other.wrong;
		lost += other.lost;
		late += other.late;
		sets += other.sets;
		latency.merge(other.latency);
	}
};

} // namespace prestack::load
