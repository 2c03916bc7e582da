// SPDX-License-Identifier: GPL-2.0-only
// Waiting for one descriptor.
#pragma once

#include <cerrno>

#include <poll.h>

#include "wait.hpp"

namespace prestack::test
{

// Whether something can be read from it before the deadline: data, an end or an error.
inline bool wait_readable(int fd, Clock::time_point deadline)
{
	for (;;) {
		pollfd ready{fd, POLLIN, 0};
		const int count = ::poll(&ready, 1, remaining_ms(deadline));
		if (count < 0 && errno == EINTR)
			continue;
		return count > 0;
	}
}

} // namespace prestack::test
