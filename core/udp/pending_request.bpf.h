/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requests over UDP whose replies are waited for: so that the reply to a write is known when it
 * leaves, and a late reply to a read is not taken for the reply to a later read of the same number.
 *
 * Map ps_pending_requests is direct-mapped by the hash of client, server and request number ("who"). What finds
 * no room is not noted: the reply to a write then matches nothing, and flushes the service; a read
 * takes no lease. So a full or crowded map costs hits, never a wrong answer.
 *
 * Time matters in one place: a request that is not answered within PS_PENDING_NS may lose its place. For
 * a write that does no harm: its reply matches nothing and flushes, and should its client use the
 * number again, it is known that one more reply may come (`forgotten`; of the last such loser only).
 * A read, however, is forgotten: its reply, if it is still to come, may then fill in the place of the
 * reply to a later read of the same client, number and key.
 */
#ifndef PRESTACK_UDP_PENDING_REQUEST_BPF_H
#define PRESTACK_UDP_PENDING_REQUEST_BPF_H

#include "vmlinux.h"
#include "cache/invalidate.bpf.h"
#include "coherence/epoch.bpf.h"
#include "coherence/fence.bpf.h"
#include "runtime/hash.bpf.h"
#include "runtime/lock.bpf.h"
#include "runtime/maps.bpf.h"
#include "runtime/scratch.bpf.h"
#include "runtime/verifier.bpf.h"
#include <bpf/bpf_helpers.h>
#include <prestack/types.h>

/* s->noted: whether this packet's request is noted. */
enum ps_noted {
	PS_NOTED_NOT, /* nothing done yet */
	PS_NOTED_LEASE, /* it is, and may take leases */
	PS_NOTED_NO_LEASE, /* it may not, noted or not */
};

#define PS_PENDING_MOST 0xffff /* ps_pending_requests.count and .lost stay there: as many or more */

static __always_inline struct ps_pending_request *ps_pending_of(__u64 requester)
{
	__u32 i = (requester >> 16) & ps_config.pending_mask;

	return bpf_map_lookup_elem(&ps_pending_requests, &i);
}

/* As ps_prefetch_miss: the place of a request that probably has to be noted is fetched together with the rest. */
static __always_inline void ps_prefetch_pending(struct ps_scratch *s, __u32 request)
{
	const struct ps_pending_request *a;

	if (s->pkt.transport != PS_TRANSPORT_UDP || !s->missing || s->noted != PS_NOTED_NOT)
		return;
	a = ps_pending_of(ps_mix_end(ps_requester(s, request)));
	if (a)
		(void)ps_read_once(a->requester);
}

/* Another serial than all leases so far were taken with. Never 0. */
static __always_inline __u32 ps_next_serial(struct ps_pending_request *a)
{
	__u32 serial = (a->serial + 1) & 0xffff;

	a->serial = serial ? serial : 1;
	return a->serial;
}

/*
 * One more request of the same client with the same number, before the last one was answered. Which
 * reply answers which is not known from here on, so each has to do for all of them, and none may fill:
 * the lease of the first may be about to be taken, with a generation that this one's reply is older than.
 */
static __always_inline void ps_note_repeat(struct ps_pending_request *a, __u32 kind, __u64 key,
					   __u32 cohort)
{
	if (kind == PS_PENDING_ANY || a->kind == PS_PENDING_ANY ||
	    (kind == PS_PENDING_WRITE && a->kind == PS_PENDING_WRITE && a->key != key)) {
		a->kind = PS_PENDING_ANY;
	} else if (kind == PS_PENDING_WRITE || a->kind == PS_PENDING_WRITE) {
		/* The first reply may be the read's, or the write's of a cohort that is over. */
		if (kind != a->kind || ((cohort ^ a->cohort) & PS_COHORT_MASK))
			a->cohort = PS_COHORT_NONE;
		if (kind == PS_PENDING_WRITE)
			a->key = key;
		a->kind = PS_PENDING_WRITE;
		a->expires = PS_EXPIRES_UNKNOWN;
	}
	ps_next_serial(a);
	if (a->count < PS_PENDING_MOST)
		a->count++;
}

/* `count` requests of `who`, not reads, have no place here any more, or found none. */
static __always_inline void ps_note_displaced(struct ps_pending_request *a, __u64 requester,
					      __u32 count)
{
	__u32 nr = count + (a->displaced == requester ? a->nr_displaced : 0);

	a->displaced = requester;
	a->nr_displaced = nr < PS_PENDING_MOST ? nr : PS_PENDING_MOST;
}

