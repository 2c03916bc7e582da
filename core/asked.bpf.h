/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requests over UDP whose replies are waited for: so that the reply to a write is known when it
 * leaves, and a late reply to a read is not taken for the reply to a later read of the same number.
 *
 * Map ps_asked is direct-mapped by the hash of client, server and request number ("who"). What finds
 * no room is not noted: the reply to a write then matches nothing, and flushes the service; a read
 * takes no lease. So a full or crowded map costs hits, never a wrong answer.
 *
 * Time matters in one place: a request that is not answered within PS_ASKED_NS may lose its place. For
 * a write that does no harm: its reply matches nothing and flushes, and should its client use the
 * number again, it is known that one more reply may come (`forgotten`; of the last such loser only).
 * A read, however, is forgotten: its reply, if it is still to come, may then fill in the place of the
 * reply to a later read of the same client, number and key.
 */
#ifndef PRESTACK_ASKED_BPF_H
#define PRESTACK_ASKED_BPF_H

#include "write.bpf.h"

/* s->asked: whether this packet's request is noted. */
enum ps_asking {
	PS_ASKING_NOT, /* nothing done yet */
	PS_ASKING_LEASE, /* it is, and may take leases */
	PS_ASKING_NO_LEASE, /* it may not, noted or not */
};

#define PS_ASKED_MOST 0xffff /* ps_asked.count and .lost stay there: as many or more */

static __always_inline struct ps_asked *ps_asked_of(__u64 who)
{
	__u32 i = (who >> 16) & ps_config.asked_mask;

	return bpf_map_lookup_elem(&ps_asked, &i);
}

/* As ps_expect_miss: the place of a request that probably has to be noted is fetched together with the rest. */
static __always_inline void ps_expect_ask(struct ps_scratch *s, __u32 request)
{
	const struct ps_asked *a;

	if (s->pkt.transport != PS_TRANSPORT_UDP || !s->missing || s->asked != PS_ASKING_NOT)
		return;
	a = ps_asked_of(ps_mix_end(ps_asker(s, request)));
	if (a)
		(void)ps_read_once(a->who);
}

/* Another serial than all leases so far were taken with. Never 0. */
static __always_inline __u32 ps_ask_serial(struct ps_asked *a)
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
static __always_inline void ps_ask_again(struct ps_asked *a, __u32 kind, __u64 key, __u32 cohort)
{
	if (kind == PS_ASKED_ANY || a->kind == PS_ASKED_ANY ||
	    (kind == PS_ASKED_WRITE && a->kind == PS_ASKED_WRITE && a->key != key)) {
		a->kind = PS_ASKED_ANY;
	} else if (kind == PS_ASKED_WRITE || a->kind == PS_ASKED_WRITE) {
		/* The first reply may be the read's, or the write's of a cohort that is over. */
		if (kind != a->kind || ((cohort ^ a->cohort) & PS_HOLD_COUNT))
			a->cohort = PS_COHORT_NONE;
		if (kind == PS_ASKED_WRITE)
			a->key = key;
		a->kind = PS_ASKED_WRITE;
		a->expires = PS_EXPIRES_ASK;
	}
	ps_ask_serial(a);
	if (a->count < PS_ASKED_MOST)
		a->count++;
}

/* `count` requests of `who`, not reads, have no place here any more, or found none. */
static __always_inline void ps_ask_forget(struct ps_asked *a, __u64 who, __u32 count)
{
	__u32 lost = count + (a->forgotten == who ? a->lost : 0);

	a->forgotten = who;
	a->lost = lost < PS_ASKED_MOST ? lost : PS_ASKED_MOST;
}

/* See ps_ask. */
static __always_inline void ps_ask_here(struct ps_scratch *s, __u32 request, __u32 kind,
					__u64 expires)
{
	__u32 cohort, asking = PS_ASKING_NO_LEASE, serial = 0;
	__u64 who, key, now;
	struct ps_asked *a;
	bool same, waits;

	who = ps_mix_end(ps_asker(s, request));
	a = ps_asked_of(who);
	if (!a)
		return;
	now = s->pkt.now;
	key = s->write.hash;
	cohort = s->write.cohort;

	if (!ps_lock(&a->lock)) {
		/* As without room, with a clock of after the wait: a late reply to this is not known either. */
		a->tainted_until = bpf_ktime_get_coarse_ns() + PS_ASKED_NS;
		ps_flush(s->pkt.service);
		s->asked = PS_ASKING_NO_LEASE;
		return;
	}
	same = a->who == who;
	waits = a->count;
	/* A read gives up its place after a while, to its own client too: replies do get lost. */
	if (waits && same && a->kind == PS_ASKED_READ && kind == PS_ASKED_READ &&
	    now > a->since + PS_ASKED_NS)
		waits = false;
	if (waits && same) {
		ps_ask_again(a, kind, key, cohort);
		a->since = now;
	} else if (waits && now <= a->since + PS_ASKED_NS) {
		/* No room. Leases wait until a late reply to this is not expected any more. */
		a->tainted_until = now + PS_ASKED_NS;
		if (kind != PS_ASKED_READ)
			ps_ask_forget(a, who, 1);
	} else {
		if (waits && a->kind != PS_ASKED_READ)
			ps_ask_forget(a, a->who, a->count);
		a->count = 1;
		if (a->forgotten == who && a->lost) {
			/* More replies can come for this number, and what they answer is not known. */
			kind = PS_ASKED_ANY;
			a->count += a->lost < PS_ASKED_MOST ? a->lost : PS_ASKED_MOST - 1;
			a->lost = 0;
		} else if (kind == PS_ASKED_READ && a->tainted_until < now) {
			asking = PS_ASKING_LEASE;
			serial = ps_ask_serial(a);
		}
		a->kind = kind;
		a->who = who;
		a->key = key;
		a->cohort = cohort;
		a->expires = expires;
		a->since = now;
	}
	ps_unlock(&a->lock);
	s->asked = asking;
	s->serial = serial;
}

