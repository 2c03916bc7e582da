/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Coherence: fences, fill leases and epochs. docs/coherence.md tells why this is safe.
 *
 * A write bumps the generation of its key's fence *before* it removes the entry. A read that
 * misses may take the fence's lease, a hash that holds who asked and the generation of that time;
 * a reply fills only if it finds its own hash, made with the generation of now.
 */
#ifndef PRESTACK_FENCE_BPF_H
#define PRESTACK_FENCE_BPF_H

#include "service.bpf.h"

#define ps_read_once(x) (*(const volatile typeof(x) *)&(x))

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

/*
 * The hash: ps_mix for each word, ps_mix_end last; seeded per load. A multiplication carries upwards
 * only, so the high half is folded into the low one before it. Collisions cost misses, never wrong
 * answers: entries compare the key.
 */
static __always_inline __u64 ps_mix(__u64 h, __u64 w)
{
	h ^= w;
	h ^= h >> 32;
	return h * 0x9e3779b97f4a7c15ULL + ps_config.seed[1];
}

static __always_inline __u64 ps_mix_end(__u64 h)
{
	h ^= h >> 29;
	h *= 0xd6e8feb86659fd93ULL;
	return h ^ (h >> 32);
}

static __always_inline struct ps_fence *ps_fence_of(__u64 hash)
{
	__u32 i = (hash >> 16) & ps_config.fence_mask;

	return bpf_map_lookup_elem(&ps_fences, &i);
}

/*
 * The lease of this packet's far end for a key: `request` tells the client's requests apart (a
 * request id, an ordinal). Never 0.
 */
static __always_inline __u64 ps_lease_of(const struct ps_packet *p, __u64 key_hash, __u32 request,
					 __u32 generation, __u32 epoch)
{
	__u64 h = ps_mix(ps_config.seed[0], key_hash);

#ifdef PRESTACK_BREAK_GENERATION
	generation = 0; /* tests only: see fill.bpf.h */
#endif
	h = ps_mix(h, p->client[0]);
	h = ps_mix(h, p->client[1]);
	/* Who was asked: another socket of the server's user on another address was not. */
	h = ps_mix(h, p->local[0]);
	h = ps_mix(h, p->local[1]);
	h = ps_mix(h, (__u64)request << 32 | (__u32)p->client_port << 16 | p->local_port);
	h = ps_mix_end(ps_mix(h, (__u64)epoch << 32 | generation));
	return h ? h : 1;
}

/* A read of the key in s->key missed and goes to the server: take the lease unless a write settles. */
static __always_inline void ps_lease_take(struct ps_scratch *s, __u32 request)
{
	struct ps_service_state *state = ps_state_of(s->pkt.service);
	struct ps_fence *f = ps_fence_of(s->key.hash);
	__u32 generation, epoch;
	__u64 now;

	if (!f || !state)
		return;
	/* Read before the time is: a write in between makes the lease one that never matches. */
	generation = ps_read_once(f->generation);
	epoch = ps_read_once(state->epoch);
	ps_ordered();
	now = bpf_ktime_get_ns();
	if (ps_read_once(f->settle_until) > now || ps_read_once(state->settle_until) > now)
		return;
	f->lease = ps_lease_of(&s->pkt, s->key.hash, request, generation, epoch);
}

#define PS_SETTLE_TRIES 4

/*
 * Puts off leases until `settle` from now. The time never goes back: a CPU that was held up between
 * the clock and the store must not undo what a later write has stored. After as many lost races
 * somebody has just stored a time as late as ours.
 */
static __always_inline void ps_settle(__u64 *until)
{
	__u64 mine = bpf_ktime_get_ns() + ps_config.settle_ns;

	for (__u32 i = 0; i < PS_SETTLE_TRIES; i++) {
		__u64 old = ps_read_once(*until);

		if (old >= mine || __sync_val_compare_and_swap(until, old, mine) == old)
			break;
	}
}

/* A write to the key with this hash has arrived. Call before the entry is removed. */
static __always_inline void ps_fence_raise(__u64 hash)
{
	struct ps_fence *f = ps_fence_of(hash);

	if (!f)
		return;
	ps_settle(&f->settle_until);
	__sync_fetch_and_add(&f->generation, 1);
}

/* Anything of this service may have changed: all its entries and leases are void, in O(1). */
static __always_inline void ps_flush(__u32 service)
{
	struct ps_service_state *state = ps_state_of(service);

	if (!state)
		return;
	ps_settle(&state->settle_until);
	/* 0 is the epoch of what is dead; who wraps around to it goes one further. */
	if (__sync_fetch_and_add(&state->epoch, 1) == ~0U)
		__sync_fetch_and_add(&state->epoch, 1);
	ps_count(service, PS_COUNT_flushes);
}

#endif /* PRESTACK_FENCE_BPF_H */
