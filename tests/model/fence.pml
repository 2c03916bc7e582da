/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The coherence protocol of core/{fence,cache,fill}.bpf.h as it is, for spin: one key with its
 * fence, one entry, one word of the index, one server. See docs/coherence.md; run by scripts/model.
 *
 * Every access to shared memory is a step of its own, in the code's order; memory is sequentially
 * consistent. The hash of the lease is perfect.
 *
 * Property (the assertions in Request): what a read gets from the cache is whole, and at least as
 * new as what the server had when the read began. A write's reply leaves after it was applied, so
 * this includes every write whose reply was seen before.
 *
 * Assumptions, each made in one place, and dropped by a macro (scripts/model has spin refute them):
 *
 *   ASSUME 1, in Time: a write has taken effect `settle` after it arrived.       -DDROP_APPLIED
 *   ASSUME 2, in Time: a reply with a value older than that write has left by then, for requests
 *             of one client that bear the same number (a retry).                 -DDROP_LEFT
 *             Not needed if clients never reuse a number:                        -DUNIQUE_NUMBERS
 *
 * Broken variants of the code: -DBREAK_..., below.
 */
#ifndef WRITES
#define WRITES 2
#endif
#ifndef REQUESTS /* reads that go to the server and fill if they miss: at least 2 */
#define REQUESTS 2
#endif
#ifndef READS /* reads that only look */
#define READS 1
#endif
#define NOTHING 255 /* no value */

/* The server: its value is the number of writes that took effect. */
byte version;
byte carries[REQUESTS] = NOTHING; /* value of each reply on its way to the end of the TC program */

/* Time. Each write draws a stamp when it reads the clock; `clock` is the last whose settle is over. */
byte stamps, clock;
byte applied[WRITES + 1]; /* by stamp: the version that the write made, 0 if not yet */

/* struct ps_fence and struct ps_service_state. */
byte generation, settle_until, lease;
byte epoch = 1, flush_settle_until;

/* The index: whether its word is this key's. struct ps_entry: the value is two words. */
bool word;
byte e_seq, e_epoch, e_data[2];

/* Who asks: requests 0 and 1 are one client's, the others are another's. */
#ifdef UNIQUE_NUMBERS
#define WHO(request) (request)
#else
#define WHO(request) ((request) < 2 -> 0 : (request))
#endif
/* ps_lease_of, never 0 */
#if defined(BREAK_LEASE_GENERATION)
#define LEASE(request, generation, epoch) (1 + WHO(request) + 16 * (epoch))
#elif defined(BREAK_LEASE_EPOCH)
#define LEASE(request, generation, epoch) (1 + WHO(request) + 4 * (generation))
#else
#define LEASE(request, generation, epoch) (1 + WHO(request) + 4 * (generation) + 16 * (epoch))
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

#ifdef DROP_APPLIED
#define TOOK_EFFECT(stamp) true
#else
#define TOOK_EFFECT(stamp) (applied[stamp] != 0) /* ASSUME 1 */
#endif
#if defined(DROP_APPLIED) || defined(DROP_LEFT)
#define OLD_LEFT(stamp) true
#else
#define OLD_LEFT(stamp) (carries[0] >= applied[stamp] && carries[1] >= applied[stamp]) /* ASSUME 2 */
#endif
#define SETTLED(stamp) (TOOK_EFFECT(stamp) && OLD_LEFT(stamp))

/* `settle` passes; how long that is compared with anything else is not known, but for this. */
active proctype Time()
{
end:
	do
	:: d_step {
		(clock < stamps && SETTLED(clock + 1)) -> clock++
	   }
	od
}

/* ps_fence_raise, or ps_flush: the same with the service's counters. */
inline Raise(until, counter)
{
#ifdef DROP_STORED
	d_step { (stamps == me) -> stamps++; stamp = stamps };
	until = stamp; /* broken: stored blindly, it can go back */
#else
	d_step { (stamps == me) -> stamps++; stamp = stamps };
	d_step { if :: until < stamp -> until = stamp :: else fi }; /* ps_settle: compare and swap */
#endif
	counter++
}

/* ps_invalidate after the fence, ps_entry_kill */
inline Kill()
{
	if
	:: word ->
		LOCKED(
			if
			:: !(e_seq & 1) && e_epoch -> e_epoch = 0; e_seq = e_seq + 2
			:: else
			fi
		)
	:: else
	fi
}

