// SPDX-License-Identifier: GPL-2.0-only
// What prestack cannot see of a server: for `check-config`, before it is relied upon.
#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"

namespace prestack
{

// Sentences for the operator. Unless `offline`, this host is looked at: what is connected now.
[[nodiscard]] std::vector<std::string> blind_spots(const Config &config, bool offline);

} // namespace prestack
