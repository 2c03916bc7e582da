// SPDX-License-Identifier: GPL-2.0-only
#include "attach/takeover.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fmt/format.h>

#include "attach/tc_hook.hpp"
#include "attach/xdp_hook.hpp"
#include "base/host.hpp"
#include "kernel/pin_names.hpp"
#include "watch/known_addresses.hpp"
#include "watch/spliced_connections.hpp"

#ifndef PRESTACK_VERSION
#define PRESTACK_VERSION "unknown"
#endif

namespace prestack
{
namespace
{

constexpr auto cleaning_up =
	"this instance was not stopped properly last time; cleaning up after it";

template <std::size_t size>
void put(std::array<char, size> &out, std::string_view text)
{
	text.copy(out.data(), size - 1);
}

// What hangs on the flows alone, whatever shape the other tables have.
bool belongs_to_flows(std::string_view map)
{
	return map == pin::flows || map == pin::handshakes || map == pin::handover ||
	       map == pin::ticket || map == pin::stats;
}

// What may differ without a table meaning something else.
ps_config without_freedom(ps_config config)
{
	std::memset(config.seed, 0, sizeof config.seed);
	config.settle_ns = 0;
	return config;
}

std::optional<TableFormat> read_table_format(const InstanceDir &dir)
{
	const auto map = dir.open_leftover(pin::table_format);
	bpf_map_info info{};
	__u32 size = sizeof info;
	if (!map || bpf_obj_get_info_by_fd(map->get(), &info, &size) != 0 ||
	    info.value_size != sizeof(TableFormat)) {
		return std::nullopt;
	}
	TableFormat format;
	const __u32 first = 0;
	return bpf_map_lookup_elem(map->get(), &first, &format) == 0 ? std::optional(format)
								     : std::nullopt;
}

bool goes_on(const nlohmann::json &service, const TableFormat &now)
{
	const auto server = parse_endpoint(
		service.value("server", nlohmann::json::object()).value("address", ""));
	return server &&
	       std::ranges::any_of(now.servers, [&server](const TableFormat::Server &served) {
		       return served.address == server->address.bytes &&
			      served.port == server->port;
	       });
}

// Those of services that `now` does not have; all ports that were served without it.
std::vector<std::uint16_t> ports_of(const InstanceDir &dir, const TableFormat *now)
{
	std::set<std::uint16_t> ports;
	for (const auto &service : dir.leftover().value("services", nlohmann::json::array())) {
		if (now == nullptr || !goes_on(service, *now)) {
			ports.insert(service.value("port", std::uint16_t{0}));
		}
	}
	const auto addresses = dir.open_leftover(pin::addresses);
	const auto listening = now == nullptr && addresses ? read_listening(addresses->get())
							   : Result<ListeningMap>(ListeningMap());
	if (listening) {
		const auto listed = KnownAddresses{*listening, {}}.ports();
		ports.insert(listed.begin(), listed.end());
	}
	return {ports.begin(), ports.end()};
}

// How many connections to these ports would break off if they were not translated any more.
Result<std::uint64_t> count_spliced(const InstanceDir &dir, std::vector<std::uint16_t> ports,
				    bool here, bool known_layout)
{
	const auto flows = dir.open_leftover(pin::flows);
	if (!flows) {
		return 0;
	}
	if (here) {
		FlowScopes scopes;
		if (const auto links = dir.open_leftover(pin::links); links) {
			scopes = read_flow_scopes(links->get());
		}
		return SplicedConnections::open(flows->get(), std::move(ports), std::move(scopes),
						known_layout)
			.and_then([](const SplicedConnections &spliced) { return spliced.list(); })
			.map([](const std::vector<TcpConnection> &list) -> std::uint64_t {
				return list.size();
			});
	}
	const auto count = dir.open_leftover(pin::count_flows);
	return count ? count_flows(count->get()).map([](const FlowCount &all) {
		return all.spliced;
	})
		     : Result<std::uint64_t>(0);
}

// What a killed loader left, compared with what is to run now.
struct Leftover {
	bool here = false; // all links are in our network namespace
	bool whole = false; // all links are still attached
	bool all_served = false; // no link is on an interface that is not served any more
	std::optional<TableFormat> format; // nothing: it cannot be read
	Continuity continuity = Continuity::none;

