// SPDX-License-Identifier: GPL-2.0-only
#include "kernel/description.hpp"

#include <chrono>

#include <bpf/libbpf.h>
#include <unistd.h>

#include "base/host.hpp"
#include "config/memory_use.hpp"

#ifndef PRESTACK_VERSION
#define PRESTACK_VERSION "unknown"
#endif

namespace prestack
{
namespace
{

nlohmann::json describe(const ServiceConfig &service)
{
	auto transports = nlohmann::json::array();
	if (service.udp) {
		transports.push_back("udp");
	}
	if (service.tcp) {
		transports.push_back("tcp");
	}
	auto allow = nlohmann::json::array();
	for (const auto &prefix : service.allow) {
		allow.push_back(to_string(prefix));
	}
	return {{"name", service.name},
		{"protocol", service.protocol},
		{"port", service.port},
		{"transports", transports},
		{"existing_connections", to_string(service.existing_connections)},
		{"allow", allow},
		{"server", {{"address", to_string(service.server)}}}};
}

nlohmann::json describe_memory(const Geometry &geometry)
{
	const auto use = memory_use(geometry, possible_cpus());
	return {{"entries", use.entries},	{"fences", use.fences}, {"flows", use.flows},
		{"handshakes", use.handshakes}, {"other", use.other},	{"total", use.total()}};
}

} // namespace

nlohmann::json describe_instance(const std::string &name, const Config &config,
				 const Geometry &geometry,
				 const std::vector<InterfaceDescription> &interfaces)
{
	nlohmann::json description{
		{"instance", name},
		{"pid", getpid()},
		{"version", PRESTACK_VERSION},
		{"kernel", kernel_release()},
		{"libbpf", libbpf_version_string()},
		{"netns", netns_id()},
		{"started", std::chrono::duration_cast<std::chrono::seconds>(
				    std::chrono::system_clock::now().time_since_epoch())
				    .count()},
		{"cache",
		 {{"memory", config.cache.memory},
		  {"memory_used", geometry.memory()},
		  {"associativity", geometry.ways},
		  {"max_key", config.cache.max_key},
		  {"max_value", config.cache.max_value},
		  {"settle_ns", config.cache.settle.count()},
		  {"small_sets", geometry.small_sets},
		  {"large_sets", geometry.large_sets},
		  {"small_element", geometry.small_element},
		  {"large_element", geometry.large_element},
		  {"fences", geometry.fences},
		  {"flows", geometry.flows},
		  {"audit_rate", config.cache.audit_rate},
		  {"warm_rate", config.cache.warm_rate},
		  {"bytes_per_small_item", geometry.bytes_per_small_item()}}},
		{"memory", describe_memory(geometry)},
	};
	description["interfaces"] = nlohmann::json::array();
	for (const auto &interface : interfaces) {
		description["interfaces"].push_back({{"name", interface.name},
						     {"ifindex", interface.ifindex},
						     {"xdp_mode", interface.xdp_mode},
						     {"tc", interface.tc},
						     {"made_qdisc", interface.made_qdisc}});
	}
	description["services"] = nlohmann::json::array();
	for (const auto &service : config.services) {
		if (service.enabled) {
			description["services"].push_back(describe(service));
		}
	}
	return description;
}

} // namespace prestack
