// SPDX-License-Identifier: GPL-2.0-only
// A running instance: what `prestack run` builds up, keeps alive and takes down.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <spdlog/logger.h>

#include "agent/agent_runner.hpp"
#include "attach/attachment.hpp"
#include "attach/takeover.hpp"
#include "base/event_loop.hpp"
#include "base/result.hpp"
#include "config/config.hpp"
#include "instance/control.hpp"
#include "instance/start_plan.hpp"
#include "kernel/instance_dir.hpp"
#include "kernel/objects.hpp"
#include "kernel/user_counters.hpp"
#include "watch/connection_monitor.hpp"
#include "watch/service_monitor.hpp"
#include "watch/spliced_connections.hpp"

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
	// Loads, pins and attaches everything, in the place of what a killed loader of this name has left.
	// On failure nothing stays attached or pinned, but for what was there before.
	[[nodiscard]] static Result<Instance> start(const Config &config,
						    const InstanceOptions &options,
						    std::shared_ptr<spdlog::logger> log);

	// Serves until `loop` or the control map tells to stop, and drains then; good if nothing is left
	// of us. Fails if an interface is deleted, the kernel fails us, or connections that need us could
	// not be ended: then what translates them stays attached.
	[[nodiscard]] Result<void> run(EventLoop &loop);

private:
	Instance(InstanceDir dir, Objects objects, ServiceMonitor monitor, UserCounters counters,
		 Control control, Attachment attachment, std::shared_ptr<spdlog::logger> log)
		: dir_(std::move(dir)), objects_(std::move(objects)), monitor_(std::move(monitor)),
		  counters_(std::make_unique<UserCounters>(std::move(counters))),
		  control_(std::make_unique<Control>(std::move(control))), log_(std::move(log)),
		  attachment_(std::move(attachment))
	{
	}

	// Makes what an instance consists of. Nothing is pinned or attached.
	[[nodiscard]] static Result<Instance> assemble(const StartPlan &plan, const Config &config,
						       InstanceDir dir, Objects objects,
						       Attachment attachment,
						       std::shared_ptr<spdlog::logger> log);
	// Pins, attaches and publishes.
	[[nodiscard]] Result<void> begin(const StartPlan &plan, const Config &config,
					 const std::string &name, const BpffsPtr &bpffs,
					 Takeover *takeover);
	// Makes what runs besides the kernel half, before attaching.
	[[nodiscard]] Result<void> prepare(const StartPlan &plan, const CacheConfig &cache);
	// Everything is attached: finds out who is connected already.
	[[nodiscard]] Result<void> attached();

	// Replaces what is attached; from the first on, a failure leaves all as it is then.
	[[nodiscard]] Result<void> attach(const std::vector<ServedInterface> &interfaces,
					  const BpffsPtr &bpffs, Takeover *takeover);
	[[nodiscard]] Result<void> pin(const TableFormat &format);
	[[nodiscard]] Result<void> publish(const Config &config, const Geometry &geometry,
					   const std::string &name);
	[[nodiscard]] Result<void> on_link_event(const class LinkMonitor &watch);
	[[nodiscard]] Result<SplicedConnections> spliced() const;
	[[nodiscard]] Result<void> drain(EventLoop &loop);
	// What is attached outlives us.
	void leave();

	InstanceDir dir_;
	Objects objects_;
	ServiceMonitor monitor_;
	// Others hold their addresses.
	std::unique_ptr<UserCounters> counters_;
	std::unique_ptr<Control> control_;
	std::unique_ptr<ConnectionMonitor> connections_;
	std::unique_ptr<AgentRunner> agents_;
	std::shared_ptr<spdlog::logger> log_;
	Attachment attachment_;
	std::chrono::nanoseconds drain_timeout_{};
};

// One configuration error for each interface that is missing here or is not Ethernet.
[[nodiscard]] Errors check_interfaces(const Config &config);

} // namespace prestack