/* See ps_note_request. */
static __always_inline void ps_note_request_here(struct ps_scratch *s, __u32 request, __u32 kind,
						 __u64 expires)
{
	__u32 cohort, noted = PS_NOTED_NO_LEASE, serial = 0;
	__u64 requester, key, now;
	struct ps_pending_request *a;
	bool same, waits;

	requester = ps_mix_end(ps_requester(s, request));
	a = ps_pending_of(requester);
	if (!a)
		return;
	now = s->pkt.now;
	key = s->write.hash;
	cohort = s->write.cohort;

	if (!ps_lock(&a->lock)) {
		/* As without room, with a clock of after the wait: a late reply to this is not known either. */
		a->tainted_until = bpf_ktime_get_coarse_ns() + PS_PENDING_NS;
		ps_flush(s->pkt.service);
		s->noted = PS_NOTED_NO_LEASE;
		return;
	}
	same = a->requester == requester;
	waits = a->count;
	/* A read gives up its place after a while, to its own client too: replies do get lost. */
	if (waits && same && a->kind == PS_PENDING_READ && kind == PS_PENDING_READ &&
	    now > a->since + PS_PENDING_NS)
		waits = false;
	if (waits && same) {
		ps_note_repeat(a, kind, key, cohort);
		a->since = now;
	} else if (waits && now <= a->since + PS_PENDING_NS) {
		/* No room. Leases wait until a late reply to this is not expected any more. */
		a->tainted_until = now + PS_PENDING_NS;
		if (kind != PS_PENDING_READ)
			ps_note_displaced(a, requester, 1);
	} else {
		if (waits && a->kind != PS_PENDING_READ)
			ps_note_displaced(a, a->requester, a->count);
		a->count = 1;
		if (a->displaced == requester && a->nr_displaced) {
			/* More replies can come for this number, and what they answer is not known. */
			kind = PS_PENDING_ANY;
			a->count += a->nr_displaced < PS_PENDING_MOST ? a->nr_displaced
								      : PS_PENDING_MOST - 1;
			a->nr_displaced = 0;
		} else if (kind == PS_PENDING_READ && a->tainted_until < now) {
			noted = PS_NOTED_LEASE;
			serial = ps_next_serial(a);
		}
		a->kind = kind;
		a->requester = requester;
		a->key = key;
		a->cohort = cohort;
		a->expires = expires;
		a->since = now;
	}
	ps_unlock(&a->lock);
	s->noted = noted;
	s->serial = serial;
}

/*
 * Notes the request that is being looked at, of enum ps_pending_kind, in s->noted. A write is the one
 * in s->write. Returns 0. XDP only.
 */
__noinline int ps_note_request(__u32 request, __u32 kind, __u64 expires)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);

	if (s)
		ps_note_request_here(s, request, kind, expires);
	return 0;
}

/*
 * After ps_invalidate: the server will reply to that write with the number `request`. `expires` is
 * when the key will expire if the reply says that all was done as asked (PS_EXPIRES_UNKNOWN: unknown). Not
 * for a write that is not replied to.
 */
static __always_inline void ps_expect_reply(struct ps_scratch *s, __u32 request, __u64 expires)
{
	ps_note_request(request, PS_PENDING_WRITE, expires);
}

/*
 * The server will reply with the number `request` to something that may change anything, or several
 * keys: besides ps_flush or ps_invalidate, whenever a reply is possible.
 */
static __always_inline void ps_expect_any(struct ps_scratch *s, __u32 request)
{
	ps_note_request(request, PS_PENDING_ANY, PS_EXPIRES_UNKNOWN);
}

/*
 * The server will reply with the number `request` to a read that takes no lease, and the reply may
 * look like one that fills.
 */
static __always_inline void ps_expect_read(struct ps_scratch *s, __u32 request)
{
	ps_note_request(request, PS_PENDING_READ, PS_EXPIRES_UNKNOWN);
}

/*
 * A read of the key in s->key missed and goes to the server: take the lease, unless a write is under
 * way or another reply with this number may be. Several keys of one request: call for each. XDP only.
 *
 * The order: generation and epoch, then the hold and the time that puts off leases. A write in
 * between makes the lease one that never matches.
 */
