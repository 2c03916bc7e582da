// SPDX-License-Identifier: GPL-2.0-only
// One function per command. Each prints its result on stdout and its errors on stderr, and
// returns the exit code: 0 good, 1 failed, 2 configuration error.
#pragma once

#include "cli.hpp"

namespace prestack
{

[[nodiscard]] int run_command(const CommandLine &line);

} // namespace prestack
