// SPDX-License-Identifier: GPL-2.0-only
// Reads [log].
#pragma once

#include "config/config.hpp"
#include "config/config_reader.hpp"

namespace prestack
{

void read_log(TableReader &root, Config &config, ReadReport &report);

} // namespace prestack
