// SPDX-License-Identifier: GPL-2.0-only
#include "config/geometry.hpp"

#include <algorithm>
#include <bit>

#include <prestack/types.h>

namespace prestack
{
namespace
{

// The index is addressed in whole lines, so a table has at least this many sets whatever its ways.
constexpr std::uint32_t least_sets = PS_MAX_WAYS;
constexpr std::uint32_t least_fences = 1024;
constexpr std::uint32_t most_fences = 1u << 20;
// One fence for this many small elements. Two keys that share a fence delay each other's fills for
// the settle time, so fences should outnumber the writes within it, not the entries.
constexpr std::uint32_t elements_per_fence = 4;
// Requests whose replies have not left: enough for some ten thousand in flight.
constexpr std::uint32_t pending_elements = 1u << 15;
// Element numbers are 32 bits wide and set * ways + way must not overflow.
constexpr std::uint64_t most_elements = std::uint64_t{1} << 31;

// The verifier follows "(length + 7) & ~7" less closely than we do and allows for some bytes more.
constexpr std::uint32_t verifier_slack = 8;

constexpr std::uint32_t padded(std::uint32_t bytes)
{
	return (bytes + 7) & ~std::uint32_t{7};
}

std::uint32_t fences_for(std::uint64_t small_elements)
{
	return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(
		std::bit_floor(small_elements / elements_per_fence), least_fences, most_fences));
}

bool doubled_small_fits(Geometry g, std::uint64_t limit)
{
	if (g.small_elements() * 2 > most_elements) {
		return false;
	}
	g.small_sets *= 2;
	g.fences = fences_for(g.small_elements());
	return g.memory() <= limit;
}

bool doubled_large_fits(Geometry g, std::uint64_t limit)
{
	if (g.large_sets == g.small_sets) {
		return false;
	}
	g.large_sets *= 2;
	return g.memory() <= limit;
}

} // namespace

std::uint32_t Geometry::index_lines() const
{
	return static_cast<std::uint32_t>(
		std::max<std::uint64_t>(1, small_elements() / PS_INDEX_WORDS));
}

std::uint64_t Geometry::index_bytes() const
{
	return std::uint64_t{index_lines()} * sizeof(ps_index_line);
}

std::uint64_t Geometry::fence_bytes() const
{
	return std::uint64_t{fences} * sizeof(ps_fence);
}

std::uint64_t Geometry::memory() const
{
	return small_elements() * small_element + large_elements() * large_element + index_bytes() +
	       fence_bytes();
}

std::uint64_t Geometry::bytes_per_small_item() const
{
	const std::uint64_t elements = small_elements();
	return small_element + (index_bytes() + fence_bytes() + elements - 1) / elements;
}

tl::expected<Geometry, std::uint64_t> plan_geometry(const CacheConfig &cache)
{
	Geometry g;
	g.flows = std::max(cache.flows, 1U);
	g.pending = pending_elements;
	g.ways = cache.associativity;
	g.small_sets = least_sets;
	g.large_sets = least_sets;
	g.fences = fences_for(g.small_elements());
	g.small_element = PS_SMALL_SIZE;
	g.small_room = PS_SMALL_SIZE - sizeof(ps_entry);
	const auto greatest_item = padded(cache.max_key) + padded(cache.max_value);
	const bool has_large = greatest_item > g.small_room;
	if (!has_large) {
		g.large_sets = 1;
	}
	g.large_room = std::max(greatest_item, g.small_room);
	g.large_element = sizeof(ps_entry) + g.large_room + verifier_slack;

	if (g.memory() > cache.memory) {
		return tl::unexpected(g.memory());
	}

	// First each kind within its share; then what rounding to powers of two left over goes to
	// whichever can still double, large entries first since they are the ones that a share starves.
	const auto small_limit =
		has_large ? static_cast<std::uint64_t>(static_cast<double>(cache.memory) *
						       cache.small_share)
			  : cache.memory;
	while (doubled_small_fits(g, std::max<std::uint64_t>(small_limit, g.memory()))) {
		g.small_sets *= 2;
		g.fences = fences_for(g.small_elements());
	}
	while (has_large && doubled_large_fits(g, cache.memory)) {
		g.large_sets *= 2;
	}
	while (doubled_small_fits(g, cache.memory)) {
		g.small_sets *= 2;
		g.fences = fences_for(g.small_elements());
	}
	return g;
}

} // namespace prestack
