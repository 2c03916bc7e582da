// SPDX-License-Identifier: GPL-2.0-only
// Concurrent clients on a few hot keys that record everything they do.
#pragma once

#include <cstdint>
#include <deque>
#include <thread>
#include <vector>

#include "client.hpp"

namespace prestack::test
{

class Load
{
public:
	// Starts all clients.
	Load(const Protocol &protocol, const Netns &ns, const Netns &server_ns,
	     const Endpoint &server, const LoadOptions &options);
	Load(const Load &) = delete;
	Load &operator=(const Load &) = delete;
	~Load();

	// Operations recorded so far.
	std::uint64_t operations() const { return shared_.operations; }
	std::uint64_t disturbed() const { return shared_.disturbed; }
	std::uint32_t seed() const { return seed_; }
	// Ends the clients and returns all that they did.
	std::vector<Operation> stop();

private:
	void start(unsigned count, void (*loop)(Client &));
	Client &add_client();

	std::uint32_t seed_;
	Shared shared_;
	std::deque<Client> clients_; // of which references stay good
	std::vector<std::thread> threads_;
};

} // namespace prestack::test
