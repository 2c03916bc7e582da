// SPDX-License-Identifier: GPL-2.0-only
// What keeps an instance from serving.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace prestack
{

// From what gather_status() says; one line each, empty if all is served.
[[nodiscard]] std::vector<std::string> health_problems(const nlohmann::json &status);

} // namespace prestack
