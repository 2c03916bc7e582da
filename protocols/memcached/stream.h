/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memcached over TCP, as the core reads it: message by message, from windows that may end anywhere. What
 * a message is to the stream goes to struct ps_message, what it does to struct mc_event or mc_answer.
 *
 * A line of get or gat may be of any length, so it is a row of messages: the name, each key, the end.
 */
#ifndef PRESTACK_MEMCACHED_STREAM_H
#define PRESTACK_MEMCACHED_STREAM_H

#include "parser.h"
#include <prestack/stream.h>

/* Bits of ps_message.state. The first byte of a connection decides its protocol, as in the server. */
enum mc_stream_state {
	MC_STREAM_TEXT = 1,
	MC_STREAM_BINARY = 2,
	MC_STREAM_READS = 4, /* request: the line goes on with keys that are read */
	MC_STREAM_TOUCHES = 8, /* request: the line goes on with keys that are touched */
	MC_STREAM_SKIPS = 16, /* reply: the line goes on with what does not matter */
};
#define MC_STREAM_KEYS (MC_STREAM_READS | MC_STREAM_TOUCHES)

enum mc_event_kind {
	MC_EVENT_NOTHING,
	MC_EVENT_READ, /* of the key */
	MC_EVENT_WRITE, /* to the key */
	MC_EVENT_FLUSH, /* may change anything */
};

/* What a request does. */
struct mc_event {
	__u32 kind; /* enum mc_event_kind */
	struct mc_command cmd; /* its key, replies and expiry */
};

/* What a reply tells, besides what it is to the stream. */
struct mc_answer {
	__u32 value; /* it holds a value, which can be cached if all of it is there */
	__u32 effect; /* something was changed by a request whose replies are not counted */
	struct mc_value v;
};

/* The message goes on behind the window: all before `next` is eaten. */
ps_inline void mc_partial(struct ps_message *m, __u32 next)
{
	m->kind = PS_MESSAGE_PARTIAL;
	m->next = next;
}

ps_inline void mc_whole(struct ps_message *m, __u32 next)
{
	m->kind = PS_MESSAGE_WHOLE;
	m->next = next;
}

/* The line goes on: the server does what it asks for when all of it is there. */
ps_inline void mc_in_row(struct ps_message *m, __u32 next)
{
	mc_whole(m, next);
	m->flags = PS_MESSAGE_GOES_ON;
}

/*
 * One key of a get or gat, or the end of its line. A key that is too long makes the server forget
 * replies that it has not sent yet: LOST.
 */
ps_inline void mc_stream_word(const struct ps_cursor *c, struct ps_message *m, struct mc_event *e)
{
	__u32 pos = ps_cursor_blanks(c, c->pos), len;

	if (pos >= c->end) {
		mc_partial(m, pos);
		return;
	}
	len = ps_cursor_token(c, pos, MC_MAX_KEY + 1);
	if (!len) {
		if (ps_cursor_at(c, pos) == ' ') { /* more of them than are stepped over at once */
			mc_in_row(m, pos);
			return;
		}
		if (ps_cursor_at(c, pos) == '\r') {
			pos++;
			if (pos >= c->end) {
				mc_partial(m, pos - 1);
				return;
			}
		}
		if (ps_cursor_at(c, pos) != '\n')
			return;
		mc_whole(m, pos + 1);
		m->replies = 1;
		m->state &= ~MC_STREAM_KEYS;
		return;
	}
	if (len > MC_MAX_KEY)
		return;
	if (pos + len >= c->end) {
		mc_partial(m, pos);
		return;
	}
	mc_in_row(m, pos + len);
	e->kind = m->state & MC_STREAM_TOUCHES ? MC_EVENT_WRITE : MC_EVENT_READ;
	e->cmd.key = pos;
	e->cmd.key_len = len;
	e->cmd.replies = MC_REPLIES_ONE;
	e->cmd.expiry = MC_EXPIRY_UNKNOWN;
}

/* By far most gets: all of the line is one key, at pos. It needs no state. */
ps_inline int mc_stream_one_key(const struct ps_cursor *c, struct ps_message *m, struct mc_event *e,
				__u32 pos)
{
	__u32 len = ps_cursor_token(c, pos, MC_MAX_KEY + 1), end = pos + len + 2;

	if (!len || len > MC_MAX_KEY || end > c->end ||
	    (ps_cursor_word(c, pos + len) & 0xffff) != MC_CRLF)
		return 0;
	mc_whole(m, end);
	m->replies = 1;
	e->kind = MC_EVENT_READ;
	e->cmd.key = pos;
	e->cmd.key_len = len;
	return 1;
}

