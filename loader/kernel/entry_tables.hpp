// SPDX-License-Identifier: GPL-2.0-only
// Creates the maps that hold cache entries.
#pragma once

#include <cstdint>
#include <string>

#include <prestack/types.h>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace prestack
{

// An array of `elements` elements of `element_size` bytes, each of which starts with a
// bpf_spin_lock. The size is known only now, so the type information (BTF) that the kernel wants
// for the lock is made here and not by the compiler.
[[nodiscard]] Result<UniqueFd>
create_entry_table(const std::string &name, std::uint32_t element_size, std::uint64_t elements);

// Runs the program `ps_scan`, which counts what is in the tables.
[[nodiscard]] Result<ps_scan> run_scan(int program);

} // namespace prestack
