// SPDX-License-Identifier: GPL-2.0-only
// Random numbers, and the Zipf distribution.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace prestack::load
{

// SplitMix64's finalizer: a good hash of one word.
inline std::uint64_t mix(std::uint64_t word)
{
	word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
	word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
	return word ^ (word >> 31);
}

// SplitMix64. Not thread-safe: one for each thread.
class Random
{
public:
	explicit Random(std::uint64_t seed) : state_(seed) {}
	std::uint64_t next() { return mix(state_ += 0x9e3779b97f4a7c15); }
	// 0..below - 1
	std::uint32_t next(std::uint32_t below)
	{
		return static_cast<std::uint32_t>(((next() >> 32) * below) >> 32);
	}

private:
	std::uint64_t state_;
};

// Chooses 0..count - 1, number n with a probability proportional to 1 / (n + 1)^skew, in constant
// time (alias method, Vose 1991). Immutable, so that threads may share it.
class Zipf
{
public:
	Zipf(std::uint32_t count, double skew) : columns_(count)
	{
		std::vector<double> share(count);
		double sum = 0;
		for (std::uint32_t n = 0; n < count; ++n) {
			share[n] = 1 / std::pow(n + 1.0, skew);
			sum += share[n];
		}
		std::vector<std::uint32_t> small;
		std::vector<std::uint32_t> large;
		for (std::uint32_t n = 0; n < count; ++n) {
			share[n] *= count / sum;
			(share[n] < 1 ? small : large).push_back(n);
		}
		while (!small.empty() && !large.empty()) {
			const auto poor = small.back();
			const auto rich = large.back();
			small.pop_back();
			columns_[poor] = {static_cast<std::uint32_t>(share[poor] * 0x1p32), rich};
			share[rich] -= 1 - share[poor];
			if (share[rich] < 1) {
				large.pop_back();
				small.push_back(rich);
			}
		}
		// What is left is 1 but for rounding.
		for (const auto *rest : {&small, &large}) {
			for (const auto n : *rest) {
				columns_[n] = {UINT32_MAX, n};
			}
		}
	}

	[[nodiscard]] std::uint32_t choose(Random &random) const
	{
		const auto column = random.next(static_cast<std::uint32_t>(columns_.size()));
		const auto dice = static_cast<std::uint32_t>(random.next() >> 32);
		return dice <= columns_[column].own ? column : columns_[column].other;
	}

private:
	struct Column {
		std::uint32_t own; // share of the column that is its own, of 2^32
		std::uint32_t other;
	};
	std::vector<Column> columns_;
};

} // namespace prestack::load
