/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading one direction of a TCP connection in order, however it is cut into segments. No access to
 * maps: the same code compiles for BPF and natively, so it can be unit-tested and fuzzed.
 *
 * A stream is a sequence of messages, and a message is a head and a body. The plug-in parses heads
 * in a window: a copy of some bytes of the segment, behind the bytes left over from earlier
 * segments (the carry). Bodies are skipped by their length and never looked at.
 *
 * Positions count from the start of the carry and the new bytes of this segment behind it (struct
 * ps_reader). The plug-in's positions count from the start of the window.
 */
#ifndef PRESTACK_STREAM_H
#define PRESTACK_STREAM_H

#include <prestack/cursor.h>

#define PS_CARRY_SIZE 512 /* bytes of a head that can be kept for the next segment */
#define PS_MAX_BODY 0x7fffffff
#define PS_RECORDS 16 /* byte ranges remembered, to check retransmissions */

/* What a plug-in says of the message at its position. */
enum ps_message_kind {
	PS_MESSAGE_LOST, /* not understood: where the next message begins is not known */
	PS_MESSAGE_WHOLE, /* the whole head is in the window */
	PS_MESSAGE_PARTIAL, /* the head goes on behind the window */
};

enum ps_message_flags {
	/* Request: it may get a reply or not. */
	PS_MESSAGE_MAYBE = 1,
	/*
	 * Request: its reply cannot be mistaken for that of a MAYBE request. Reply: to such a
	 * request.
	 */
	PS_MESSAGE_SYNC = 2,
	/* Reply: the write succeeded. */
	PS_MESSAGE_SUCCEEDED = 4,
	/* Reply: an error of a kind that a request without a reply may also cause. */
	PS_MESSAGE_ERROR = 8,
	/* Reply: to a read of a kind that the kernel could answer, and not a refusal. */
	PS_MESSAGE_SERVES = 16,
	/* Request: from here on the kernel answers nothing on this connection. */
	PS_MESSAGE_ENDS_SERVICE = 32,
	/* Request: more messages of it follow; the server does nothing before the last one. */
	PS_MESSAGE_GOES_ON = 64,
};

struct ps_message {
	__u32 kind; /* enum ps_message_kind */
	__u32 next; /* position after the consumed bytes: the head, or a part of it */
	__u32 body; /* length of the body, which is skipped */
	/*
	 * Request: how many replies it surely gets, 0 or 1. Reply: how many replies end here. That
	 * is more than 1 only for several replies in a row with the same flags, none of them SYNC
	 * or ERROR.
	 */
	__u32 replies;
	__u32 flags; /* enum ps_message_flags */
	__u32 state; /* in and out: the plug-in's own word, for heads consumed in parts; first 0 */
};

/* One direction of a connection, between two segments. */
struct ps_stream {
	__u32 next; /* sequence number of the first byte not read yet */
	__u32 skip; /* bytes of a body still to come */
	__u32 state; /* ps_message.state */
	__u32 carry_len;
	__u32 ahead_from; /* [ahead_from, ahead_to): bytes of the body that came early */
	__u32 ahead_to; /* equal to ahead_from: none */
	__u8 carry[PS_CARRY_SIZE + 8]; /* the bytes before `next` that are not consumed */
};

/* Reading one segment. */
struct ps_reader {
	__u32 pos; /* position of the next byte to read */
	__u32 total; /* carry and new bytes together */
	__u32 carried; /* length of the carry */
	__u32 base; /* position of the window's first byte */
	__u32 len; /* bytes in the window */
	__u32 begun; /* the body at the start of the segment began in an earlier one */
	__u32 body_done; /* and that body is over */
	__u32 heads_from; /* [heads_from, heads_to): the bytes that were read and not skipped */
	__u32 heads_to;
};

/* What a segment is to a stream. */
enum ps_accept {
	PS_ACCEPT_READ, /* in order, perhaps with old bytes in front */
	PS_ACCEPT_OLD, /* all of its bytes were read before */
	PS_ACCEPT_INSIDE, /* ahead of order, but wholly within a body: noted */
	PS_ACCEPT_AHEAD, /* ahead of order */
};

/* What to do next in a segment. */
enum ps_step {
	PS_STEP_LOAD, /* load the window at `pos`, then parse */
	PS_STEP_PARSE, /* the plug-in parses at window position pos - base */
	PS_STEP_DONE, /* all is read: call ps_stream_close */
	PS_STEP_LOST,
	PS_STEP_SINGLE, /* the segment was a single message, and is done */
};

/* Distance of sequence numbers, which wrap around: greater than 0 if a comes after b. */
ps_inline __s32 ps_seq_diff(__u32 a, __u32 b)
{
	return (__s32)(a - b);
}

/*
 * Notes that bytes [from, to) of the body came early. False: they do not join those already noted.
 */
