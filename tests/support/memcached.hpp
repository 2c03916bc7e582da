// SPDX-License-Identifier: GPL-2.0-only
// A real memcached in a namespace.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "server.hpp"

namespace prestack::test
{

inline constexpr std::uint16_t memcached_port = 11211;

struct MemcachedOptions {
	std::vector<std::string> addresses; // numeric; the first is used for statistics
	std::uint16_t port = memcached_port; // TCP and UDP
	std::vector<std::string> extra{}; // further command line arguments
};

class Memcached : public Server
{
public:
	// Starts the server as user nobody and waits until it answers. Throws when it does not.
	// It has one worker thread, so that datagrams are answered in the order in which they arrive.
	Memcached(const Netns &ns, const MemcachedOptions &options);

	// `stats` as the server tells it, asked from inside its own namespace: not on the wire.
	std::map<std::string, std::string> stats() const;
	// One number of it.
	std::uint64_t stat(const std::string &name) const;
	// The threads that serve clients.
	std::vector<pid_t> workers() const;

private:
	Process spawn() const override;
	void ask() const override;

	MemcachedOptions options_;
};

} // namespace prestack::test