static __always_inline void ps_lease_take(struct ps_scratch *s, __u32 request)
{
	if (s->pkt.transport == PS_TRANSPORT_UDP) {
		if (s->noted == PS_NOTED_NOT)
			ps_note_request_here(s, request, PS_PENDING_READ, PS_EXPIRES_UNKNOWN);
		if (ps_read_once(s->noted) != PS_NOTED_LEASE)
			return;
	}
	ps_lease_now(s, request);
}

enum ps_reply_flags {
	PS_REPLY_READS_ONLY = 1, /* it holds nothing but values, or tells that there are none */
	PS_REPLY_SUCCEEDED = 2, /* it tells that the write has done what it was asked to */
	PS_REPLY_GOES_ON = 4, /* in the next datagram */
};

/* What a reply tells: ps_reply_leaves for a plug-in that knows it as `flags`, enum ps_reply_flags. TC only. */
static __always_inline void ps_reply_leaves_as(struct ps_scratch *s, __u32 request, __u32 flags)
{
	__u32 kind = PS_PENDING_NOTHING, cohort = PS_COHORT_NONE, count = 0, serial = 0;
	__u64 requester, key = 0, expires = PS_EXPIRES_UNKNOWN;
	bool known = false;
	struct ps_pending_request *a;

	requester = ps_mix_end(ps_requester(s, request));
	a = ps_pending_of(requester);
	if (!a)
		return;
	if (!ps_lock(&a->lock)) {
		ps_flush_leaving(s->pkt.service);
		return;
	}
	if (a->requester == requester) {
		kind = a->kind;
		key = a->key;
		count = a->count;
		serial = count ? a->serial : 0;
		/* A reply to a read need not look like one, but a write may have lost its place here. */
		known = count && (kind == PS_PENDING_WRITE ||
				  (kind == PS_PENDING_READ && a->tainted_until < a->since));
		if (count && !(flags & PS_REPLY_GOES_ON)) {
			cohort = a->cohort;
			if (count == 1 && (flags & PS_REPLY_SUCCEEDED))
				expires = a->expires;
			if (count < PS_PENDING_MOST)
				a->count = count - 1;
		}
	} else if (a->displaced == requester && a->nr_displaced &&
		   a->nr_displaced < PS_PENDING_MOST && !(flags & PS_REPLY_GOES_ON)) {
		a->nr_displaced--;
		/* Whatever it looks like: there are writes whose replies look like a read's. */
		kind = PS_PENDING_ANY;
	}
	ps_unlock(&a->lock);

	/*
	 * From here on another request may take the place, and a read a lease: before the bump, which
	 * makes the lease void, or after it. What *this* reply holds cannot fill for it, since the
	 * serial is another one.
	 */
	s->serial = kind == PS_PENDING_READ ? serial : 0;
	if (kind == PS_PENDING_WRITE)
		ps_write_done(s->pkt.service, key, cohort, expires);
	/*
	 * What is not known to answer a read, nor that very write, may answer anything: a request
	 * that was not seen or found no room. Likewise one more reply to what was answered.
	 */
	if (kind == PS_PENDING_ANY || (!(flags & PS_REPLY_READS_ONLY) && !known))
		ps_flush_leaving(s->pkt.service);
}

/* The same in a function of its own. */
__noinline int ps_reply_seen(__u32 request, __u32 flags)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_TC);

	if (s)
		ps_reply_leaves_as(s, request, flags);
	return 0;
}

/*
 * A reply of the server with the number `request` leaves: call before ps_fill for what is in it.
 * `reads_only`: it holds nothing but values, or tells that there are none. `succeeded`: it tells that
 * the write has done what it was asked to. TC only.
 */
static __always_inline void ps_reply_leaves(struct ps_scratch *s, __u32 request, bool reads_only,
					    bool succeeded)
{
	ps_reply_seen(request, (reads_only ? PS_REPLY_READS_ONLY : 0) |
				       (succeeded ? PS_REPLY_SUCCEEDED : 0));
}

/* The same for a datagram of a reply that goes on in the next one: with values, but not the last. */
static __always_inline void ps_reply_goes_on(struct ps_scratch *s, __u32 request)
{
	ps_reply_seen(request, PS_REPLY_READS_ONLY | PS_REPLY_GOES_ON);
}

#endif /* PRESTACK_UDP_PENDING_REQUEST_BPF_H */
