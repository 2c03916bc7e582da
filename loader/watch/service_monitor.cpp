// SPDX-License-Identifier: GPL-2.0-only
#include "watch/service_monitor.hpp"

#include <algorithm>
#include <cstring>

#include "base/host.hpp"
#include "watch/link_monitor.hpp"

namespace prestack
{

Result<ServiceMonitor> ServiceMonitor::create(ServiceMaps maps, std::vector<ServiceConfig> services,
					      std::vector<ServedInterface> interfaces,
					      std::chrono::nanoseconds settle,
					      std::shared_ptr<spdlog::logger> log)
{
	auto diag = SocketDiag::open();
	if (!diag) {
		return tl::unexpected(diag.error());
	}
	ServiceMonitor monitor(std::move(maps), std::move(interfaces), std::move(*diag), settle,
			       std::move(log));
	for (auto &service : services) {
		Monitored monitored;
		monitored.conf = describe_service(service);
		monitored.service = std::move(service);
		monitor.services_.push_back(std::move(monitored));
	}
	return monitor;
}

Result<void> ServiceMonitor::refresh()
{
	const auto mtu = reply_limit();
	const bool tc_replies = needs_tc_replies();
	for (std::uint32_t i = 0; i < services_.size(); ++i) {
		if (auto done = refresh(i, services_[i], mtu, tc_replies); !done) {
			return done;
		}
	}
	return {};
}

void ServiceMonitor::attached()
{
	for (std::uint32_t i = 0; i < services_.size(); ++i) {
		maps_.bump_epoch(i, settle_);
	}
}

Result<void> ServiceMonitor::refresh(std::uint32_t index, Monitored &monitored, std::uint32_t mtu,
				     bool tc_replies)
{
	const auto sockets = diag_.on_port(monitored.service.port);
	if (!sockets) {
		return tl::unexpected(sockets.error());
	}
	auto server = server_state(*sockets, monitored.service);
	const bool first = !monitored.published;
	const bool changed = first || server != monitored.server;

	ps_service_conf conf = monitored.conf;
	conf.mtu = mtu;
	conf.flags &= ~static_cast<std::uint32_t>(PS_SERVICE_SERVER_KNOWN | PS_SERVICE_NO_XDP_TX |
						  PS_SERVICE_WAIT | PS_SERVICE_DRAIN);
	conf.flags |= flag_if(server.uid.has_value(), PS_SERVICE_SERVER_KNOWN) |
		      flag_if(tc_replies, PS_SERVICE_NO_XDP_TX) |
		      flag_if(monitored.waiting, PS_SERVICE_WAIT) |
		      flag_if(draining_, PS_SERVICE_DRAIN);
	conf.server_uid = server.uid.value_or(0);
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
		report(monitored.service, monitored.server, server);
	}
	monitored.server = std::move(server);
	monitored.published = true;
	return {};
}

void ServiceMonitor::report(const ServiceConfig &service, const ServerState &before,
			    const ServerState &now) const
{
	const auto where = to_string(service.server);
	if (now.sockets.empty()) {
		log_->warn("service {}: no server listens on {}; nothing is served from the kernel "
			   "until one does",
			   service.name, where);
		return;
	}
	if (!now.uid) {
		log_->warn("service {}: sockets of several users listen on {}; nothing is cached "
			   "until there is one owner",
			   service.name, where);
		return;
	}
	log_->info("service {}: {} on {} (uid {}); cache flushed", service.name,
		   before.sockets.empty() ? "found the server" : "the server's sockets changed",
		   where, *now.uid);
	if (service.udp && !now.has_udp) {
		log_->warn("service {}: the server does not listen on UDP port {}, so datagrams "
			   "find no one",
			   service.name, service.port);
	}
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
	return std::ranges::any_of(services_, [port](const Monitored &monitored) {
		return monitored.service.port == port;
	});
}

} // namespace prestack
