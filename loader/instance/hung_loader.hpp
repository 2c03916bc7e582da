// SPDX-License-Identifier: GPL-2.0-only
// The end of a loader that does not react.
#pragma once

#include "base/result.hpp"
#include "kernel/instance_dir.hpp"

namespace prestack
{

// Kills (SIGKILL) the process that holds the instance, and waits until it does so no more.
[[nodiscard]] Result<void> kill_loader(const InstanceView &view);

} // namespace prestack
