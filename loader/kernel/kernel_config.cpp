// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/kernel_config.hpp"

namespace prestack
{

ps_config kernel_config(const CacheConfig &cache, const Geometry &geometry)
{
	ps_config config{};
	config.settle_ns = static_cast<std::uint64_t>(cache.settle.count());
	config.set_mask = geometry.small_sets - 1;
	config.large_mask = geometry.large_sets - 1;
	config.fence_mask = geometry.fences - 1;
	config.pending_mask = geometry.pending - 1;
	config.ways = geometry.ways;
	config.small_room = geometry.small_room;
	config.large_room = geometry.large_room;
	config.max_key = cache.max_key;
	config.max_value = cache.max_value;
	return config;
}

} // namespace prestack
