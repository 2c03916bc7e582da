// SPDX-License-Identifier: GPL-2.0-only
// What the programs are told before they are loaded.
#pragma once

#include <cstdint>

#include <prestack/types.h>

#include "config/config.hpp"
#include "config/geometry.hpp"

namespace prestack
{

// The part of ps_config that the cache's configuration decides: all but the seed, the services and
// what is for tests.
[[nodiscard]] ps_config kernel_config(const CacheConfig &cache, const Geometry &geometry);

} // namespace prestack
