/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Epochs. All entries of a service end with its epoch: at a flush, now or later, and when the
 * server was started anew. After that no leases are given for a while. docs/coherence.md.
 */
#ifndef PRESTACK_COHERENCE_EPOCH_BPF_H
#define PRESTACK_COHERENCE_EPOCH_BPF_H

#include "vmlinux.h"
#include "runtime/clock.bpf.h"
#include "runtime/maps.bpf.h"
#include "runtime/stats.bpf.h"
#include "runtime/verifier.bpf.h"
#include "service/service.bpf.h"
#include <bpf/bpf_helpers.h>
#include <prestack/counters.h>
#include <prestack/types.h>

#define PS_SETTLE_TRIES 4

/*
 * Gives no leases until the settle time from now is over. The stored time never goes back: a CPU
 * held up between the clock and the store must not undo what a later write has stored. After that
 * many lost races another CPU has just stored a time as late as this one.
 */
static __always_inline void ps_suspend_leases(__u64 *until)
{
	__u64 mine = bpf_ktime_get_ns() + ps_config.settle_ns;

	/* No settle time: tests only. */
	if (!ps_config.settle_ns)
		return;
	for (__u32 i = 0; i < PS_SETTLE_TRIES; i++) {
		__u64 old = ps_read_once(*until);

		if (old >= mine || __sync_val_compare_and_swap(until, old, mine) == old)
			break;
	}
}

/*
 * Makes all entries, leases and proven paths of the service void, in O(1). By itself this is right
 * for what leaves, since whatever a reply answers was done before. What arrives needs ps_flush.
 */
static __always_inline void ps_end_epoch(__u32 service, struct ps_service_state *state)
{
	/* 0 is the epoch of dead entries; whoever wraps around to it goes one further. */
	if (__sync_fetch_and_add(&state->epoch, 1) == ~0U)
		__sync_fetch_and_add(&state->epoch, 1);
	ps_count(service, PS_COUNT_flushes);
}

/* A reply to anything may be leaving. Whatever it answers is done by now. */
static __always_inline void ps_flush_leaving(__u32 service)
{
	struct ps_service_state *state = ps_state_of(service);

	if (state)
		ps_end_epoch(service, state);
}

/*
 * Anything of this service may have changed, or is about to change. Leases are suspended first, and
 * then the epoch ends. So whoever sees the new epoch also sees that time.
 */
static __always_inline void ps_flush(__u32 service)
{
	struct ps_service_state *state = ps_state_of(service);

	if (!state)
		return;
	ps_suspend_leases(&state->settle_until);
	ps_end_epoch(service, state);
}

#define PS_DEAD_TRIES 16

/*
 * Everything of this service ends at some time between `from` and `to`, ns of CLOCK_MONOTONIC. In
 * between nothing is served, and the first packet after that flushes. Several such flushes become
 * one, from the first to the last of their times. If it cannot be stored after all the lost races,
 * nothing is served any more.
 */
static __always_inline void ps_flush_between(__u32 service, __u64 from, __u64 to)
{
	struct ps_service_state *state = ps_state_of(service);

	if (!state)
		return;
	from >>= PS_DEAD_SHIFT;
	to = (to >> PS_DEAD_SHIFT) + 1;
	for (__u32 i = 0; i < PS_DEAD_TRIES; i++) {
		__u64 old = ps_read_once(state->dead), first = from, last = to;

		if (old) {
			first = old >> 32 < from ? old >> 32 : from;
			last = (__u32)old > to ? (__u32)old : to;
		}
		/* More than 18 years of uptime do not fit: the latest time stands for never. */
		if (first > ~0U)
			first = ~0U;
		if (last > ~0U)
			last = ~0U;
		if (__sync_val_compare_and_swap(&state->dead, old, first << 32 | last) == old)
			return;
	}
	state->dead = 0xffffffff; /* from the beginning to the end of time */
}

/*
 * Handles the delayed flush `dead`. Returns whether it may happen at any moment. If it is over, the
 * epoch ends before the note is removed. So whoever finds no note finds the new epoch.
 */
static __always_inline bool ps_flush_due(__u32 service, struct ps_service_state *state, __u64 dead,
					 __u64 now)
{
	if (ps_is_over((__u64)(__u32)dead << PS_DEAD_SHIFT, now)) {
		ps_end_epoch(service, state);
		__sync_val_compare_and_swap(&state->dead, dead, 0);
		return false;
	}
	return ps_may_be_over(dead >> 32 << PS_DEAD_SHIFT, now);
}

/*
 * A socket of the server, given by its cookie, sends for the first time: it is a new server, which
 * has none of the old one's items. The flush comes before the packet leaves. The socket is
 * remembered after the flush, so nobody takes it for known before that. With more sockets than are
 * remembered the oldest is dropped, which costs a flush when it sends again.
 */
static __always_inline void ps_server_socket(__u32 service, struct ps_service_state *state,
					     __u64 cookie)
{
	__u32 next;

	if (!cookie)
		return;
	for (__u32 i = 0; i < PS_MAX_SOCKETS; i++)
		if (ps_read_once(state->socket[i]) == cookie)
			return;
	ps_end_epoch(service, state);
	ps_count(service, PS_COUNT_restarts);
	next = __sync_fetch_and_add(&state->next_socket, 1) & (PS_MAX_SOCKETS - 1);
	state->socket[next] = cookie;
}

#endif /* PRESTACK_COHERENCE_EPOCH_BPF_H */
