/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Replies: where each ends, and the values that can be cached. A reply is one value, whatever is nested in
 * it; how many elements are still to come is all that has to be known, so nothing limits the depth.
 */
#ifndef PRESTACK_REDIS_REPLY_H
#define PRESTACK_REDIS_REPLY_H

#include "resp.h"

/* Bits of ps_message.state in the direction of replies. */
#define RD_ELEMENTS 0x7ffffffU /* still to come of this reply; 0: between two */
#define RD_PUSH (1U << 27) /* it is a message that nobody asked for */
#define RD_OPAQUE (1U << 28) /* for good: something that is no reply */
#define RD_IN_LINE (1U << 29) /* the line at hand goes on, with what does not matter */
#define RD_ROW_WANTED (1U << 30) /* its elements are values that can be cached */
#define RD_REPLIES (1U << 31) /* a reply was seen */

/* Elements that are eaten at once. Each more costs verifiers as much as all else (the newest most of all). */
#define RD_REPLY_ROW 6
#define RD_LINE_LOOK 16 /* bytes of a line that are looked at */

/* What a reply tells, besides what it is to the stream. */
struct rd_answer {
	__u32 value; /* the reply, or an element that is wanted, is a string of which all may be there or not: */
	__u32 data;
	__u32 len;
	__u32 several; /* 0: it is the reply. How many elements come from this one on */
	__u32 elsewhere; /* an error that tells that keys are not here, or not for now */
};

/* One element of the reply, as it stands. */
struct rd_element {
	__u32 next; /* position after its head */
	__u32 body; /* bytes that follow, line end included */
	__u32 more; /* elements in it that follow */
	__u32 itself; /* 1; an attribute is none: 0 */
	__u32 cut; /* its line goes on behind the window */
};

/* "-1\r\n" after the type: nothing is there. */
ps_inline int rd_null(const struct ps_cursor *c, __u32 pos)
{
	__u32 left = pos < c->end ? c->end - pos : 0, n = left < 4 ? left : 4;

	if ((ps_cursor_word(c, pos) ^ RD_NAME4('-', '1', '\r', '\n')) & ps_low_bytes(n))
		return RD_GOT_BAD;
	return left < 4 ? RD_GOT_PART : RD_GOT_ALL;
}

/* Where the line ends that goes on at pos. PART: all but a byte of it may be eaten. */
ps_inline int rd_line_end(const struct ps_cursor *c, __u32 pos, __u32 *next)
{
	__u32 end = ps_cursor_line(c, pos);

	*next = end ? end : c->end - 1;
	if (!end)
		return RD_GOT_PART;
	return end - pos > 1 && ps_cursor_at(c, end - 2) == '\r' ? RD_GOT_ALL : RD_GOT_BAD;
}

/* The element at pos < c->end. */
ps_inline int rd_element(const struct ps_cursor *c, __u32 pos, struct rd_element *el)
{
	__u8 type = ps_cursor_at(c, pos);
	struct rd_line line;
	int got;

	el->next = pos;
	el->body = el->more = el->cut = 0;
	el->itself = 1;
	switch (type) {
	case '+':
	case '-':
	case ':':
	case '_':
	case ',':
	case '#':
	case '(':
		got = rd_line_end(c, pos, &el->next);
		if (got != RD_GOT_PART)
			return got;
		el->cut = c->end - pos >= RD_LINE_LOOK;
		return el->cut ? RD_GOT_ALL : RD_GOT_PART;
	case '$':
	case '=':
	case '!':
	case '*':
	case '~':
	case '%':
	case '>':
	case '|':
		break;
	default:
		return RD_GOT_BAD;
	}
	if ((type == '$' || type == '*') && pos + 1 < c->end && ps_cursor_at(c, pos + 1) == '-') {
		el->next = pos + 5;
		return rd_null(c, pos + 1);
	}
	got = rd_number(c, pos + 1, &line);
	if (got != RD_GOT_ALL)
		return got;
	el->next = line.next;
	switch (type) {
	case '$':
	case '=':
	case '!':
		el->body = line.value + 2;
		return line.value <= RD_MAX_BULK ? RD_GOT_ALL : RD_GOT_BAD;
	case '|':
		el->itself = 0;
		/* fall through */
	case '%':
		el->more = 2 * line.value;
		break;
	default:
		el->more = line.value;
	}
	return line.value < RD_ELEMENTS / 2 ? RD_GOT_ALL : RD_GOT_BAD;
}

/* Something that is no reply. */
ps_inline void rd_reply_bad(const struct ps_cursor *c, struct ps_message *m, __u32 counted)
{
	if (counted)
		return;
	m->state |= RD_OPAQUE;
	rd_whole(m, c->end);
}

/* `left` elements of the reply are still to come behind `next`. */
ps_inline void rd_reply_whole(struct ps_message *m, __u32 next, __u32 left)
{
	rd_whole(m, next);
	m->state = (m->state & ~RD_ELEMENTS) | left;
	if (left)
		return;
	m->replies = !(m->state & RD_PUSH);
	m->state &= ~(RD_PUSH | RD_ROW_WANTED);
}

/*
 * Whether the error at pos, of which at least RD_LINE_LOOK bytes or all are there, tells that this server does
 * not answer for some keys, or for any: their slot is another node's, or on its way there; the cluster, or the
 * link to the master, is down; the data are being loaded.
 */
