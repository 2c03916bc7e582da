// SPDX-License-Identifier: GPL-2.0-only
// Sets over one TCP connection.
#pragma once

#include <deque>
#include <string>

#include "options.hpp"
#include "socket.hpp"
#include "tally.hpp"
#include "workload.hpp"

namespace prestack::load
{

// Stores every key, in version 0. Throws std::exception if the server does not take one.
void preload(const Options &options, const Workload &workload);

// Sets during the run: pipelined, never blocking.
class TcpWriter
{
public:
	// Throws std::system_error.
	TcpWriter(const Options &options, Workload &workload);

	[[nodiscard]] int fd() const { return socket_.fd(); }
	[[nodiscard]] bool idle() const { return pending_.empty(); }
	// Whether another set may be begun now.
	[[nodiscard]] bool ready() const { return pending_.size() < most_pending; }

	// Queues a set of the key's next version.
	void begin(std::uint32_t key);

	// Sends and receives what is possible. Throws std::runtime_error if the server refuses a set or
	// goes away.
	void pump(Tally &tally);

private:
	static constexpr std::size_t most_pending = 32;

	struct Pending {
		std::uint32_t key;
		std::uint32_t version;
	};

	Workload &workload_;
	Socket socket_;
	std::deque<Pending> pending_;
	std::string out_;
	std::string in_;
};

} // namespace prestack::load
