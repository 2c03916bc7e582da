// SPDX-License-Identifier: GPL-2.0-only
// Which instance a command means.
#pragma once

#include <string>

#include "base/result.hpp"
#include "kernel/bpffs.hpp"

namespace prestack
{

// `name`, unless it is empty: then the only instance of our network namespace, dead ones too. Fails,
// listing those there are, if there are none or several.
[[nodiscard]] Result<std::string> choose_instance(const BpffsPtr &bpffs, const std::string &name);

} // namespace prestack
