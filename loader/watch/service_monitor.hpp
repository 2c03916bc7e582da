// SPDX-License-Identifier: GPL-2.0-only
// Keeps what the kernel knows of the services in step with the host: who the servers are, whether
// one was restarted, how long a reply may be, whether XDP may send replies by itself.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <spdlog/logger.h>

#include "base/result.hpp"
#include "config/config.hpp"
#include "kernel/address_maps.hpp"
#include "kernel/service_maps.hpp"
#include "watch/host_reader.hpp"
#include "watch/known_addresses.hpp"
#include "watch/server_addresses.hpp"

namespace prestack
{

struct ServedInterface {
	std::string name;
	int ifindex = 0;
	bool native = true; // XDP in the driver
};

class ServiceMonitor
{
public:
	// `stats` is the map ps_stats and not owned.
	[[nodiscard]] static Result<ServiceMonitor>
	create(ServiceMaps maps, AddressMaps addresses, int stats,
	       std::vector<ServiceConfig> services, std::vector<ServedInterface> interfaces,
	       std::chrono::nanoseconds settle, std::shared_ptr<spdlog::logger> log);

	// Looks at the host and tells the kernel what has changed. Call once before attaching, then
	// about once per second, and when something is known to have happened.
	[[nodiscard]] Result<void> refresh();
	// The programs have just been attached. Writes that arrived before may be carried out later.
	void attached();
	// Native or generic XDP is known only after attaching.
	void set_native(int ifindex, bool native);
	// The kernel serves for `span` from now on; not at all with 0.
	void keep_alive(std::uint32_t service, std::chrono::nanoseconds span);
	[[nodiscard]] std::uint32_t services() const
	{
		return static_cast<std::uint32_t>(services_.size());
	}
	// While set, nothing is served: connections of unknown position are open. From the next
	// refresh() on; serving starts with an empty cache.
	void set_waiting(std::uint32_t service, bool waiting);
	// Nothing is served any more, from the next refresh() on.
	void stop_answering() { draining_ = true; }
	// For what may have let a write pass unseen.
	void flush_all(const std::string &reason);
	// For what was carried out already: what is asked for from now on may be cached.
	void flush(std::uint32_t service) { maps_.bump_epoch(service); }
	// Where servers listen, as the kernel has been told; kept up to date.
	[[nodiscard]] std::shared_ptr<const KnownAddresses> known() const { return known_; }
	// Whether a socket on this port (host byte order) may be a server's.
	[[nodiscard]] bool is_server_port(std::uint16_t port) const;

private:
	struct Monitored {
		ServiceConfig service;
		ps_service_conf conf{}; // as published
		ServedServer server;
		std::uint64_t nat = 0; // replies that went another way, as counted at the last look
		bool published = false;
		// Who is connected is known only after attaching.
		bool waiting = true;
	};
	ServiceMonitor(ServiceMaps maps, AddressMaps addresses, int stats, HostReader host,
		       std::vector<ServedInterface> interfaces, std::chrono::nanoseconds settle,
		       std::shared_ptr<spdlog::logger> log)
		: maps_(std::move(maps)), addresses_(std::move(addresses)), stats_(stats),
		  host_(std::move(host)), interfaces_(std::move(interfaces)), settle_(settle),
		  log_(std::move(log)), known_(std::make_shared<KnownAddresses>())
	{
	}

	[[nodiscard]] std::uint32_t reply_limit() const;
	[[nodiscard]] bool needs_tc_replies();
	// Where everybody listens now; the kernel is told. The servers, by service.
	[[nodiscard]] Result<std::vector<ServedServer>> find_servers();
	[[nodiscard]] Result<void> refresh(std::uint32_t index, ServedServer server,
					   std::uint32_t mtu, bool tc_replies);
	void report(std::uint32_t index, const ServedServer &now) const;
	void report_other_addresses(const Monitored &monitored, const ServedServer &now) const;
	void look_for_nat(std::uint32_t index);

	ServiceMaps maps_;
	AddressMaps addresses_;
	int stats_;
	HostReader host_;
	std::vector<Monitored> services_;
	std::vector<ServiceConfig> configs_;
	IsSidePort is_side_port_; // refers to configs_
	std::vector<ServedInterface> interfaces_;
	std::chrono::nanoseconds settle_; // each flush here is for writes that were not seen arrive
	std::shared_ptr<spdlog::logger> log_;
	std::shared_ptr<KnownAddresses> known_;
	bool tc_replies_ = false;
	bool draining_ = false;
};

} // namespace prestack
