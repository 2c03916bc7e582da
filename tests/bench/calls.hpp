// SPDX-License-Identifier: GPL-2.0-only
// What the calls cost that programs avoid: of functions, of helpers, and of the kernel's spin lock.
#pragma once

namespace prestack::bench
{

// Prints a table. Throws std::runtime_error.
void print_calls();

} // namespace prestack::bench
