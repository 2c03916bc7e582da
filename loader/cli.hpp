// SPDX-License-Identifier: GPL-2.0-only
// The command line. Pure: parsing prints nothing and touches nothing.
#pragma once

#include <chrono>
#include <span>
#include <string>

#include <tl/expected.hpp>

namespace prestack
{

enum class Command { run, check_config, plugins, new_plugin, status, health, stats, flush, stop };

struct CommandLine {
	Command command = Command::run;
	std::string plugin; // new-plugin: its name
	std::string folder; // new-plugin: where its folder is to be
	std::string config; // run, check-config: the file
	std::string
		name; // the instance; empty, but never for run: the only one of this network namespace
	std::string bpffs; // where to find or put the instance; empty = the usual places
	std::string service; // flush: only this one; empty = all
	bool json = false;
	bool offline = false; // check-config: do not look at this host
	std::chrono::nanoseconds timeout{}; // stop: how long connections may go on
};

// What the process does instead of running a command: help, version, or a usage error.
struct EarlyExit {
	int code = 0; // 0, or 2 for a usage error
	std::string out;
	std::string err;
};

// `arguments` without the program's name.
[[nodiscard]] tl::expected<CommandLine, EarlyExit>
parse_command_line(std::span<const std::string> arguments);

} // namespace prestack
