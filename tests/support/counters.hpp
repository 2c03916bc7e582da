// SPDX-License-Identifier: GPL-2.0-only
// The counters of a running instance, read from its map: cheap enough to look at for every request.
#pragma once

#include <prestack/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "loader/base/fd.hpp"

namespace prestack::test
{

class Counters
{
public:
	// Of the instance that runs under this name now: one started later has another map.
	explicit Counters(const std::string &instance);

	// Summed over the CPUs.
	std::uint64_t get(ps_counter counter, std::uint32_t service = 0) const;

private:
	UniqueFd map_;
	mutable std::vector<ps_stats> cpus_;
};

} // namespace prestack::test
