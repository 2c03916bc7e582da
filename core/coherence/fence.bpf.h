/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fences and fill leases. docs/coherence.md explains why they are safe.
 *
 * A write changes the generation of its key's fence when it arrives, and again when its reply
 * leaves, each time *before* it removes the entry. In between it holds the fence. A read that
 * misses may take the fence's lease: a hash of the requester and the current generation. A reply
 * fills only if it finds its own hash, computed with the generation of that moment.
 */
#ifndef PRESTACK_COHERENCE_FENCE_BPF_H
#define PRESTACK_COHERENCE_FENCE_BPF_H

#include "vmlinux.h"
#include "coherence/epoch.bpf.h"
#include "runtime/clock.bpf.h"
#include "runtime/hash.bpf.h"
#include "runtime/lock.bpf.h"
#include "runtime/maps.bpf.h"
#include "runtime/scratch.bpf.h"
#include "runtime/verifier.bpf.h"
#include "service/service.bpf.h"
#include <bpf/bpf_helpers.h>
#include <prestack/types.h>

static __always_inline struct ps_fence *ps_fence_of(__u64 hash)
{
	__u32 i = (hash >> 16) & ps_config.fence_mask;

	return bpf_map_lookup_elem(&ps_fences, &i);
}

/* Hash of a client, the address that it sent to, and its number for the request. */
static __always_inline __u64 ps_requester_hash(const struct ps_packet *p, __u32 request)
{
	__u64 h = ps_config.seed[0];

	/* Where: by far most hosts have one scope, which is 0. */
	if (p->flow.scope)
		h = ps_mix(h, p->flow.scope);
	h = ps_mix(h, p->client[0]);
	h = ps_mix(h, p->client[1]);
	/* A reply from another address of the server's user is not the reply to this request. */
	h = ps_mix(h, p->local[0]);
	h = ps_mix(h, p->local[1]);
	return ps_mix(h, (__u64)request << 32 | (__u32)p->client_port << 16 | p->local_port);
}

/* The same for the current packet. It is kept, since it is needed several times. */
static __always_inline __u64 ps_requester(struct ps_scratch *s, __u32 request)
{
	if (!s->requester || s->requester_number != request) {
		s->requester = ps_requester_hash(&s->pkt, request);
		s->requester_number = request;
	}
	return s->requester;
}

/*
 * The lease of this packet's client for the current key. `request` identifies the client's requests
 * (a request id, an ordinal), and s->serial those with the same id. Never 0.
 */
static __always_inline __u64 ps_lease_of(struct ps_scratch *s, __u32 request, __u32 generation,
					 __u32 epoch)
{
	__u64 h = ps_mix(ps_requester(s, request) + s->serial, s->key.hash);

#ifdef PRESTACK_BREAK_GENERATION
	generation = 0; /* tests only: see cache/fill.bpf.h */
#endif
	h = ps_mix_end(ps_mix(h, (__u64)epoch << 32 | generation));
	return h ? h : 1;
}

/* The hash in ps_fence.expiry_tag if the key expires at `at`, in this generation and epoch. */
static __always_inline __u64 ps_expiry_tag(__u64 key_hash, __u32 at, __u32 generation, __u32 epoch)
{
	__u64 h = ps_mix(ps_mix(ps_config.seed[0], key_hash), at);

	h = ps_mix_end(ps_mix(h, (__u64)epoch << 32 | generation));
	return h ? h : 1;
}

/* Whether writes are under way that a reply of the server might not show yet. */
static __always_inline bool ps_held(const struct ps_fence *f, __u64 now)
{
	__u64 hold = ps_read_once(f->hold);

	return (hold & PS_HOLD_COUNT) && !ps_is_over(hold >> PS_HOLD_UNTIL, now >> PS_HOLD_SHIFT);
}

#define PS_HOLD_TRIES 16

/*
 * A write has arrived: holds its fence until its reply has left, for at most the settle time.
 * Returns the write's cohort, or PS_COHORT_NONE after too many lost races.
 *
 * Time, cohort and count change in one word. Otherwise, of two writes that arrive when the time is
 * over, one might start a cohort and the other the next one, and the first write would not be
 * counted.
 */
static __always_inline __u32 ps_hold(struct ps_fence *f, __u64 now)
{
	/* Rounded up, and the clock may be behind. */
	__u64 until = ((now + PS_CLOCK_LAG + ps_config.settle_ns) >> PS_HOLD_SHIFT) + 1;

	if (!ps_config.settle_ns)
		return 0;
	for (__u32 i = 0; i < PS_HOLD_TRIES; i++) {
		__u64 old = ps_read_once(f->hold), count = old & PS_HOLD_COUNT;
		__u32 cohort = (__u32)(old >> PS_HOLD_COHORT) & PS_COHORT_MASK;
		__u64 last = old >> PS_HOLD_UNTIL, new;

		if (ps_is_over(last, now >> PS_HOLD_SHIFT)) {
			cohort = cohort + 1 < PS_COHORTS ? cohort + 1 : 0;
			count = 1;
		} else if (count < PS_HOLD_COUNT) {
			count++;
		}
		new = (last > until ? last : until) << PS_HOLD_UNTIL |
		      (__u64)cohort << PS_HOLD_COHORT | count;
		if (__sync_val_compare_and_swap(&f->hold, old, new) == old)
			return cohort;
	}
	return PS_COHORT_NONE;
}

