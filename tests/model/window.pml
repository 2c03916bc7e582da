/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The client's receive window on a connection on which the kernel answers: core/include/prestack/window.h.
 * The client reads when it likes, and sends requests and bare acknowledgements when it likes. The server
 * takes a window as Linux does (tcp_may_update_window), and sends all that it is allowed to. No byte may
 * reach the client beyond the edge that it gave.
 *
 * Numbers begin at 0 and are not scaled. Between XDP and the server's TCP nothing is lost or reordered.
 */
#ifndef REQUESTS
#define REQUESTS 3
#endif
#ifndef ACKS
#define ACKS 2
#endif
#define WINDOW 6
#define ANSWER 2 /* bytes of an answer of the kernel */
#define REPLY 5 /* bytes of a reply of the server, at most */

/* To the server: sequence number, acknowledgement, window, whether it is a request */
chan up = [REQUESTS + ACKS] of { byte, byte, byte, bool };
/* To the client: bytes */
chan down = [REQUESTS * REPLY] of { byte };

/* The client */
byte received, edge = WINDOW, asked;

/* struct ps_splice, and the requests that the server has not answered */
byte sent, out_add, in_skip, una, held = WINDOW, at, size, owed;

/* The server's socket */
byte snd, snd_una, snd_wl1, snd_wnd = WINDOW, todo, taken;

/* ps_window_give */
inline Give(ack, win)
{
	if
	:: ack > una || ack + win > held -> held = ack + win
	:: else
	fi;
	una = (ack > una -> ack : una)
}

/* The client sends a segment. XDP answers it, or passes it on. */
inline Segment(request)
{
	seq = asked;
	ack = received;
	win = edge - received;
	idle = owed == 0 && ack == sent + out_add;
	asked = asked + request;
	if
	:: request && idle && ANSWER <= win &&
#ifndef BREAK_EDGE
	   (una != sent || held + out_add + ANSWER <= ack + win) &&
#endif
	   true ->
		/* ps_answer_send */
		handed = una != sent;
		at = sent;
		size = ANSWER;
		out_add = out_add + ANSWER;
		down!ANSWER;
		if
		:: handed || true -> /* it may go through TC in any case */
#ifndef BREAK_HAND_OVER
			win = win - ANSWER;
			win = (win > 1 -> win / 2 : win);
#endif
			up!seq - in_skip, at, win, false;
			Give(at, win)
		:: !handed
		fi;
		in_skip++
	:: true ->
		/* ps_translate_in */
		if
		:: ack >= at + out_add -> ack_in = ack - out_add
		:: ack < at + out_add && ack + size >= at + out_add -> ack_in = at
		:: else -> ack_in = ack + size - out_add
		fi;
#ifndef BREAK_LACKING
		lacking = ack_in + out_add - ack;
		win = (win > lacking -> win - lacking : 0);
#endif
		if
		:: idle && !request -> win = (win > 1 -> win / 2 : win)
		:: else
		fi;
		up!seq - in_skip, ack_in, win, request;
		Give(ack_in, win);
		owed = owed + request
	fi;
	seq = 0; ack = 0; ack_in = 0; win = 0; lacking = 0; idle = false; handed = false
}

proctype Client()
{
	byte bytes, acks, seq, ack, ack_in, win, lacking;
	bool idle, handed;

end:
	do
	:: atomic {
		down?bytes -> received = received + bytes; bytes = 0;
		assert(received <= edge)
	}
	:: atomic { edge < received + WINDOW -> edge++ } /* it reads */
	:: atomic { acks < ACKS -> acks++; Segment(false) }
	:: atomic { asked < REQUESTS -> Segment(true) }
	od
}

proctype Server()
{
	byte seq, ack, win;
	bool request;

end:
	do
	:: atomic {
		up?seq, ack, win, request;
		if
		:: ack >= snd_una && (ack > snd_una || seq > snd_wl1 ||
				      (seq == snd_wl1 && win > snd_wnd)) ->
			snd_una = ack;
			snd_wl1 = seq;
			snd_wnd = win
		:: else
		fi;
		if
		:: request ->
			taken++;
			if
			:: todo = todo + 1
			:: todo = todo + REPLY
			fi
		:: else
		fi;
		seq = 0; ack = 0; win = 0; request = false
	}
	:: atomic {
		todo > 0 && snd < snd_una + snd_wnd ->
		snd++;
		todo--;
		sent = snd;
		if
		:: todo == 0 -> owed = owed - taken; taken = 0
		:: else
		fi;
		down!1
	}
	od
}

init
{
	atomic {
		run Client();
		run Server()
	}
}
