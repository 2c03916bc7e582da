// SPDX-License-Identifier: GPL-2.0-only
#include "instance/instance.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <set>
#include <thread>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/random.h>

#include "base/host.hpp"
#include "kernel/bpffs.hpp"
#include "kernel/description.hpp"
#include "kernel/kernel_config.hpp"

namespace prestack
{
namespace
{

using namespace std::chrono_literals;

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

Result<ps_config> make_config(const Config &config, const Geometry &geometry,
			      const std::vector<ServiceConfig> &services,
			      const std::vector<const PluginInfo *> &plugins)
{
	ps_config out = kernel_config(config.cache, geometry);
	if (getrandom(out.seed, sizeof out.seed, 0) != sizeof out.seed) {
		return fail("hash seed", "getrandom", errno);
	}
	out.nr_services = static_cast<std::uint32_t>(services.size());
	std::ranges::transform(services, out.port,
			       [](const ServiceConfig &service) { return htons(service.port); });
	std::ranges::transform(services, out.plugin, [&](const ServiceConfig &service) {
		const auto plugin = std::ranges::find(plugins, service.protocol, &PluginInfo::name);
		return static_cast<std::uint8_t>(plugin - plugins.begin());
	});
	return out;
}

// Over TCP the kernel changes what it translates from then on: that must outlive a killed loader.
bool needs_pins(const std::vector<ServiceConfig> &services)
{
	return std::ranges::any_of(services, &ServiceConfig::tcp);
}

// Longer than a packet is with a program.
constexpr auto grace = 20ms;

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
	if (auto checked = check_kernel(kernel_release()); !checked) {
		return tl::unexpected(checked.error());
	}
	const auto geometry = plan_geometry(config.cache);
	if (!geometry) {
		return fail("cache.memory", "is too little"); // parse_config has checked it
	}
	const auto services = enabled_services(config);
	const auto used = plugins_in_use(services);
	std::vector<ServedInterface> interfaces;
	for (const auto &interface : config.interfaces) {
		interfaces.push_back({interface.name, interface_index(interface.name),
				      config.xdp_mode != XdpMode::generic});
	}
	for (const auto *plugin : used) {
		if (plugin->experimental) {
			log->warn("plug-in {} is experimental", plugin->name);
		}
	}

	const auto bpffs = find_or_mount_bpffs(options.bpffs);
	if (!bpffs) {
		return tl::unexpected(bpffs.error());
	}
	auto dir = InstanceDir::claim(*bpffs, options.name);
	if (!dir) {
		return tl::unexpected(dir.error());
	}
	const auto drawn = make_config(config, *geometry, services, used);
	if (!drawn) {
		return tl::unexpected(drawn.error());
	}
	auto setup = make_setup(*drawn, used);
	auto planned = plan_takeover(*dir, setup, interfaces, options.name, *log);
	if (!planned) {
		return tl::unexpected(planned.error());
	}
	auto *takeover = *planned ? &**planned : nullptr;
	if (takeover == nullptr) {
		remove_left_filters(dir->leftover());
	}
	// Attaching checks this again; here it saves the work and the messages before.
	for (const auto &interface : interfaces) {
		if (takeover != nullptr && takeover->has(interface.ifindex)) {
			continue;
		}
		if (auto free = check_xdp_is_free(interface.name, interface.ifindex, *bpffs);
		    !free) {
			return tl::unexpected(free.error());
		}
	}
	const ps_config &constants = setup.config;
	auto objects = Objects::load(constants, *geometry, used,
				     takeover != nullptr ? takeover->maps : ReusedMaps());
	if (!objects) {
		return tl::unexpected(objects.error());
	}
	const auto conf_map = objects->map("ps_service_conf");
	const auto state_map = objects->map("ps_service_state");
	if (!conf_map || !state_map) {
		return tl::unexpected((conf_map ? state_map : conf_map).error());
	}
	auto keeper = ServiceMaps::open(*conf_map, *state_map).and_then([&](ServiceMaps &&maps) {
		return ServiceMonitor::create(std::move(maps), services, interfaces,
					      config.cache.settle, log);
	});
	if (!keeper) {
		return tl::unexpected(keeper.error());
	}
	auto report = UserCounters::create();
	if (!report) {
		return tl::unexpected(report.error());
	}
	auto control = Control::create();
	if (!control) {
		return tl::unexpected(control.error());
	}
	Attachment attachment({config.xdp_mode, options.force_clsact,
			       needs_pins(services) || takeover != nullptr},
			      log);
	Instance instance(std::move(*dir), std::move(*objects), std::move(*keeper),
			  std::move(*report), std::move(*control), std::move(attachment),
			  std::move(log));
	instance.drain_timeout_ = config.drain_timeout;
	std::ranges::transform(services, std::back_inserter(instance.ports_), &ServiceConfig::port);
	auto started =
		instance.prepare(services, interfaces, config.cache, constants, *geometry)
			.and_then([&] { return instance.monitor_.refresh(); })
			.and_then([&] { return instance.pin(setup); })
			.and_then([&] { return instance.attach(interfaces, *bpffs, takeover); })
			.and_then([&] { return instance.attached(); })
			.and_then(
				[&] { return instance.publish(config, *geometry, options.name); });
	if (!started) {
		if (takeover != nullptr) {
			instance.attachment_.leave();
		}
		return tl::unexpected(started.error());
	}
	return instance;
}

Result<void> Instance::prepare(const std::vector<ServiceConfig> &services,
			       const std::vector<ServedInterface> &interfaces,
			       const CacheConfig &cache, const ps_config &constants,
			       const Geometry &geometry)
{
	std::set<int> served;
	for (const auto &interface : interfaces) {
		served.insert(interface.ifindex);
	}
	const auto flows = objects_.map("ps_flows");
	const auto handshakes = objects_.map("ps_handshakes");
	if (!flows || !handshakes) {
		return tl::unexpected((flows ? handshakes : flows).error());
	}
	auto connections =
		ConnectionMonitor::create(services, served, {*flows, *handshakes}, *report_, log_);
	if (!connections) {
		return tl::unexpected(connections.error());
	}
	connections_ = std::make_unique<ConnectionMonitor>(std::move(*connections));
	return AgentRunner::create(services, cache, objects_, constants, geometry, *report_, log_)
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
Result<void> Instance::pin(const Setup &setup)
{
	for (const auto &[map, fd] : objects_.shared_maps()) {
		if (auto pinned = dir_.pin(fd, map); !pinned) {
			return pinned;
		}
	}
	for (const auto *program : {"ps_scan", "ps_count_flows"}) {
		auto pinned = objects_.program(program).and_then(
			[&](int fd) { return dir_.pin(fd, program); });
		if (!pinned) {
			return pinned;
		}
	}
	return dir_.pin(report_->fd(), UserCounters::map_name)
		.and_then([this] { return dir_.pin(control_->fd(), Control::map_name); })
		.and_then([&] { return save_setup(setup); })
		.and_then([this](const UniqueFd &map) {
			return dir_.pin(map.get(), Setup::map_name);
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
	return objects_.program("ps_count_flows").and_then([](int census) {
		return count_flows(census, PS_LOST_TABLES).map([](const FlowCount &) {});
	});
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
