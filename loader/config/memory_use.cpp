// SPDX-License-Identifier: GPL-2.0-only
#include "config/memory_use.hpp"

#include <bit>

#include <fmt/format.h>
#include <prestack/flow.h>
#include <prestack/types.h>

namespace prestack
{
namespace
{

// Of each element of a hash table: its head, and the allocator's link to the next free one.
constexpr std::uint64_t hash_head = 48;
constexpr std::uint64_t free_link = 8;
constexpr std::uint64_t bucket = 16;
// Of elements that are allocated beforehand with the least recently used list.
constexpr std::uint64_t lru_head = 64;
// Scratch memory of a CPU for all hooks, and the read replies under way; measured, rounded up.
constexpr std::uint64_t scratch_per_cpu = 64 << 10;
constexpr std::uint64_t small_tables = 2 << 20;

// The kernel hands out powers of two from here on.
std::uint64_t allocated(std::uint64_t bytes)
{
	return std::bit_ceil(bytes);
}

} // namespace

std::string readable_size(std::uint64_t bytes)
{
	constexpr double mib = 1 << 20;
	const double amount = static_cast<double>(bytes) / mib;
	return amount < 10'240 ? fmt::format("{:.1f} MiB", amount)
			       : fmt::format("{:.1f} GiB", amount / 1024);
}

std::string to_string(const MemoryUse &use)
{
	return fmt::format(
		"{} in all: entries {}, fences {}, flows up to {}, handshakes {}, other {}",
		readable_size(use.total()), readable_size(use.entries), readable_size(use.fences),
		readable_size(use.flows), readable_size(use.handshakes), readable_size(use.other));
}

MemoryUse memory_use(const Geometry &geometry, unsigned cpus)
{
	MemoryUse use;
	use.fences = geometry.fence_bytes();
	use.entries = geometry.memory() - use.fences;
	use.flows = geometry.flows *
			    allocated(hash_head + sizeof(__u64) + sizeof(ps_flow) + free_link) +
		    std::bit_ceil(std::uint64_t{geometry.flows}) * bucket;
	use.handshakes = std::uint64_t{PS_HANDSHAKES} *
			 (lru_head + sizeof(ps_flow_key) + sizeof(ps_handshake) + bucket);
	use.other = geometry.pending * sizeof(ps_pending_request) +
		    std::uint64_t{PS_HANDOVER_SLOTS} * sizeof(ps_handover) +
		    cpus * (PS_MAX_SERVICES * sizeof(ps_stats) + scratch_per_cpu) +
		    PS_QUESTIONS_SIZE + small_tables;
	return use;
}

Errors check_memory(const Config &config, const MemoryUse &use, std::uint64_t host_memory)
{
	if (use.total() <= host_memory || host_memory == 0) {
		return {};
	}
	const bool flows_ask = use.flows > use.entries + use.fences;
	const auto position =
		flows_ask ? config.cache.flows_position : config.cache.memory_position;
	return {config.error_at(position, flows_ask ? "cache.flows" : "cache.memory",
				fmt::format("asks for more than the {} that this host has: {}",
					    readable_size(host_memory), to_string(use)),
				"make it less, and leave memory for the server")};
}

} // namespace prestack
