// SPDX-License-Identifier: GPL-2.0-only
#include "instance/start_plan.hpp"

#include <algorithm>
#include <iterator>

#include "base/host.hpp"
#include "kernel/kernel_config.hpp"

namespace prestack
{
namespace
{

std::vector<ServiceConfig> enabled_services(const Config &config)
{
	std::vector<ServiceConfig> services;
	std::ranges::copy_if(config.services, std::back_inserter(services),
			     &ServiceConfig::enabled);
	return services;
}

// The plug-ins that services use, in the order of first use: the order of the slots.
std::vector<const PluginInfo *> plugins_in_use(const std::vector<ServiceConfig> &services)
{
	std::vector<const PluginInfo *> used;
	for (const auto &service : services) {
		const auto info = std::ranges::find(plugins(), service.protocol, &PluginInfo::name);
		if (info != plugins().end() && std::ranges::find(used, &*info) == used.end()) {
			used.push_back(&*info);
		}
	}
	return used;
}

std::vector<std::uint8_t> plugin_slots(const StartPlan &plan)
{
	std::vector<std::uint8_t> slots;
	for (const auto &service : plan.services) {
		const auto plugin =
			std::ranges::find(plan.plugins, service.protocol, &PluginInfo::name);
		slots.push_back(static_cast<std::uint8_t>(plugin - plan.plugins.begin()));
	}
	return slots;
}

} // namespace

Result<StartPlan> plan_start(const Config &config, spdlog::logger &log)
{
	if (auto checked = check_kernel(kernel_release()); !checked) {
		return tl::unexpected(checked.error());
	}
	const auto geometry = plan_geometry(config.cache);
	if (!geometry) {
		return fail("cache.memory", "is too little"); // parse_config has checked it
	}
	StartPlan plan;
	plan.geometry = *geometry;
	plan.services = enabled_services(config);
	plan.plugins = plugins_in_use(plan.services);
	for (const auto &interface : config.interfaces) {
		plan.interfaces.push_back({interface.name, interface_index(interface.name),
					   config.xdp_mode != XdpMode::generic});
	}
	for (const auto *plugin : plan.plugins) {
		if (plugin->experimental) {
			log.warn("plug-in {} is experimental", plugin->name);
		}
	}
	const auto seed = random_seed();
	if (!seed) {
		return tl::unexpected(seed.error());
	}
	plan.format = make_table_format(make_kernel_config({.cache = config.cache,
							    .geometry = plan.geometry,
							    .seed = *seed,
							    .plugin_slots = plugin_slots(plan)}),
					plan.plugins, plan.services);
	plan.needs_pins = std::ranges::any_of(plan.services, &ServiceConfig::tcp);
	return plan;
}

} // namespace prestack
