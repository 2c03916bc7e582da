// SPDX-License-Identifier: GPL-2.0-only
// What the tests of the configuration reader share: the smallest file that is right, and how it is read.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "config/config.hpp"

namespace prestack
{

inline constexpr std::array<std::string_view, 2> protocols{"alpha", "beta-experimental"};

inline constexpr std::string_view minimal = R"(interfaces = ["eth0"]
[[service]]
protocol = "alpha"
port = 7000
transports = ["udp"]
server = "10.0.0.1:7000"
allow = ["10.0.0.0/8"]
)";

inline MultiResult<Config> parse(std::string_view text)
{
	return parse_config(text, "test.toml", protocols);
}

inline std::string joined(const Errors &errors)
{
	std::string all;
	for (const auto &error : errors) {
		all += to_string(error) + "\n";
	}
	return all;
}

} // namespace prestack
