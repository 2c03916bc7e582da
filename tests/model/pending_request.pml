/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * core/udp/pending_request.bpf.h: which reply answers what, over UDP. One element of ps_pending_requests, for whoever is in this
 * model but APART, who has one for himself and never uses a number again. Included by udp.pml.
 *
 * Assumption (the time that a place is kept, PS_PENDING_NS), dropped by -DDROP_KEPT_PENDING: a request whose
 * client uses its number again is answered within that time, or is a write that was noted.
 */
#ifndef APART
#define APART NOTHING
#endif

/* struct ps_pending_request; `since`: whether that is PS_PENDING_NS ago, and `tainted_until` whether it is not over */
mtype p_kind = nothing;
byte p_requester = NOTHING, p_key, p_cohort, p_token, p_count, p_serial, p_displaced = NOTHING, p_nr_displaced;
bool p_old, p_tainted;

#ifdef DROP_KEPT_PENDING
#define LATE_GONE true
#else
#define LATE_GONE (flying == 0 && missed == 0)
#endif
active proctype Age()
{
end:
	do
	:: d_step { (p_count > 0 && !p_old && (p_kind != read || LATE_GONE)) -> p_old = true }
	:: d_step { (p_tainted && LATE_GONE) -> p_tainted = false }
	od
}

/* ps_note_displaced: writes that have no place here any more, or found none */
inline NoteDisplaced(who, count)
{
	p_nr_displaced = (p_displaced == who -> p_nr_displaced + count : count);
	p_displaced = who
}

/* ps_note_repeat */
inline NoteRepeat(sort, its_key, its_cohort)
{
	if
	:: sort == any || p_kind == any ||
	   (sort == write && p_kind == write && p_key != its_key) -> p_kind = any
	:: else ->
		if
		:: sort == write || p_kind == write ->
			if
			:: sort != p_kind || its_cohort != p_cohort -> p_cohort = COHORT_NONE
			:: else
			fi;
			p_key = (sort == write -> its_key : p_key);
			p_kind = write;
			p_token = 0
		:: else ->
#ifdef BREAK_SERIAL
			skip
#else
			p_serial++ /* the lease that was taken for the first one is void */
#endif
		fi
	fi;
	p_count++
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
		:: me != APART && sort == read && p_requester == me -> may = true
#endif
		:: else ->
			may = sort != read;
			if
			:: p_requester == me && p_count > 0 && !(p_kind == read && sort == read && p_old) ->
				NoteRepeat(sort, its_key, its_cohort);
				p_old = false
			:: p_requester != me && p_count > 0 && !p_old ->
				p_tainted = true;
				may = false;
				if
				:: sort != read ->
					missed++;
#ifndef BREAK_NO_ROOM
					NoteDisplaced(me, 1)
#endif
				:: else
				fi
			:: else ->
				if
				:: p_count > 0 && p_kind != read -> NoteDisplaced(p_requester, p_count)
				:: else
				fi;
				p_count = 1;
				p_kind = sort;
				if
				:: p_displaced == me && p_nr_displaced > 0 ->
					p_kind = any;
					p_count = p_count + p_nr_displaced;
					p_nr_displaced = 0
				:: !(p_displaced == me && p_nr_displaced > 0) && !p_tainted && sort == read ->
					p_serial++;
					may = true
				:: else
				fi;
				p_requester = me;
				p_key = its_key;
				p_cohort = its_cohort;
				p_token = its_token;
				p_old = false
			fi;
			serial = p_serial
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
			:: p_requester == me ->
				kind = p_kind;
				key = p_key;
				count = p_count;
				serial = (count > 0 && kind == read -> p_serial : 0);
				if
				:: count > 0 && ends -> cohort = p_cohort; p_count = count - 1
				:: else
				fi;
				token = (count == 1 -> p_token : 0)
			:: p_requester != me && p_displaced == me && p_nr_displaced > 0 && ends ->
				p_nr_displaced--;
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
