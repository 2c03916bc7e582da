// SPDX-License-Identifier: GPL-2.0-only
// What a namespace's TCP has counted, as nstat tells it.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "support/netns.hpp"

namespace prestack::test
{

using KernelCounters = std::map<std::string, std::uint64_t>;

// Of /proc/net/snmp and /proc/net/netstat, those of TCP: "TcpRetransSegs", "TcpExtTCPTimeouts", ...
KernelCounters kernel_counters(const Netns &ns);

// How much each has grown.
KernelCounters growth(const KernelCounters &before, const KernelCounters &after);

} // namespace prestack::test
