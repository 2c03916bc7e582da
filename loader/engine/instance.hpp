// SPDX-License-Identifier: GPL-2.0-only
// A running instance: what `prestack run` builds up, keeps alive and takes down.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <spdlog/logger.h>

#include "config.hpp"
#include "engine/agent_report.hpp"
#include "engine/agent_runner.hpp"
#include "engine/connection_keeper.hpp"
#include "engine/event_loop.hpp"
#include "engine/instance_dir.hpp"
#include "engine/objects.hpp"
#include "engine/service_keeper.hpp"
#include "engine/tc_hook.hpp"
#include "engine/xdp_hook.hpp"
#include "result.hpp"

namespace prestack
{

struct InstanceOptions {
	std::string name;
	std::string bpffs; // chosen place, or empty
	bool force_clsact = false; // tests: as if the kernel had no TCX
};

class Instance
{
public:
	// Loads, pins and attaches everything. On failure nothing stays attached or pinned.
	[[nodiscard]] static Result<Instance> start(const Config &config,
						    const InstanceOptions &options,
						    std::shared_ptr<spdlog::logger> log);

	// Serves until `loop` is told to stop (good), or until an interface is deleted or the kernel
	// fails us.
	[[nodiscard]] Result<void> run(EventLoop &loop);

private:
	struct Hooks {
		ServedInterface interface;
		// Destroyed last to first: XDP stops answering before the egress hook goes.
		std::unique_ptr<TcHook> tc;
		XdpHook xdp;
	};

	Instance(InstanceDir dir, Objects objects, ServiceKeeper keeper, AgentReport report,
		 std::shared_ptr<spdlog::logger> log)
		: dir_(std::move(dir)), objects_(std::move(objects)), keeper_(std::move(keeper)),
		  report_(std::make_unique<AgentReport>(std::move(report))), log_(std::move(log))
	{
	}

	// What runs besides the kernel half; before attaching.
	[[nodiscard]] Result<void> prepare(const std::vector<ServiceConfig> &services,
					   const std::vector<ServedInterface> &interfaces,
					   const CacheConfig &cache, const ps_config &constants,
					   const Geometry &geometry);
	// Everything is attached: who is connected already?
	[[nodiscard]] Result<void> attached();

	[[nodiscard]] Result<void> attach(const ServedInterface &interface, XdpMode mode,
					  const BpffsPtr &bpffs, bool force_clsact);
	[[nodiscard]] Result<void> publish(const Config &config, const Geometry &geometry,
					   const std::string &name);
	[[nodiscard]] Result<void> on_link_event(const class LinkWatch &watch);

	InstanceDir dir_;
	Objects objects_;
	ServiceKeeper keeper_;
	// Others hold its address.
	std::unique_ptr<AgentReport> report_;
	std::unique_ptr<ConnectionKeeper> connections_;
	std::unique_ptr<AgentRunner> agents_;
	std::shared_ptr<spdlog::logger> log_;
	std::vector<Hooks> hooks_;
};

// One configuration error for each interface that is missing here or is not Ethernet.
[[nodiscard]] Errors check_interfaces(const Config &config);

} // namespace prestack
