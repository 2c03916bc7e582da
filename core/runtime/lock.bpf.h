/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory order between CPUs, and a lock for a few instructions.
 *
 * The kernel's bpf_spin_lock takes two calls and switches interrupts each time. This lock is one
 * exchange and one store. It may protect only data that XDP and TC egress programs use. They run
 * with bottom halves off, so none of them can wait for one that it has interrupted.
 */
#ifndef PRESTACK_RUNTIME_LOCK_BPF_H
#define PRESTACK_RUNTIME_LOCK_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#define PS_LOCK_TRIES 16
#define PS_LOCK_ROUNDS (1 << 23) /* the limit of bpf_loop; all together about a second */

/*
 * A full barrier. x86 does not reorder loads with loads or stores with stores; others need an
 * instruction.
 */
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

/* Waits for a lock that another CPU holds: a moment, or as long as its virtual CPU stands still. */
__noinline int ps_lock_wait(__u32 *lock)
{
	struct ps_lock_wait w = {.lock = lock};

	if (lock)
		bpf_loop(PS_LOCK_ROUNDS, ps_lock_round, &w, 0);
	return w.held;
}

/* Takes the lock. False: its owner has stood still for about a second. */
static __always_inline bool ps_lock(__u32 *lock)
{
	return !__sync_val_compare_and_swap(lock, 0, 1) || ps_lock_wait(lock);
}

/*
 * Releases the lock. What was done before must be visible first. On x86 a plain store does that. An
 * exchange would also wait for stores still on their way to memory, which is not needed.
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
