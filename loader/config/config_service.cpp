// SPDX-License-Identifier: GPL-2.0-only
#include "config/config_service.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>
#include <prestack/types.h>

#include "base/text.hpp"

namespace prestack
{
namespace
{

constexpr std::size_t longest_name = 32;
constexpr std::string_view allow_mend = "list the networks of your clients, for example allow = "
					"[\"10.0.0.0/8\"]: a datagram's source is easily "
					"forged, and an answer from the kernel to any address at "
					"all would make this host an amplifier; requests "
					"from elsewhere go to the server as before";

bool is_service_name(std::string_view name)
{
	return !name.empty() && name.size() <= longest_name &&
	       std::ranges::all_of(name, [](unsigned char c) {
		       return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
	       });
}

void read_protocol(TableReader &table, std::span<const std::string_view> protocols,
		   ServiceConfig &service)
{
	const auto known = protocols.empty()
				   ? std::string("this build has no plug-in at all")
				   : fmt::format("this build has {}", quoted_list(protocols));
	const auto protocol = table.string("protocol", TableReader::required, known);
	if (!protocol) {
		return;
	}
	service.protocol = protocol->text;
	if (std::ranges::find(protocols, protocol->text) == protocols.end()) {
		const auto suggestion = nearest(protocol->text, protocols);
		table.error(protocol->position, "protocol",
			    fmt::format("\"{}\" is not a plug-in", protocol->text),
			    suggestion ? fmt::format("did you mean \"{}\"? {}", *suggestion, known)
				       : known);
	}
}

void read_transports(TableReader &table, ServiceConfig &service)
{
	constexpr std::string_view mend =
		"write transports = [\"udp\"], [\"tcp\"] or [\"udp\", \"tcp\"]";
	const auto transports = table.strings("transports", mend);
	for (const auto &[text, position] : transports.value_or(std::vector<StringValue>{})) {
		if (text == "udp") {
			service.udp = true;
		} else if (text == "tcp") {
			service.tcp = true;
		} else {
			table.error(position, "transports", fmt::format("names \"{}\"", text),
				    std::string(mend));
		}
	}
}

void read_server(TableReader &table, ServiceConfig &service)
{
	const auto server = table.string("server", TableReader::required,
					 "write the address and port that the server listens on, "
					 "for example \"10.0.0.1:7000\"");
	if (!server) {
		return;
	}
	const auto endpoint = parse_endpoint(server->text);
	if (!endpoint) {
		table.error(server->position, "server",
			    fmt::format("\"{}\" {}", server->text, endpoint.error()));
		return;
	}
	if (service.port != 0 && endpoint->port != service.port) {
		table.error(
			server->position, "server",
			fmt::format("has port {}, but port is {}", endpoint->port, service.port),
			"prestack stands in front of the server on the same port: make them equal");
	}
	service.server = *endpoint;
}

void read_allow(TableReader &table, ServiceConfig &service)
{
	const auto prefixes = table.strings("allow", allow_mend);
	if (!prefixes) {
		return;
	}
	for (const auto &[text, position] : *prefixes) {
		const auto prefix = parse_prefix(text);
		if (!prefix) {
			table.error(position, "allow",
				    fmt::format("\"{}\" {}", text, prefix.error()));
		} else if (prefix->covers_mapped_ipv4()) {
			table.error(position, "allow",
				    fmt::format("\"{}\" would cover all of IPv4 as well", text),
				    "write \"2000::/3\" for the public IPv6 Internet, and "
				    "\"0.0.0.0/0\" if IPv4 is meant");
		} else {
			service.allow.push_back(*prefix);
		}
	}
	if (prefixes->size() > PS_MAX_ALLOW) {
		table.error((*prefixes)[PS_MAX_ALLOW].position, "allow",
			    fmt::format("has {} prefixes, the most is {}", prefixes->size(),
					PS_MAX_ALLOW),
			    "join neighbouring networks into shorter prefixes");
	}
}

void read_existing_connections(TableReader &table, ServiceConfig &service)
{
	const auto choice = table.string("existing_connections",
					 toml_string(to_string(service.existing_connections)));
	if (!choice) {
		return;
	}
	for (const auto candidate : {ExistingConnections::wait, ExistingConnections::reset}) {
		if (choice->text == to_string(candidate)) {
			service.existing_connections = candidate;
			return;
		}
	}
	table.error(
		choice->position, "existing_connections", fmt::format("is \"{}\"", choice->text),
		"write \"wait\" (serve nothing until connections older than the start are closed) "
		"or \"reset\" (close them)");
}

void read_name(TableReader &table, ServiceConfig &service)
{
	service.name = fmt::format("{}-{}", service.protocol, service.port);
	const auto name = table.string("name", toml_string("<protocol>-<port>"));
	if (!name) {
		return;
	}
	service.name = name->text;
	if (!is_service_name(name->text)) {
		table.error(name->position, "name", fmt::format("is \"{}\"", name->text),
			    fmt::format("use 1..{} letters, digits, dots, dashes and underscores",
					longest_name));
	}
}

} // namespace

std::string_view to_string(ExistingConnections choice)
{
	return choice == ExistingConnections::wait ? "wait" : "reset";
}

ServiceConfig read_service(TableReader &table, Position position,
			   std::span<const std::string_view> protocols)
{
	ServiceConfig service;
	service.position = position;
	service.port_position = table.position("port");
	read_protocol(table, protocols, service);
	if (const auto port = table.integer("port", TableReader::required, 1, 65535,
					    "write the server's port")) {
		service.port = static_cast<std::uint16_t>(*port);
	}
	read_transports(table, service);
	read_server(table, service);
	read_allow(table, service);
	read_existing_connections(table, service);
	read_name(table, service);
	service.enabled = table.boolean("enabled", fmt::format("{}", service.enabled))
				  .value_or(service.enabled);
	table.finish();
	return service;
}

void check_services(const Config &config, Position position, ReadReport &report)
{
	const auto &services = config.services;
	for (std::size_t i = 0; i < services.size(); ++i) {
		for (std::size_t j = 0; j < i; ++j) {
			const auto &earlier = services[j];
			const auto &later = services[i];
			if (!later.enabled || !earlier.enabled) {
				continue; // a service that is switched off may be kept as an alternative to another
			}
			// One server twice usually also gives one default name twice: the server is the cause to
			// report.
			if (later.port != 0 && later.server == earlier.server) {
				report.add_error(
					later.port_position, fmt::format("service[{}].server", i),
					fmt::format("{} is already that of service[{}] on line {}",
						    to_string(later.server), j,
						    earlier.port_position.line),
					"give each service its own server, by address or port, or "
					"set enabled = false in one");
				break;
			}
			if (later.port != 0 && later.name == earlier.name) {
				report.add_error(
					later.position, fmt::format("service[{}].name", i),
					fmt::format(
						"\"{}\" is already used by service[{}] on line {}",
						later.name, j, earlier.position.line),
					"give each service its own name");
				break;
			}
		}
	}
	const auto enabled = std::ranges::count_if(services, &ServiceConfig::enabled);
	if (enabled == 0) {
		report.add_error(position, "service", "none is enabled",
				 "remove enabled = false from at least one");
	} else if (enabled > PS_MAX_SERVICES) {
		report.add_error(
			position, "service",
			fmt::format("{} are enabled, the most is {}", enabled, PS_MAX_SERVICES));
	}
}

} // namespace prestack
