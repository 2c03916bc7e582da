/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Splicing: answers of the kernel on a TCP connection of the server. What is kept for it, and how
 * sequence numbers are translated. docs/tcp.md explains it. No access to maps, so it can be
 * unit-tested.
 *
 * The server never sees the requests that the kernel answers, and the client gets replies that the
 * server never sent. So the two ends count bytes differently. The client's number of a request byte
 * is the server's number + in_skip. The client's number of a reply byte is the server's number +
 * the high half of `sent`.
 *
 * There is one answer at a time. Both ends had acknowledged everything before it when it was given.
 * So the translation of an older number only has to be an old number, too.
 */
#ifndef PRESTACK_SPLICE_H
#define PRESTACK_SPLICE_H

#include <prestack/cursor.h>
#include <prestack/types.h>

#define PS_MAX_SEGMENT_REPLY 1460 /* bytes of an answer: one segment */
#define PS_OPTION_WORDS 10 /* of options, at most */
#define PS_OPTION_MASK 15 /* their buffers have so many words, so that the verifier knows a bound */
#define PS_TCP_STAMPED 0x0101080a /* options: two no-ops, and timestamps of ten bytes */
#define PS_TCP_SACK                                                                                \
	0x01010500 /* two no-ops, and SACK blocks of as many bytes as the last byte says */
#define PS_TCP_NOPS 0x01010101

/*
 * Part of each flow. The owner of the flow's requests writes it, with these exceptions: the egress
 * hook writes `sent`, `window` and `tsval`; any program writes `client_ack` and `server_una`, which
 * are hints that only grow, `edge` together with `server_una`, and `mss`, which only shrinks.
 * Offsets are 0 until the first answer. From then on every segment is translated, even if the flow
 * is lost.
 */
struct ps_splice {
	/*
	 * Next byte that the server will send, in its numbers | bytes answered here so far << 32.
	 */
	__u64 sent;
	__u64 passed_at; /* when a request last went to the server, ns */
	__u32 turn; /* odd while the members down to `len` change */
	__u32 in_skip; /* bytes of requests answered here so far */
	/* The last answer. */
	__u32 from; /* [from, to) is its request, in the client's numbers */
	__u32 to;
	__u32 at; /* its place in the server's replies, in the server's numbers */
	__u32 len; /* its bytes */
	__u32 client_ack; /* what the client has acknowledged, in its numbers */
	__u32 server_una; /* as far as the server knows, in its numbers; valid with `known` */
	__u32 known; /* the server has answered a read here; the members below are valid */
	__u32 mss; /* bytes of data that the client and its path take in one segment */
	__u32 scale; /* window scale of the client */
	__u32 timestamps; /* both ends use them */
	__u32 window; /* of the server, as its last segment told it */
	__u32 tsval; /* the server's last timestamp, net */
	__u32 ts_recent; /* the client's timestamp in the last request answered here */
	__u32 refused; /* the kernel must not answer on this flow any more */
	__u32 edge; /* the server sends no byte from here on, in its numbers: the end of its window */
	__u32 reserved;
	__u8 reply[(PS_MAX_SEGMENT_REPLY + 7) / 8 * 8 +
		   8]; /* the last answer, until it is acknowledged */
};

/* The numbers of struct ps_splice at one moment. */
struct ps_shift {
	__u32 in_skip;
	__u32 out_add;
	__u32 to;
	__u32 at;
	__u32 len;
	__u32 from;
};

/* Client's sequence number -> server's. A request answered here is an old number for the server. */
ps_inline __u32 ps_shift_seq_in(const struct ps_shift *h, __u32 seq)
{
	return seq - h->in_skip;
}

/* End of the last answer, client's count. */
ps_inline __u32 ps_shift_answer_end(const struct ps_shift *h)
{
	return h->at + h->out_add;
}

/* Whether the client's acknowledgement `ack` covers the last answer. */
ps_inline int ps_shift_answer_acked(const struct ps_shift *h, __u32 ack)
{
	return (__s32)(ack - ps_shift_answer_end(h)) >= 0;
}

