// SPDX-License-Identifier: GPL-2.0-only
#include "instance/instance.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "attach/xdp_hook.hpp"
#include "base/host.hpp"
#include "kernel/bpffs.hpp"
#include "kernel/description.hpp"
#include "kernel/pin_names.hpp"

namespace prestack
{
namespace
{

using namespace std::chrono_literals;

// Longer than a packet is with a program.
constexpr auto grace = 20ms;

// Attaching checks this again. Here it saves the work, and the messages, that come before attaching.
Result<void> check_xdp_is_free(const std::vector<ServedInterface> &interfaces,
			       const Takeover *takeover, const BpffsPtr &bpffs)
{
	for (const auto &interface : interfaces) {
		if (takeover != nullptr && takeover->has(interface.ifindex)) {
			continue;
		}
		if (auto free = check_xdp_is_free(interface.name, interface.ifindex, bpffs);
		    !free) {
			return free;
		}
	}
	return {};
}

} // namespace

Errors check_interfaces(const Config &config)
{
	Errors errors;
	for (const auto &interface : config.interfaces) {
		std::string problem;
		if (interface_index(interface.name) == 0) {
			problem = fmt::format(
				"there is no interface \"{}\" in this network namespace",
				interface.name);
		} else if (!is_ethernet(interface.name)) {
			problem =
				fmt::format("\"{}\" is not an Ethernet interface", interface.name);
		} else {
			continue;
		}
		Error error;
		error.kind = ErrorKind::config;
		error.where = config.where(interface.position);
		error.object = "interfaces";
		error.operation = std::move(problem);
		error.mend = "`ip link` lists those there are";
		errors.push_back(std::move(error));
	}
	return errors;
}

Result<Instance> Instance::start(const Config &config, const InstanceOptions &options,
				 std::shared_ptr<spdlog::logger> log)
{
	auto plan = plan_start(config, *log);
	if (!plan) {
		return tl::unexpected(plan.error());
	}
	const auto bpffs = find_or_mount_bpffs(options.bpffs);
	if (!bpffs) {
		return tl::unexpected(bpffs.error());
	}
	auto dir = InstanceDir::claim(*bpffs, options.name);
	if (!dir) {
		return tl::unexpected(dir.error());
	}
	auto planned = plan_takeover(*dir, plan->format, plan->interfaces, options.name, *log);
	if (!planned) {
		return tl::unexpected(planned.error());
	}
	auto *takeover = *planned ? &**planned : nullptr;
	if (takeover == nullptr) {
		remove_left_filters(dir->leftover());
	}
	auto objects = check_xdp_is_free(plan->interfaces, takeover, *bpffs).and_then([&] {
		return Objects::load(plan->format.config, plan->geometry, plan->plugins,
				     takeover != nullptr ? takeover->maps : ReusedMaps());
	});
	if (!objects) {
		return tl::unexpected(objects.error());
	}
	Attachment attachment(
		{config.xdp_mode, options.force_clsact, plan->needs_pins || takeover != nullptr},
		log);
	auto instance = assemble(*plan, config, std::move(*dir), std::move(*objects),
				 std::move(attachment), std::move(log));
	if (!instance) {
		return instance;
	}
	auto started = instance->begin(*plan, config, options.name, *bpffs, takeover);
	if (!started) {
		if (takeover != nullptr) {
			instance->attachment_.leave();
		}
		return tl::unexpected(started.error());
	}
	return instance;
}

Result<Instance> Instance::assemble(const StartPlan &plan, const Config &config, InstanceDir dir,
				    Objects objects, Attachment attachment,
				    std::shared_ptr<spdlog::logger> log)
{
	const auto &maps = objects.maps();
	auto addresses = AddressMaps::open(maps);
	if (!addresses) {
		return tl::unexpected(addresses.error());
	}
	auto monitor =
		ServiceMaps::open(maps.service_conf, maps.service_state)
			.and_then([&](ServiceMaps &&service_maps) {
				return ServiceMonitor::create(
					std::move(service_maps), std::move(*addresses), maps.stats,
					plan.services, plan.interfaces, config.cache.settle, log);
			});
	if (!monitor) {
		return tl::unexpected(monitor.error());
	}
	auto counters = UserCounters::create();
	if (!counters) {
		return tl::unexpected(counters.error());
	}
	auto control = Control::create();
	if (!control) {
		return tl::unexpected(control.error());
	}
	Instance instance(std::move(dir), std::move(objects), std::move(*monitor),
			  std::move(*counters), std::move(*control), std::move(attachment),
			  std::move(log));
	instance.drain_timeout_ = config.drain_timeout;
	return instance;
}

Result<void> Instance::begin(const StartPlan &plan, const Config &config, const std::string &name,
			     const BpffsPtr &bpffs, Takeover *takeover)
{
	return prepare(plan, config.cache)
		.and_then([&] { return monitor_.refresh(); })
		.and_then([&] { return pin(plan.format); })
		.and_then([&] { return attach(plan.interfaces, bpffs, takeover); })
		.and_then([&] { return attached(); })
		.and_then([&] { return publish(config, plan.geometry, name); });
}

Result<void> Instance::prepare(const StartPlan &plan, const CacheConfig &cache)
{
	std::set<int> served;
	for (const auto &interface : plan.interfaces) {
		served.insert(interface.ifindex);
	}
	auto connections = ConnectionMonitor::create(
		plan.services, monitor_.known(), served,
		{objects_.maps().flows, objects_.maps().handshakes}, *counters_, log_);
	if (!connections) {
		return tl::unexpected(connections.error());
	}
	connections_ = std::make_unique<ConnectionMonitor>(std::move(*connections));
	return AgentRunner::create(plan.services, cache, objects_, plan.format.config,
				   plan.geometry, *counters_, log_)
		.map([this](std::unique_ptr<AgentRunner> &&agents) {
			agents_ = std::move(agents);
		});
}

// Until now nothing was served. Connections that began since the hooks are there are followed: only
// a look from now on can tell them from those that were not seen to begin.
Result<void> Instance::attached()
{
	monitor_.attached();
	if (auto done = connections_->attached(); !done) {
		return done;
	}
	for (std::uint32_t i = 0; i < connections_->services(); ++i) {
		monitor_.set_waiting(i, connections_->is_waiting(i));
	}
	return monitor_.refresh();
}

// Before anything is attached: a program array that nobody holds loses its programs, and whatever is
// attached must go on with what it has when we are killed.
Result<void> Instance::pin(const TableFormat &format)
{
	for (const auto &[map, fd] : objects_.shared_maps()) {
		if (auto pinned = dir_.pin(fd, map); !pinned) {
			return pinned;
		}
	}
	const auto &programs = objects_.programs();
	return dir_.pin(programs.scan, pin::scan)
		.and_then([&] { return dir_.pin(programs.count_flows, pin::count_flows); })
		.and_then([&] { return dir_.pin(counters_->fd(), pin::user_counters); })
		.and_then([&] { return dir_.pin(control_->fd(), pin::control); })
		.and_then([&] { return save_table_format(format); })
		.and_then([this](const UniqueFd &map) {
			return dir_.pin(map.get(), pin::table_format);
		});
}

Result<void> Instance::attach(const std::vector<ServedInterface> &interfaces, const BpffsPtr &bpffs,
			      Takeover *takeover)
{
	for (const auto &interface : interfaces) {
		if (auto done = attachment_.add(interface, objects_, bpffs, dir_, takeover);
		    !done) {
			return done;
		}
		const auto &served = attachment_.interfaces().back();
		monitor_.set_native(served.ifindex, served.native);
	}
	if (takeover == nullptr || takeover->continuity == Continuity::all) {
		return {};
	}
	// A packet may still be with the old programs, which follow flows their way.
	std::this_thread::sleep_for(grace);
	return count_flows(objects_.programs().count_flows, PS_LOST_TABLES)
		.map([](const FlowCount &) {});
}

// The description comes last: who can read it finds everything in place.
Result<void> Instance::publish(const Config &config, const Geometry &geometry,
			       const std::string &name)
{
	auto done = dir_.describe(describe_instance(name, config, geometry, attachment_.describe()))
			    .and_then([this] { return dir_.commit(attachment_.links()); });
	if (done) {
		attachment_.own();
	}
	return done;
}

} // namespace prestack
