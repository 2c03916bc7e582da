/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requests and replies over UDP, on top of cache.pml and pending_request.pml. Writes and reads of several clients
 * are executed by the server in any order, at any time after they arrived.
 *
 * Who asks (a client with a request number) is a small number. W0, W1 and R0..R2 say who the writes and
 * the reads are, K0 and K1 which key the writes are to: 0 is that of cache.pml, 1 another, with another
 * fence.
 *
 *   -DPLAIN     no client uses a number again, and each reply is known for what it is
 *   -DLOSSES    requests and replies may be lost
 *   -DFLUSHES   a write may be one that is not understood
 *   -DNOREPLY   a write may be one that is not replied to
 *   -DGAT       the reply to a write looks like that to a read
 *   -DTWO       a reply to a read is two datagrams, and the second has the value
 *   -DRESTART   the server may be restarted
 *   -DEXPIRY    an entry is served when its expiry was learned or asked for; without, it always is
 *   -DEVICT     another key takes the index word
 */
#ifndef W0
#define W0 0
#endif
#ifndef W1
#define W1 1
#endif
#ifndef R0
#define R0 2
#endif
#ifndef R1
#define R1 3
#endif
#ifndef R2
#define R2 4
#endif
#ifndef K0
#define K0 0
#endif
#ifndef K1
#define K1 0
#endif

#ifdef EXPIRY
/* The entry whose expiry is asked for. */
byte question;
bool asking;
#define Ask(good) if :: good && expires == NOTHING -> d_step { question = e_seq; asking = true } :: else fi
#define TOLD made
#else
#define Ask(good) skip
#define TOLD NOTHING
#endif

#include "cache.pml"

#ifdef RESTART
/*
 * The server has then lost everything: its data, which counts as a write, and what it was about to send.
 * That write's reply is whatever the new server sends first.
 */
bool restarted, known;
byte restart;
#define BY by = restarted
#define SENT d_step { if :: by && acknowledged < restart -> acknowledged = restart :: else fi; by = false }
inline Sends()
{
	if
	:: by == restarted
	:: else -> goto lost
	fi;
	/* ps_server_socket */
	if
	:: by && !known ->
#ifdef BREAK_REMEMBER_FIRST
		known = true;
#endif
#ifndef BREAK_RESTART
		EndEpoch();
#endif
		known = true
	:: else
	fi
}
active proctype Restart()
{
	d_step { restarted = true; version++; restart = version }
}
#else
#define BY skip
#define SENT skip
#define Sends() skip
#endif

mtype = { nothing, read, write, any };
#define COHORT_NONE 254
byte flying, missed; /* reads at the server or on the way back; writes that found no room, too */

#ifdef PLAIN
#define Note(me, sort, its_key, its_cohort, its_token, may) d_step { kind = sort; may = true }
inline Leaves(me, reads, ends, expires, kind, key, cohort, count, token, g, ep)
{
	if
	:: kind == write -> Done(cohort, token, expires, g, ep)
	:: kind == any -> EndEpoch()
	:: else
	fi;
	d_step { kind = 0; cohort = 0; token = 0 }
}
#else
#include "pending_request.pml"
#endif

#ifdef GAT
#define READS true
#else
#define READS false
#endif

/* A write, replied to or not, understood or not. */
proctype Write(byte me; byte key)
{
	byte cohort, token, g, ep, made, count, stamp, now, serial;
	mtype kind;
	bool may, alone, by;

	BEGINS;
	if
	:: key == 0 ->
		if
		:: true ->
			Arrive(cohort, token);
			if
			:: true -> Note(me, write, 0, cohort, token, may)
#ifdef NOREPLY
			:: true ->
				d_step { version++; QUICK; ENDS; cohort = 0; token = 0 };
				goto done
#endif
			fi
#ifdef FLUSHES
		:: true -> Flush(); Note(me, any, 0, COHORT_NONE, 0, may)
#endif
		fi
	:: else -> Note(me, write, key, 0, 0, may)
	fi;
	d_step {
		serial = 0;
		if
		:: kind == 0 -> cohort = 0; token = 0
		:: else
		fi
	};
	/* At the server */
	if
	:: d_step { key == 0 -> version++; made = version; BY; QUICK }
	:: d_step { key != 0 -> made = 0 }
#ifdef LOSSES
	:: goto lost
#endif
	fi;
#ifdef LOSSES
	if
	:: goto lost
	:: true
	fi;
#endif
	Sends();
	Leaves(me, READS, true, TOLD, kind, key, cohort, count, token, g, ep);
	d_step { acknowledged = (acknowledged < made -> made : acknowledged) };
	SENT;
lost:	atomic { ENDS; missed = missed - !may; may = false; made = 0; key = 0; kind = 0; cohort = 0; token = 0 };
done:	skip
}

proctype Look()
{
	byte floor, seq, value, other, expires, ep, found;

	Lookup(floor, seq, value, other, expires, ep, found);
	found = 0
}

proctype Request(byte me)
{
	byte floor, seq, other, found; /* of the lookup */
	byte value, expires, ep; /* of the lookup, and of the reply */
	byte g, cohort, token, key, count, now, serial, mine;
	mtype kind;
	bool may, good, by;

	Lookup(floor, seq, value, other, expires, ep, found);
	if
	:: found == YES -> goto done
	:: else
	fi;
	flying++;
	Note(me, read, 0, COHORT_NONE, 0, may);
	LeaseBegin(g, ep);
	LeaseEnd(me, serial, may, g, ep);
	d_step { found = 0; may = false; serial = 0 };
	/* At the server */
	if
	:: d_step { value = version; BY }
#ifdef LOSSES
	:: goto lost
#endif
	fi;
	Sends();
#ifdef TWO
#ifdef BREAK_GOES_ON
	Leaves(me, true, true, NOTHING, kind, key, cohort, count, token, g, ep);
#else
	Leaves(me, true, false, NOTHING, kind, key, cohort, count, token, g, ep);
#endif
	serial = 0;
#endif
	Leaves(me, true, true, NOTHING, kind, key, cohort, count, token, g, ep);
	Fill(me, serial, value, g, ep, expires, good);
	SENT;
lost:	atomic { flying--; value = 0; serial = 0; kind = 0 };
done:	atomic { found = 0; me = 0 }
}

#ifdef EXPIRY
/* The agent: asks the server, and answers through ps_set_expiry. */
active proctype Agent()
{
	byte asked_entry, answer;

end:
	do
	:: d_step { asking -> asking = false; asked_entry = question };
		answer = version;
#ifdef BREAK_EXPIRY_ANSWER
		LOCKED(e_expires = answer);
#else
		LOCKED(if :: e_seq == asked_entry -> e_expires = answer :: else fi);
#endif
		d_step { asked_entry = 0; answer = 0 }
	od
}
#endif

#ifdef EVICT
/* Another key takes the word, with an entry of the other class: this key's entry stays, unreachable. */
active proctype Evict()
{
	word = false
}
#endif

init
{
	byte i;

	atomic {
#if WRITES > 0
		run Write(W0, K0);
#endif
#if WRITES > 1
		run Write(W1, K1);
#endif
#if REQUESTS > 0
		run Request(R0);
#endif
#if REQUESTS > 1
		run Request(R1);
#endif
#if REQUESTS > 2
		run Request(R2);
#endif
		for (i : 1 .. LOOKS) {
			run Look()
		}
		i = 0
	}
}
