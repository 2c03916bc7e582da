// SPDX-License-Identifier: GPL-2.0-only
// Which sockets are one server's: those that one process holds. So no write can come by an address that nobody
// wrote down.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "watch/server_sockets.hpp"

namespace prestack
{

// For each socket, by its inode, the processes that have it open. Of those in other process namespaces
// nothing is seen.
using SocketHolders = std::map<std::uint32_t, std::set<int>>;

// Looks at the descriptors of all processes: not for each second.
[[nodiscard]] SocketHolders find_holders(std::span<const ServerSocket> sockets);

// For each socket the number of its server. One server are the sockets of one process, of a process and those
// that it was forked into, and (SO_REUSEPORT) those of one user at the same address and port. Who just keeps
// sockets for others (a service manager) is no server: if two of his sockets are held by others as well, and by
// nobody both, they stay apart. Of a socket that no process is seen to hold, user, address and port tell. Pure.
[[nodiscard]] std::vector<std::size_t> servers_of(std::span<const ServerSocket> sockets,
						  const SocketHolders &holders);

} // namespace prestack
