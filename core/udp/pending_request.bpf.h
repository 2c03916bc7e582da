/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pending requests over UDP: those whose replies have not left. They are noted for two reasons. The
 * reply to a write must be recognised when it leaves. And a late reply to a read must not be taken
 * for the reply to a later read with the same number.
 *
 * Map ps_pending_requests is direct-mapped by the hash of client, server and request number (the
 * requester). A request that finds no room is not noted. The reply to a write then matches nothing,
 * and flushes the service; a read takes no lease. So a full or crowded map costs hits, never a
 * wrong answer.
 *
 * Time matters in one place: a request that is not answered within PS_PENDING_NS may lose its
 * place. For a write that does no harm. Its reply matches nothing and flushes. If its client uses
 * the number again, it is known that one more reply may come (`displaced`, of the last such write
 * only). A displaced read, however, is not known any more. If its reply still comes, it may fill in
 * place of the reply to a later read of the same client, number and key.
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

/* s->noted: whether this packet's request is noted as pending. */
enum ps_noted {
	PS_NOTED_NOT, /* nothing done yet */
	PS_NOTED_LEASE, /* it is noted, and may take leases */
	PS_NOTED_NO_LEASE, /* it may take no lease, noted or not */
};

#define PS_PENDING_MOST 0xffff /* largest count and nr_displaced, meaning this many or more */

static __always_inline struct ps_pending_request *ps_pending_of(__u64 requester)
{
	__u32 i = (requester >> 16) & ps_config.pending_mask;

	return bpf_map_lookup_elem(&ps_pending_requests, &i);
}

/*
 * As ps_prefetch_miss: after a miss, fetches the place of the request, which probably has to be
 * noted.
 */
static __always_inline void ps_prefetch_pending(struct ps_scratch *s, __u32 request)
{
	const struct ps_pending_request *a;

	if (s->pkt.transport != PS_TRANSPORT_UDP || !s->missing || s->noted != PS_NOTED_NOT)
		return;
	a = ps_pending_of(ps_mix_end(ps_requester(s, request)));
	if (a)
		(void)ps_read_once(a->requester);
}

/* A serial that no lease of this place was taken with. Never 0. */
static __always_inline __u32 ps_next_serial(struct ps_pending_request *a)
{
	__u32 serial = (a->serial + 1) & 0xffff;

	a->serial = serial ? serial : 1;
	return a->serial;
}

/*
 * Notes one more request of the same client with the same number, before the last one was answered.
 * From here on it is not known which reply answers which. So each reply has to stand for all of
 * them, and none may fill: the first request may be about to take its lease, with a generation that
 * is newer than the reply to this one.
 */
