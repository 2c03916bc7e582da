// SPDX-License-Identifier: GPL-2.0-only
#include "kernel_counters.hpp"

#include <sstream>

#include "support/process.hpp"

namespace prestack::test
{

// Each table is two lines: "Table: names..." and "Table: values...".
KernelCounters kernel_counters(const Netns &ns)
{
	std::istringstream lines(run_ok({.argv = {"cat", "/proc/net/snmp", "/proc/net/netstat"},
					 .netns_fd = ns.fd()})
					 .output);
	KernelCounters counters;
	std::string names;
	std::string values;
	while (std::getline(lines, names) && std::getline(lines, values)) {
		if (!names.starts_with("Tcp"))
			continue;
		const auto name = words(names);
		const auto value = words(values);
		const std::string table = name.front().substr(0, name.front().size() - 1);
		for (std::size_t i = 1; i < name.size(); ++i)
			counters[table + name[i]] = std::stoull(value.at(i));
	}
	return counters;
}

KernelCounters growth(const KernelCounters &before, const KernelCounters &after)
{
	KernelCounters grown;
	for (const auto &[name, value] : after)
		grown[name] = value - before.at(name);
	return grown;
}

} // namespace prestack::test
