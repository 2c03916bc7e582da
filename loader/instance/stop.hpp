// SPDX-License-Identifier: GPL-2.0-only
// `prestack stop`: ends an instance, whether its loader lives or was killed.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include <spdlog/logger.h>

#include "base/result.hpp"
#include "kernel/bpffs.hpp"

namespace prestack
{

struct StopReport {
	bool was_dead = false; // its loader had been killed
	bool was_hung = false; // its loader showed no sign of life, and was killed by us
	std::uint64_t spliced = 0; // connections that were translated when it began
	std::uint64_t reset = 0; // of these, closed by us
};

// Lets connections that are translated go on for up to `timeout`, with 0 not at all, and then resets
// them; returns when nothing of the instance is left. Fails if they cannot be reset: then what
// translates them stays. A loader that hangs is killed with a `timeout` of 0, else it fails. May change the process's network namespace.
[[nodiscard]] Result<StopReport> stop_instance(const BpffsPtr &bpffs, const std::string &name,
					       std::chrono::nanoseconds timeout,
					       const std::shared_ptr<spdlog::logger> &log);

} // namespace prestack
