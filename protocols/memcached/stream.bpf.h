/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memcached over TCP: each command is followed, in order, to the reply that it gets. The core keeps the
 * place in both directions; here is what a message means.
 */
#ifndef PRESTACK_MEMCACHED_STREAM_BPF_H
#define PRESTACK_MEMCACHED_STREAM_BPF_H

#include "expiry.bpf.h"
#include "parse.bpf.h"

/* Bits of ps_message.state. The first byte of a connection decides its protocol, as in the server. */
enum mc_stream_state {
	MC_STREAM_TEXT = 1,
	MC_STREAM_BINARY = 2,
	MC_STREAM_READS = 4, /* request: the line goes on with keys that are read */
	MC_STREAM_TOUCHES = 8, /* request: the line goes on with keys that are touched */
	MC_STREAM_SKIPS = 16, /* reply: the line goes on with what does not matter */
};
#define MC_STREAM_LINE (MC_STREAM_READS | MC_STREAM_TOUCHES | MC_STREAM_SKIPS)

/* The message goes on behind the window: all before `next` is eaten. */
static __always_inline void mc_partial(struct ps_message *m, __u32 next)
{
	m->kind = PS_MESSAGE_PARTIAL;
	m->next = next;
}

static __always_inline void mc_whole(struct ps_message *m, __u32 next)
{
	m->kind = PS_MESSAGE_WHOLE;
	m->next = next;
}

/*
 * One key of a get or gat, or the end of its line; such lines may be of any length, so they are eaten
 * word by word. A key that is too long makes the server forget replies that it has not sent yet: LOST.
 */
static __always_inline void mc_request_word(struct ps_scratch *s, struct ps_message *m,
					    const struct ps_cursor *c)
{
	__u32 pos = ps_cursor_blanks(c, c->pos), len;
	struct ps_hit hit;

	if (pos >= c->end)
		return mc_partial(m, pos);
	len = ps_key_scan(PS_HOOK_XDP, pos);
	if (!len) {
		if (ps_cursor_at(c, pos) == '\r') {
			if (pos + 1 >= c->end)
				return mc_partial(m, pos);
			pos++;
		}
		if (ps_cursor_at(c, pos) != '\n')
			return;
		mc_whole(m, pos + 1);
		m->replies = 1;
		m->state &= ~MC_STREAM_LINE;
		return;
	}
	if (len > MC_MAX_KEY)
		return;
	if (pos + len >= c->end)
		return mc_partial(m, pos);
	mc_whole(m, pos + len);
	if (m->state & MC_STREAM_TOUCHES)
		ps_stream_write(s, PS_EXPIRES_ASK, true);
	else if (len <= ps_config.max_key && !ps_lookup(s, &hit))
		ps_stream_read(s);
}

/* The beginning of a get or gat, up to its first key. False: it is none. */
static __always_inline bool mc_request_verb(struct ps_message *m, const struct ps_cursor *c)
{
	__u32 len = ps_cursor_token(c, c->pos, 8), pos = c->pos + len;
	__u64 name = ps_cursor_word(c, c->pos) & ps_low_bytes(len);
	__u32 touches = 0;

	if (pos >= c->end || ps_cursor_at(c, pos) != ' ')
		return false;
	switch (name) {
	case MC_NAME3('g', 'e', 't'):
	case MC_NAME4('g', 'e', 't', 's'):
	case MC_NAME4('b', 'g', 'e', 't'):
		break;
	case MC_NAME3('g', 'a', 't'):
	case MC_NAME4('g', 'a', 't', 's'):
		touches = 1;
		break;
	default:
		return false;
	}
	if (touches) {
		/* The exptime, of which nothing is believed. */
		pos = ps_cursor_blanks(c, pos);
		len = ps_cursor_token(c, pos, MC_MAX_KEY);
		if (pos + len >= c->end) {
			mc_partial(m, c->pos);
			return true;
		}
		pos += len;
		if (!len || !mc_is_blank(ps_cursor_at(c, pos)))
			return true;
	}
	m->state |= touches ? MC_STREAM_TOUCHES : MC_STREAM_READS;
	mc_whole(m, pos);
	return true;
}

/* What a command that was parsed does, to the cache and to the count of replies. */
static __always_inline void mc_request_effect(struct ps_scratch *s, struct ps_message *m,
					      const struct mc_command *cmd)
{
	bool binary = m->state & MC_STREAM_BINARY;

	if (cmd->kind == MC_INCOMPLETE)
		return mc_partial(m, s->pos);
	if (cmd->kind == MC_UNKNOWN || cmd->replies == MC_REPLIES_LOST)
		return;
	switch (cmd->kind) {
	case MC_READ:
		break;
	case MC_WRITE:
		ps_key_load(PS_HOOK_XDP, cmd->key, cmd->key_len);
		ps_stream_write(s, mc_expires(s, cmd), cmd->replies == MC_REPLIES_ONE);
		break;
	case MC_FLUSH:
		mc_flush_later(s, cmd);
		ps_stream_flush(s);
		break;
	default:
		return;
	}
	mc_whole(m, cmd->line_end);
	m->body = cmd->next - cmd->line_end;
	m->replies = cmd->replies == MC_REPLIES_ONE;
	/* Binary replies carry their opcode: those to quiet requests are not counted. */
	if (cmd->replies == MC_REPLIES_MAYBE && !binary)
		m->flags = PS_MESSAGE_MAYBE;
	if (cmd->mark && !binary)
		m->flags = PS_MESSAGE_SYNC;
}