/*
 * Notes the request that is being looked at, of enum ps_asked_kind, in s->asked. A write is the one
 * in s->write. Returns 0. XDP only.
 */
__noinline int ps_ask(__u32 request, __u32 kind, __u64 expires)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);

	if (s)
		ps_ask_here(s, request, kind, expires);
	return 0;
}

/*
 * After ps_invalidate: the server will reply to that write with the number `request`. `expires` is
 * when the key will expire if the reply says that all was done as asked (PS_EXPIRES_ASK: unknown). Not
 * for a write that is not replied to.
 */
static __always_inline void ps_expect_reply(struct ps_scratch *s, __u32 request, __u64 expires)
{
	ps_ask(request, PS_ASKED_WRITE, expires);
}

/*
 * The server will reply with the number `request` to something that may change anything, or several
 * keys: besides ps_flush or ps_invalidate, whenever a reply is possible.
 */
static __always_inline void ps_expect_any(struct ps_scratch *s, __u32 request)
{
	ps_ask(request, PS_ASKED_ANY, PS_EXPIRES_ASK);
}

/*
 * The server will reply with the number `request` to a read that takes no lease, and the reply may
 * look like one that fills.
 */
static __always_inline void ps_expect_read(struct ps_scratch *s, __u32 request)
{
	ps_ask(request, PS_ASKED_READ, PS_EXPIRES_ASK);
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
		if (s->asked == PS_ASKING_NOT)
			ps_ask_here(s, request, PS_ASKED_READ, PS_EXPIRES_ASK);
		if (ps_read_once(s->asked) != PS_ASKING_LEASE)
			return;
	}
	ps_lease_now(s, request);
}

enum ps_reply_flags {
	PS_REPLY_READS_ONLY = 1, /* it holds nothing but values, or tells that there are none */
	PS_REPLY_AS_ASKED = 2, /* it tells that the write has done what it was asked to */
	PS_REPLY_GOES_ON = 4, /* in the next datagram */
};

/* What a reply tells: ps_reply_leaves for a plug-in that knows it as `flags`, enum ps_reply_flags. TC only. */
static __always_inline void ps_reply_leaves_as(struct ps_scratch *s, __u32 request, __u32 flags)
{
	__u32 kind = PS_ASKED_NOTHING, cohort = PS_COHORT_NONE, count = 0, serial = 0;
	__u64 who, key = 0, expires = PS_EXPIRES_ASK;
	bool known = false;
	struct ps_asked *a;

	who = ps_mix_end(ps_asker(s, request));
	a = ps_asked_of(who);
	if (!a)
		return;
	if (!ps_lock(&a->lock)) {
		ps_flush_leaving(s->pkt.service);
		return;
	}
	if (a->who == who) {
		kind = a->kind;
		key = a->key;
		count = a->count;
		serial = count ? a->serial : 0;
		/* A reply to a read need not look like one, but a write may have lost its place here. */
		known = count && (kind == PS_ASKED_WRITE ||
				  (kind == PS_ASKED_READ && a->tainted_until < a->since));
		if (count && !(flags & PS_REPLY_GOES_ON)) {
			cohort = a->cohort;
			if (count == 1 && (flags & PS_REPLY_AS_ASKED))
				expires = a->expires;
			if (count < PS_ASKED_MOST)
				a->count = count - 1;
		}
	} else if (a->forgotten == who && a->lost && a->lost < PS_ASKED_MOST &&
		   !(flags & PS_REPLY_GOES_ON)) {
		a->lost--;
		/* Whatever it looks like: there are writes whose replies look like a read's. */
		kind = PS_ASKED_ANY;
	}
	ps_unlock(&a->lock);

	/*
	 * From here on another request may take the place, and a read a lease: before the bump, which
	 * makes the lease void, or after it. What *this* reply holds cannot fill for it, since the
	 * serial is another one.
	 */
	s->serial = kind == PS_ASKED_READ ? serial : 0;
	if (kind == PS_ASKED_WRITE)
		ps_write_done(s->pkt.service, key, cohort, expires);
	/*
	 * What is not known to answer a read, nor that very write, may answer anything: a request
	 * that was not seen or found no room. Likewise one more reply to what was answered.
	 */
	if (kind == PS_ASKED_ANY || (!(flags & PS_REPLY_READS_ONLY) && !known))
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
 * `reads_only`: it holds nothing but values, or tells that there are none. `as_asked`: it tells that
 * the write has done what it was asked to. TC only.
 */
static __always_inline void ps_reply_leaves(struct ps_scratch *s, __u32 request, bool reads_only,
					    bool as_asked)
{
	ps_reply_seen(request,
		      (reads_only ? PS_REPLY_READS_ONLY : 0) | (as_asked ? PS_REPLY_AS_ASKED : 0));
}

/* The same for a datagram of a reply that goes on in the next one: with values, but not the last. */
static __always_inline void ps_reply_goes_on(struct ps_scratch *s, __u32 request)
{
	ps_reply_seen(request, PS_REPLY_READS_ONLY | PS_REPLY_GOES_ON);
}

#endif /* PRESTACK_ASKED_BPF_H */
