// SPDX-License-Identifier: GPL-2.0-only
#include "held_thread.hpp"

#include <sys/ptrace.h>
#include <sys/wait.h>

#include "system_error.hpp"

namespace prestack::test
{

HeldThread::HeldThread(pid_t thread) : thread_(thread)
{
	if (ptrace(PTRACE_SEIZE, thread_, nullptr, nullptr) != 0)
		throw_errno("ptrace(PTRACE_SEIZE)");
	int status = 0;
	if (ptrace(PTRACE_INTERRUPT, thread_, nullptr, nullptr) != 0 ||
	    waitpid(thread_, &status, __WALL) != thread_ || !WIFSTOPPED(status))
		throw_errno("ptrace(PTRACE_INTERRUPT)");
}

HeldThread::~HeldThread()
{
	ptrace(PTRACE_DETACH, thread_, nullptr, nullptr);
}

} // namespace prestack::test
