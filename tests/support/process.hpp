// SPDX-License-Identifier: GPL-2.0-only
// One child process, ended with its owner.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "loader/base/fd.hpp"
#include "wait.hpp"

namespace prestack::test
{

struct ProcessOptions {
	std::vector<std::string> argv; // argv[0] is looked up in PATH
	int netns_fd = -1; // network namespace to enter before exec; -1 keeps the caller's
	std::vector<std::string> environment{}; // "NAME=value", added to the caller's environment
};

// How a process ended: exit code, or 128 + signal number as a shell reports it.
using ExitCode = int;

class Process
{
public:
	// Starts the child. Throws std::system_error when it cannot be forked; a failed exec shows as
	// exit code 127 with the reason in errors(). Spawn from the thread that outlives the child:
	// the child is killed when that thread ends, so that an aborted test leaves nothing behind.
	static Process spawn(const ProcessOptions &options);

	Process() = default;
	Process(Process &&other) noexcept { *this = std::move(other); }
	Process &operator=(Process &&other) noexcept;
	Process(const Process &) = delete;
	Process &operator=(const Process &) = delete;
	~Process();

	pid_t pid() const { return pid_; }
	bool running();
	// Waits for the end; nullopt when `patience` passes first.
	std::optional<ExitCode> wait(Milliseconds patience = default_patience);
	void signal(int number);
	// SIGTERM, then SIGKILL when `grace` passes. Returns how it ended.
	ExitCode stop(Milliseconds grace = default_patience);
	// SIGKILL and reap.
	ExitCode kill();

	// What the child has written so far.
	std::string output() const;
	std::string errors() const;

private:
	pid_t pid_ = -1; // -1: none, or moved from
	UniqueFd pidfd_;
	UniqueFd stdout_;
	UniqueFd stderr_;
	std::optional<ExitCode> exit_code_;
};

struct Finished {
	ExitCode exit_code = -1;
	std::string output;
	std::string errors;
};

// Runs a command to its end. Throws std::runtime_error when it does not end in time.
Finished run(const ProcessOptions &options, Milliseconds patience = default_patience);

// Runs a command that must succeed; throws std::runtime_error with its output when it does not.
Finished run_ok(const ProcessOptions &options, Milliseconds patience = default_patience);

// Splits on blanks (no quoting): for the fixed `ip` and `ethtool` command lines of the harness.
std::vector<std::string> words(const std::string &line);

} // namespace prestack::test
