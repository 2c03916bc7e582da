/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * core/{fence,cache,fill}.bpf.h as they are, for spin: one key with its fence, one entry, one word of
 * the index, one server. Included by the models of the transports. docs/coherence.md; scripts/model.
 *
 * Every access to shared memory is a step of its own, in the code's order; memory is sequentially
 * consistent. Hashes do not collide. The server's value, its version, is the number of writes that it
 * has executed; the time that an item expires belongs to the version, so that an entry has two: that
 * of its value, and that which its expiry was learned from.
 *
 * Two properties, asserted where a read is answered from the cache (Lookup):
 *
 *   strict          Neither version is older than a write whose reply had left when the read began.
 *                   `settle` may run out at any moment.
 *   -DTIMED         Neither is older than what the server had when the read began, so that reads never
 *                   go back either. `settle` runs out only when the writes that arrived have been
 *                   executed, and their replies have left or are lost.
 *
 * Broken variants of the code: -DBREAK_...
 */
#define NOTHING 255 /* no value; no expiry known */

/* The server. `acknowledged` is the newest version whose write's reply has left. */
byte version, acknowledged;

/* struct ps_fence and struct ps_service_state */
byte generation, epoch = 1;
short lease;

/* The index: whether its word is this key's. struct ps_entry: the value is two words. */
bool word;
byte e_seq, e_epoch, e_data, e_expires = NOTHING;
#ifdef TORN
byte e_more;
#endif

#ifdef TIMED
/*
 * Each write draws a stamp when it arrives, and stands for the time `settle` after that; `clock` is the
 * last such time that is over. ps_fence.hold is one word: it changes in one step.
 */
byte stamps, clock;
byte h_count, h_cohort, h_until, settle_until;

/* Writes that have arrived and are not yet executed, or whose replies are on their way. */
byte under_way;
#ifdef SLOW
/* Who writes as 0 is slow: its time may be over at any moment. It is not promised anything, others are. */
byte quick;
#define COUNTED (me != 0)
#define QUICK quick = (me != 0 -> version : quick)
#define FLOOR quick
#else
#define COUNTED 1
#define QUICK skip
#define FLOOR version
#endif
#define BEGINS d_step { under_way = under_way + COUNTED; stamps++; stamp = stamps; now = clock }
#define ENDS under_way = under_way - COUNTED
#define NOW now = clock

active proctype Time()
{
end:
	do
	:: d_step { (clock < stamps && under_way == 0) -> clock++ }
	od
}

/* ps_hold: a write arrives. */
inline Hold(cohort)
{
	d_step {
		if
		:: now >= h_until -> h_cohort++; h_count = 1
		:: else -> h_count++
		fi;
		if
		:: stamp > h_until -> h_until = stamp
		:: else
		fi;
		cohort = h_cohort;
#ifdef BREAK_ALONE_EARLY
		alone = h_count == 1;
#endif
		now = 0;
		stamp = 0
	}
}

/* ps_release: its reply leaves. */
inline Release(cohort)
{
	d_step {
		if
#ifdef BREAK_COHORT
		:: h_count > 0 -> h_count--
#else
		:: h_cohort == cohort && h_count > 0 -> h_count--
#endif
		:: else
		fi
	}
}

/* Whether there are no leases, and what ps_flush does for that. */
#ifdef BREAK_HOLD
#define HELD false
#else
#define HELD ((h_count > 0 && now < h_until) || now < settle_until)
#endif
#define SETTLES d_step { if :: settle_until < stamp -> settle_until = stamp :: else fi; now = 0; stamp = 0 }
#else
/* If it may be over at any moment, it may always be: then nothing of it matters. */
#define FLOOR acknowledged
#define QUICK skip
#define BEGINS skip
#define ENDS skip
#define NOW skip
#define Hold(cohort) skip
#define Release(cohort) skip
#define HELD false
#define SETTLES skip
#endif

#ifdef EXPIRY
byte l_generation, l_epoch, l_expires = NOTHING; /* ps_fence.expiry_tag */
#endif

/*
 * What is done under the entry's lock. One step, as others that take the lock see it; or, -DLOCK_STEPS,
 * step by step, as readers see it, who take no lock.
 */
#ifdef LOCK_STEPS
bool lock;
#define LOCKED(what) atomic { !lock; lock = true }; what; lock = false
#else
#define LOCKED(what) d_step { what }
#endif

/* ps_entry_kill, under the lock */
#define REMOVE                                                                 \
	LOCKED(                                                                \
		if                                                             \
		:: !(e_seq & 1) && e_epoch -> e_epoch = 0; e_seq = e_seq + 2   \
		:: else                                                        \
		fi                                                             \
	)

/* ps_kill. Without the lock it looks whether there is anything to remove: the sequence, then the epoch. */
inline Kill()
{
	if
	:: word ->
		if
#ifdef BREAK_KILL_ORDER
		:: e_epoch -> REMOVE
		:: else ->
			if
			:: e_seq & 1 -> REMOVE
			:: else
			fi
#else
#ifdef BREAK_KILL_FILLED
		:: e_seq & 1 -> skip
#else
		:: e_seq & 1 -> REMOVE
#endif
		:: else ->
			if
			:: e_epoch -> REMOVE
			:: else
			fi
#endif
		fi
	:: else
	fi
}

