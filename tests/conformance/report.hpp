// SPDX-License-Identifier: GPL-2.0-only
// The side-by-side table that the suite prints at the end of its run.
#pragma once

#include <string>
#include <string_view>

namespace prestack::test
{

// Puts `cell` into the plug-in's column of a row; rows stand in the order of their first cell.
void report(std::string_view plugin, const std::string &row, const std::string &cell);

// "WriteInvalidates" -> "write invalidates".
std::string spaced(std::string_view camel_case);

} // namespace prestack::test
