// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <prestack/types.h>

#include "base/address.hpp"
#include "base/host.hpp"
#include "kernel/address_maps.hpp"
#include "kernel/entry_tables.hpp"
#include "kernel/pin_names.hpp"
#include "kernel/service_maps.hpp"
#include "kernel/user_counters.hpp"
#include "report/counters.hpp"
#include "report/report.hpp"
#include "watch/spliced_connections.hpp"

namespace prestack
{
namespace
{

using nlohmann::json;

// As kept in ps_path.vlan: two identifiers, each + 1.
json vlans_of(std::uint32_t vlan)
{
	auto tags = json::array();
	for (const std::uint32_t half : {vlan >> 16, vlan & 0xffff}) {
		if (half != 0) {
			tags.push_back(half - 1);
		}
	}
	return tags;
}

json describe(const ps_path &path)
{
	IpAddress address;
	std::memcpy(address.bytes.data(), path.addr, sizeof path.addr);
	const std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	address.family = std::memcmp(address.bytes.data(), mapped.data(), mapped.size()) == 0
				 ? IpFamily::v4
				 : IpFamily::v6;
	return {{"address", to_string(address)},
		{"ifindex", path.ifindex},
		{"vlans", vlans_of(path.vlan)}};
}

// The instance may live in another network namespace, where our names for numbers do not hold.
std::string name_of(const json &interfaces, std::uint32_t ifindex)
{
	for (const auto &interface : interfaces) {
		if (interface.value("ifindex", 0u) == ifindex) {
			return interface.value("name", "");
		}
	}
	return std::to_string(ifindex);
}

std::string_view to_string(ChangeFeed feed)
{
	switch (feed) {
	case ChangeFeed::none:
		break;
	case ChangeFeed::up:
		return "up";
	case ChangeFeed::down:
		return "down";
	case ChangeFeed::refused:
		return "refused";
	}
	return "none";
}

Result<ps_scan> scan_tables(const InstanceView &view)
{
	const auto program = view.open(pin::scan);
	if (!program) {
		return tl::unexpected(program.error());
	}
	return run_scan(program->get());
}

// The connections that are followed now, whether all ends are through with them or not.
Result<json> count_connections(const InstanceView &view)
{
	return view.open(pin::count_flows)
		.and_then([](const UniqueFd &program) { return count_flows(program.get()); })
		.map([](const FlowCount &count) {
			return json{{"followed", count.flows}, {"translated", count.spliced}};
		});
}

json count(const std::vector<ps_stats> &cpus)
{
	json out{{"passed", json::object()},
		 {"not_filled", json::object()},
		 {"dropped", json::object()}};
	for (std::size_t i = 0; i < counters.size(); ++i) {
		std::uint64_t sum = 0;
		for (const auto &cpu : cpus) {
			sum += cpu.count[i];
		}
		const std::string name(counters[i].name);
		switch (counters[i].group) {
		case CounterGroup::total:
			out[name] = sum;
			break;
		case CounterGroup::pass:
			out["passed"][name] = sum;
			break;
		case CounterGroup::no_fill:
			out["not_filled"][name] = sum;
			break;
		case CounterGroup::drop:
			out["dropped"][name] = sum;
			break;
		}
	}
	return out;
}

std::uint64_t count_of(int stats, std::uint32_t service, ps_counter counter)
{
	std::vector<ps_stats> cpus(
		static_cast<std::size_t>(std::max(libbpf_num_possible_cpus(), 1)));
	std::uint64_t sum = 0;
	if (bpf_map_lookup_elem(stats, &service, cpus.data()) == 0) {
		for (const auto &cpu : cpus) {
			sum += cpu.count[counter];
		}
	}
	return sum;
}

} // namespace

Result<json> gather_status(const InstanceView &view)
{
	json status = view.description;
	status["alive"] = view.alive;
	status["attached"] = view.alive || view.attached;
	const auto connections = count_connections(view);
	if (!connections) {
		return tl::unexpected(connections.error());
	}
	status["connections"] = *connections;
	const auto maps = view.open_service_maps();
	if (!maps) {
		return tl::unexpected(maps.error());
	}
	const auto agent_map = view.open(pin::user_counters);
	if (!agent_map) {
		return tl::unexpected(agent_map.error());
	}
	const auto listening = view.open(pin::addresses).and_then([](const UniqueFd &map) {
		return read_listening(map.get());
	});
	const auto stats = view.open(pin::stats);
	if (!listening || !stats) {
		return tl::unexpected((listening ? stats.error() : listening.error()));
	}
	std::uint32_t number = 0;
	for (auto &service : status["services"]) {
		const auto conf = maps->conf(number);
		const auto agent = UserCounters::read(agent_map->get(), number);
		if (!conf || !agent) {
			return tl::unexpected((conf ? agent.error() : conf.error()));
		}
		service["watched"] = maps->is_watched(number);
		service["waiting"] = (conf->flags & PS_SERVICE_WAIT) != 0;
		service["draining"] = (conf->flags & PS_SERVICE_DRAIN) != 0;
		service["old_connections"] = agent->old_connections;
		service["bypassing_connections"] = agent->bypassing;
		service["agent_connected"] = agent->agent_connected != 0;
		service["change_feed"] = to_string(agent->change_feed);
		const bool known = (conf->flags & PS_SERVICE_SERVER_KNOWN) != 0;
		service["server"]["known"] = known;
		service["server"]["uid"] = known ? json(conf->server_uid) : json();
		service["server"]["ambiguous"] = (conf->flags & PS_SERVICE_AMBIGUOUS) != 0;
		service["server"]["twin"] = (conf->flags & PS_SERVICE_TWIN) != 0;
		service["server"]["listens"] = json::array();
		for (const auto &[place, owner] : *listening) {
			if (owner == number) {
				service["server"]["listens"].push_back(fmt::format(
					"{}/{}", to_string(place.at), place.udp ? "udp" : "tcp"));
			}
		}
		service["nat"] = count_of(stats->get(), number, PS_COUNT_nat);
		service["epoch"] = maps->epoch(number);
		service["reply_limit"] = conf->mtu;
		service["replies_through_tc"] = (conf->flags & PS_SERVICE_NO_XDP_TX) != 0;
		service["paths"] = json::array();
		for (const auto &path : maps->proven_paths(number)) {
			auto described = describe(path);
			described["interface"] = name_of(status["interfaces"], path.ifindex);
			service["paths"].push_back(std::move(described));
		}
		++number;
	}
	return status;
}

Result<json> gather_stats(const InstanceView &view)
{
	const auto map = view.open(pin::stats);
	if (!map) {
		return tl::unexpected(map.error());
	}
	const int cpus = libbpf_num_possible_cpus();
	if (cpus < 0) {
		return fail("map ps_stats", "count the CPUs", cpus);
	}
	const auto agent_map = view.open(pin::user_counters);
	if (!agent_map) {
		return tl::unexpected(agent_map.error());
	}
	json stats{{"instance", view.name}, {"services", json::array()}};
	std::vector<ps_stats> values(static_cast<std::size_t>(cpus));
	std::uint32_t number = 0;
	for (const auto &service : view.description["services"]) {
		if (const int problem = bpf_map_lookup_elem(map->get(), &number, values.data());
		    problem != 0) {
			return fail("map ps_stats", "read the counters", problem);
		}
		const auto agent = UserCounters::read(agent_map->get(), number);
		if (!agent) {
			return tl::unexpected(agent.error());
		}
		json entry = count(values);
		for (const auto &counter : shown_counters) {
			entry[std::string(counter.name)] = (*agent).*counter.value;
		}
		for (const auto *key : {"name", "protocol", "port"}) {
			entry[key] = service[key];
		}
		stats["services"].push_back(std::move(entry));
		++number;
	}
	const auto scan = scan_tables(view);
	if (!scan) {
		return tl::unexpected(scan.error());
	}
	stats["entries"] = scan->entries;
	stats["bytes"] = scan->bytes;
	stats["small_entries"] = scan->small_entries;
	stats["large_entries"] = scan->large_entries;
	const auto connections = count_connections(view);
	if (!connections) {
		return tl::unexpected(connections.error());
	}
	stats["connections"] = *connections;
	return stats;
}

} // namespace prestack
