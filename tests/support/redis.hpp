// SPDX-License-Identifier: GPL-2.0-only
// A real Redis in a namespace.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "prestack.hpp"
#include "server.hpp"

namespace prestack::test
{

inline constexpr const char *redis_plugin = "redis-experimental";
inline constexpr std::uint16_t redis_port = 6379;

struct RedisOptions {
	std::vector<std::string>
		addresses; // numeric; beside 127.0.0.1, which is used for questions
	std::uint16_t port = redis_port;
	bool unix_socket = false; // answers there too: see Redis::unix_socket()
	std::vector<std::string> extra{}; // further command line arguments
};

class Redis : public Server
{
public:
	// Starts the server as user nobody, with nothing on disk, and waits until it answers. Throws when
	// it does not.
	Redis(const Netns &ns, const RedisOptions &options);

	// What the server answers from inside its own namespace, not on the wire.
	std::string tell(const std::vector<std::string> &words) const;
	// One number of INFO: "total_commands_processed", "connected_clients".
	std::uint64_t info(const std::string &name) const;
	std::string unix_socket() const { return (directory_.path() / "socket").string(); }
	const std::filesystem::path &directory() const { return directory_.path(); }

private:
	Process spawn() const override;
	void ask() const override;

	RedisOptions options_;
	TempDir directory_;
};

// The service that puts prestack in front of it.
ServiceOptions redis_service(const std::string &address = "10.0.0.1");

// Why there is nothing to test: no redis-server, or a prestack without the plug-in. Empty: there is.
std::string why_no_redis();

} // namespace prestack::test