ps_inline int ps_stream_note_ahead(struct ps_stream *st, __u32 from, __u32 to)
{
	if (st->ahead_from == st->ahead_to) {
		st->ahead_from = from;
		st->ahead_to = to;
		return 1;
	}
	if (ps_seq_diff(from, st->ahead_to) > 0 || ps_seq_diff(to, st->ahead_from) < 0)
		return 0;
	if (ps_seq_diff(from, st->ahead_from) < 0)
		st->ahead_from = from;
	if (ps_seq_diff(to, st->ahead_to) > 0)
		st->ahead_to = to;
	return 1;
}

/* Classifies a segment of `len` > 0 bytes, enum ps_accept. READ: its first *old bytes are old. */
ps_inline int ps_stream_accept(struct ps_stream *st, __u32 seq, __u32 len, __u32 *old)
{
	__s32 gap = ps_seq_diff(seq, st->next);

	*old = 0;
	if (gap > 0) {
		if ((__u32)gap + len <= st->skip && ps_stream_note_ahead(st, seq, seq + len))
			return PS_ACCEPT_INSIDE;
		return PS_ACCEPT_AHEAD;
	}
	if ((__u32)-gap >= len)
		return PS_ACCEPT_OLD;
	*old = -gap;
	return PS_ACCEPT_READ;
}

/* Begins to read a segment with `fresh` new bytes. */
ps_inline void ps_stream_open(const struct ps_stream *st, struct ps_reader *r, __u32 fresh)
{
	r->pos = 0;
	r->carried = st->carry_len;
	r->total = st->carry_len + fresh;
	r->base = 0;
	r->len = 0;
	r->begun = st->skip > 0;
	r->body_done = 0;
	r->heads_from = r->total;
	r->heads_to = 0;
}

/* Whether the next byte begins a message. */
ps_inline int ps_stream_at_boundary(const struct ps_stream *st)
{
	return !st->skip && !st->carry_len;
}

/*
 * The same for a stream at a boundary and a segment that is in the window as a whole. The plug-in
 * has looked at the message at window position 0 already, so ps_stream_take can follow at once.
 */
ps_inline void ps_stream_open_window(const struct ps_stream *st, struct ps_reader *r, __u32 len)
{
	ps_stream_open(st, r, len);
	r->len = len;
	r->heads_from = 0;
}

/*
 * Whether a segment of `len` bytes that begins with this message is exactly that message with its
 * body.
 */
ps_inline int ps_message_fills(const struct ps_message *m, __u32 len)
{
	return m->kind == PS_MESSAGE_WHOLE && m->next && m->next <= len && m->body == len - m->next;
}

/*
 * The fast way for such a segment, in a stream at a boundary. It does what the functions from
 * ps_stream_open to ps_stream_close would do.
 */
ps_inline void ps_stream_take_all(struct ps_stream *st, const struct ps_message *m, __u32 len)
{
	st->state = m->state;
	st->next += len;
}

/* Skips `n` bytes of the body, at most what is left of it. */
ps_inline void ps_stream_skip(struct ps_stream *st, struct ps_reader *r, __u32 n)
{
	st->skip -= n;
	if (!st->skip && r->begun) {
		r->begun = 0;
		r->body_done = 1;
	}
}

/* Skips what is left of a body. Returns what to do next, enum ps_step; never LOST. */
ps_inline int ps_stream_step(struct ps_stream *st, struct ps_reader *r)
{
	__u32 left = r->total - r->pos, n = st->skip < left ? st->skip : left;

	if (n) {
		r->pos += n;
		ps_stream_skip(st, r, n);
	}
	if (r->pos >= r->total)
		return PS_STEP_DONE;
	if (r->heads_from > r->pos)
		r->heads_from = r->pos;
	return r->pos - r->base < r->len ? PS_STEP_PARSE : PS_STEP_LOAD;
}

/*
 * Applies what the plug-in says of the message at `pos`. Returns enum ps_step; PARSE: call
 * ps_stream_step.
 */
ps_inline int ps_stream_take(struct ps_stream *st, struct ps_reader *r, const struct ps_message *m)
{
	__u32 from = r->pos - r->base;

	st->state = m->state;
	if (m->next < from || m->next > r->len)
		return PS_STEP_LOST;
	r->pos = r->base + m->next;
	if (m->kind == PS_MESSAGE_WHOLE) {
		if (m->next == from || m->body > PS_MAX_BODY)
			return PS_STEP_LOST;
		r->heads_to = r->pos;
		st->skip = m->body;
		return PS_STEP_PARSE;
	}
	if (m->kind != PS_MESSAGE_PARTIAL)
		return PS_STEP_LOST;
	r->heads_to = r->total;
	if (m->next > from)
		return PS_STEP_PARSE;
	if (r->base + r->len < r->total) {
		/* The segment has more bytes, if the window can move on. */
		if (!from)
			return PS_STEP_LOST;
		r->len = 0;
		return PS_STEP_PARSE;
	}
	return r->total - r->pos <= PS_CARRY_SIZE ? PS_STEP_DONE : PS_STEP_LOST;
}

