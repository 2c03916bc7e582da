// SPDX-License-Identifier: GPL-2.0-only
// What a running instance can take from a file that was changed. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/config.hpp"

namespace prestack
{

struct ConfigChange {
	std::string name; // of the key in this file
	std::string before; // as TOML spells it
	std::string now;
};

// The keys that differ. Fails, with an error for each, if one of them needs a restart.
[[nodiscard]] MultiResult<std::vector<ConfigChange>> plan_reload(const Config &running,
								 const Config &fresh);

} // namespace prestack
