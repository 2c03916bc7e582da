// SPDX-License-Identifier: GPL-2.0-only
// What this host has that decides where requests go: sockets and who holds them, addresses, links.
#pragma once

#include <chrono>
#include <cstdint>
#include <set>
#include <vector>

#include "base/result.hpp"
#include "watch/link_scopes.hpp"
#include "watch/local_addresses.hpp"
#include "watch/server_process.hpp"
#include "watch/server_sockets.hpp"

namespace prestack
{

struct HostState {
	std::vector<ServerSocket> sockets; // those that may be servers'

	std::set<IpPrefix> local;
	LinkScopes links;
	std::uint16_t first_ephemeral = 32768;
	std::uint16_t last_ephemeral = 60999;
};

class HostReader
{
public:
	[[nodiscard]] static Result<HostReader> open();
	// `configured`: the services' ports.
	[[nodiscard]] Result<HostState> read(const std::set<int> &served_interfaces,
					     const std::set<std::uint16_t> &configured);
	// Of the sockets read last. Looked at anew when sockets have changed, and now and then, since a
	// socket can change hands without a change of its own.
	[[nodiscard]] const SocketHolders &holders() const { return holders_; }

private:
	using Clock = std::chrono::steady_clock;
	HostReader(SocketDiag diag, LocalAddresses addresses, LinkScopeReader links)
		: diag_(std::move(diag)), addresses_(std::move(addresses)), links_(std::move(links))
	{
	}

	SocketDiag diag_;
	LocalAddresses addresses_;
	LinkScopeReader links_;
	std::vector<ServerSocket> sockets_;
	SocketHolders holders_;
	Clock::time_point looked_;
};

} // namespace prestack