/* Copies up to PS_CARRY_SIZE bytes. */
ps_inline void ps_stream_copy(__u8 *to, const __u8 *from, __u32 n)
{
#ifdef __bpf__
	/*
	 * The bound is tested right before its use, as the verifier needs it. The callers keep
	 * within the buffers.
	 */
	ps_opaque(n);
	if (n <= PS_CARRY_SIZE)
		bpf_probe_read_kernel(to, n, from);
#else
	memcpy(to, from, n);
#endif
}

/*
 * Ends a segment: keeps the bytes not consumed, which are the end of the window, and advances
 * `next`.
 */
ps_inline void ps_stream_close(struct ps_stream *st, struct ps_reader *r, const __u8 *window)
{
	__u32 from = r->pos - r->base, left = r->total - r->pos;

	if (left) {
		ps_opaque(from);
		ps_stream_copy(st->carry, window + (from & (PS_IN_SIZE - 1)), left);
	}
	st->carry_len = left;
	st->next += r->total - r->carried;
	if (st->ahead_from == st->ahead_to || ps_seq_diff(st->next, st->ahead_from) < 0)
		return;
	if (ps_seq_diff(st->next, st->ahead_to) < 0) {
		ps_stream_skip(st, r, st->ahead_to - st->next);
		st->next = st->ahead_to;
	}
	st->ahead_from = st->ahead_to;
}

/* Copies the carry from `pos` on into the window. Returns how many bytes that are. */
ps_inline __u32 ps_stream_uncarry(const struct ps_stream *st, const struct ps_reader *r,
				  __u8 *window)
{
	__u32 at = r->pos, n = at < r->carried ? r->carried - at : 0;

	if (n) {
		ps_opaque(at);
		ps_stream_copy(window, st->carry + (at & (PS_CARRY_SIZE - 1)), n);
	}
	return n;
}

/*
 * A range of bytes that was read and may be retransmitted before the server has it. Retransmitted
 * heads must be the same bytes, so their range has a hash. The bytes of a body may differ.
 */
struct ps_record {
	__u32 from; /* [from, to): sequence numbers */
	__u32 to;
	__u64 hash; /* 0: a body */
};

struct ps_records {
	__u32 count; /* made so far; the last PS_RECORDS are kept */
	__u32 reserved;
	struct ps_record record[PS_RECORDS];
};

ps_inline void ps_records_add(struct ps_records *rs, __u32 from, __u32 to, __u64 hash)
{
	struct ps_record *r;
	__u32 i = rs->count++;

	ps_opaque(i);
	r = &rs->record[i & (PS_RECORDS - 1)];
	r->from = from;
	r->to = to;
	r->hash = hash;
}

/*
 * Where the heads are in the segment's new bytes, from the first to the end of the last. Returns
 * their length, or 0.
 */
ps_inline __u32 ps_reader_heads(const struct ps_reader *r, __u32 *from)
{
	*from = r->heads_from > r->carried ? r->heads_from : r->carried;
	return r->heads_to > *from ? r->heads_to - *from : 0;
}

/*
 * Records what of a segment may be retransmitted. `begin`: `next` before the segment. `hash`: hash
 * of the bytes that ps_reader_heads tells.
 */
ps_inline void ps_records_note(struct ps_records *rs, const struct ps_stream *st,
			       const struct ps_reader *r, __u32 begin, __u64 hash)
{
	__u32 base = begin - r->carried, end = st->next + st->skip, from;
	__u32 n = ps_reader_heads(r, &from);

	if (n)
		ps_records_add(rs, base + from, base + from + n, hash);
	/*
	 * After the last head comes its body: the rest of this segment, and what is still to come.
	 */
	if (r->heads_to && base + r->heads_to != end)
		ps_records_add(rs, base + r->heads_to, end, 0);
}

/* The same for a segment that ps_stream_take_all took. `hash`: hash of its head. */
ps_inline void ps_records_note_all(struct ps_records *rs, const struct ps_stream *st,
				   const struct ps_message *m, __u64 hash)
{
	__u32 end = st->next, body = end - m->body;

	ps_records_add(rs, body - m->next, body, hash);
	if (m->body)
		ps_records_add(rs, body, end, 0);
}

/*
 * The record that covers byte `at` of a segment [from, to): a body, or heads that lie within the
 * segment as a whole. Returns PS_RECORDS if there is none.
 */
ps_inline __u32 ps_records_find(const struct ps_records *rs, __u32 at, __u32 from, __u32 to)
{
	__u32 i;

	for (i = 0; i < PS_RECORDS; i++) {
		const struct ps_record *r = &rs->record[i];

		if (ps_seq_diff(at, r->from) < 0 || ps_seq_diff(at, r->to) >= 0)
			continue;
		if (!r->hash || (ps_seq_diff(r->from, from) >= 0 && ps_seq_diff(r->to, to) <= 0))
			break;
	}
	return i;
}

#endif /* PRESTACK_STREAM_H */
