// SPDX-License-Identifier: GPL-2.0-only
// The configuration of one `prestack run`, as read from TOML.
//
// Reading is pure: it looks at the text and at the list of plug-ins, never at the kernel.
// Whether an interface exists is checked by run and check-config afterwards (instance/instance.hpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "base/result.hpp"

namespace prestack
{

enum class XdpMode { native, generic, automatic };

// "native", "generic", "auto": as in the configuration.
[[nodiscard]] std::string_view to_string(XdpMode mode);

// Where in the file something was written; 1-based.
struct Position {
	int line = 0;
	int column = 0;
};

struct InterfaceConfig {
	std::string name;
	Position position;
};

struct CacheConfig {
	std::uint64_t memory = std::uint64_t{64}
			       << 20; // bytes, for entries, index and fences together
	std::uint32_t associativity = 4; // 1, 2, 4, 8 or 16
	std::uint32_t max_key = 0; // bytes
	std::uint32_t max_value = 0; // bytes
	std::chrono::nanoseconds settle{}; // how long a write without a reply holds off fills
	double small_share = 0; // share of the memory for entries of small items
	std::uint32_t flows = 0; // TCP connections followed at one time; not part of `memory`
	std::uint32_t audit_rate = 0; // entries per second and service compared with the server
	std::uint32_t warm_rate = 0; // used entries per second and service touched at the server
	Position position; // of [cache], or of the file when it has none
	Position memory_position;
};

// What to do about TCP connections to the server that are older than the attachment.
enum class ExistingConnections { wait, reset };

// "wait", "reset": as in the configuration.
[[nodiscard]] std::string_view to_string(ExistingConnections choice);

struct ServiceConfig {
	std::string name;
	std::string protocol; // the name of a plug-in in the registry
	std::uint16_t port = 0;
	bool udp = false;
	bool tcp = false;
	Endpoint server; // server.port == port
	std::vector<IpPrefix> allow;
	ExistingConnections existing_connections = ExistingConnections::wait;
	bool enabled = true;
	Position position;
	Position port_position;
};

struct Config {
	std::filesystem::path path;
	std::vector<InterfaceConfig> interfaces;
	XdpMode xdp_mode = XdpMode::automatic;
	CacheConfig cache;
	std::chrono::nanoseconds drain_timeout{}; // how long a stop waits for connections
	std::vector<ServiceConfig> services; // enabled or not, in the order of the file

	// "path:line:column", for errors found after reading.
	[[nodiscard]] std::string where(Position position) const;
};

// Reads `text`; `path` is only used to name places in messages. `protocols` are the names of the
// plug-ins in this build. On failure, every error found, in the order of the file.
[[nodiscard]] MultiResult<Config> parse_config(std::string_view text,
					       const std::filesystem::path &path,
					       std::span<const std::string_view> protocols);

// The same, from a file.
[[nodiscard]] MultiResult<Config> load_config(const std::filesystem::path &path,
					      std::span<const std::string_view> protocols);

} // namespace prestack
