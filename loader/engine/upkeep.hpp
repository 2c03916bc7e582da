// SPDX-License-Identifier: GPL-2.0-only
// What an instance does by the clock, and when sockets are closed, for as long as it runs.
#pragma once

#include <memory>
#include <optional>

#include <spdlog/logger.h>

#include "engine/agent_runner.hpp"
#include "engine/connection_keeper.hpp"
#include "engine/event_loop.hpp"
#include "engine/server_sockets.hpp"
#include "engine/service_keeper.hpp"
#include "result.hpp"

namespace prestack
{

class Upkeep
{
public:
	// All of them must outlive this object, and stay where they are.
	Upkeep(EventLoop &loop, ServiceKeeper &services, ConnectionKeeper &connections,
	       AgentRunner &agents, std::shared_ptr<spdlog::logger> log)
		: loop_(loop), services_(services), connections_(connections), agents_(agents),
		  log_(std::move(log))
	{
	}
	Upkeep(const Upkeep &) = delete;
	Upkeep &operator=(const Upkeep &) = delete;
	// From then on nothing is served.
	~Upkeep();

	[[nodiscard]] Result<void> start();

private:
	void keep_alive();
	[[nodiscard]] AgentHooks agent_hooks();
	[[nodiscard]] Result<void> watch_clock();
	[[nodiscard]] Result<void> watch_server_sockets();
	[[nodiscard]] Result<void> watch_old_connections();
	[[nodiscard]] Result<void> check_old_connections();

	EventLoop &loop_;
	ServiceKeeper &services_;
	ConnectionKeeper &connections_;
	AgentRunner &agents_;
	std::shared_ptr<spdlog::logger> log_;
	std::optional<SocketDestroyEvents> closed_sockets_;
	std::optional<ConnectionDestroyEvents> closed_connections_; // while there are old ones
};

} // namespace prestack
