// SPDX-License-Identifier: GPL-2.0-only
#include "instance/host_checks.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "attach/xdp_hook.hpp"
#include "base/host.hpp"
#include "config/geometry.hpp"
#include "config/memory_use.hpp"
#include "watch/local_addresses.hpp"

namespace prestack
{
namespace
{

Errors check_interfaces(const Config &config)
{
	Errors errors;
	for (const auto &[name, position] : config.interfaces) {
		if (interface_index(name) == 0) {
			errors.push_back(config.error_at(
				position, "interfaces",
				fmt::format(
					"there is no interface \"{}\" in this network namespace",
					name),
				"`ip link` lists those there are"));
		} else if (!is_ethernet(name)) {
			errors.push_back(config.error_at(
				position, "interfaces",
				fmt::format("\"{}\" is not an Ethernet interface", name),
				"`ip link` lists those there are"));
		} else if (is_loopback(name)) {
			// Both ends of a connection are there: each packet would be taken for a client's and for
			// the server's.
			errors.push_back(config.error_at(
				position, "interfaces",
				fmt::format(
					"\"{}\" is the loopback interface, on which nothing can be "
					"served",
					name),
				"name the interfaces by which clients of other hosts come"));
		}
	}
	return errors;
}

} // namespace

Errors check_host(const Config &config)
{
	auto errors = check_interfaces(config);
	if (const auto geometry = plan_geometry(config.cache)) {
		auto more =
			check_memory(config, memory_use(*geometry, possible_cpus()), host_memory());
		std::ranges::move(more, std::back_inserter(errors));
	}
	return errors;
}

Errors check_server_addresses(const Config &config)
{
	const auto local = LocalAddresses::open().and_then(
		[](const LocalAddresses &addresses) { return addresses.read(); });
	Errors errors;
	if (!local) {
		return errors;
	}
	for (const auto &service : config.services) {
		const auto &address = service.server.address;
		const bool ours = address.is_wildcard() ||
				  std::ranges::any_of(*local, [&address](const IpPrefix &prefix) {
					  return prefix.contains(address);
				  });
		if (service.enabled && !ours) {
			errors.push_back(config.error_at(
				service.server_position, "service.server",
				fmt::format("{} is not an address of this host (in this network "
					    "namespace)",
					    to_string(address)),
				"`ip addr` lists those there are; `--offline` leaves this check "
				"out if "
				"the address is to move here later"));
		}
	}
	return errors;
}

Errors check_xdp_programs(const Config &config, const std::string &bpffs)
{
	const auto found = find_bpffs(bpffs);
	const auto place = found ? *found : nullptr;
	Errors errors;
	for (const auto &[name, position] : config.interfaces) {
		const int ifindex = interface_index(name);
		if (ifindex == 0 || !instance_on(ifindex, place).empty()) {
			continue;
		}
		if (const auto free = check_xdp_is_free(name, ifindex, place); !free) {
			errors.push_back(config.error_at(
				position, "interfaces",
				fmt::format("{} {}", free.error().object, free.error().operation),
				free.error().mend));
		}
	}
	return errors;
}

} // namespace prestack
