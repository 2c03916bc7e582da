// SPDX-License-Identifier: GPL-2.0-only
// What the kernel must allow this process.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.hpp"

namespace prestack
{

// The capabilities in effect, as bits.
[[nodiscard]] std::uint64_t effective_capabilities();
// Fails, naming those that are missing and what each is for, if `run` cannot work without.
[[nodiscard]] Result<void> check_capabilities(std::uint64_t effective);
// Whether other users' processes may be looked into: where their sockets are.
[[nodiscard]] bool can_see_processes(std::uint64_t effective);

} // namespace prestack
