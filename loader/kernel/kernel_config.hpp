// SPDX-License-Identifier: GPL-2.0-only
// What the programs are told before they are loaded: constants, which the verifier and the JIT know.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <prestack/types.h>

#include "base/result.hpp"
#include "config/config.hpp"
#include "config/geometry.hpp"

namespace prestack
{

// The keys of the hash function. Clients must not be able to guess them.
using HashSeed = std::array<std::uint64_t, 2>;
[[nodiscard]] Result<HashSeed> random_seed();

struct KernelConfigInput {
	const CacheConfig &cache;
	const Geometry &geometry;
	HashSeed seed{};
	std::vector<std::uint8_t> plugin_slots; // by service, at most PS_MAX_SERVICES
	bool trust_sender = false; // tests: take replies from any sender
};

// The only place where a ps_config is filled in. Pure.
[[nodiscard]] ps_config make_kernel_config(const KernelConfigInput &input);

} // namespace prestack
