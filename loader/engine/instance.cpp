// SPDX-License-Identifier: GPL-2.0-only
#include "instance.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <set>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <systemd/sd-daemon.h>

#include "engine/bpffs.hpp"
#include "engine/description.hpp"
#include "engine/host.hpp"
#include "engine/kernel_config.hpp"
#include "engine/link_watch.hpp"
#include "engine/upkeep.hpp"

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

// Only filters on a qdisc outlive a killed loader; with an XDP program on the interface they may by
// now be somebody else's.
void remove_leftovers(const nlohmann::json &leftover, spdlog::logger &log)
{
	if (!leftover.is_object()) {
		return;
	}
	log.warn("this instance was not stopped properly last time; cleaning up after it");
	if (leftover.value("netns", std::uint64_t{0}) != netns_id()) {
		return;
	}
	for (const auto &interface : leftover.value("interfaces", nlohmann::json::array())) {
		const int ifindex = interface.value("ifindex", 0);
		if (ifindex > 0 && !has_xdp(ifindex)) {
			remove_leftover_tc(ifindex, interface.value("made_qdisc", false));
		}
	}
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
	remove_leftovers(dir->leftover(), *log);
	// Attaching checks this again; here it saves the work and the messages before.
	for (const auto &interface : interfaces) {
		if (auto free = check_xdp_is_free(interface.name, interface.ifindex, *bpffs);
		    !free) {
			return tl::unexpected(free.error());
		}
	}
	const auto constants = make_config(config, *geometry, services, used);
	if (!constants) {
		return tl::unexpected(constants.error());
	}
	auto objects = Objects::load(*constants, *geometry, used);
	if (!objects) {
		return tl::unexpected(objects.error());
	}
	const auto conf_map = objects->map("ps_service_conf");
	const auto state_map = objects->map("ps_service_state");
	if (!conf_map || !state_map) {
		return tl::unexpected((conf_map ? state_map : conf_map).error());
	}
	auto keeper = ServiceMaps::open(*conf_map, *state_map).and_then([&](ServiceMaps &&maps) {
		return ServiceKeeper::create(std::move(maps), services, interfaces,
					     config.cache.settle, log);
	});
	if (!keeper) {
		return tl::unexpected(keeper.error());
	}
	auto report = AgentReport::create();
	if (!report) {
		return tl::unexpected(report.error());
	}
	Instance instance(std::move(*dir), std::move(*objects), std::move(*keeper),
			  std::move(*report), std::move(log));
	auto prepared = instance.prepare(services, interfaces, config.cache, *constants, *geometry)
				.and_then([&] { return instance.keeper_.refresh(); });
	if (!prepared) {
		return tl::unexpected(prepared.error());
	}
	for (const auto &interface : interfaces) {
		if (auto done = instance.attach(interface, config.xdp_mode, *bpffs,
						options.force_clsact);
		    !done) {
			return tl::unexpected(done.error());
		}
	}
	if (auto done = instance.attached(); !done) {
		return tl::unexpected(done.error());
	}
	if (auto done = instance.publish(config, *geometry, options.name); !done) {
		return tl::unexpected(done.error());
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
		ConnectionKeeper::create(services, served, {*flows, *handshakes}, *report_, log_);
	if (!connections) {
		return tl::unexpected(connections.error());
	}
	connections_ = std::make_unique<ConnectionKeeper>(std::move(*connections));
	return AgentRunner::create(services, cache, objects_, constants, geometry, *report_, log_)
		.map([this](std::unique_ptr<AgentRunner> &&agents) {
			agents_ = std::move(agents);
		});
}

// Until now nothing was served. Connections that began since the hooks are there are followed: only
// a look from now on can tell them from those that were not seen to begin.
Result<void> Instance::attached()
{
	keeper_.attached();
	if (auto done = connections_->attached(); !done) {
		return done;
	}
	for (std::uint32_t i = 0; i < connections_->services(); ++i) {
		keeper_.set_waiting(i, connections_->is_waiting(i));
	}
	return keeper_.refresh();
}

// XDP comes first: only one program can be there, so it is what keeps two instances off one
// interface. It serves nothing before the egress hook has seen the server answer.
Result<void> Instance::attach(const ServedInterface &interface, XdpMode mode, const BpffsPtr &bpffs,
			      bool force_clsact)
{
	const auto xdp_program = objects_.program("ps_xdp");
	const auto ingress = objects_.program("ps_tc_ingress");
	const auto egress = objects_.program("ps_tc_egress");
	for (const auto *program : {&xdp_program, &ingress, &egress}) {
		if (!*program) {
			return tl::unexpected(program->error());
		}
	}
	auto xdp = attach_xdp(interface.name, interface.ifindex, *xdp_program, mode, bpffs);
	if (!xdp) {
		return tl::unexpected(xdp.error());
	}
	if (xdp->native_problem != 0) {
		log_->warn("interface {}: native XDP is not possible ({}); using generic XDP, "
			   "which is slower",
			   interface.name, strerrordesc_np(xdp->native_problem));
	}
	Hooks hooks{interface, nullptr, std::move(*xdp)};
	hooks.interface.native = hooks.xdp.mode == XdpMode::native;
	keeper_.set_native(interface.ifindex, hooks.interface.native);
	auto tc = TcHook::attach(interface.name, interface.ifindex, {*ingress, *egress},
				 force_clsact);
	if (!tc) {
		return tl::unexpected(tc.error());
	}
	hooks.tc = std::make_unique<TcHook>(std::move(*tc));
	log_->info("interface {}: {} XDP, {}", interface.name, to_string(hooks.xdp.mode),
		   to_string(hooks.tc->kind()));
	hooks_.push_back(std::move(hooks));
	return {};
}

// The description comes last: who can read it finds everything in place.
Result<void> Instance::publish(const Config &config, const Geometry &geometry,
			       const std::string &name)
{
	for (const auto &[map, fd] : objects_.shared_maps()) {
		if (auto pinned = dir_.pin(fd, map); !pinned) {
			return pinned;
		}
	}
	auto scan = objects_.program("ps_scan")
			    .and_then([this](int fd) { return dir_.pin(fd, "ps_scan"); })
			    .and_then([this] {
				    return dir_.pin(report_->fd(), AgentReport::map_name);
			    });
	if (!scan) {
		return scan;
	}
	std::vector<InterfaceDescription> interfaces;
	for (const auto &hooks : hooks_) {
		interfaces.push_back({hooks.interface.name, hooks.interface.ifindex,
				      std::string(to_string(hooks.xdp.mode)),
				      to_string(hooks.tc->kind()), hooks.tc->made_qdisc()});
	}
	return dir_.describe(describe_instance(name, config, geometry, interfaces));
}

Result<void> Instance::on_link_event(const LinkWatch &watch)
{
	std::set<int> served;
	for (const auto &hooks : hooks_) {
		served.insert(hooks.interface.ifindex);
	}
	const auto changes = watch.read(served);
	if (!changes) {
		return tl::unexpected(changes.error());
	}
	for (const auto &hooks : hooks_) {
		if (std::ranges::find(changes->deleted, hooks.interface.ifindex) !=
			    changes->deleted.end() ||
		    (changes->lost &&
		     interface_index(hooks.interface.name) != hooks.interface.ifindex)) {
			return fail("interface " + hooks.interface.name,
				    "was deleted or moved to another network namespace", ENODEV,
				    "start again when it is back");
		}
	}
	if (changes->went_down || changes->lost) {
		keeper_.flush_all("an interface went down");
	} else if (changes->address_removed) {
		keeper_.flush_all("an address was removed from this host");
	}
	return changes->changed || changes->lost ? keeper_.refresh() : Result<void>();
}

Result<void> Instance::run(EventLoop &loop)
{
	const auto links = LinkWatch::open();
	if (!links) {
		return tl::unexpected(links.error());
	}
	if (auto armed = loop.watch(links->fd(), [&] { return on_link_event(*links); }); !armed) {
		return armed;
	}
	Upkeep upkeep(loop, keeper_, *connections_, *agents_, log_);
	if (auto started = upkeep.start(); !started) {
		return started;
	}
	log_->info("serving");
	sd_notify(0, "READY=1");
	auto ended = loop.run();
	sd_notify(0, "STOPPING=1");
	return ended;
}

} // namespace prestack
