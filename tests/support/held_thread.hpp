// SPDX-License-Identifier: GPL-2.0-only
// One thread of another process that stands still, while the process' other threads go on.
#pragma once

#include <sys/types.h>

namespace prestack::test
{

// Holds the thread from the constructor to the destructor, which have to run in the same thread of ours.
class HeldThread
{
public:
	// Returns once the thread stands. Throws std::system_error if it cannot be held.
	explicit HeldThread(pid_t thread);
	HeldThread(const HeldThread &) = delete;
	HeldThread &operator=(const HeldThread &) = delete;
	~HeldThread();

private:
	const pid_t thread_;
};

} // namespace prestack::test
