// SPDX-License-Identifier: GPL-2.0-only
// The end of an instance, by its own loader or by `prestack stop` in place of one that was killed:
// nothing is answered any more; when no connection needs translation, or the time is over, or at once,
// those left are reset. What calls must keep the programs attached meanwhile.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include <spdlog/logger.h>

#include "base/result.hpp"
#include "watch/spliced_connections.hpp"

namespace prestack
{

struct DrainReport {
	std::uint64_t spliced = 0; // when it began
	std::uint64_t reset = 0;
};

class Drain
{
public:
	using Clock = std::chrono::steady_clock;
	// Between two looks: does what else is to be done, for about that long. Fails to give up.
	using Wait = std::function<Result<void>(std::chrono::milliseconds)>;
	// How long it may last still, asked at each look: it may be cut short.
	using Left = std::function<Clock::duration()>;

	Drain(SplicedConnections connections, std::shared_ptr<spdlog::logger> log)
		: connections_(std::move(connections)), log_(std::move(log))
	{
	}
	// Nothing is answered any more since a moment ago. Fails if connections are left that cannot be
	// reset: then what translates them has to stay.
	[[nodiscard]] Result<DrainReport> run(const Left &left, const Wait &wait);
	[[nodiscard]] const DrainReport &report() const { return report_; }

private:
	SplicedConnections connections_;
	std::shared_ptr<spdlog::logger> log_;
	DrainReport report_;
};

} // namespace prestack
