// SPDX-License-Identifier: GPL-2.0-only
// The JSON description that a running instance leaves for the other commands: all that does not
// change while it runs. What changes, they read from its maps.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "config/config.hpp"
#include "config/geometry.hpp"

namespace prestack
{

struct InterfaceDescription {
	std::string name;
	int ifindex = 0;
	std::string xdp_mode; // really used
	std::string tc; // "tcx" or "clsact"
	bool made_qdisc = false;
};

// Services are listed in the order of their numbers in the maps.
[[nodiscard]] nlohmann::json describe_instance(const std::string &name, const Config &config,
					       const Geometry &geometry,
					       const std::vector<InterfaceDescription> &interfaces);

} // namespace prestack
