/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bytes to messages. Pure: the same code compiles for BPF and natively, so it is unit-tested and fuzzed.
 *
 *   request            reply
 *   get KEY\n          VALUE TEXT\n, or NONE\n
 *   set KEY TEXT\n     OK\n
 *   clear\n            OK\n
 *   anything else\n    ERROR TEXT\n
 *
 * A key is 1 to 250 bytes above 0x20. A text is any bytes but the newline, and may be empty.
 */
#ifndef PRESTACK_SAMPLE_PARSER_H
#define PRESTACK_SAMPLE_PARSER_H

#include <prestack/cursor.h>
#include <prestack/stream.h>

#define SAMPLE_MAX_KEY 250
#define SAMPLE_KEY_AT 4 /* "get ", "set " */
#define SAMPLE_LONGEST_HEAD (SAMPLE_KEY_AT + SAMPLE_MAX_KEY + 1)
#define SAMPLE_TEXT_AT 6 /* "VALUE " */
#define SAMPLE_SHORTEST_REPLY 3 /* "OK\n" */

/* The first bytes of a message as they lie in memory, lowest first. */
#define SAMPLE_GET ((__u64)'g' | (__u64)'e' << 8 | (__u64)'t' << 16 | (__u64)' ' << 24)
#define SAMPLE_SET ((__u64)'s' | (__u64)'e' << 8 | (__u64)'t' << 16 | (__u64)' ' << 24)
#define SAMPLE_VALUE                                                                               \
	((__u64)'V' | (__u64)'A' << 8 | (__u64)'L' << 16 | (__u64)'U' << 24 | (__u64)'E' << 32 |   \
	 (__u64)' ' << 40)

/* ps_message.state: where in a line the next byte is. */
enum sample_state { SAMPLE_AT_START, SAMPLE_IN_TEXT };

enum sample_kind {
	SAMPLE_IS_NOTHING, /* nothing of it is consumed, or it is the rest of a line */
	SAMPLE_IS_GET,
	SAMPLE_IS_SET,
	SAMPLE_IS_OTHER_REQUEST, /* it may change anything */
	SAMPLE_IS_VALUE, /* the text is all there */
	SAMPLE_IS_PART_OF_VALUE, /* the line goes on behind the window */
	SAMPLE_IS_OK,
	SAMPLE_IS_OTHER_REPLY,
};

/* Positions are those of the cursor. */
struct sample_head {
	__u32 kind; /* enum sample_kind */
	__u32 key; /* of GET and SET */
	__u32 key_len;
	__u32 text; /* of VALUE */
	__u32 text_len;
};

/* Too little is there to tell what it is. The core gives it again when there is more. */
ps_inline void sample_wait(const struct ps_cursor *c, struct ps_message *m)
{
	m->kind = PS_MESSAGE_PARTIAL;
	m->next = c->pos;
}

/*
 * Consumes the line at the cursor, whose first newline ends before `line`; 0: there is none in the window. Then
 * all there is gets consumed, and the state remembers that a newline is still to come.
 */
ps_inline void sample_consume_line(const struct ps_cursor *c, __u32 line, struct ps_message *m)
{
	m->kind = line ? PS_MESSAGE_WHOLE : PS_MESSAGE_PARTIAL;
	m->next = line ? line : c->end;
	m->state = line ? SAMPLE_AT_START : SAMPLE_IN_TEXT;
}

/* The request at the cursor. m->state is in and out. */
ps_inline void sample_parse_request(const struct ps_cursor *c, struct sample_head *h,
				    struct ps_message *m)
{
	__u32 line = ps_cursor_line(c, c->pos), key_end;
	__u64 start = ps_cursor_word(c, c->pos) & ps_low_bytes(SAMPLE_KEY_AT);

	h->kind = SAMPLE_IS_NOTHING;
	if (m->state == SAMPLE_IN_TEXT)
		return sample_consume_line(c, line, m);
	if (!line && ps_cursor_left(c) <= SAMPLE_LONGEST_HEAD)
		return sample_wait(c, m);
	sample_consume_line(c, line, m);
	h->kind = SAMPLE_IS_OTHER_REQUEST;
	if (ps_cursor_left(c) < SAMPLE_KEY_AT || (start != SAMPLE_GET && start != SAMPLE_SET))
		return;
	h->key = c->pos + SAMPLE_KEY_AT;
	h->key_len = ps_cursor_token(c, h->key, SAMPLE_MAX_KEY + 1);
	key_end = h->key + h->key_len;
	if (!h->key_len || h->key_len > SAMPLE_MAX_KEY)
		return;
	if (start == SAMPLE_GET && key_end + 1 == line)
		h->kind = SAMPLE_IS_GET;
	if (start == SAMPLE_SET && ps_cursor_at(c, key_end) == ' ')
		h->kind = SAMPLE_IS_SET;
}

/* The reply at the cursor. */
ps_inline void sample_parse_reply(const struct ps_cursor *c, struct sample_head *h,
				  struct ps_message *m)
{
	__u32 line = ps_cursor_line(c, c->pos), left = ps_cursor_left(c);
	__u64 start = ps_cursor_word(c, c->pos);

	h->kind = SAMPLE_IS_NOTHING;
	if (m->state == SAMPLE_IN_TEXT)
		return sample_consume_line(c, line, m);
	if (!line && left < SAMPLE_TEXT_AT)
		return sample_wait(c, m);
	sample_consume_line(c, line, m);
	h->kind = SAMPLE_IS_OTHER_REPLY;
	if (left >= SAMPLE_TEXT_AT && (start & ps_low_bytes(SAMPLE_TEXT_AT)) == SAMPLE_VALUE) {
		h->text = c->pos + SAMPLE_TEXT_AT;
		h->text_len = line ? line - 1 - h->text : 0;
		h->kind = line ? SAMPLE_IS_VALUE : SAMPLE_IS_PART_OF_VALUE;
	} else if (line == c->pos + SAMPLE_SHORTEST_REPLY && (__u8)start == 'O' &&
		   (__u8)(start >> 8) == 'K') {
		h->kind = SAMPLE_IS_OK;
	}
}

#endif /* PRESTACK_SAMPLE_PARSER_H */