/* The beginning of a get or gat, up to its first key, or all of it. 0: it is none. */
ps_inline int mc_stream_verb(const struct ps_cursor *c, struct ps_message *m, struct mc_event *e)
{
	__u32 len = ps_cursor_token(c, c->pos, 8), pos = c->pos + len;
	__u64 name = ps_cursor_word(c, c->pos) & ps_low_bytes(len);

	if (pos >= c->end || ps_cursor_at(c, pos) != ' ')
		return 0;
	switch (name) {
	case MC_NAME3('g', 'e', 't'):
		if (mc_stream_one_key(c, m, e, pos + 1))
			return 1;
		/* fall through */
	case MC_NAME4('g', 'e', 't', 's'):
	case MC_NAME4('b', 'g', 'e', 't'):
		m->state |= MC_STREAM_READS;
		mc_in_row(m, pos);
		return 1;
	case MC_NAME3('g', 'a', 't'):
	case MC_NAME4('g', 'a', 't', 's'):
		break;
	default:
		return 0;
	}
	/* The exptime, of which nothing is believed. */
	pos = ps_cursor_blanks(c, pos);
	len = ps_cursor_token(c, pos, MC_MAX_KEY);
	if (pos + len >= c->end) {
		mc_partial(m, c->pos);
	} else if (len && mc_is_blank(ps_cursor_at(c, pos + len))) {
		m->state |= MC_STREAM_TOUCHES;
		mc_in_row(m, pos + len);
	}
	return 1;
}

/* A command that was parsed: what it is to the stream. */
ps_inline void mc_stream_command(const struct ps_cursor *c, struct ps_message *m,
				 struct mc_event *e)
{
	const struct mc_command *cmd = &e->cmd;
	__u32 text = !(m->state & MC_STREAM_BINARY);

	if (cmd->kind == MC_INCOMPLETE) {
		mc_partial(m, c->pos);
		return;
	}
	if (cmd->kind == MC_UNKNOWN || cmd->replies == MC_REPLIES_LOST)
		return;
	if (cmd->kind == MC_WRITE)
		e->kind = MC_EVENT_WRITE;
	else if (cmd->kind == MC_FLUSH)
		e->kind = MC_EVENT_FLUSH;
	else if (cmd->kind != MC_READ)
		return;
	mc_whole(m, cmd->line_end);
	m->body = cmd->next - cmd->line_end;
	m->replies = cmd->replies == MC_REPLIES_ONE;
	/* Binary replies carry their opcode: those to quiet requests are not counted. */
	if (text && cmd->replies == MC_REPLIES_MAYBE)
		m->flags = PS_MESSAGE_MAYBE;
	if (text && cmd->mark)
		m->flags = PS_MESSAGE_SYNC;
}

/* The request at c->pos, or the part of it that is there. *m is zeros, but for its state. */
ps_inline void mc_stream_request(const struct ps_cursor *c, struct ps_message *m,
				 struct mc_event *e)
{
	__u32 first = !m->state;
	__u8 begins;

	e->kind = MC_EVENT_NOTHING;
	if (first)
		m->state = ps_cursor_at(c, c->pos) == MC_BINARY_REQUEST ? MC_STREAM_BINARY
									: MC_STREAM_TEXT;
	if (m->state & MC_STREAM_BINARY) {
		mc_parse_binary(c, &e->cmd);
		mc_stream_command(c, m, e);
		return;
	}
	if (m->state & MC_STREAM_KEYS) {
		mc_stream_word(c, m, e);
		return;
	}
	begins = ps_cursor_at(c, c->pos);
	if ((begins == 'g' || begins == 'b') && mc_stream_verb(c, m, e))
		return;
	mc_parse_command(c, &e->cmd);
	if (first && e->cmd.kind == MC_INCOMPLETE)
		m->state = 0; /* it is still the first, when the rest of it comes */
	/* With ASCII authentication (-Y) the first set gets a reply, whatever it asks for. */
	if (first && e->cmd.kind == MC_WRITE && e->cmd.replies == MC_REPLIES_NONE)
		e->cmd.replies = MC_REPLIES_MAYBE;
	mc_stream_command(c, m, e);
}

/*
 * By far most writes: `set`, whose key of key_len bytes is at c->pos + 4, and of which the rest is of the plain
 * form. Told without a call and with no state but this; says the same as mc_stream_request. 0: something else.
 */
ps_inline int mc_stream_plain_set(const struct ps_cursor *c, struct ps_message *m, __u32 key_len,
				  struct mc_command *cmd)
{
	if (!key_len || key_len > MC_MAX_KEY)
		return 0;
	cmd->key = c->pos + 4;
	cmd->key_len = key_len;
	cmd->replies = MC_REPLIES_ONE;
	if (!mc_parse_plain_storage(c, cmd, cmd->key + key_len))
		return 0;
	mc_whole(m, cmd->line_end);
	m->body = cmd->next - cmd->line_end;
	m->replies = 1;
	return 1;
}

/* Whether a request may be one of those. */
ps_inline int mc_stream_is_set(const struct ps_cursor *c, const struct ps_message *m)
{
	return m->state == MC_STREAM_TEXT &&
	       (ps_cursor_word(c, c->pos) & 0xffffffff) == MC_NAME4('s', 'e', 't', ' ');
}

