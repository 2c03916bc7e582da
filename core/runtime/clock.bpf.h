/* SPDX-License-Identifier: GPL-2.0-only */
/* The clock: CLOCK_MONOTONIC as of the last tick, and what may be concluded from it. */
#ifndef PRESTACK_RUNTIME_CLOCK_BPF_H
#define PRESTACK_RUNTIME_CLOCK_BPF_H

#include "vmlinux.h"
#include "runtime/scratch.bpf.h"
#include <bpf/bpf_helpers.h>

/*
 * The time as of now, ns of CLOCK_MONOTONIC, as of the last tick: behind by at most PS_CLOCK_LAG. Kept
 * until the next tick, since even that clock costs a call, and a hit would pay for it. The kernel
 * advances jiffies just before the clock: what is kept may be one tick older than the clock is.
 */
static __always_inline __u64 ps_now(struct ps_scratch *s)
{
	__u64 tick = bpf_jiffies64();

	if (s->tick != tick) {
		s->tick = tick;
		s->tick_now = bpf_ktime_get_coarse_ns();
	}
	return s->tick_now;
}

/* ps_now is behind by at most this. */
#define PS_CLOCK_LAG 20000000ULL /* two ticks, of 100 a second */

/* Whether time `then` is over for sure, or may be over. `now` is that of ps_now, maybe some time ago. */
static __always_inline bool ps_is_over(__u64 then, __u64 now)
{
	return now > then;
}

static __always_inline bool ps_may_be_over(__u64 then, __u64 now)
{
	return now + PS_CLOCK_LAG >= then;
}

#endif /* PRESTACK_RUNTIME_CLOCK_BPF_H */
