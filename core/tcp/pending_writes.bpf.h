/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ring of pending writes: those of a TCP connection whose replies have not left. Replies come
 * in the order of the requests, and are matched to writes by counting. The owner of requests pushes
 * to the ring, and the owner of replies pops.
 */
#ifndef PRESTACK_TCP_PENDING_WRITES_BPF_H
#define PRESTACK_TCP_PENDING_WRITES_BPF_H

#include "vmlinux.h"
#include "cache/invalidate.bpf.h"
#include "coherence/epoch.bpf.h"
#include "runtime/lock.bpf.h"
#include "runtime/maps.bpf.h"
#include "runtime/scratch.bpf.h"
#include "runtime/verifier.bpf.h"
#include "service/service.bpf.h"
#include "tcp/flow.bpf.h"
#include "tcp/idle.bpf.h"
#include <bpf/bpf_helpers.h>
#include <prestack/cursor.h>
#include <prestack/flow.h>
#include <prestack/stream.h>
#include <prestack/types.h>

/* Added to the ordinal of a TCP request, it makes a number for leases that UDP does not use. */
#define PS_STREAM_REQUEST 0x80000000U

#define ps_ring_slot(i) ((i) & (PS_RING - 1))

/*
 * Notes a write, or with hash 0 a request that may change anything. The next reply that surely
 * comes completes it. False: there was no room.
 */
static __always_inline bool ps_pending_write_push(struct ps_flow *f, __u64 hash, __u32 cohort,
						  __u64 expires, __u32 replied)
{
	__u32 i = f->pushed, ordinal = f->requests + 1;
	struct ps_pending_write *w;

	if (i - ps_read_once(f->popped) >= PS_RING) {
		f->overflow_ordinal = ordinal;
		return false;
	}
	ps_opaque(i);
	w = &f->ring[ps_ring_slot(i)];
	w->hash = hash;
	w->expires = expires;
	w->cohort = cohort;
	w->ordinal = ordinal;
	w->replied = replied;
	ps_ordered();
	f->pushed++;
	return true;
}

/* The write in s->write finds no room in the ring, so it arrives at once. */
__noinline int ps_write_at_once(void)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct ps_service_state *state = s ? ps_state_of(s->pkt.service) : NULL;

	if (state)
		s->write.cohort = ps_write_arrives(s, state, s->write.hash);
	return 0;
}

/*
 * Puts the write that waits in s->write into the ring. The requests of `f` are owned. The write
 * arrives when all of the segment is read, see ps_writes_arrive.
 */
static __always_inline void ps_pending_write_note(struct ps_flow *f, struct ps_scratch *s)
{
	bool noted;

	if (!s->write.pending)
		return;
	s->write.pending = 0;
	noted = ps_pending_write_push(f, s->write.hash, PS_COHORT_NONE, s->write.expires,
				      s->write.replied);
	if (!noted && s->write.hash)
		ps_write_at_once();
	/* Without room: a place that is popped already, so nobody looks for the write in the ring. */
	if (s->segment.wrote != PS_WRITES_KEYS)
		s->segment.wrote_at = noted ? f->pushed : ps_read_once(f->popped);
	else if (!noted)
		s->segment.wrote = PS_WRITES_ANYTHING;
}

/* See ps_pending_write_wait. */
__noinline int ps_pending_write_room(void)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct ps_flow *f = s ? ps_flow_find(&s->pkt.flow) : NULL;

	if (f)
		ps_pending_write_note(f, s);
	return 0;
}

/*
 * The current request has one more write. If one is waiting in s->write already, that goes into the
 * ring now. The last write waits until the plug-in has returned to a caller that has the flow, and
 * so saves a look-up of the flow.
 */
static __always_inline void ps_pending_write_wait(struct ps_scratch *s)
{
	if (s->write.pending)
		ps_pending_write_room();
	s->write.pending = 1;
}

