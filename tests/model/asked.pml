/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * core/udp/pending_request.bpf.h: which reply answers what, over UDP. One element of ps_pending_requests, for whoever is in this
 * model but APART, who has one for himself and never uses a number again. Included by udp.pml.
 *
 * Assumption (the time that a place is kept, PS_PENDING_NS), dropped by -DDROP_ASKED: a request whose
 * client uses its number again is answered within that time, or is a write that was noted.
 */
#ifndef APART
#define APART NOTHING
#endif

/* struct ps_pending_request; `since`: whether that is PS_PENDING_NS ago, and `tainted_until` whether it is not over */
mtype a_kind = nothing;
byte a_who = NOTHING, a_key, a_cohort, a_token, a_count, a_serial, a_forgotten = NOTHING, a_lost;
bool a_old, a_tainted;

#ifdef DROP_ASKED
#define LATE_GONE true
#else
#define LATE_GONE (flying == 0 && missed == 0)
#endif
active proctype Age()
{
end:
	do
	:: d_step { (a_count > 0 && !a_old && (a_kind != read || LATE_GONE)) -> a_old = true }
	:: d_step { (a_tainted && LATE_GONE) -> a_tainted = false }
	od
}

/* ps_note_displaced: writes that have no place here any more, or found none */
inline Forget(who, count)
{
	a_lost = (a_forgotten == who -> a_lost + count : count);
	a_forgotten = who
}

/* ps_note_repeat */
inline Again(sort, its_key, its_cohort)
{
	if
	:: sort == any || a_kind == any ||
	   (sort == write && a_kind == write && a_key != its_key) -> a_kind = any
	:: else ->
		if
		:: sort == write || a_kind == write ->
			if
			:: sort != a_kind || its_cohort != a_cohort -> a_cohort = COHORT_NONE
			:: else
			fi;
			a_key = (sort == write -> its_key : a_key);
			a_kind = write;
			a_token = 0
		:: else ->
#ifdef BREAK_SERIAL
			skip
#else
			a_serial++ /* the lease that was taken for the first one is void */
#endif
		fi
	fi;
	a_count++
}

/*
 * ps_note_request. `may`: whether leases may be taken; of a write, whether it is noted. One step: under the
 * element's lock.
 */
inline Note(me, sort, its_key, its_cohort, its_token, may)
{
	d_step {
		if
		:: me == APART -> kind = sort; may = true
#ifdef BREAK_REUSE
		:: me != APART && sort == read && a_who == me -> may = true
#endif
		:: else ->
			may = sort != read;
			if
			:: a_who == me && a_count > 0 && !(a_kind == read && sort == read && a_old) ->
				Again(sort, its_key, its_cohort);
				a_old = false
			:: a_who != me && a_count > 0 && !a_old ->
				a_tainted = true;
				may = false;
				if
				:: sort != read ->
					missed++;
#ifndef BREAK_NO_ROOM
					Forget(me, 1)
#endif
				:: else
				fi
			:: else ->
				if
				:: a_count > 0 && a_kind != read -> Forget(a_who, a_count)
				:: else
				fi;
				a_count = 1;
				a_kind = sort;
				if
				:: a_forgotten == me && a_lost > 0 ->
					a_kind = any;
					a_count = a_count + a_lost;
					a_lost = 0
				:: !(a_forgotten == me && a_lost > 0) && !a_tainted && sort == read ->
					a_serial++;
					may = true
				:: else
				fi;
				a_who = me;
				a_key = its_key;
				a_cohort = its_cohort;
				a_token = its_token;
				a_old = false
			fi;
			serial = a_serial
		fi
	}
}

/* ps_reply_seen, for each reply, `ends` if it is its last datagram. `reads`: it holds nothing but values. */
inline Leaves(me, reads, ends, expires, kind, key, cohort, count, token, g, ep)
{
	d_step {
		if
		:: me == APART -> count = 1; key = 0
		:: else ->
			kind = nothing;
			cohort = COHORT_NONE;
			count = 0;
			token = 0;
			key = 0;
			serial = 0;
			if
			:: a_who == me ->
				kind = a_kind;
				key = a_key;
				count = a_count;
				serial = (count > 0 && kind == read -> a_serial : 0);
				if
				:: count > 0 && ends -> cohort = a_cohort; a_count = count - 1
				:: else
				fi;
				token = (count == 1 -> a_token : 0)
			:: a_who != me && a_forgotten == me && a_lost > 0 && ends ->
				a_lost--;
				kind = any
			:: else
			fi
		fi
	};
	if
	:: kind == write && key == 0 -> Done(cohort, token, expires, g, ep)
	:: else
	fi;
#ifndef BREAK_UNMATCHED
	if
	:: kind == any || (!(reads) && (kind != write || count == 0)) -> EndEpoch()
	:: else
	fi;
#endif
	d_step { kind = 0; key = 0; cohort = 0; count = 0; token = 0 }
}
