// SPDX-License-Identifier: GPL-2.0-only
// What is attached to an interface.
#pragma once

#include <string>

#include "netns.hpp"

namespace prestack::test
{

struct Hooks {
	bool xdp = false;
	unsigned tc_ingress = 0; // TCX programs and clsact filters
	unsigned tc_egress = 0;

	bool operator==(const Hooks &) const = default;
};

Hooks hooks_of(const Netns &ns, const std::string &interface);

} // namespace prestack::test
