// SPDX-License-Identifier: GPL-2.0-only
// Keys that have changed, as the change feed says, given to the kernel many at a time.
#pragma once

#include <cstdint>
#include <string_view>

#include <prestack/types.h>

#include "base/result.hpp"

namespace prestack
{

class Invalidations
{
public:
	// `program` is ps_invalidations.
	Invalidations(int program, const ps_config &config) : program_(program), config_(config) {}
	// From give() on, at the latest, no entry of the key is older than the change. A full batch is
	// given at once.
	[[nodiscard]] Result<void> add(std::uint8_t service, std::string_view key);
	// After an error nothing is known of the keys that were added.
	[[nodiscard]] Result<void> give();

private:
	int program_;
	ps_config config_;
	ps_invalidations batch_{};
};

} // namespace prestack
