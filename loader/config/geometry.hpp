// SPDX-License-Identifier: GPL-2.0-only
// How the configured memory is divided into tables. Pure.
#pragma once

#include <cstdint>

#include <tl/expected.hpp>

#include "config/config.hpp"

namespace prestack
{

// Numbers of sets and of fences are powers of two; each set has `ways` elements.
// All sizes in bytes. Tables together never take more than CacheConfig::memory.
struct Geometry {
	std::uint32_t ways = 0;
	std::uint32_t small_sets = 0; // also the number of sets of the index
	std::uint32_t large_sets = 0; // <= small_sets
	std::uint32_t fences = 0;
	std::uint32_t small_element = 0; // size of one element, header included
	std::uint32_t large_element = 0;
	std::uint32_t small_room = 0; // of it, for the padded key and the value
	std::uint32_t large_room = 0;
	std::uint32_t flows = 0; // elements of ps_flows; not part of memory()
	std::uint32_t pending = 0; // elements of ps_pending_requests, a power of two; neither

	[[nodiscard]] std::uint64_t small_elements() const
	{
		return std::uint64_t{small_sets} * ways;
	}
	[[nodiscard]] std::uint64_t large_elements() const
	{
		return std::uint64_t{large_sets} * ways;
	}
	// Elements of the index map; each holds PS_INDEX_WORDS words, one word per small element.
	[[nodiscard]] std::uint32_t index_lines() const;
	[[nodiscard]] std::uint64_t index_bytes() const;
	[[nodiscard]] std::uint64_t fence_bytes() const;
	[[nodiscard]] std::uint64_t memory() const; // all tables
	// What one small item costs, its shares of index and fences included; rounded up.
	[[nodiscard]] std::uint64_t bytes_per_small_item() const;
};

// The error is the least `memory` in bytes that would work.
[[nodiscard]] tl::expected<Geometry, std::uint64_t> plan_geometry(const CacheConfig &cache);

} // namespace prestack