/* A reply that was parsed: what it is to the stream. */
ps_inline void mc_stream_line(const struct ps_cursor *c, struct ps_message *m,
			      const struct mc_reply *r, struct mc_answer *a)
{
	__u32 text = !(m->state & MC_STREAM_BINARY);

	if (r->kind == MC_REPLY_INCOMPLETE) {
		mc_partial(m, c->pos);
		return;
	}
	if (r->kind == MC_REPLY_UNKNOWN)
		return;
	mc_whole(m, r->next);
	m->body = r->body;
	m->replies = r->kind == MC_REPLY_END;
	if (r->succeeded)
		m->flags |= PS_MESSAGE_SUCCEEDED;
	if (r->mark && text)
		m->flags |= PS_MESSAGE_SYNC;
	if (r->error)
		m->flags |= PS_MESSAGE_ERROR;
	else if (r->reads && text)
		m->flags |= PS_MESSAGE_SERVES;
	a->effect = r->effect;
	a->value = text && r->kind == MC_REPLY_PART && r->body && !mc_parse_value_line(c, &a->v) &&
		   !a->v.unique;
}

/*
 * By far most replies with a value: one VALUE, of which the key of key_len bytes is at c->pos + 6 and the rest is of the
 * plain form, and END, where the window ends. Both told at once, as one message; mc_stream_reply says the same of
 * them one by one. 0: something else.
 */
ps_inline int mc_stream_plain_value(const struct ps_cursor *c, struct ps_message *m, __u32 key_len,
				    struct mc_value *v)
{
	const __u32 end = 5; /* END\r\n */

	if (!key_len || key_len > MC_MAX_KEY)
		return 0;
	v->key = c->pos + 6;
	v->key_len = key_len;
	if (!mc_parse_plain_value(c, v, v->key + key_len) || v->next + end != c->end ||
	    (ps_cursor_word(c, v->next - 2) & ps_low_bytes(2 + end)) !=
		    MC_NAME7('\r', '\n', 'E', 'N', 'D', '\r', '\n'))
		return 0;
	mc_whole(m, c->end);
	m->replies = 1;
	m->flags = PS_MESSAGE_SERVES;
	return 1;
}

/* Whether a reply may be one of those. */
ps_inline int mc_stream_is_value(const struct ps_cursor *c, const struct ps_message *m)
{
	return m->state == MC_STREAM_TEXT && mc_begins_value(c, c->pos);
}

/*
 * What by far most replies end with, over a stream that is known to be text: told without a call. Says the same
 * as mc_stream_reply. 0: something else.
 */
ps_inline int mc_stream_plain_reply(const struct ps_cursor *c, struct ps_message *m)
{
	struct mc_reply r;

	if (m->state != MC_STREAM_TEXT || !mc_parse_plain_reply(c, &r))
		return 0;
	mc_whole(m, r.next);
	m->replies = 1;
	m->flags = r.succeeded ? PS_MESSAGE_SUCCEEDED : PS_MESSAGE_SERVES;
	return 1;
}

#define MC_MAX_ROW 31 /* replies that are told together with the one before them */

/*
 * m tells that a write was done as asked. A pipeline's writes are told so in a row: those of the row that are here
 * become one message with it.
 */
ps_inline void mc_stream_row(const struct ps_cursor *c, struct ps_message *m)
{
	struct ps_cursor at = *c;
	struct mc_reply r;
	__u32 i;

	for (i = 0; i < MC_MAX_ROW; i++) {
		at.pos = m->next;
		if (!mc_parse_plain_reply(&at, &r) || !r.succeeded)
			break;
		m->next = r.next;
		m->replies++;
	}
}

/* The line of a reply at c->pos, or the binary reply. *m is zeros, but for its state. */
ps_inline void mc_stream_reply(const struct ps_cursor *c, struct ps_message *m, struct mc_answer *a)
{
	struct mc_reply r;

	a->value = a->effect = 0;
	if (!m->state)
		m->state = ps_cursor_at(c, c->pos) == MC_BINARY_REPLY ? MC_STREAM_BINARY
								      : MC_STREAM_TEXT;
	if (m->state & MC_STREAM_BINARY) {
		mc_parse_binary_reply(c, &r);
		mc_stream_line(c, m, &r, a);
		return;
	}
	if (m->state & MC_STREAM_SKIPS) {
		__u32 end = ps_cursor_line(c, c->pos);

		if (end) {
			m->state &= ~MC_STREAM_SKIPS;
			mc_whole(m, end);
		} else {
			mc_partial(m, c->end);
		}
		return;
	}
	mc_parse_reply(c, &r);
	if (r.kind == MC_REPLY_INCOMPLETE && r.skip) {
		/* What is left of the line does not matter: no head too long to be carried. */
		m->state |= MC_STREAM_SKIPS;
		mc_partial(m, c->end);
		return;
	}
	mc_stream_line(c, m, &r, a);
}

#endif /* PRESTACK_MEMCACHED_STREAM_H */
