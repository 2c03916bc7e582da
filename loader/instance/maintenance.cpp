// SPDX-License-Identifier: GPL-2.0-only
#include "instance/maintenance.hpp"

#include <algorithm>

namespace prestack
{
namespace
{

using namespace std::chrono_literals;

// The kernel serves for this long after the last sign of life. Several may be late.
constexpr auto heartbeat = 200ms;
constexpr auto alive_for = 1s;
constexpr auto look_at_connections = 3s;

} // namespace

Maintenance::~Maintenance()
{
	for (std::uint32_t i = 0; i < services_.services(); ++i) {
		services_.keep_alive(i, 0s);
	}
}

void Maintenance::keep_alive()
{
	for (std::uint32_t i = 0; i < services_.services(); ++i) {
		services_.keep_alive(i, agents_.alive_for(i, alive_for));
	}
}

AgentHooks Maintenance::agent_hooks()
{
	AgentHooks hooks;
	hooks.server_lost = [this](std::uint32_t service) {
		// Its sockets may stay open in another process, so what they are now does not tell.
		services_.flush(service);
		// What goes wrong here shows again within a second.
		if (auto done = services_.refresh(); !done) {
			log_->warn("{}", to_string(done.error()));
		}
	};
	hooks.flush = [this](std::uint32_t service) { services_.flush(service); };
	hooks.feed_lost = [this](std::uint32_t service) {
		services_.keep_alive(service, 0s);
		services_.flush(service);
	};
	return hooks;
}

Result<void> Maintenance::start()
{
	keep_alive();
	return loop_
		.every(heartbeat,
		       [this]() -> Result<void> {
			       keep_alive();
			       return {};
		       })
		.and_then([this] {
			return loop_.every(1s, [this] {
				return check_old_connections().and_then(
					[this] { return services_.refresh(); });
			});
		})
		.and_then([this] {
			return loop_.every(look_at_connections, [this] {
				return connections_.check_all(agents_.own_connections());
			});
		})
		.and_then([this] { return watch_server_sockets(); })
		.and_then([this] { return watch_old_connections(); })
		.and_then([this] { return watch_clock(); })
		.and_then([this] { return agents_.start(loop_, agent_hooks()); })
		// What happened between the look before attaching and the subscriptions.
		.and_then([this] { return services_.refresh(); });
}

// A step of the clock takes effect at the server at once, and here as soon as the kernel reports it.
Result<void> Maintenance::watch_clock()
{
	return loop_.on_clock_step([this]() -> Result<void> {
		bool any = false;
		for (std::uint32_t i = 0; i < services_.services(); ++i) {
			if (agents_.lives_by_wall_clock(i)) {
				services_.flush(i);
				any = true;
			}
		}
		if (any) {
			log_->info("cache flushed: the wall clock was set");
		}
		return {};
	});
}

Result<void> Maintenance::watch_server_sockets()
{
	auto closed = SocketDestroyEvents::open();
	if (!closed) {
		log_->warn("{}; a restart of a server is noticed up to a second late",
			   to_string(closed.error()));
		return {};
	}
	closed_sockets_ = std::move(*closed);
	return loop_.watch(closed_sockets_->fd(), [this]() -> Result<void> {
		const auto ports = closed_sockets_->closed_ports();
		if (!ports) {
			return tl::unexpected(ports.error());
		}
		const bool ours = !*ports || std::ranges::any_of(**ports, [this](auto port) {
			return services_.is_server_port(port);
		});
		return ours ? services_.refresh() : Result<void>();
	});
}

Result<void> Maintenance::watch_old_connections()
{
	if (!connections_.is_waiting()) {
		return {};
	}
	auto closed = ConnectionDestroyEvents::open();
	if (!closed) {
		return {}; // then once a second
	}
	closed_connections_ = std::move(*closed);
	return loop_.watch(closed_connections_->fd(), [this] {
		return closed_connections_->discard_pending().and_then(
			[this] { return check_old_connections(); });
	});
}

Result<void> Maintenance::check_old_connections()
{
	const auto changed = connections_.check_old();
	if (!changed) {
		return tl::unexpected(changed.error());
	}
	if (!*changed) {
		return {};
	}
	if (closed_connections_ && !connections_.is_waiting()) {
		loop_.forget(closed_connections_->fd());
		closed_connections_.reset();
	}
	for (std::uint32_t i = 0; i < connections_.services(); ++i) {
		services_.set_waiting(i, connections_.is_waiting(i));
	}
	return services_.refresh();
}

} // namespace prestack