	// Whether connections can be taken over at all.
	[[nodiscard]] bool goes_on() const { return all_served && continuity != Continuity::none; }
};

Leftover compare(const InstanceDir &dir, const std::vector<LeftLink> &links,
		 const TableFormat &format, const std::vector<ServedInterface> &interfaces)
{
	const auto netns = netns_id();
	const auto is_served = [&interfaces](const LeftLink &link) {
		return !link.attached ||
		       std::ranges::find(interfaces, link.pin.ifindex, &ServedInterface::ifindex) !=
			       interfaces.end();
	};
	Leftover leftover;
	leftover.here = std::ranges::all_of(
		links, [netns](const LeftLink &link) { return link.pin.netns == netns; });
	leftover.whole = std::ranges::all_of(links, &LeftLink::attached);
	leftover.all_served = leftover.here && std::ranges::all_of(links, is_served);
	leftover.format = read_table_format(dir);
	if (leftover.format) {
		leftover.continuity = continuity_of(*leftover.format, format);
	}
	return leftover;
}

// Fails if a connection that is translated would break off: where nothing goes on any such connection, else
// one of a service that is gone.
Result<void> check_none_breaks(const InstanceDir &dir, const Leftover &leftover,
			       const TableFormat &format, const std::string &name)
{
	const bool goes_on = leftover.goes_on();
	const auto broken =
		count_spliced(dir, ports_of(dir, goes_on ? &format : nullptr), leftover.here,
			      leftover.format && leftover.format->layout == format.layout);
	if (!broken) {
		return tl::unexpected(broken.error());
	}
	if (*broken == 0) {
		return {};
	}
	return fail(fmt::format("instance \"{}\"", name),
		    fmt::format("was killed, and {} connections that its programs still translate "
				"would break off: {}",
				*broken,
				!leftover.here	       ? "they are in another network namespace"
				: !leftover.all_served ? "an interface is not served any more"
				: goes_on	       ? "a service is not served any more"
						       : "they are of another version of prestack"),
		    0,
		    fmt::format("end them first: prestack stop --name {} (or with --now)", name));
}

Result<std::optional<Takeover>> start_from_scratch(InstanceDir &dir, std::vector<LeftLink> links)
{
	for (auto &link : links) {
		const BpfLink detached(std::move(link.fd));
	}
	dir.own();
	return std::optional<Takeover>();
}

} // namespace

bool Takeover::has(int ifindex) const
{
	return std::ranges::any_of(links, [ifindex](const LeftLink &link) {
		return link.pin.kind == LinkKind::xdp && link.pin.ifindex == ifindex;
	});
}

TableFormat make_table_format(const ps_config &config,
			      const std::vector<const PluginInfo *> &plugins,
			      const std::vector<ServiceConfig> &services)
{
	TableFormat format;
	put(format.version, PRESTACK_VERSION);
	for (std::size_t i = 0; i < plugins.size() && i < format.plugins.size(); ++i) {
		put(format.plugins[i], plugins[i]->name);
	}
	format.config = config;
	for (std::size_t i = 0; i < services.size() && i < format.servers.size(); ++i) {
		format.servers[i] = {services[i].server.address.bytes, services[i].server.port};
	}
	return format;
}

Result<UniqueFd> save_table_format(const TableFormat &format)
{
	UniqueFd map(bpf_map_create(BPF_MAP_TYPE_ARRAY, pin::table_format, sizeof(__u32),
				    sizeof format, 1, nullptr));
	const __u32 first = 0;
	if (!map || bpf_map_update_elem(map.get(), &first, &format, BPF_ANY) != 0) {
		return fail(std::string("map ") + pin::table_format, "create", errno);
	}
	return map;
}

Continuity continuity_of(const TableFormat &old, const TableFormat &now)
{
	if (old.layout != now.layout || old.flow_size != now.flow_size ||
	    old.handshake_size != now.handshake_size || old.config_size != now.config_size) {
		return Continuity::none;
	}
	const auto one = without_freedom(old.config);
	const auto other = without_freedom(now.config);
	return old.version == now.version && old.plugins == now.plugins &&
			       old.servers == now.servers &&
			       std::memcmp(&one, &other, sizeof one) == 0
		       ? Continuity::all
		       : Continuity::flows;
}

Result<std::optional<Takeover>> plan_takeover(InstanceDir &dir, TableFormat &format,
					      const std::vector<ServedInterface> &interfaces,
					      const std::string &name, spdlog::logger &log)
{
	auto links = dir.leftover_links();
	if (std::ranges::none_of(links, &LeftLink::attached) || dir.leftover().is_null()) {
		// Nothing is attached, or it never began to serve.
		if (!dir.leftover().is_null()) {
			log.warn(cleaning_up);
		}
		return start_from_scratch(dir, std::move(links));
	}
	const auto leftover = compare(dir, links, format, interfaces);
	if (auto checked = check_none_breaks(dir, leftover, format, name); !checked) {
		return tl::unexpected(checked.error());
	}
	if (!leftover.goes_on()) {
		log.warn(cleaning_up);
		return start_from_scratch(dir, std::move(links));
	}
	std::memcpy(format.config.seed, leftover.format->config.seed, sizeof format.config.seed);
	Takeover takeover;
	// Of a connection by an interface that is gone, bytes may have passed unseen.
	takeover.continuity = leftover.whole ? leftover.continuity
					     : std::min(leftover.continuity, Continuity::flows);
	log.warn("this instance was not stopped properly last time; taking over its "
		 "connections{}",
		 takeover.continuity == Continuity::all ? ""
							: ", which are not served, since its "
							  "tables were others");
	takeover.maps = [&dir, continuity = takeover.continuity](
				const std::string &map) -> Result<UniqueFd> {
		if (continuity != Continuity::all && !belongs_to_flows(map)) {
			return UniqueFd();
		}
		return dir.open_leftover(map);
	};
	takeover.links = std::move(links);
	std::erase_if(takeover.links, [](const LeftLink &link) { return !link.attached; });
	return takeover;
}

bool is_layout_known(const InstanceDir &dir)
{
	const auto format = read_table_format(dir);
	return format && format->layout == PS_LAYOUT && format->flow_size == sizeof(ps_flow);
}

// With an XDP program on the interface they may by now be somebody else's.
void remove_left_filters(const nlohmann::json &description)
{
	if (!description.is_object() ||
	    description.value("netns", std::uint64_t{0}) != netns_id()) {
		return;
	}
	for (const auto &interface : description.value("interfaces", nlohmann::json::array())) {
		const int ifindex = interface.value("ifindex", 0);
		if (ifindex > 0 && !has_xdp(ifindex)) {
			remove_leftover_tc(ifindex, interface.value("made_qdisc", false));
		}
	}
}

} // namespace prestack