/*
 * A write, with or without a reply (nothing here waits for it), understood by the parser or not.
 * The writes are alike, so they are numbered in the order in which they read the clock.
 */
proctype Write(byte me)
{
	byte stamp;

	if
	:: true ->
#ifdef BREAK_KILL_FIRST
		Kill();
		Raise(settle_until, generation)
#else
		Raise(settle_until, generation);
		Kill()
#endif
	:: true -> Raise(flush_settle_until, epoch) /* not understood: ps_flush */
	fi;
	d_step { version++; applied[stamp] = version; stamp = 0 }
}

/* Another key takes the word, with an entry of the other class: this key's entry stays, unreachable. */
active proctype Evict()
{
	word = false
}

/* ps_lookup and ps_put_value: leaves `found` at YES, MISS, or RACED. The read begins with the first step. */
#define MISS 0
#define RACED 1
#define YES 2
inline Lookup()
{
	d_step { ep = epoch; floor = version };
	if
	:: word ->
		seq = e_seq;
		if
		:: !(seq & 1) && e_epoch == ep ->
			value = e_data[0];
			other = e_data[1];
			atomic {
#ifdef BREAK_SEQUENCE
				found = YES;
#else
				found = (e_seq == seq -> YES : RACED);
#endif
				if
				:: found == YES ->
					assert(value == other); /* not torn */
					assert(value >= floor) /* not stale */
				:: else
				fi
			}
		:: else
		fi
	:: else
	fi;
	atomic { floor = 0; seq = 0; value = 0; other = 0; ep = 0 }
}

proctype Read()
{
	byte floor, seq, value, other, ep, found;

	Lookup();
	found = 0
}

proctype Request(byte me)
{
	byte floor, seq, value, other, ep, found; /* of the lookup */
	byte g; /* of the lease, and of the fill */
	bool good, again;

	Lookup();
	if
	:: found == YES -> goto done
	:: found == RACED -> goto pass
	:: else
	fi;

	/* ps_lease_take. Its `now` is from before, so that it refuses more. */
	g = generation;
	ep = epoch;
#ifndef BREAK_SETTLE
	if
	:: settle_until <= clock
	:: else -> goto pass
	fi;
	if
	:: flush_settle_until <= clock
	:: else -> goto pass
	fi;
#endif
	lease = LEASE(me, g, ep);

pass:	/* The server answers, or not, or the reply is lost. It may be late, and be overtaken. */
	atomic {
		g = 0; ep = 0; found = 0;
		value = version;
		if
		:: carries[me] = value
		:: goto done
		fi
	};

reply:	/* ps_fill. Its first look at the lease only saves work. */
	ep = epoch;
	g = generation;
	if
	:: d_step { lease == LEASE(me, g, ep) -> lease = 0 }
	:: else -> goto left
	fi;
	/* ps_entry_own */
	LOCKED(good = !(e_seq & 1); e_seq = e_seq + good);
	if
	:: good
	:: else -> goto left
	fi;
#ifdef BREAK_CHECK_EARLY
	good = generation == g;
#endif
	word = true;
	e_data[0] = value;
	e_data[1] = value;
	/* ps_entry_publish */
#ifdef BREAK_CHECK_UNLOCKED
	good = generation == g;
#endif
#if defined(BREAK_GENERATION) || defined(BREAK_CHECK_EARLY) || defined(BREAK_CHECK_UNLOCKED)
	LOCKED(e_epoch = (good -> ep : 0); e_seq++);
#else
	LOCKED(good = generation == g; e_epoch = (good -> ep : 0); e_seq++);
#endif

left:
	atomic {
		g = 0; ep = 0; good = false;
		if
#ifdef DUPLICATE
		:: !again -> again = true; goto reply /* the same reply once more */
#endif
		:: carries[me] = NOTHING
		fi
	};
done:
	atomic { value = 0; again = false; found = 0 }
}

init
{
	byte i;

	atomic {
		for (i : 0 .. WRITES - 1) {
			run Write(i)
		}
		for (i : 0 .. REQUESTS - 1) {
			run Request(i)
		}
#if READS > 0
		for (i : 1 .. READS) {
			run Read()
		}
#endif
		i = 0
	}
}
