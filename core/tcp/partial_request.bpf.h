/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requests that continue in the next segment. Their writes arrive when they are seen, and again
 * when the request is complete, since the server executes it only then.
 */
#ifndef PRESTACK_TCP_PARTIAL_REQUEST_BPF_H
#define PRESTACK_TCP_PARTIAL_REQUEST_BPF_H

#include "vmlinux.h"
#include "cache/invalidate.bpf.h"
#include "coherence/epoch.bpf.h"
#include "coherence/fence.bpf.h"
#include "runtime/maps.bpf.h"
#include "runtime/scratch.bpf.h"
#include "runtime/verifier.bpf.h"
#include "service/service.bpf.h"
#include "tcp/pending_writes.bpf.h"
#include <bpf/bpf_helpers.h>
#include <prestack/cursor.h>
#include <prestack/flow.h>
#include <prestack/stream.h>
#include <prestack/types.h>

/*
 * A write arrives again. Its first arrival is taken back, or it would be counted twice. Leases
 * taken in between become void by the new generation. Returns the new cohort.
 */
__noinline __u32 ps_write_arrives_again(__u64 hash, __u32 cohort)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct ps_fence *f = ps_fence_of(hash);
	struct ps_service_state *state;

	if (!s || !f)
		return PS_COHORT_NONE;
	state = ps_state_of(s->pkt.service);
	if (!state)
		return PS_COHORT_NONE;
	if (cohort != PS_COHORT_NONE)
		ps_release(f, cohort & PS_COHORT_MASK);
	cohort = ps_fence_raise(state, hash, s->pkt.now);
	ps_kill(s->pkt.service, hash);
	return cohort;
}

/*
 * All writes of a request arrive again: those in the ring from the one after which `pushed` was
 * `at`.
 */
__noinline int ps_pending_writes_arrive_again(struct ps_flow *f, __u32 at)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	__u32 ordinal = 0;

	if (!s || !f)
		return 0;
	for (__u32 n = 0; n < PS_RING; n++) {
		__u32 i = at - 1 + n;
		struct ps_pending_write *w;

		if (i == f->pushed)
			break;
		ps_opaque(i);
		w = &f->ring[ps_ring_slot(i)];
		if (!n)
			ordinal = w->ordinal;
		if (w->ordinal != ordinal || !w->hash)
			break;
		w->cohort = ps_write_arrives_again(w->hash, w->cohort);
	}
	return 0;
}

/* The segment begins within a request: takes up what that has written so far. */
__noinline int ps_request_resume(struct ps_flow *f)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct ps_partial_request *u;

	if (!s || !f)
		return 0;
	u = &s->partial;
	s->segment.wrote = u->wrote = f->partial_wrote;
	s->segment.wrote_at = u->at = f->partial_at;
	s->write.hash = u->hash = f->partial_hash;
	s->write.cohort = u->cohort = f->partial_cohort;
	return 0;
}

/*
 * The request is complete, so from here on the server may execute it: what it had written before
 * this segment arrives again.
 */
static __always_inline void ps_request_arrived(struct ps_flow *f, const struct ps_scratch *s,
					       const struct ps_partial_request *u)
{
	__u32 cohort, at = u->at;
	bool noted = ps_seq_diff(at, ps_read_once(f->popped)) > 0;
	struct ps_pending_write *w;

	if (u->wrote == PS_WRITES_KEYS && noted)
		ps_pending_writes_arrive_again(f, at);
	else if (u->wrote == PS_WRITES_KEYS || u->wrote == PS_WRITES_ANYTHING)
		ps_flush(s->pkt.service);
	if (u->wrote != PS_WRITES_KEY)
		return;
	cohort = ps_write_arrives_again(u->hash, u->cohort);
	if (!noted)
		return;
	at--;
	ps_opaque(at);
	w = &f->ring[ps_ring_slot(at)];
	w->cohort = cohort;
}

/*
 * Whether the next byte is within a request. It is not for nearly all segments, and they need no
 * call.
 */
static __always_inline bool ps_within_request(const struct ps_flow *f)
{
	return f->mid_request || f->in.skip;
}

/*
 * A segment that begins or ends within a request is read. If the request continues, what it has
 * written is kept. If it is over, because it is complete or because another one has `begun`, its
 * writes arrive again.
 */
static __always_inline void ps_request_leave(struct ps_flow *f, struct ps_scratch *s, __u32 begun)
{
	bool goes_on = ps_within_request(f);

	if (goes_on) {
		f->partial_wrote = s->segment.wrote;
		f->partial_hash = s->write.hash;
		f->partial_cohort = s->write.cohort;
		f->partial_at = s->segment.wrote_at;
	}
	if (s->partial.present && (begun || !goes_on))
		ps_request_arrived(f, s, &s->partial);
}

/* A segment begins, perhaps within a request. */
static __always_inline void ps_request_opens(struct ps_flow *f, struct ps_scratch *s)
{
	s->partial.present = ps_within_request(f);
	if (s->partial.present)
		ps_request_resume(f);
}

#endif /* PRESTACK_TCP_PARTIAL_REQUEST_BPF_H */
