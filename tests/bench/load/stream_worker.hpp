// SPDX-License-Identifier: GPL-2.0-only
// A client thread with TCP connections.
#pragma once

#include <memory>
#include <vector>

#include "runner.hpp"
#include "stream_flow.hpp"

namespace prestack::load
{

class StreamWorker : public Runner
{
public:
	// `number` of options.threads. Throws std::exception.
	StreamWorker(const Options &options, Workload &workload, unsigned number);
	~StreamWorker() override;

	void run(const std::atomic<bool> &stop, Board &board) override;

private:
	void serve(int timeout_ms, bool refill);
	[[nodiscard]] unsigned outstanding() const;

	const Options &options_;
	Random random_;
	std::vector<std::unique_ptr<StreamFlow>> flows_;
	int epoll_;
	Tally tally_;
};

} // namespace prestack::load
