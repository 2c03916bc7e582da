// SPDX-License-Identifier: GPL-2.0-only
// What an instance does by the clock, and when sockets are closed, for as long as it runs.
#pragma once

#include <memory>
#include <optional>

#include <spdlog/logger.h>

#include "agent/agent_runner.hpp"
#include "base/event_loop.hpp"
#include "base/result.hpp"
#include "watch/connection_monitor.hpp"
#include "watch/server_sockets.hpp"
#include "watch/service_monitor.hpp"

namespace prestack
{

class Maintenance
{
public:
	// All of them must outlive this object, and stay where they are.
	Maintenance(EventLoop &loop, ServiceMonitor &services, ConnectionMonitor &connections,
		    AgentRunner &agents, std::shared_ptr<spdlog::logger> log)
		: loop_(loop), services_(services), connections_(connections), agents_(agents),
		  log_(std::move(log))
	{
	}
	Maintenance(const Maintenance &) = delete;
	Maintenance &operator=(const Maintenance &) = delete;
	// From then on nothing is served.
	~Maintenance();

	[[nodiscard]] Result<void> start();

private:
	void keep_alive();
	[[nodiscard]] AgentHooks agent_hooks();
	[[nodiscard]] Result<void> watch_clock();
	[[nodiscard]] Result<void> watch_server_sockets();
	[[nodiscard]] Result<void> watch_old_connections();
	[[nodiscard]] Result<void> check_old_connections();

	EventLoop &loop_;
	ServiceMonitor &services_;
	ConnectionMonitor &connections_;
	AgentRunner &agents_;
	std::shared_ptr<spdlog::logger> log_;
	std::optional<SocketDestroyEvents> closed_sockets_;
	std::optional<ConnectionDestroyEvents> closed_connections_; // while there are old ones
};

} // namespace prestack