/* The write at `i` in the ring arrives. A request that may change anything has flushed already. */
static __always_inline void ps_pending_write_arrives_here(struct ps_flow *f, struct ps_scratch *s,
							  __u32 i)
{
	struct ps_service_state *state = ps_state_of(s->pkt.service);
	struct ps_pending_write *w;

	ps_opaque(i);
	w = &f->ring[ps_ring_slot(i)];
	if (w->hash && state)
		w->cohort = ps_write_arrives(s, state, w->hash);
	s->write.cohort = w->cohort;
}

/* The same as a separate function, for a loop. */
__noinline int ps_pending_write_arrives(struct ps_flow *f, __u32 i)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);

	if (s && f)
		ps_pending_write_arrives_here(f, s, i);
	return 0;
}

/* Fetches the memory that the write at `i` needs. */
static __always_inline void ps_prefetch_pending_write(const struct ps_flow *f, __u32 i)
{
	ps_opaque(i);
	ps_prefetch_write(f->ring[ps_ring_slot(i)].hash);
}

/*
 * The writes of the segment arrive before it goes on: those pushed since `pushed` was `from`.
 * `alone`: there is mostly one, and it is handled without a call.
 */
static __always_inline void ps_writes_arrive(struct ps_flow *f, struct ps_scratch *s, __u32 from,
					     const bool alone)
{
	__u32 last = s->write.cohort, count = f->pushed - from;

	if (!count)
		return;
	ps_prefetch_pending_write(f, from);
	if (alone && count == 1) {
		ps_pending_write_arrives_here(f, s, from);
	} else {
		for (__u32 n = 1; n < PS_RING; n++) {
			if (n >= count)
				break;
			ps_prefetch_pending_write(f, from + n);
		}
		for (__u32 n = 0; n < PS_RING; n++) {
			if (n >= count)
				break;
			ps_pending_write_arrives(f, from + n);
		}
	}
	/*
	 * If the segment ends within a request, s->write keeps its last write. If that found no
	 * room in the ring, it has arrived before.
	 */
	if (s->segment.wrote_at != f->pushed)
		s->write.cohort = last;
}

/* See ps_stream_write. */
static __always_inline void ps_stream_writes(struct ps_scratch *s, __u64 expires, __u32 replied)
{
	ps_pending_write_wait(s);
	s->write.hash = s->key.hash;
	s->write.expires = expires;
	s->write.replied = replied;
	if (s->segment.wrote != PS_WRITES_ANYTHING)
		s->segment.wrote =
			s->segment.wrote == PS_WRITES_NOTHING ? PS_WRITES_KEY : PS_WRITES_KEYS;
}

/* See ps_stream_flush. */
__noinline int ps_stream_flushes(void)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);

	if (!s)
		return 0;
	ps_pending_write_wait(s);
	ps_flush(s->pkt.service);
	s->write.hash = 0;
	s->write.cohort = PS_COHORT_NONE;
	s->write.expires = PS_EXPIRES_UNKNOWN;
	s->write.replied = 0;
	s->segment.wrote = PS_WRITES_ANYTHING;
	return 0;
}

/* The write is done: its reply leaves, or a later one. */
static __always_inline void ps_pending_write_done(__u32 service, const struct ps_pending_write *w,
						  __u32 cohort, __u64 expires)
{
	if (w->hash)
		ps_write_done(service, w->hash, cohort, expires);
	else
		ps_flush_leaving(service);
}

/*
 * Completes the writes whose replies have left. Of these replies the last `succeeded` ones said
 * that the write succeeded. A separate function for the verifier, as is the next one.
 */
