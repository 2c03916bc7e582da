// SPDX-License-Identifier: GPL-2.0-only
// The prestack binary under test: a running instance, and its command line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "netns.hpp"
#include "process.hpp"

namespace prestack::test
{

// A directory that goes away with its owner.
class TempDir
{
public:
	TempDir();
	TempDir(const TempDir &) = delete;
	TempDir &operator=(const TempDir &) = delete;
	~TempDir();
	const std::filesystem::path &path() const { return path_; }
	// Writes a file in it and returns its path.
	std::string write(const std::string &name, const std::string &text) const;

private:
	std::filesystem::path path_;
};

// The binary: $PRESTACK_BIN, else the one this build made. Nullopt when there is none.
std::optional<std::string> prestack_binary();
// Why there is nothing to test: no binary. Empty: there is one.
std::string why_no_prestack();

struct ServiceOptions {
	std::string protocol = "memcached";
	std::uint16_t port = 11211;
	std::vector<std::string> transports{"udp", "tcp"};
	std::string server = "10.0.0.1:11211";
	std::vector<std::string> allow{"10.0.0.0/8", "fd00::/8"};
	std::string existing_connections = "wait";
	std::string name{}; // the default one
};

struct PrestackOptions {
	std::vector<std::string> interfaces{"veth0"};
	std::string xdp_mode = "auto";
	std::string memory = "4MiB";
	unsigned associativity = 4;
	unsigned max_value = 1024;
	std::string settle = "1ms"; // short, so that a key can be cached again soon after a write
	// Off, since what the agent asks moves the server's own counters, which tests look at.
	unsigned audit_rate = 0;
	unsigned warm_rate = 0;
	std::vector<ServiceOptions> services{ServiceOptions{}};
	std::string binary{}; // instead of prestack_binary()

	std::string toml() const;
};

class Prestack
{
public:
	// Starts `prestack run` in the namespace under an instance name of its own and waits until
	// `prestack status` tells that it serves. Throws with the output of `run` when it does not.
	Prestack(const Netns &ns, const PrestackOptions &options);
	~Prestack();
	Prestack(const Prestack &) = delete;
	Prestack &operator=(const Prestack &) = delete;

	// Runs `prestack <arguments> --name <instance>` in the host's namespace.
	Finished cli(const std::string &arguments) const;
	nlohmann::json stats() const;
	// One counter of `stats`, summed over the services or of one of them.
	std::uint64_t counter(const std::string &name) const;
	std::uint64_t counter(const std::string &name, std::size_t service) const;
	// Empties the cache through the command line.
	void flush() const;

	// SIGTERM; returns the exit code.
	ExitCode stop();
	// SIGKILL.
	void kill9();
	// `run` again with the same name and configuration, after stop() or kill9().
	void start();

	Process &process() { return process_; }
	const std::string &name() const { return name_; }
	const std::string &config_file() const { return config_file_; }

private:
	const Netns &ns_;
	std::string binary_;
	std::string name_;
	TempDir directory_;
	std::string config_file_;
	Process process_;
};

// Starts `prestack run --config <file> --name <name>` in a namespace and does not wait.
// An empty `binary` means prestack_binary().
Process spawn_prestack_run(const Netns &ns, const std::string &config_file, const std::string &name,
			   const std::string &binary = "");

} // namespace prestack::test
