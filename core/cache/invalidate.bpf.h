/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Invalidation: what a write does to the fence and the entry of its key, when it arrives and when
 * its reply leaves.
 */
#ifndef PRESTACK_CACHE_INVALIDATE_BPF_H
#define PRESTACK_CACHE_INVALIDATE_BPF_H

#include "vmlinux.h"
#include "cache/lookup.bpf.h"
#include "coherence/fence.bpf.h"
#include "runtime/lock.bpf.h"
#include "runtime/maps.bpf.h"
#include "runtime/scratch.bpf.h"
#include "runtime/stats.bpf.h"
#include "runtime/verifier.bpf.h"
#include "service/service.bpf.h"
#include <bpf/bpf_helpers.h>
#include <prestack/counters.h>
#include <prestack/cursor.h>
#include <prestack/types.h>

/*
 * Makes the entry dead. Its fence was raised before. Returns 1 if the entry was alive, else 0.
 *
 * First it looks without the lock. The entry needs no more if its sequence is even and, read after
 * that, its epoch is 0: whoever takes it from now on sees the fence before publishing. The two must
 * be read in this order, since in the other one the entry might be published in between.
 *
 * An odd sequence means that the entry is being filled, and that the filler may have checked the
 * generation already. Under the lock it has either not checked yet, or has finished.
 *
 * There are few branches, since the verifier follows each of them once for each way.
 */
static __always_inline __u32 ps_entry_kill(struct ps_entry *e)
{
	__u32 seq = ps_read_once(e->seq), epoch, alive;

	ps_ordered();
	epoch = ps_read_once(e->epoch) | (seq & 1);
	ps_opaque(epoch);
	if (!epoch)
		return 0;
	bpf_spin_lock(&e->lock);
	seq = e->seq;
	epoch = e->epoch;
	/* The top bit of x | -x says whether x is not 0. */
	alive = ~seq & (epoch | -epoch) >> 31 & 1;
	ps_opaque(alive);
	e->epoch = epoch & (alive - 1);
	e->seq = seq + 2 * alive;
	bpf_spin_unlock(&e->lock);
	return alive;
}

/*
 * Makes dead what is cached for a key, given by its hash: each entry with its tag in its set. The
 * generation of its fence was changed before. There are two cases. Either this finds the index word
 * of a fill in progress; then it waits for the entry's lock, or finds an odd sequence. Or the word
 * was published after the change; then the filler, who checks the generation after publishing, sees
 * the change. Two of these at a time do no harm.
 */
static __always_inline int ps_kill(__u32 service, __u64 hash)
{
	__u32 set = ps_set_of(hash), tag = ps_tag_of(hash), base, killed = 0;
	struct ps_index_line *line = ps_line_of(set, &base);

	if (!line)
		return 0;
	for (__u32 way = 0; way < PS_MAX_WAYS; way++) {
		struct ps_entry *e;
		__u32 word;

		if (way >= ps_config.ways)
			break;
		word = ps_read_once(ps_word(line, base, way));
		if ((word & ~PS_CLASS_MASK) != tag || !(word & PS_CLASS_MASK))
			continue;
		e = ps_entry_at(word, set, way);
		if (e)
			killed |= ps_entry_kill(e);
	}
	if (killed)
		ps_count(service, PS_COUNT_invalidations);
	return 0;
}

/* A write to the key with this hash arrives, see ps_invalidate. Returns its cohort. */
static __always_inline __u32 ps_write_arrives(const struct ps_scratch *s,
					      struct ps_service_state *state, __u64 hash)
{
	__u32 cohort = ps_fence_raise(state, hash, s->pkt.now);

	ps_count(s->pkt.service, PS_COUNT_writes);
	ps_kill(s->pkt.service, hash);
	return cohort;
}

/*
 * Fetches the memory that such a write needs, and waits for none of it. Several of these in a row
 * share one wait, and so do fence and index. The accesses that change them would each wait by
 * itself.
 */
static __always_inline void ps_prefetch_write(__u64 hash)
{
	const struct ps_fence *f = ps_fence_of(hash);
	const struct ps_index_line *line;
	__u32 base;

	if (f)
		(void)ps_read_once(f->hold);
	line = ps_line_of(ps_set_of(hash), &base);
	if (line)
		(void)ps_read_once(ps_word(line, base, 0));
}

/*
 * A write to the hook's current key has arrived: raises and holds its fence, and removes the entry.
 * After this, no reply to a request that was made before can fill the key. Leaves in s->write what
 * ps_write_done needs when the reply leaves. Returns 0.
 */
__noinline int ps_invalidate(__u32 hook)
{
	struct ps_scratch *s = ps_scratch(hook);
	struct ps_service_state *state = s ? ps_state_of(s->pkt.service) : NULL;

	if (!state)
		return 0;
	s->write.hash = s->key.hash;
	s->write.cohort = ps_write_arrives(s, state, s->key.hash);
	return 0;
}

/*
 * The reply to a write leaves; call this before it does. `hash` and `cohort` are what ps_invalidate
 * left in s->write when the write arrived; PS_COHORT_NONE if that is not known for sure. `expires`
 * is when the key now expires, PS_EXPIRES_UNKNOWN if the reply does not say. Returns 0.
 *
 * After this, no reply to a request that arrived before can fill the key, and what such a reply has
 * filled is gone. So a client that has seen the reply to the write never reads the old value from
 * the cache.
 *
 * This does not depend on the hold, even if that ran out long ago. The count of the hold goes down
 * last. So a lease that no longer sees the write in it reads either the new generation, or an old
 * one that can never fill.
 *
 * The expiry is noted only if the fence is as the arrival of the write left it. Then no other write
 * came in between that the server may execute after this one. A write that came before and has no
 * reply yet is still counted in the hold. So there is no lease, and nothing is filled with this
 * expiry, until its reply changes the generation again.
 */
__noinline int ps_write_done(__u32 service, __u64 hash, __u32 cohort, __u64 expires)
{
	struct ps_service_state *state = ps_state_of(service);
	struct ps_fence *f = ps_fence_of(hash);
	__u32 generation, epoch;

	if (!f || !state)
		return 0;
#ifdef PRESTACK_BREAK_REPLY
	/* Tests only: old replies become void by the arrival of a write, and by nothing else. */
	generation = ps_read_once(f->generation);
	epoch = ps_read_once(state->epoch);
#else
	generation = __sync_fetch_and_add(&f->generation, 1);
	epoch = ps_read_once(state->epoch);
	ps_kill(service, hash);
#endif
	if (cohort != PS_COHORT_NONE) {
		__u32 its_own = cohort & PS_COHORT_MASK;

		if (expires != PS_EXPIRES_UNKNOWN &&
		    cohort == ps_write_token(its_own, generation + epoch))
			ps_fence_set_expiry(f, hash, expires, generation + 1, epoch);
		ps_release(f, its_own);
	}
	ps_count(service, PS_COUNT_replies);
	return 0;
}

#endif /* PRESTACK_CACHE_INVALIDATE_BPF_H */