static __always_inline void ps_note_repeat(struct ps_pending_request *a, __u32 kind, __u64 key,
					   __u32 cohort)
{
	if (kind == PS_PENDING_ANY || a->kind == PS_PENDING_ANY ||
	    (kind == PS_PENDING_WRITE && a->kind == PS_PENDING_WRITE && a->key != key)) {
		a->kind = PS_PENDING_ANY;
	} else if (kind == PS_PENDING_WRITE || a->kind == PS_PENDING_WRITE) {
		/* The first reply may be the read's, or that of the write of an older cohort. */
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

/* `count` writes of `requester` have lost their place here, or found none. */
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
		/*
		 * Handled as if there were no room, by the clock after the wait: a late reply is
		 * not known either.
		 */
		a->tainted_until = bpf_ktime_get_coarse_ns() + PS_PENDING_NS;
		ps_flush(s->pkt.service);
		s->noted = PS_NOTED_NO_LEASE;
		return;
	}
	same = a->requester == requester;
	waits = a->count;
	/*
	 * A read gives up its place after a while, also to its own client, since replies do get
	 * lost.
	 */
	if (waits && same && a->kind == PS_PENDING_READ && kind == PS_PENDING_READ &&
	    now > a->since + PS_PENDING_NS)
		waits = false;
	if (waits && same) {
		ps_note_repeat(a, kind, key, cohort);
		a->since = now;
	} else if (waits && now <= a->since + PS_PENDING_NS) {
		/*
		 * No room. No lease is given until a late reply to this one is not expected any
		 * more.
		 */
		a->tainted_until = now + PS_PENDING_NS;
		if (kind != PS_PENDING_READ)
			ps_note_displaced(a, requester, 1);
	} else {
		if (waits && a->kind != PS_PENDING_READ)
			ps_note_displaced(a, a->requester, a->count);
		a->count = 1;
		if (a->displaced == requester && a->nr_displaced) {
			/*
			 * More replies may come for this number, and it is not known what they
			 * answer.
			 */
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
 * Notes the current request as pending, of enum ps_pending_kind, and the result in s->noted. A
 * write is the one in s->write. Returns 0. XDP only.
 */
__noinline int ps_note_request(__u32 request, __u32 kind, __u64 expires)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);

	if (s)
		ps_note_request_here(s, request, kind, expires);
	return 0;
}

/*
 * Call this after ps_invalidate: the server will reply to that write with the number `request`.
 * `expires` is when the key will expire if the reply says that the write succeeded;
 * PS_EXPIRES_UNKNOWN: not known. Not for a write without a reply.
 */
static __always_inline void ps_expect_reply(struct ps_scratch *s, __u32 request, __u64 expires)
{
	ps_note_request(request, PS_PENDING_WRITE, expires);
}

/*
 * Call this besides ps_flush or ps_invalidate: the server may reply with the number `request` to
 * something that may change anything, or several keys.
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
 * A read of s->key missed and goes to the server: takes the lease, unless a write is under way or
 * another reply with this number may still come. For several keys of one request, call it for each.
 * XDP only.
 *
 * Generation and epoch are read first, then the hold and the time before which no lease is given. A
 * write in between makes this lease one that never matches.
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
	PS_REPLY_READS_ONLY = 1, /* nothing in it but values, or that there are none */
	PS_REPLY_SUCCEEDED = 2, /* it says that the write succeeded */
	PS_REPLY_GOES_ON = 4, /* more of it follows in another datagram */
};

/* What ps_reply_leaves does, for a plug-in that has enum ps_reply_flags. TC only. */
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
		/*
		 * A reply to a read need not look like one; but a write may have lost its place
		 * here.
		 */
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
		/* Whatever it looks like: some replies to writes look like those to reads. */
		kind = PS_PENDING_ANY;
	}
	ps_unlock(&a->lock);

	/*
	 * From here on another request may take the place, and a read may take a lease. If it does
	 * so before the generation changes, its lease is void. If after, *this* reply cannot fill
	 * for it, since its serial is another one.
	 */
	s->serial = kind == PS_PENDING_READ ? serial : 0;
	if (kind == PS_PENDING_WRITE)
		ps_write_done(s->pkt.service, key, cohort, expires);
	/*
	 * A reply that is not known to answer a read, nor this very write, may answer anything: a
	 * request that was not seen, or found no room. So may one more reply to an answered
	 * request.
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
 * A reply of the server with the number `request` leaves. Call this before ps_fill for the values
 * in it. `reads_only`: it holds nothing but values, or says that there are none. `succeeded`: it
 * says that the write succeeded. TC only.
 */
static __always_inline void ps_reply_leaves(struct ps_scratch *s, __u32 request, bool reads_only,
					    bool succeeded)
{
	ps_reply_seen(request, (reads_only ? PS_REPLY_READS_ONLY : 0) |
				       (succeeded ? PS_REPLY_SUCCEEDED : 0));
}

/* The same for a datagram with values that is not the last one of its reply. */
static __always_inline void ps_reply_goes_on(struct ps_scratch *s, __u32 request)
{
	ps_reply_seen(request, PS_REPLY_READS_ONLY | PS_REPLY_GOES_ON);
}

#endif /* PRESTACK_UDP_PENDING_REQUEST_BPF_H */
