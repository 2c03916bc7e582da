// SPDX-License-Identifier: GPL-2.0-only
// How commands speak: errors to stderr with their exit codes, results to stdout, a log to stderr.
#pragma once

#include <memory>

#include <nlohmann/json.hpp>
#include <spdlog/logger.h>

#include "base/result.hpp"

namespace prestack
{

// Return the exit code.
[[nodiscard]] int report(const Error &error);
[[nodiscard]] int report(const Errors &errors);

void print(const nlohmann::json &value);

[[nodiscard]] std::shared_ptr<spdlog::logger> make_log();

} // namespace prestack