/* ps_invalidate: a write arrives. Leaves its cohort, and in `token` what it found. */
inline Arrive(cohort, token)
{
#ifdef BREAK_KILL_FIRST
	Kill();
#endif
	Hold(cohort);
#ifdef EXPIRY
	d_step { generation++; token = generation };
	token = token + epoch;
#if defined(TIMED) && !defined(BREAK_ALONE)
	/* Is another write under way? Looked at after the bump: who comes later bumps later. */
#ifndef BREAK_ALONE_EARLY
	alone = h_count == 1;
#endif
	d_step { token = (alone -> token : 0); alone = false };
#endif
#else
	generation++;
#endif
#ifdef BREAK_RELEASE_AT_ARRIVAL
	Release(cohort);
#endif
#ifndef BREAK_KILL_FIRST
	Kill()
#endif
}

/* ps_write_done: its reply leaves. `expires`: NOTHING, or the version that it tells the expiry of. */
inline Done(cohort, token, expires, g, ep)
{
#ifndef BREAK_DONE_GENERATION
	d_step { g = generation; generation++ };
#endif
#ifdef EXPIRY
	ep = epoch;
#endif
#ifndef BREAK_DONE_KILL
	Kill();
#endif
#ifdef EXPIRY
	if
#ifdef BREAK_LEARN
	:: expires != NOTHING ->
#else
	:: expires != NOTHING && token == g + ep ->
#endif
		d_step { l_expires = expires; l_generation = g + 1; l_epoch = ep }
	:: else
	fi;
#endif
#ifndef BREAK_RELEASE_AT_ARRIVAL
	Release(cohort);
#endif
	d_step { g = 0; ep = 0 }
}

/* ps_flush: something arrives that is not understood. And ps_end_epoch: such a thing leaves. */
inline Flush()
{
	SETTLES;
	epoch++
}

inline EndEpoch()
{
	epoch++
}

/* ps_lookup and ps_put_value: leaves `found` at YES, MISS, or RACED. The read begins with the first step. */
#define MISS 0
#define RACED 1
#define YES 2
inline Lookup(floor, seq, value, other, expires, ep, found)
{
	d_step { floor = FLOOR; ep = epoch };
	if
	:: word ->
		seq = e_seq;
		if
		:: !(seq & 1) && e_epoch == ep ->
#ifdef TORN
			expires = e_expires;
			value = e_data;
			other = e_more;
#else
			d_step { expires = e_expires; value = e_data };
#endif
			atomic {
				if
				:: expires == NOTHING -> skip
#ifdef BREAK_SEQUENCE
				:: expires != NOTHING -> found = YES
#else
				:: expires != NOTHING -> found = (e_seq == seq -> YES : RACED)
#endif
				fi;
				if
				:: found == YES ->
#ifdef TORN
					assert(value == other);
#endif
					assert(value >= floor); /* stale */
					assert(expires >= floor) /* expired */
				:: else
				fi
			}
		:: else
		fi
	:: else
	fi;
	d_step { floor = 0; seq = 0; value = 0; other = 0; expires = 0; ep = 0 }
}

/* ps_lease_of, never 0. Over UDP the serial of ps_pending_requests tells the requests of one number apart. */
#ifdef BREAK_LEASE_GENERATION
#define OF_GENERATION(generation) 0
#else
#define OF_GENERATION(generation) (generation)
#endif
#ifdef BREAK_LEASE_EPOCH
#define OF_EPOCH(epoch) 0
#else
#define OF_EPOCH(epoch) (epoch)
#endif
#define LEASE(who, serial, generation, epoch) \
	(1 + (who) + 8 * (serial) + 64 * OF_GENERATION(generation) + 1024 * OF_EPOCH(epoch))

/* ps_lease_take, around what the transport asks. First what the lease is made of, then whether to take it. */
inline LeaseBegin(g, ep)
{
	NOW;
	g = generation;
	ep = epoch
}

inline LeaseEnd(who, serial, may, g, ep)
{
	if
	:: may && !(HELD) -> lease = LEASE(who, serial, g, ep)
	:: else
	fi;
	d_step { g = 0; ep = 0; now = 0 }
}

/* ps_fill of `value`. Its first look at the lease only saves work. */
inline Fill(who, serial, value, g, ep, expires, good)
{
	ep = epoch;
	g = generation;
	if
	:: d_step { lease == LEASE(who, serial, g, ep) -> lease = 0 } ->
#ifdef EXPIRY
		expires = (l_generation == g && l_epoch == ep -> l_expires : NOTHING);
#else
		expires = value;
#endif
		/* ps_entry_own */
		LOCKED(good = !(e_seq & 1); e_seq = e_seq + good);
		if
		:: good ->
#ifdef BREAK_CHECK_EARLY
			good = generation == g;
#endif
			word = true;
#ifdef TORN
			e_data = value;
			e_more = value;
			e_expires = expires;
#else
			d_step { e_data = value; e_expires = expires };
#endif
			/* ps_entry_publish */
#ifdef BREAK_CHECK_UNLOCKED
			good = generation == g;
#endif
#if defined(BREAK_GENERATION) || defined(BREAK_CHECK_EARLY) || defined(BREAK_CHECK_UNLOCKED)
			LOCKED(e_epoch = (good -> ep : 0); e_seq++);
#else
			LOCKED(good = generation == g; e_epoch = (good -> ep : 0); e_seq++);
#endif
			Ask(good)
		:: else
		fi
	:: else
	fi;
	d_step { g = 0; ep = 0; expires = 0; good = false }
}
