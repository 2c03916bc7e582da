/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A TCP connection, on top of cache.pml: core/tcp/pending_writes.bpf.h. Its requests arrive, are executed and
 * are replied to in order; replies are matched by counting. Beside it one client of its own whose read
 * may fill (its reply is known for what it is), and reads that only look.
 *
 * Requests are writes of the key, replied to or not (noreply), and others: with one reply, or with one or
 * none (maybe, a quiet command). The strict property here is that of all writes before a reply that
 * has left, replied to or not: the server has executed them.
 *
 * What the tracker makes of segments is not here: bytes are read in order, and not executed before.
 */
#ifndef REQUESTS
#define REQUESTS 3
#endif
#ifndef RING
#define RING 2 /* PS_RING */
#endif
#define Ask(good) skip
#include "cache.pml"

mtype = { nothing, write, noreply, plain, maybe };

/* struct ps_flow */
byte requests, replies, overflow_ordinal, pushed, popped, maybes;
byte r_ordinal[RING], r_cohort[RING];

/* On the way to the server */
mtype kinds[REQUESTS];
byte sent;

proctype Client()
{
	byte i, cohort, token, stamp, now, me;
	mtype kind;
	bool alone;

	for (i : 0 .. REQUESTS - 1) {
		if
		:: kind = write
		:: kind = noreply
		:: kind = plain
#ifdef MAYBE
		:: kind = maybe
#endif
		fi;
		if
		:: kind == write || kind == noreply ->
			BEGINS;
			Arrive(cohort, token);
			/* ps_pending_write_push */
			if
			:: pushed - popped == RING -> overflow_ordinal = requests + 1
			:: else ->
				d_step {
#ifdef BREAK_ORDINAL
					r_ordinal[pushed % RING] = (kind == write -> requests + 1 : requests);
#else
					r_ordinal[pushed % RING] = requests + 1;
#endif
					r_cohort[pushed % RING] = cohort;
					pushed++;
					cohort = 0
				}
			fi
		:: else
		fi;
		d_step {
			/* ps_count_request */
			if
			:: kind == write || kind == plain -> requests++
			:: kind == maybe -> maybes++
			:: else
			fi;
			kinds[i] = kind;
			sent++;
			kind = 0;
			token = 0
		}
	}
	i = 0
}

/* The server, and its replies on their way out */
proctype Server()
{
	byte i, j, cohort, token, g, ep, made, first, me;
	bool replied, exact;

	for (i : 0 .. REQUESTS - 1) {
		sent > i;
		d_step {
			if
			:: kinds[i] == write || kinds[i] == noreply -> version++; made = version
			:: else
			fi
		};
		if
		:: kinds[i] == write -> replied = true
		:: kinds[i] == noreply -> ENDS
		:: kinds[i] == plain -> replied = true
		:: kinds[i] == maybe -> replied = true
		:: kinds[i] == maybe
		fi;
		if
		:: replied ->
#ifdef BREAK_MAYBE
			exact = true;
#else
			exact = maybes == 0;
#endif
			first = replies;
			j = popped;
			if
			:: exact -> replies++
			:: else
			fi;
			/* ps_pending_write_pop, or _all */
			do
			:: j != pushed && (!exact || r_ordinal[j % RING] <= replies) ->
				cohort = (exact -> r_cohort[j % RING] : NOTHING);
				Done(cohort, token, NOTHING, g, ep);
				j++;
				if
				:: exact -> popped = j
				:: else
				fi
			:: else -> break
			od;
			if
#ifndef BREAK_UNRECORDED
			:: overflow_ordinal > first -> EndEpoch()
#endif
			:: else
			fi;
			d_step {
				acknowledged = made; replied = false; first = 0; j = 0; cohort = 0; exact = false
			};
			if
			:: kinds[i] == write -> ENDS
			:: else
			fi
		:: else
		fi
	}
	atomic { i = 0; made = 0 }
}

proctype Look()
{
	byte floor, seq, value, other, expires, ep, found;

	Lookup(floor, seq, value, other, expires, ep, found);
	found = 0
}

/* It has missed before anything else happened. */
proctype Request(byte me)
{
	byte value, expires, ep, g, now;
	bool good;

	LeaseBegin(g, ep);
	LeaseEnd(me, 0, true, g, ep);
	value = version;
	Fill(me, 0, value, g, ep, expires, good);
	atomic { value = 0; me = 0 }
}

init
{
	byte i;

	atomic {
		run Client();
		run Server();
		run Request(1);
		for (i : 1 .. LOOKS) {
			run Look()
		}
		i = 0
	}
}
