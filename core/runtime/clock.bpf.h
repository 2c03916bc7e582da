/* SPDX-License-Identifier: GPL-2.0-only */
/* The clock: CLOCK_MONOTONIC as of the last tick, and how to compare times with it. */
#ifndef PRESTACK_RUNTIME_CLOCK_BPF_H
#define PRESTACK_RUNTIME_CLOCK_BPF_H

#include "vmlinux.h"
#include "runtime/scratch.bpf.h"
#include <bpf/bpf_helpers.h>

/*
 * The time in ns of CLOCK_MONOTONIC, as of the last tick. It is behind by at most PS_CLOCK_LAG. It
 * is kept until the next tick, since even the coarse clock costs a call, which every hit would pay
 * for. The kernel advances jiffies just before the clock, so the kept time may be one tick older
 * than the clock.
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

/* How far ps_now can be behind. */
#define PS_CLOCK_LAG 20000000ULL /* two ticks, at 100 ticks a second */

/*
 * Whether time `then` is surely over, or may be over. `now` is from ps_now, perhaps some time ago.
 */
static __always_inline bool ps_is_over(__u64 then, __u64 now)
{
	return now > then;
}

static __always_inline bool ps_may_be_over(__u64 then, __u64 now)
{
	return now + PS_CLOCK_LAG >= then;
}

#endif /* PRESTACK_RUNTIME_CLOCK_BPF_H */
