// SPDX-License-Identifier: GPL-2.0-only
#include "watch/host_reader.hpp"

#include <algorithm>
#include <fstream>

namespace prestack
{
namespace
{

using namespace std::chrono_literals;

constexpr auto look_at_holders = 10s;

void read_ephemeral_ports(HostState &state)
{
	std::ifstream file("/proc/sys/net/ipv4/ip_local_port_range");
	std::uint16_t first = 0;
	std::uint16_t last = 0;
	if (file >> first >> last) {
		state.first_ephemeral = first;
		state.last_ephemeral = last;
	}
}

// Clients' UDP sockets come and go all the time, and there may be thousands: nobody looks for their holders.
void drop_clients(HostState &state, const std::set<std::uint16_t> &configured)
{
	std::set<std::uint16_t> kept = configured;
	for (const auto &socket : state.sockets) {
		if (!socket.udp) {
			kept.insert(socket.port);
		}
	}
	std::erase_if(state.sockets, [&](const ServerSocket &socket) {
		return socket.udp && socket.port >= state.first_ephemeral &&
		       socket.port <= state.last_ephemeral && !kept.contains(socket.port);
	});
}

} // namespace

Result<HostReader> HostReader::open()
{
	auto diag = SocketDiag::open();
	if (!diag) {
		return tl::unexpected(diag.error());
	}
	auto addresses = LocalAddresses::open();
	if (!addresses) {
		return tl::unexpected(addresses.error());
	}
	return LinkScopeReader::open().map([&](LinkScopeReader &&links) {
		return HostReader(std::move(*diag), std::move(*addresses), std::move(links));
	});
}

Result<HostState> HostReader::read(const std::set<int> &served_interfaces,
				   const std::set<std::uint16_t> &configured)
{
	HostState state;
	auto read =
		diag_.all()
			.map([&](std::vector<ServerSocket> &&sockets) {
				state.sockets = std::move(sockets);
			})
			.and_then([&] { return addresses_.read(); })
			.map([&](std::set<IpPrefix> &&local) { state.local = std::move(local); })
			.and_then([&] { return links_.read(served_interfaces); })
			.map([&](LinkScopes &&links) { state.links = std::move(links); });
	if (!read) {
		return tl::unexpected(read.error());
	}
	read_ephemeral_ports(state);
	drop_clients(state, configured);
	const auto now = Clock::now();
	if (state.sockets != sockets_ || now - looked_ > look_at_holders) {
		holders_ = find_holders(state.sockets);
		sockets_ = state.sockets;
		looked_ = now;
	}
	return state;
}

} // namespace prestack
