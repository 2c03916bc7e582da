// SPDX-License-Identifier: GPL-2.0-only
// Reads one [[service]] table; internal to config.cpp.
#pragma once

#include <span>
#include <string_view>

#include "config/config.hpp"
#include "config/config_reader.hpp"

namespace prestack
{

[[nodiscard]] ServiceConfig read_service(TableReader &table, Position position,
					 std::span<const std::string_view> protocols);

// What only all services together can get wrong: names and ports used twice, too many, none enabled.
void check_services(const Config &config, Position position, ReadReport &report);

} // namespace prestack