/*
 * The reply to a write of this cohort leaves. After too many lost races the hold ends with its
 * time.
 */
static __always_inline void ps_release(struct ps_fence *f, __u32 cohort)
{
	for (__u32 i = 0; i < PS_HOLD_TRIES; i++) {
		__u64 old = ps_read_once(f->hold), count = old & PS_HOLD_COUNT;

		if (((__u32)(old >> PS_HOLD_COHORT) & PS_COHORT_MASK) != cohort || !count ||
		    count == PS_HOLD_COUNT)
			return;
		if (__sync_val_compare_and_swap(&f->hold, old, old - 1) == old)
			return;
	}
}

/*
 * The token of a write, from its arrival until its reply leaves: its cohort, and how often the
 * fence's generation and the service's epoch had changed. Both only grow, so an equal sum means
 * that neither has changed since. It has 20 bits: a write overtaken by exactly 2^20 others would be
 * taken for one that was not overtaken.
 */
static __always_inline __u32 ps_write_token(__u32 cohort, __u32 changes)
{
	return cohort | changes << PS_HOLD_COHORT;
}

/*
 * A write to the key with this hash has arrived. Call this before the entry is removed. Returns the
 * token that ps_write_done needs.
 *
 * The hold comes before the generation. A lease that was taken without seeing the hold has read the
 * old generation, and never fills.
 */
static __always_inline __u32 ps_fence_raise(struct ps_service_state *state, __u64 hash, __u64 now)
{
	struct ps_fence *f = ps_fence_of(hash);
	__u32 cohort, changes;

	if (!f)
		return PS_COHORT_NONE;
	cohort = ps_hold(f, now);
	if (cohort == PS_COHORT_NONE)
		ps_suspend_leases(&state->settle_until);
	changes = __sync_fetch_and_add(&f->generation, 1) + 1 + ps_read_once(state->epoch);
	/*
	 * The server may execute other writes after this one, and their replies may never come. So
	 * this write gets an outdated sum, and no expiry is noted for it. Whoever holds the fence
	 * later also changes the generation later.
	 */
	if ((ps_read_once(f->hold) & PS_HOLD_COUNT) > 1)
		changes--;
	return cohort == PS_COHORT_NONE ? cohort : ps_write_token(cohort, changes);
}

/*
 * Notes what the reply to a write said: unless something else is written, the key expires at
 * `expires`. The two words are stored one after the other. Whoever reads a mixture of two stores
 * does not find the matching hash.
 */
static __always_inline void ps_fence_set_expiry(struct ps_fence *f, __u64 hash, __u64 expires,
						__u32 generation, __u32 epoch)
{
	__u64 at = expires >> PS_EXPIRY_SHIFT;

	/* A time before the first unit would mean never. One beyond the last does not occur. */
	if (expires != PS_EXPIRES_NEVER && (!at || at > ~0U))
		return;
	*(volatile __u32 *)&f->expiry = at;
	*(volatile __u64 *)&f->expiry_tag = ps_expiry_tag(hash, at, generation, epoch);
}

/* When the key expires, if that was noted in this generation and epoch; else PS_EXPIRES_UNKNOWN. */
static __always_inline __u64 ps_fence_expiry(const struct ps_fence *f, __u64 hash, __u32 generation,
					     __u32 epoch)
{
	__u32 at = ps_read_once(f->expiry);

	if (ps_read_once(f->expiry_tag) != ps_expiry_tag(hash, at, generation, epoch))
		return PS_EXPIRES_UNKNOWN;
	return at ? (__u64)at << PS_EXPIRY_SHIFT : PS_EXPIRES_NEVER;
}

/* See ps_lease_take. */
static __always_inline void ps_lease_now(struct ps_scratch *s, __u32 request)
{
	struct ps_service_state *state = ps_state_of(s->pkt.service);
	struct ps_fence *f = ps_fence_of(s->key.hash);
	__u32 generation, epoch;

	if (!f || !state)
		return;
	generation = ps_read_once(f->generation);
	epoch = ps_read_once(state->epoch);
	ps_ordered();
	if (ps_held(f, s->pkt.now) || ps_read_once(state->settle_until) > s->pkt.now)
		return;
	f->lease = ps_lease_of(s, request, generation, epoch);
}

#endif /* PRESTACK_COHERENCE_FENCE_BPF_H */
