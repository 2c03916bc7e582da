// SPDX-License-Identifier: GPL-2.0-only
#include <fmt/format.h>

#include "base/text.hpp"
#include "kernel/user_counters.hpp"
#include "report/counters.hpp"
#include "report/report.hpp"

namespace prestack
{
namespace
{

using nlohmann::json;

// JSON values as they read best: strings bare, lists joined.
std::string plain(const json &value)
{
	if (value.is_string()) {
		return value.get<std::string>();
	}
	if (value.is_array()) {
		std::string joined;
		for (const auto &element : value) {
			joined += (joined.empty() ? "" : ", ") + plain(element);
		}
		return joined;
	}
	return value.is_null() ? "-" : value.dump();
}

void line(std::string &out, int indent, std::string_view label, const std::string &value)
{
	out += fmt::format("{:{}}{:<{}}{}\n", "", indent, label, 24 - indent, value);
}

std::string describe_path(const json &path)
{
	auto text = fmt::format("{} on {}", plain(path["address"]), plain(path["interface"]));
	if (!path["vlans"].empty()) {
		text += fmt::format(" (VLAN {})", plain(path["vlans"]));
	}
	return text;
}

std::string describe_server(const json &server)
{
	if (server["ambiguous"].get<bool>()) {
		return fmt::format(
			"{} (ambiguous: several sockets take what is sent there, and whose "
			"they are cannot be told: nothing is served)",
			plain(server["address"]));
	}
	if (server["twin"].get<bool>()) {
		return fmt::format("{} (the server of an earlier service, which serves it)",
				   plain(server["address"]));
	}
	return server["known"].get<bool>()
		       ? fmt::format("{} (found, uid {})", plain(server["address"]),
				     plain(server["uid"]))
		       : fmt::format("{} (not found: nothing is served until it listens)",
				     plain(server["address"]));
}

// What keeps the service from being served, or from being sure.
void render_agent(std::string &out, const json &service)
{
	if (service["waiting"].get<bool>()) {
		line(out, 2, "waiting",
		     fmt::format("for {} connections older than the attachment: nothing is served",
				 plain(service["old_connections"])));
	}
	if (service["draining"].get<bool>()) {
		line(out, 2, "draining", "it is being stopped: nothing is served");
	}
	const bool has_feed = service["change_feed"] != "none";
	if (has_feed && service["change_feed"] != "up") {
		line(out, 2, "change feed",
		     fmt::format("the server's change feed is down{}: nothing is served",
				 service["change_feed"] == "refused"
					 ? ", the server does not let it in (does it want "
					   "authentication?)"
					 : ""));
	} else if (!service["watched"].get<bool>()) {
		line(out, 2, "not watched", "the loader shows no sign of life: nothing is served");
	}
	if (service["bypassing_connections"] != 0) {
		line(out, 2, "bypass",
		     fmt::format("{} connections do not pass a served interface: their writes are "
				 "{}",
				 plain(service["bypassing_connections"]),
				 has_feed ? "told of by the change feed" : "not seen"));
	}
	std::string agent = "not connected";
	if (service["agent_connected"].get<bool>()) {
		agent = "connected to the server";
	} else if (!has_feed) {
		agent += ": what it would have to ask about is not served";
	}
	line(out, 2, "agent", agent);
}

void render_service(std::string &out, const json &service)
{
	out += fmt::format("service {}\n", plain(service["name"]));
	line(out, 2, "protocol", plain(service["protocol"]));
	line(out, 2, "port",
	     fmt::format("{} ({})", plain(service["port"]), plain(service["transports"])));
	line(out, 2, "server", describe_server(service["server"]));
	line(out, 2, "listens on", plain(service["server"]["listens"]));
	if (service["nat"] != 0) {
		line(out, 2, "NAT",
		     fmt::format("{} replies left by another address or port than the server's: "
				 "requests that come that way are not seen",
				 plain(service["nat"])));
	}
	render_agent(out, service);
	line(out, 2, "allow", plain(service["allow"]));
	line(out, 2, "epoch", plain(service["epoch"]));
	line(out, 2, "replies",
	     fmt::format("up to {} bytes, sent by {}", plain(service["reply_limit"]),
			 service["replies_through_tc"].get<bool>()
				 ? "TC (XDP_TX does not work here)"
				 : "XDP"));
	if (service["paths"].empty()) {
		line(out, 2, "proven paths", "none yet: the server has not been seen to answer");
	}
	for (const auto &path : service["paths"]) {
		line(out, 2, "proven path", describe_path(path));
	}
}

std::string hit_ratio(const json &service)
{
	const auto requests = service["requests"].get<std::uint64_t>();
	return requests == 0
		       ? "-"
		       : fmt::format(
				 "{:.1f}%",
				 100.0 * static_cast<double>(service["hits"].get<std::uint64_t>()) /
					 static_cast<double>(requests));
}

// Reasons that never occurred would only hide those that did.
void render_reasons(std::string &out, std::string_view title, const json &reasons,
		    CounterGroup group)
{
	bool titled = false;
	for (const auto &counter : counters) {
		if (counter.group != group || reasons[std::string(counter.name)] == 0) {
			continue;
		}
		if (!titled) {
			out += fmt::format("  {}\n", title);
			titled = true;
		}
		out += fmt::format("    {:<20}{:>14}  {}\n", counter.name,
				   plain(reasons[std::string(counter.name)]), counter.text);
	}
}

std::string life_of(const json &status)
{
	if (status["alive"].get<bool>()) {
		return "running";
	}
	return status["attached"].get<bool>()
		       ? "dead, its programs are still attached: they follow and translate "
			 "connections and serve nothing"
		       : "dead";
}

std::string describe_connections(const json &connections)
{
	return fmt::format("{} followed, {} of them translated", plain(connections["followed"]),
			   plain(connections["translated"]));
}

} // namespace

std::string render_status(const json &status)
{
	std::string out;
	line(out, 0, "instance", plain(status["instance"]));
	line(out, 0, "process", fmt::format("{} ({})", plain(status["pid"]), life_of(status)));
	line(out, 0, "version",
	     fmt::format("prestack {}, libbpf {}, kernel {}", plain(status["version"]),
			 plain(status["libbpf"]), plain(status["kernel"])));
	for (const auto &interface : status["interfaces"]) {
		line(out, 0, "interface",
		     fmt::format("{} ({} XDP, {})", plain(interface["name"]),
				 plain(interface["xdp_mode"]), plain(interface["tc"])));
	}
	const auto &cache = status["cache"];
	line(out, 0, "cache",
	     fmt::format("{} of {} bytes in use by tables, associativity {}",
			 plain(cache["memory_used"]), plain(cache["memory"]),
			 plain(cache["associativity"])));
	line(out, 2, "small entries",
	     fmt::format("{} sets, {} bytes each; {} bytes per item with index and fences",
			 plain(cache["small_sets"]), plain(cache["small_element"]),
			 plain(cache["bytes_per_small_item"])));
	line(out, 2, "large entries",
	     fmt::format("{} sets, {} bytes each", plain(cache["large_sets"]),
			 plain(cache["large_element"])));
	line(out, 2, "limits",
	     fmt::format("keys {}, values {} bytes", plain(cache["max_key"]),
			 plain(cache["max_value"])));
	line(out, 0, "connections", describe_connections(status["connections"]));
	line(out, 2, "at most", plain(cache["flows"]));
	for (const auto &service : status["services"]) {
		render_service(out, service);
	}
	return out;
}

std::string render_stats(const json &stats)
{
	std::string out;
	for (const auto &service : stats["services"]) {
		out += fmt::format("service {} (hit ratio {})\n", plain(service["name"]),
				   hit_ratio(service));
		for (const auto &counter : counters) {
			if (counter.group == CounterGroup::total) {
				out += fmt::format("  {:<22}{:>14}  {}\n", counter.name,
						   plain(service[std::string(counter.name)]),
						   counter.text);
			}
		}
		for (const auto &counter : shown_counters) {
			out += fmt::format("  {:<22}{:>14}  {}\n", counter.name,
					   plain(service[std::string(counter.name)]), counter.text);
		}
		render_reasons(out, "passed to the server", service["passed"], CounterGroup::pass);
		render_reasons(out, "replies not taken into the cache", service["not_filled"],
			       CounterGroup::no_fill);
		render_reasons(out, "dropped", service["dropped"], CounterGroup::drop);
	}
	out += fmt::format(
		"cache\n  {:<22}{:>14}  {} small, {} large\n  {:<22}{:>14}  keys and values\n",
		"entries", plain(stats["entries"]), plain(stats["small_entries"]),
		plain(stats["large_entries"]), "bytes", plain(stats["bytes"]));
	line(out, 0, "connections", describe_connections(stats["connections"]));
	return out;
}

} // namespace prestack
