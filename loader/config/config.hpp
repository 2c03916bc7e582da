// SPDX-License-Identifier: GPL-2.0-only
// The configuration of one `prestack run`, as read from TOML.
//
// Reading is pure: it looks at the text and at the list of plug-ins, never at the kernel.
// Whether an interface exists is checked by run and check-config afterwards (instance/host_checks.hpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <prestack/types.h>

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

// The members' initial values, here and below, are the defaults of the keys. They stand nowhere else: the
// reader takes them from here, and a test compares docs/operations.md with them.
struct CacheConfig {
	std::uint64_t memory = 64 << 20; // bytes, for entries, index and fences together
	std::uint32_t associativity = 4; // 1, 2, 4, 8 or 16
	std::uint32_t max_key = PS_MAX_KEY; // bytes
	std::uint32_t max_value = 1024; // bytes
	// How long a write without a reply holds off fills.
	std::chrono::nanoseconds settle = std::chrono::milliseconds{100};
	double small_share = 0.75; // share of the memory for entries of small items
	std::uint32_t flows = 65536; // TCP connections followed at one time; not part of `memory`
	std::uint32_t audit_rate = 10; // entries per second and service compared with the server
	std::uint32_t warm_rate = 100; // used entries per second and service touched at the server
	Position position; // of [cache], or of the file when it has none
	Position memory_position;
	Position flows_position;
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
	Position server_position;
};

struct LogConfig {
	std::string level = "info"; // and what is graver
	bool keys = false; // whether lines may hold keys of clients
};

// What a key of this file is, as it was written or by default.
struct ConfigValue {
	std::string name; // "cache.memory", "service[0].port"
	std::string key; // "cache.memory", "service.port"
	std::string text; // as TOML spells it; empty if a required key is missing
	std::string default_text; // empty: required
	Position position; // of the table if it is not written
};

struct Config {
	std::filesystem::path path;
	std::vector<InterfaceConfig> interfaces;
	XdpMode xdp_mode = XdpMode::automatic;
	CacheConfig cache;
	// How long a stop waits for connections.
	std::chrono::nanoseconds drain_timeout = std::chrono::seconds{10};
	LogConfig log;
	std::vector<ServiceConfig> services; // enabled or not, in the order of the file
	std::vector<ConfigValue> values; // of the tables that are there, in the order of reading

	// "path:line:column", for errors found after reading.
	[[nodiscard]] std::string where(Position position) const;
	// What is wrong there: see config_error.
	[[nodiscard]] Error error_at(Position position, std::string object, std::string problem,
				     std::string mend) const;
};

// The key or table `object`, at this place, has this problem. `where`: the place, as Config::where spells it.
[[nodiscard]] Error config_error(std::string where, Position position, std::string object,
				 std::string problem, std::string mend);

// Reads `text`; `path` is only used to name places in messages. `protocols` are the names of the
// plug-ins in this build. On failure, every error found, in the order of the file.
[[nodiscard]] MultiResult<Config> parse_config(std::string_view text,
					       const std::filesystem::path &path,
					       std::span<const std::string_view> protocols);

// The same, from a file.
[[nodiscard]] MultiResult<Config> load_config(const std::filesystem::path &path,
					      std::span<const std::string_view> protocols);

// A key of the configuration, as the reader knows it.
struct ConfigKey {
	std::string name; // "xdp_mode", "cache.memory", "service.port"
	// What is taken if the key is absent, as TOML spells it. Nothing: the key is required.
	std::optional<std::string> default_text;
};

// All keys, in the order in which they are read. Found by reading: a key that the reader asks for is here.
[[nodiscard]] std::vector<ConfigKey> config_keys();

} // namespace prestack
