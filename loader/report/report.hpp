// SPDX-License-Identifier: GPL-2.0-only
// What status and stats print: JSON is gathered from a running instance, tables are made from it.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "base/result.hpp"
#include "kernel/instance_dir.hpp"

namespace prestack
{

// The instance's description and what the maps say now: per service whether the server is known,
// its uid, the epoch and the paths proven. `alive` is false for a dead loader.
[[nodiscard]] Result<nlohmann::json> gather_status(const InstanceView &view);

// Per service each counter summed over the CPUs; and how full the cache is.
[[nodiscard]] Result<nlohmann::json> gather_stats(const InstanceView &view);

[[nodiscard]] std::string render_status(const nlohmann::json &status);
[[nodiscard]] std::string render_stats(const nlohmann::json &stats);

} // namespace prestack