/*
 * Client's acknowledgement -> server's. One within the answer acknowledges all that was before the
 * answer.
 */
ps_inline __u32 ps_shift_ack_in(const struct ps_shift *h, __u32 ack)
{
	__s32 beyond = (__s32)(ack - ps_shift_answer_end(h));

	if (beyond >= 0)
		return ack - h->out_add;
	if (beyond >= -(__s32)h->len)
		return h->at;
	return ack - (h->out_add - h->len);
}

/*
 * Server's sequence number -> client's. A byte from before the answer, sent again, stays before it.
 */
ps_inline __u32 ps_shift_seq_out(const struct ps_shift *h, __u32 seq)
{
	if ((__s32)(seq - h->at) >= 0)
		return seq + h->out_add;
	return seq + (h->out_add - h->len);
}

/*
 * Server's acknowledgement -> client's. `bare`: the segment has no data and no FIN. A bare
 * acknowledgement must not cover the request that was answered here before the client has the
 * answer: if the answer got lost, the client has to send the request again. A segment with data
 * makes the client report by itself what it lacks.
 */
ps_inline __u32 ps_shift_ack_out(const struct ps_shift *h, __u32 ack, __u32 client_ack, int bare)
{
	__u32 shifted = ack + h->in_skip;

	if (bare && !ps_shift_answer_acked(h, client_ack) && (__s32)(shifted - h->from) > 0)
		return h->from;
	return shifted;
}

#define PS_SHIFT_FAR (1U << 28)

/*
 * Whether the last answer is so far back that its numbers will soon be ambiguous, since sequence
 * numbers wrap around. `sent`: what the server will send next. `acked`: what it has acknowledged, in
 * the client's numbers.
 */
ps_inline int ps_shift_is_far(const struct ps_splice *sp, __u32 sent, __u32 acked)
{
	return sent - sp->at > PS_SHIFT_FAR || acked - sp->to > PS_SHIFT_FAR;
}

/* Whether nothing from before the last answer, and nothing of it, can be asked for again. */
ps_inline int ps_shift_is_over(const struct ps_splice *sp)
{
	__u32 end = sp->at + (__u32)(sp->sent >> 32);

	return (__s32)(sp->server_una - sp->at) >= 0 && (__s32)(sp->client_ack - end) >= 0;
}

/*
 * Translates the options of a segment, `n` <= PS_OPTION_WORDS words at `w`: the edges of SACK
 * blocks move by `add`. A block with an edge before `least` has another offset, so its option is
 * replaced by no-ops. The same happens to every option that is not in the form that RFC 7323,
 * appendix A, recommends and all stacks use. Returns whether anything changed.
 */
ps_inline int ps_shift_options(__u32 *w, __u32 n, __u32 least, __u32 add)
{
	__u32 first = w[0] == __builtin_bswap32(PS_TCP_STAMPED) ? 3 : 0, good;
	__u32 head, size = n - first;

	if (n <= first || n > PS_OPTION_WORDS)
		return 0;
	ps_opaque(first);
	head = w[first & 3];
	/* Two no-ops, SACK, its length: itself and two words for each block. */
	good = head == __builtin_bswap32(PS_TCP_SACK | (2 + 4 * (size - 1))) && (size & 1);
	for (__u32 i = 1; i < PS_OPTION_WORDS; i++) {
		__u32 at = first + i, edge;

		if (i >= size)
			break;
		ps_opaque(at);
		edge = __builtin_bswap32(w[at & PS_OPTION_MASK]);
		good &= (__s32)(edge - least) >= 0;
		w[at & PS_OPTION_MASK] = __builtin_bswap32(edge + add);
	}
	if (good)
		return 1;
	for (__u32 i = 0; i < PS_OPTION_WORDS; i++) {
		__u32 at = first + i;

		if (i >= size)
			break;
		ps_opaque(at);
		w[at & PS_OPTION_MASK] = PS_TCP_NOPS;
	}
	return 1;
}

PS_STATIC_ASSERT(sizeof(struct ps_splice) % 8 == 0, "ps_splice");

#endif /* PRESTACK_SPLICE_H */
