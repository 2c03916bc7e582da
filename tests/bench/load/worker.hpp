// SPDX-License-Identifier: GPL-2.0-only
// A client thread with UDP sockets, and a TCP connection for sets.
#pragma once

#include <optional>
#include <vector>

#include "options.hpp"
#include "runner.hpp"
#include "tcp_writer.hpp"
#include "udp_flow.hpp"
#include "workload.hpp"

namespace prestack::load
{

class Worker : public Runner
{
public:
	// `number` of options.threads; sets only keys that no other worker sets. Throws std::exception.
	Worker(const Options &options, Workload &workload, unsigned number);

	void run(const std::atomic<bool> &stop, Board &board) override;

private:
	// One round over all sockets; whether anything was received.
	bool receive();
	void send();
	void wait() const;
	void expire(Clock::time_point now);
	[[nodiscard]] bool idle() const;

	const Options &options_;
	Workload &workload_;
	unsigned number_;
	Random random_;
	std::vector<UdpFlow> flows_;
	std::optional<TcpWriter> writer_; // only if there are sets
	double sets_due_ = 0;
	Tally tally_;
};

} // namespace prestack::load