/* The command at s->pos, or the part of it that is there. */
static __always_inline void mc_request(struct ps_scratch *s, struct ps_message *m)
{
	struct ps_cursor c = ps_payload(s, PS_HOOK_XDP, s->pos);
	bool first = !m->state;
	struct mc_command cmd = {};

	if (first)
		m->state = ps_cursor_at(&c, c.pos) == MC_BINARY_REQUEST ? MC_STREAM_BINARY
									: MC_STREAM_TEXT;
	if (m->state & MC_STREAM_BINARY) {
		mc_next_command(&cmd, true);
		return mc_request_effect(s, m, &cmd);
	}
	if (m->state & MC_STREAM_LINE)
		return mc_request_word(s, m, &c);
	if (mc_request_verb(m, &c))
		return;
	mc_next_command(&cmd, false);
	/* With ASCII authentication (-Y) the first set gets a reply, whatever it asks for. */
	if (first && cmd.kind == MC_WRITE && cmd.replies == MC_REPLIES_NONE)
		cmd.replies = MC_REPLIES_MAYBE;
	/* Still the first, when the rest of it comes. */
	if (first && cmd.kind == MC_INCOMPLETE)
		m->state = 0;
	mc_request_effect(s, m, &cmd);
}

PS_FOLLOW_REQUESTS(mc_request)

/* A VALUE: fills the cache if all of it is in the window, or can be. */
static __always_inline void mc_reply_value(struct __sk_buff *skb, struct ps_scratch *s,
					   struct ps_message *m, const struct ps_cursor *c)
{
	struct mc_value v;

	if (mc_parse_value_line(c, &v) || v.unique)
		return;
	if (v.next <= c->end) {
		if ((ps_cursor_word(c, v.next - 2) & 0xffff) != MC_CRLF) {
			m->kind = PS_MESSAGE_LOST;
			return;
		}
		ps_key_load(PS_HOOK_TC, v.key, v.key_len);
		ps_stream_fill(skb, s, v.data, v.data_len, v.flags);
	} else if (v.data_len <= ps_config.max_value && ps_stream_more(s)) {
		m->body = 0;
		mc_partial(m, s->pos);
	}
}

/* The line of a reply at s->pos, or the binary reply. */
static __always_inline void mc_reply(struct __sk_buff *skb, struct ps_scratch *s,
				     struct ps_message *m)
{
	struct ps_cursor c = ps_payload(s, PS_HOOK_TC, s->pos);
	struct mc_reply r = {};

	if (!m->state)
		m->state = ps_cursor_at(&c, c.pos) == MC_BINARY_REPLY ? MC_STREAM_BINARY
								      : MC_STREAM_TEXT;
	mc_next_reply(&r, m->state & MC_STREAM_BINARY);
	if (!(m->state & MC_STREAM_BINARY)) {
		if (m->state & MC_STREAM_SKIPS)
			r.kind = r.next ? MC_REPLY_PART : MC_REPLY_INCOMPLETE;
		/* What is left of a line of a dump does not matter: no head too long to be carried. */
		if (r.kind == MC_REPLY_INCOMPLETE && (r.skip || m->state & MC_STREAM_SKIPS)) {
			m->state |= MC_STREAM_SKIPS;
			return mc_partial(m, c.end);
		}
		m->state &= ~MC_STREAM_SKIPS;
	}
	if (r.kind == MC_REPLY_INCOMPLETE)
		return mc_partial(m, s->pos);
	if (r.kind == MC_REPLY_UNKNOWN)
		return;
	mc_whole(m, r.next);
	m->body = r.body;
	m->replies = r.kind == MC_REPLY_END;
	if (r.as_asked)
		m->flags |= PS_MESSAGE_AS_ASKED;
	if (r.mark && !(m->state & MC_STREAM_BINARY))
		m->flags |= PS_MESSAGE_SYNC;
	if (r.error)
		m->flags |= PS_MESSAGE_ERROR;
	if (r.effect)
		ps_flush(s->pkt.service);
	if (r.reads && r.body && r.kind == MC_REPLY_PART && !(m->state & MC_STREAM_BINARY))
		mc_reply_value(skb, s, m, &c);
}

PS_FOLLOW_REPLIES(mc_reply)

#endif /* PRESTACK_MEMCACHED_STREAM_BPF_H */
