/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Order between CPUs, and a lock for a few instructions. The kernel's bpf_spin_lock takes two calls and the
 * interrupt flag each time. This one is an exchange and a store: for data that only the packet programs of XDP
 * and TC egress touch, which have bottom halves off, so that none of them waits for one that it has interrupted.
 */
#ifndef PRESTACK_RUNTIME_LOCK_BPF_H
#define PRESTACK_RUNTIME_LOCK_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#define PS_LOCK_TRIES 16
#define PS_LOCK_ROUNDS (1 << 23) /* the most that bpf_loop takes; all together about a second */

/* Full barrier. On x86 loads are not reordered with loads nor stores with stores; others need more. */
static __always_inline void ps_ordered(void)
{
#ifdef __TARGET_ARCH_x86
	asm volatile("" ::: "memory");
#else
	__u64 dummy = 0;

	__sync_fetch_and_add(&dummy, 1);
	asm volatile("" ::: "memory");
#endif
}

struct ps_lock_wait {
	__u32 *lock;
	__u32 held;
};

static long ps_lock_round(__u32 i, struct ps_lock_wait *w)
{
	for (__u32 n = 0; n < PS_LOCK_TRIES; n++)
		if (!__sync_val_compare_and_swap(w->lock, 0, 1)) {
			w->held = 1;
			return 1;
		}
	return 0;
}

/* Somebody else has the lock: he needs a moment, or as long as his virtual CPU stands still. */
__noinline int ps_lock_wait(__u32 *lock)
{
	struct ps_lock_wait w = {.lock = lock};

	if (lock)
		bpf_loop(PS_LOCK_ROUNDS, ps_lock_round, &w, 0);
	return w.held;
}

/* Takes the lock. False: not to be had, its owner has stood still for about a second. */
static __always_inline bool ps_lock(__u32 *lock)
{
	return !__sync_val_compare_and_swap(lock, 0, 1) || ps_lock_wait(lock);
}

/*
 * All that was done before is to be seen first. On x86 a store does that; an exchange would also wait for
 * memory that has yet to come, which what follows need not.
 */
static __always_inline void ps_unlock(__u32 *lock)
{
#ifdef __TARGET_ARCH_x86
	ps_ordered();
	*(volatile __u32 *)lock = 0;
#else
	__sync_lock_test_and_set(lock, 0);
#endif
}

#endif /* PRESTACK_RUNTIME_LOCK_BPF_H */
