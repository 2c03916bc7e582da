// SPDX-License-Identifier: GPL-2.0-only
// Throwing helper for system calls made by the test harness.
#pragma once

#include <cerrno>
#include <string>
#include <system_error>

namespace prestack::test
{

[[noreturn]] inline void throw_errno(const std::string &what)
{
	throw std::system_error(errno, std::generic_category(), what);
}

// Returns `result` unless it is negative, in which case errno is thrown with `what` as its context.
template <typename Result>
Result check(Result result, const std::string &what)
{
	if (result < 0)
		throw_errno(what);
	return result;
}

} // namespace prestack::test
