/* SPDX-License-Identifier: GPL-2.0-only */
/* A write arrives, and its reply leaves: what that does to its key's fence and entry. */
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
 * Removes whatever has this tag in the key's set; the fence was raised before. Returns 1 if it did, else 0.
 *
 * First it looks without the lock. Nothing is to be removed, nor will be, if the sequence is even and, looked at
 * after that, there is no epoch: who takes the entry from now on sees the fence when he publishes. The other way
 * round an entry may be published in between. An odd sequence: it is being filled, and the filler may have looked
 * at the generation; under the lock he has not, or is done. Few branches, since the verifier follows each of
 * them once per way.
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
	/* The top bit of x | -x tells whether x is not 0. */
	alive = ~seq & (epoch | -epoch) >> 31 & 1;
	ps_opaque(alive);
	e->epoch = epoch & (alive - 1);
	e->seq = seq + 2 * alive;
	bpf_spin_unlock(&e->lock);
	return alive;
}

/*
 * Kills what is cached for a key, by its hash: each entry with that tag in its set. Its fence's
 * generation was bumped before. Either this finds the index word of a fill that is under way, and
 * waits for its lock or leaves it an odd sequence; or the word was published after the bump, and the
 * filler, who looks at the generation after that, sees it. Two kills at a time do no harm.
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
 * Loads what such a write needs, and waits for none of it: several of these in a row share one wait for
 * memory, and so do fence and index. What changes them would wait for each by itself.
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
 * A write to the hook's current key was seen arriving: raises and holds its fence, and removes the
 * entry. After this returns no reply that was asked for earlier can fill the key. Leaves in s->write
 * what ps_write_done has to be told when the reply leaves. Returns 0.
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
 * The reply to a write leaves; call before it does. `hash` and `cohort` are what ps_invalidate left
 * in s->write when the write arrived (PS_COHORT_NONE if that is not known for sure). `expires` is when
 * the key expires now, PS_EXPIRES_UNKNOWN if the reply does not tell. After this returns no reply to a
 * request that arrived before it can fill the key, and what such a one has filled is gone: so who
 * sees the reply to the write never reads from the cache what was there before. Returns 0.
 *
 * It does not matter what the hold says, nor whether it ran out long ago. The count goes down last: a
 * lease that sees that reads the generation of after the bump, or one that never fills.
 *
 * What is learned counts only if the fence is as the arrival left it, so that no other write came in
 * between that the server may execute after this one. A write that came before and is still under
 * way is counted: no lease, so nothing is filled with this knowledge, until its reply bumps the
 * generation again.
 */
__noinline int ps_write_done(__u32 service, __u64 hash, __u32 cohort, __u64 expires)
{
	struct ps_service_state *state = ps_state_of(service);
	struct ps_fence *f = ps_fence_of(hash);
	__u32 generation, epoch;

	if (!f || !state)
		return 0;
#ifdef PRESTACK_BREAK_REPLY
	/* Tests only: nothing but the arrival of a write makes old replies void. */
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