ps_inline int rd_is_elsewhere(const struct ps_cursor *c, __u32 pos)
{
	__u64 w = ps_cursor_word(c, pos);

	switch (w) {
	case RD_NAME8('-', 'C', 'L', 'U', 'S', 'T', 'E', 'R'):
	case RD_NAME8('-', 'M', 'A', 'S', 'T', 'E', 'R', 'D'):
	case RD_NAME8('-', 'T', 'R', 'Y', 'A', 'G', 'A', 'I'):
	case RD_NAME8('-', 'L', 'O', 'A', 'D', 'I', 'N', 'G'):
		return 1;
	}
	return (w & ps_low_bytes(7)) == RD_NAME7('-', 'M', 'O', 'V', 'E', 'D', ' ') ||
	       (w & ps_low_bytes(5)) == RD_NAME5('-', 'A', 'S', 'K', ' ');
}

/* A reply that is one element, or begins with it: what that tells. */
ps_inline void rd_reply_first(const struct ps_cursor *c, struct ps_message *m, struct rd_answer *a,
			      const struct rd_element *el)
{
	__u64 w = ps_cursor_word(c, c->pos);

	if (!el->cut && el->next == c->pos + 5 &&
	    (w & ps_low_bytes(5)) == RD_NAME5('+', 'O', 'K', '\r', '\n'))
		m->flags |= PS_MESSAGE_SUCCEEDED;
	if ((w & 0xff) == '-')
		a->elsewhere = rd_is_elsewhere(c, c->pos);
	if ((w & 0xff) != '$' || !el->body)
		return;
	m->flags |= PS_MESSAGE_SERVES;
	a->value = 1;
	a->data = el->next;
	a->len = el->body - 2;
}

/* Whether the server begins to send what replicas get. */
ps_inline int rd_is_replication(const struct ps_cursor *c)
{
	__u64 w = ps_cursor_word(c, c->pos);

	return c->end - c->pos >= 8 && (w == RD_NAME8('+', 'F', 'U', 'L', 'L', 'R', 'E', 'S') ||
					w == RD_NAME8('+', 'C', 'O', 'N', 'T', 'I', 'N', 'U'));
}

/* Elements of the same reply after *el, as long as they are all in the window: *el becomes the last one. */
ps_inline void rd_reply_row(const struct ps_cursor *c, struct rd_element *el, __u32 *left,
			    __u32 wanted)
{
	for (__u32 i = 0; i < RD_REPLY_ROW; i++) {
		__u32 pos = el->next + el->body;
		struct rd_element one;

		if (!*left || pos >= c->end || ps_cursor_at(c, pos) == '>' ||
		    (wanted && ps_cursor_at(c, pos) == '$') ||
		    rd_element(c, pos, &one) != RD_GOT_ALL || one.cut ||
		    *left + one.more > RD_ELEMENTS)
			return;
		*left += one.more - one.itself;
		*el = one;
	}
}

/*
 * The element of a reply at c->pos, or the part of it that is there. *m is zeros, but for its state.
 * `counted`: each reply answers one request; if not, it may also be something that is no reply.
 * `wanted`: of an array the elements are wanted, not only a reply that is a string.
 */
ps_inline void rd_reply(const struct ps_cursor *c, struct ps_message *m, struct rd_answer *a,
			__u32 counted, __u32 wanted)
{
	__u32 left = m->state & RD_ELEMENTS, top = !left;
	struct rd_element el;
	int got;

	a->value = a->data = a->len = a->several = a->elsewhere = 0;
	m->state |= RD_REPLIES;
	if (m->state & RD_OPAQUE) {
		rd_whole(m, c->end);
		return;
	}
	if (m->state & RD_IN_LINE) {
		got = rd_line_end(c, c->pos, &el.next);
		if (got == RD_GOT_PART) {
			rd_partial(m, el.next);
		} else if (got == RD_GOT_BAD) {
			rd_reply_bad(c, m, counted);
		} else {
			m->state &= ~RD_IN_LINE;
			rd_reply_whole(m, el.next, left - 1);
		}
		return;
	}
	got = rd_element(c, c->pos, &el);
	if (got == RD_GOT_PART) {
		rd_partial(m, c->pos);
		return;
	}
	if (top) {
		left = 1;
		if (got == RD_GOT_ALL && !counted && rd_is_replication(c))
			got = RD_GOT_BAD;
	}
	if (got == RD_GOT_BAD || left + el.more > RD_ELEMENTS ||
	    (!top && ps_cursor_at(c, c->pos) == '>')) {
		rd_reply_bad(c, m, counted);
		return;
	}
	if (top && ps_cursor_at(c, c->pos) == '>')
		m->state |= RD_PUSH;
	if (top)
		rd_reply_first(c, m, a, &el);
	if (el.cut) {
		m->state = (m->state & ~RD_ELEMENTS) | left | RD_IN_LINE;
		rd_partial(m, el.next);
		return;
	}
	if (top && wanted && el.more)
		m->state |= RD_ROW_WANTED;
	if (!top && (m->state & RD_ROW_WANTED) && ps_cursor_at(c, c->pos) == '$' && el.body) {
		m->flags |= PS_MESSAGE_SERVES;
		a->value = 1;
		a->data = el.next;
		a->len = el.body - 2;
		a->several = left;
	}
	left += el.more - el.itself;
	rd_reply_row(c, &el, &left, m->state & RD_ROW_WANTED);
	m->body = el.body;
	rd_reply_whole(m, el.next, left);
}

#endif /* PRESTACK_REDIS_REPLY_H */
