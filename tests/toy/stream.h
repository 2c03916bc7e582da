/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The toy protocol over TCP: a row of messages. Pure, like parser.h. What follows the id:
 *
 *   request                         reply
 *   G <key>\n                       V <key> <bytes>\n<value>\n, or N\n
 *   R <key>\n                       the same; may be answered by the kernel
 *   Q <key>\n                       the same as G, but nothing instead of N\n
 *   S <key> <bytes>\n<value>\n      OK\n, or E\n
 *   s <key> <bytes>\n<value>\n      nothing, or E\n
 *   D <key>[ <key>...]\n            OK\n
 *   F\n                             OK\n
 *   M\n                             M\n
 */
#ifndef PRESTACK_TOY_STREAM_H
#define PRESTACK_TOY_STREAM_H

#include "parser.h"
#include <prestack/stream.h>

#define TOY_VERB_AT 5 /* "<id> " */
#define TOY_LONGEST_HEAD 300
#define TOY_MAX_BODY (1U << 20)

enum toy_state { TOY_STATE_NONE, TOY_STATE_KEYS /* within a D, before a key */ };

/* Positions are those of the cursor. The key, if there is one, counts only if `kind` is not LOST. */
struct toy_head {
	__u32 verb; /* 0 in the middle of a D */
	__u32 key;
	__u32 key_len; /* 0: none */
	__u32 value_len;
};

/* A head that is not whole may become one, unless it is too long already. */
ps_inline void toy_unfinished(const struct ps_cursor *c, struct ps_message *m)
{
	m->next = c->pos;
	m->kind = c->end - c->pos < TOY_LONGEST_HEAD ? PS_MESSAGE_PARTIAL : PS_MESSAGE_LOST;
}

/* One key of a D, at `pos`. */
ps_inline void toy_parse_one_of(const struct ps_cursor *c, __u32 pos, struct toy_head *h,
				struct ps_message *m)
{
	__u32 after;

	h->key = pos;
	h->key_len = ps_cursor_token(c, pos, TOY_MAX_KEY + 1);
	after = pos + h->key_len;
	if (after >= c->end && h->key_len <= TOY_MAX_KEY)
		return toy_unfinished(c, m);
	if (!h->key_len || h->key_len > TOY_MAX_KEY)
		return;
	m->next = after + 1;
	if (ps_cursor_at(c, after) == ' ') {
		/* Eaten up to here: the next key may come in another segment. */
		m->state = TOY_STATE_KEYS;
		m->kind = PS_MESSAGE_PARTIAL;
	} else if (ps_cursor_at(c, after) == '\n') {
		m->state = TOY_STATE_NONE;
		m->kind = PS_MESSAGE_WHOLE;
	}
}

/* Parses the head at the cursor. m->state is in and out. */
ps_inline void toy_parse_head(const struct ps_cursor *c, struct toy_head *h, struct ps_message *m)
{
	__u32 pos = c->pos, line, digits;
	__u8 verb;

	m->kind = PS_MESSAGE_LOST;
	h->verb = h->key_len = h->value_len = 0;
	if (m->state == TOY_STATE_KEYS)
		return toy_parse_one_of(c, pos, h, m);
	if (ps_cursor_left(c) < TOY_KEY_AT)
		return toy_unfinished(c, m);
	if (ps_cursor_at(c, pos + TOY_ID_LEN) != ' ')
		return;
	verb = ps_cursor_at(c, pos + TOY_VERB_AT);
	h->verb = verb;
	if (verb == 'D' && ps_cursor_at(c, pos + TOY_VERB_AT + 1) == ' ') {
		toy_parse_one_of(c, pos + TOY_KEY_AT, h, m);
		return;
	}
	line = ps_cursor_line(c, pos + TOY_VERB_AT);
	if (!line)
		return toy_unfinished(c, m);
	m->next = line;
	if (verb == 'G' || verb == 'R' || verb == 'Q' || verb == 'S' || verb == 's' ||
	    verb == 'V') {
		if (ps_cursor_at(c, pos + TOY_VERB_AT + 1) != ' ')
			return;
		h->key = pos + TOY_KEY_AT;
		h->key_len = ps_cursor_token(c, h->key, TOY_MAX_KEY + 1);
		if (!h->key_len || h->key_len > TOY_MAX_KEY)
			return;
		pos = h->key + h->key_len;
		if (verb == 'G' || verb == 'R' || verb == 'Q') {
			if (pos + 1 != line)
				return;
		} else {
			digits = ps_cursor_number(c, pos + 1, &h->value_len);
			if (ps_cursor_at(c, pos) != ' ' || !digits ||
			    pos + 1 + digits + 1 != line || h->value_len >= TOY_MAX_BODY)
				return;
			m->body = h->value_len + 1;
		}
	} else if (verb == 'O') {
		if (line != pos + TOY_VERB_AT + 3)
			return;
	} else if (line != pos + TOY_VERB_AT + 2 ||
		   (verb != 'F' && verb != 'M' && verb != 'N' && verb != 'E')) {
		return;
	}
	m->kind = PS_MESSAGE_WHOLE;
}

#endif /* PRESTACK_TOY_STREAM_H */
