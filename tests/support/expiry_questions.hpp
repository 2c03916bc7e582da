// SPDX-License-Identifier: GPL-2.0-only
// Stands in for an agent where there is no server: every item is there, and never expires.
#pragma once

#include "loader/base/result.hpp"
#include "loader/kernel/objects.hpp"

namespace prestack::test
{

// Answers what the programs have asked so far. Returns how many entries took their answer.
[[nodiscard]] Result<unsigned> answer_expiry_questions(const Objects &objects);

} // namespace prestack::test
