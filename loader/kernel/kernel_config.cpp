// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/kernel_config.hpp"

#include <algorithm>
#include <cerrno>

#include <sys/random.h>

namespace prestack
{

Result<HashSeed> random_seed()
{
	HashSeed seed{};
	if (getrandom(seed.data(), sizeof seed, 0) != sizeof seed) {
		return fail("hash seed", "getrandom", errno);
	}
	return seed;
}

ps_config make_kernel_config(const KernelConfigInput &input)
{
	const auto &[cache, geometry, seed, plugin_slots, trust_sender] = input;
	ps_config config{};
	std::ranges::copy(seed, config.seed);
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
	config.nr_services = static_cast<std::uint32_t>(plugin_slots.size());
	config.trust_sender = trust_sender ? 1 : 0;
	for (const auto slot : plugin_slots) {
		config.nr_plugins = std::max(config.nr_plugins, slot + 1U);
	}
	std::ranges::copy(plugin_slots, config.plugin);
	return config;
}

} // namespace prestack