__noinline int ps_pending_write_pop(struct ps_flow *f, __u32 succeeded)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_TC);

	if (!s || !f)
		return 0;
	for (__u32 n = 0; n < PS_RING; n++) {
		__u32 i = f->popped;
		const struct ps_pending_write *w;
		__u64 expires = PS_EXPIRES_UNKNOWN;

		if (i == ps_read_once(f->pushed))
			break;
		ps_opaque(i);
		w = &f->ring[ps_ring_slot(i)];
		if (ps_seq_diff(w->ordinal, f->replies) > 0)
			break;
		if (w->replied && ps_seq_diff(w->ordinal, f->replies - succeeded) > 0)
			expires = w->expires;
		ps_pending_write_done(s->pkt.service, w, w->cohort, expires);
		f->popped++;
	}
	return 0;
}

/* The reply to any of the pending writes may be leaving. */
__noinline int ps_pending_write_all(struct ps_flow *f)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_TC);
	__u32 first;

	if (!s || !f)
		return 0;
	first = f->popped;
	for (__u32 n = 0; n < PS_RING; n++) {
		__u32 i = first + n;

		if (i == ps_read_once(f->pushed))
			break;
		ps_opaque(i);
		ps_pending_write_done(s->pkt.service, &f->ring[ps_ring_slot(i)], PS_COHORT_NONE,
				      PS_EXPIRES_UNKNOWN);
	}
	return 0;
}

/* Counts a request whose head was read completely. */
static __always_inline void ps_count_request(struct ps_flow *f, const struct ps_message *m)
{
	if (m->flags & PS_MESSAGE_GOES_ON)
		return;
	if (m->flags & PS_MESSAGE_MAYBE) {
		f->maybes++;
	} else if (!m->replies) {
		f->noreply_ordinal = f->requests + 1;
	} else {
		f->requests++;
		f->noreply_ordinal = ps_ordinal_keep(f->noreply_ordinal, f->requests);
		f->overflow_ordinal = ps_ordinal_keep(f->overflow_ordinal, f->requests);
		if (!(m->flags & PS_MESSAGE_SYNC))
			return;
		/*
		 * The number comes first: whoever reads it twice and finds no change has read older
		 * values of the others.
		 */
		f->syncs++;
		ps_ordered();
		f->sync_ordinal = f->requests;
		f->sync_maybes = f->maybes;
	}
}

/* The reply to a SYNC request has left. False: there was no such request. */
static __always_inline bool ps_sync_reply(struct ps_flow *f, bool exact)
{
	__u32 syncs = ps_read_once(f->syncs), ordinal, maybes;

	ps_ordered();
	ordinal = ps_read_once(f->sync_ordinal);
	maybes = ps_read_once(f->sync_maybes);
	ps_ordered();
	if (f->syncs_seen == syncs)
		return false;
	f->syncs_seen++;
	/* Not the last SYNC request: the places of the others are not known. */
	if (f->syncs_seen != syncs || ps_read_once(f->syncs) != syncs) {
		f->replies += exact;
		return true;
	}
	if (exact && ordinal != f->replies + 1)
		return false;
	f->replies = ordinal;
	f->maybes_answered = maybes;
	return true;
}

/*
 * Counts replies whose end leaves, and completes writes by them. False: they answer no known
 * request.
 */
static __always_inline bool ps_count_reply(struct ps_flow *f, const struct ps_message *m)
{
	bool exact = ps_replies_exact(f);
	__u32 n = f->replies + m->replies;

	if (m->flags & PS_MESSAGE_SYNC) {
		if (!ps_sync_reply(f, exact))
			return false;
	} else if (exact) {
		if (ps_seq_diff(n, ps_read_once(f->requests)) > 0)
			return false;
		/* It may answer request n, or one before it that was to get no reply. */
		if ((m->flags & PS_MESSAGE_ERROR) &&
		    ps_seq_diff(ps_read_once(f->noreply_ordinal), n) >= 0)
			return false;
		f->replies = n;
	} else {
		return true;
	}
	if (f->popped != ps_read_once(f->pushed))
		ps_pending_write_pop(f, m->flags & PS_MESSAGE_SUCCEEDED ? m->replies : 0);
	return true;
}

#endif /* PRESTACK_TCP_PENDING_WRITES_BPF_H */
