// SPDX-License-Identifier: GPL-2.0-only
#include "watch/service_monitor.hpp"

#include <algorithm>
#include <cstring>
#include <set>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include "base/host.hpp"
#include "watch/link_monitor.hpp"
#include "watch/server_notes.hpp"

namespace prestack
{

Result<ServiceMonitor> ServiceMonitor::create(ServiceMaps maps, AddressMaps addresses, int stats,
					      std::vector<ServiceConfig> services,
					      std::vector<ServedInterface> interfaces,
					      std::chrono::nanoseconds settle,
					      std::shared_ptr<spdlog::logger> log)
{
	auto host = HostReader::open();
	if (!host) {
		return tl::unexpected(host.error());
	}
	ServiceMonitor monitor(std::move(maps), std::move(addresses), stats, std::move(*host),
			       std::move(interfaces), settle, std::move(log));
	for (auto &service : services) {
		monitor.configs_.push_back(service);
		Monitored monitored;
		monitored.conf = describe_service(service);
		monitored.service = std::move(service);
		monitor.services_.push_back(std::move(monitored));
	}
	monitor.is_side_port_ = side_ports(monitor.configs_);
	return monitor;
}

Result<void> ServiceMonitor::refresh()
{
	const auto mtu = reply_limit();
	const bool tc_replies = needs_tc_replies();
	auto servers = find_servers();
	if (!servers) {
		return tl::unexpected(servers.error());
	}
	for (std::uint32_t i = 0; i < services_.size(); ++i) {
		if (auto done = refresh(i, std::move((*servers)[i]), mtu, tc_replies); !done) {
			return done;
		}
		look_for_nat(i);
	}
	return {};
}

Result<std::vector<ServedServer>> ServiceMonitor::find_servers()
{
	std::set<int> served;
	for (const auto &interface : interfaces_) {
		served.insert(interface.ifindex);
	}
	std::set<std::uint16_t> ports;
	for (const auto &config : configs_) {
		ports.insert(config.port);
	}
	auto host = host_.read(served, ports);
	if (!host) {
		return tl::unexpected(host.error());
	}
	auto plan = plan_servers({.sockets = host->sockets,
				  .holders = host_.holders(),
				  .first_ephemeral = host->first_ephemeral,
				  .last_ephemeral = host->last_ephemeral},
				 configs_, is_side_port_, addresses_.listening());
	auto told = addresses_.add_local(host->local)
			    .and_then([&] { return addresses_.set_links(host->links); })
			    .and_then([&] { return addresses_.set_listening(plan.listening); });
	// Even of a part: what is told is in use.
	addresses_.commit();
	known_->listening = addresses_.listening();
	known_->scopes = {};
	for (const auto &[place, scope] : host->links) {
		known_->scopes.vrfs.insert(static_cast<std::uint32_t>(scope.vrf));
		known_->scopes.devices.insert(static_cast<std::uint32_t>(scope.device));
	}
	return told.map([&] { return std::move(plan.servers); });
}

void ServiceMonitor::attached()
{
	for (std::uint32_t i = 0; i < services_.size(); ++i) {
		maps_.bump_epoch(i, settle_);
	}
}

Result<void> ServiceMonitor::refresh(std::uint32_t index, ServedServer server, std::uint32_t mtu,
				     bool tc_replies)
{
	auto &monitored = services_[index];
	const bool first = !monitored.published;
	const bool changed = first || server != monitored.server;
	const bool known = server.state.uid && !server.ambiguous && !server.same_as;

	ps_service_conf conf = monitored.conf;
	conf.mtu = mtu;
	conf.flags &= ~static_cast<std::uint32_t>(PS_SERVICE_SERVER_KNOWN | PS_SERVICE_NO_XDP_TX |
						  PS_SERVICE_WAIT | PS_SERVICE_DRAIN |
						  PS_SERVICE_AMBIGUOUS | PS_SERVICE_TWIN);
	conf.flags |= flag_if(known, PS_SERVICE_SERVER_KNOWN) |
		      flag_if(tc_replies, PS_SERVICE_NO_XDP_TX) |
		      flag_if(monitored.waiting, PS_SERVICE_WAIT) |
		      flag_if(draining_, PS_SERVICE_DRAIN) |
		      flag_if(server.ambiguous, PS_SERVICE_AMBIGUOUS) |
		      flag_if(server.same_as.has_value(), PS_SERVICE_TWIN);
	conf.server_uid = server.state.uid.value_or(0);
	const bool starts = (monitored.conf.flags & ~conf.flags & PS_SERVICE_WAIT) != 0;

	// What an earlier server said is void at once; what its last replies filled before the kernel
	// learned of the new one, after. What was filled while waiting, before it is served.
	if (changed || starts) {
		maps_.bump_epoch(index, settle_);
	}
	if (first || std::memcmp(&conf, &monitored.conf, sizeof conf) != 0) {
		if (auto done = maps_.publish(index, conf); !done) {
			return done;
		}
		monitored.conf = conf;
		if (changed) {
			maps_.bump_epoch(index, settle_);
		}
	}
	if (changed) {
		report(index, server);
	}
	monitored.server = std::move(server);
	monitored.published = true;
	return {};
}

void ServiceMonitor::report(std::uint32_t index, const ServedServer &now) const
{
	const auto &[service, conf, before, nat, published, waiting] = services_[index];
	const auto where = to_string(service.server);
	if (const auto why = why_not_served(now, index, configs_); !why.empty()) {
		log_->warn("service {}: {}", service.name, why);
		return;
	}
	log_->info("service {}: {} on {} (uid {}); cache flushed", service.name,
		   before.state.sockets.empty() ? "found the server"
						: "the server's sockets changed",
		   where, *now.state.uid);
	if (service.udp && !now.state.has_udp) {
		log_->warn("service {}: the server does not listen on UDP port {}, so datagrams "
			   "find no one",
			   service.name, service.port);
	}
	report_other_addresses(services_[index], now);
}

// What nobody wrote down is told once: it is looked at as well.
void ServiceMonitor::report_other_addresses(const Monitored &monitored,
					    const ServedServer &now) const
{
	const auto others = to_string(now.listening, monitored.service.port);
	if (!others.empty() && now.listening != monitored.server.listening) {
		log_->info("service {}: its server listens on {} too, which is the same cache",
			   monitored.service.name, others);
	}
}

void ServiceMonitor::look_for_nat(std::uint32_t index)
{
	auto &monitored = services_[index];
	const int cpus = libbpf_num_possible_cpus();
	std::vector<ps_stats> values(static_cast<std::size_t>(std::max(cpus, 0)));
	if (values.empty() || bpf_map_lookup_elem(stats_, &index, values.data()) != 0) {
		return;
	}
	std::uint64_t sum = 0;
	for (const auto &cpu : values) {
		sum += cpu.count[PS_COUNT_nat];
	}
	if (sum != 0 && monitored.nat == 0) {
		log_->warn(
			"service {}: replies of the server leave by another address or port than "
			"its own: NAT on this host (a redirect, a published port). Requests that "
			"come that way are not seen; each reply flushes the cache, and a write "
			"without a reply may leave old values. Let clients use {}",
			monitored.service.name, to_string(monitored.service.server));
	}
	monitored.nat = sum;
}

std::uint32_t ServiceMonitor::reply_limit() const
{
	std::uint32_t limit = PS_MAX_MTU;
	for (const auto &interface : interfaces_) {
		// One that is gone has no limit; that it is gone ends the run elsewhere.
		limit = std::min(limit, interface_mtu(interface.name).value_or(limit));
	}
	return limit;
}

bool ServiceMonitor::needs_tc_replies()
{
	bool needed = false;
	for (const auto &interface : interfaces_) {
		if (!interface.native) {
			continue;
		}
		const auto peer = look_at_veth_peer(interface.ifindex);
		if (!peer || !peer->is_veth || peer->peer_has_native_xdp) {
			continue;
		}
		needed = true;
		if (!tc_replies_) {
			log_->warn("interface {}: the other end of this veth has no XDP program, "
				   "so replies leave through TC, "
				   "which is slower; a program that returns XDP_PASS on the other "
				   "end is enough",
				   interface.name);
		}
	}
	tc_replies_ = needed;
	return needed;
}

void ServiceMonitor::set_native(int ifindex, bool native)
{
	for (auto &interface : interfaces_) {
		if (interface.ifindex == ifindex) {
			interface.native = native;
		}
	}
}

void ServiceMonitor::keep_alive(std::uint32_t service, std::chrono::nanoseconds span)
{
	maps_.keep_alive(service, span);
}

void ServiceMonitor::set_waiting(std::uint32_t service, bool waiting)
{
	services_[service].waiting = waiting;
}

void ServiceMonitor::flush_all(const std::string &reason)
{
	for (std::uint32_t i = 0; i < services_.size(); ++i) {
		maps_.bump_epoch(i, settle_);
	}
	log_->info("cache flushed: {}", reason);
}

bool ServiceMonitor::is_server_port(std::uint16_t port) const
{
	return std::ranges::any_of(known_->listening,
				   [port](const auto &one) { return one.first.at.port == port; });
}

} // namespace prestack
