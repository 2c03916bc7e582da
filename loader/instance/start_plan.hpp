// SPDX-License-Identifier: GPL-2.0-only
// What a start is made of, known before anything is loaded.
#pragma once

#include <vector>

#include <spdlog/logger.h>

#include "attach/takeover.hpp"
#include "base/result.hpp"
#include "config/config.hpp"
#include "config/geometry.hpp"
#include "plugin/registry.hpp"
#include "watch/service_monitor.hpp"

namespace prestack
{

struct StartPlan {
	std::vector<ServiceConfig> services; // the enabled ones, by number
	std::vector<const PluginInfo *> plugins; // those that the services use, by slot
	std::vector<ServedInterface> interfaces;
	Geometry geometry;
	TableFormat format; // holds the ps_config; a takeover may change its seeds
	// Over TCP the kernel translates connections from the first answer on. What does that must outlive a
	// killed loader.
	bool needs_pins = false;
};

// Fails if this kernel or this configuration cannot be run at all.
[[nodiscard]] Result<StartPlan> plan_start(const Config &config, spdlog::logger &log);

} // namespace prestack
