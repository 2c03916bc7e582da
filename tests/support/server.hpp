// SPDX-License-Identifier: GPL-2.0-only
// A real server in a namespace, whatever it speaks: how it lives.
#pragma once

#include <string>

#include "netns.hpp"
#include "process.hpp"

namespace prestack::test
{

class Server
{
public:
	virtual ~Server() = default;

	// Ends the process (its data are gone) and starts it again.
	void restart();
	// The same, and returns at once: the new process may not answer yet.
	void restart_without_waiting();
	// Ends the process, and does not start it again.
	void kill();
	// Stops all of its threads (SIGSTOP) and returns once they stand; what arrives waits.
	void pause();
	void resume();
	pid_t pid() const { return process_.pid(); }

protected:
	Server(const Netns &ns, std::string name) : ns_(ns), name_(std::move(name)) {}
	// Starts it and waits until it answers: for the constructor of what derives from this.
	// Throws when it does not.
	void start();
	const Netns &ns() const { return ns_; }

private:
	virtual Process spawn() const = 0;
	// Asks it something, over a connection of its own. Throws when there is no answer.
	virtual void ask() const = 0;

	const Netns &ns_;
	std::string name_;
	Process process_;
};

} // namespace prestack::test
