// SPDX-License-Identifier: GPL-2.0-only
// The commands about an instance that is there. Each returns the exit code.
#pragma once

#include "cli.hpp"

namespace prestack
{

[[nodiscard]] int show_status(const CommandLine &line);
[[nodiscard]] int show_health(const CommandLine &line);
[[nodiscard]] int show_stats(const CommandLine &line);
[[nodiscard]] int flush(const CommandLine &line);
[[nodiscard]] int stop(const CommandLine &line);

} // namespace prestack
