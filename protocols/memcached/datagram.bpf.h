/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memcached over UDP, but for `mg`: `get` answered from the cache, filled from the server's own replies;
 * every command that may change an item invalidates, when it arrives and when its reply leaves.
 *
 * Each command in a datagram gets a reply of its own, with the number of the datagram.
 */
#ifndef PRESTACK_MEMCACHED_DATAGRAM_BPF_H
#define PRESTACK_MEMCACHED_DATAGRAM_BPF_H

#include <prestack/plugin.bpf.h>

#include "expiry.bpf.h"
#include "parser.h"

#define MC_MAX_COMMANDS 64 /* commands followed in one packet; more flush the cache */
#define MC_MAX_VALUES 64 /* values taken from one reply */

/* Words of s->user[] that the programs keep for the functions they call. */
enum mc_user {
	MC_REQUEST, /* the frame's request number */
	MC_MISSED, /* some key of this get is not cached */
	MC_NOTED, /* the reply to the first command is expected already */
	MC_META_FLAGS, /* mg: the hit's client flags */
	MC_META_LEN, /* mg: length of the hit's value */
	MC_META_END, /* mg: position behind its line */
};

/* What a function called once per key, command or value tells its caller. */
enum mc_step {
	MC_STEP_MORE,
	MC_STEP_DONE,
	MC_STEP_STOP, /* something that is not served, or not understood */
};

static __always_inline struct ps_cursor mc_cursor(struct ps_scratch *s, __u32 hook)
{
	return ps_payload(s, hook, s->pos);
}

#define MC_VALUE_ROOM                                                                              \
	40 /* of "VALUE <key> <flags> <bytes>\r\n<data>\r\n" without key and data, at most */

/* Appends that for the current key, for which there is room. False: the entry changed while it was read. */
static __always_inline bool mc_put_hit(struct ps_scratch *s, const struct ps_hit *hit)
{
	__u32 pos = s->out_len;

	pos = ps_out_bytes_at(s, pos, MC_NAME6('V', 'A', 'L', 'U', 'E', ' '), 6);
	pos = ps_out_key_at(s, pos);
	pos = ps_out_bytes_at(s, pos, ' ', 1);
	pos = ps_out_number_at(s, pos, hit->flags);
	pos = ps_out_bytes_at(s, pos, ' ', 1);
	s->out_len = ps_out_number_at(s, pos, hit->value_len);
	/* Through memory, so that the verifier sees one position here and not one per digit count. */
	pos = ps_read_once(s->out_len);
	pos = ps_out_bytes_at(s, pos, MC_CRLF, 2);
	if (ps_put_value_at(s, pos, hit))
		return false;
	s->out_len = ps_out_bytes_at(s, pos + hit->value_len, MC_CRLF, 2);
	return true;
}

/*
 * Answers one key of a get, at s->pos; over UDP a miss takes the lease. Returns enum mc_step: DONE behind
 * the line's end.
 */
__noinline int mc_get_key(void)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct ps_cursor c;
	struct ps_hit hit;
	__u32 len, tail;

	if (!s)
		return MC_STEP_STOP;
	c = mc_cursor(s, PS_HOOK_XDP);
	len = ps_key_scan_here(s, PS_HOOK_XDP, c.pos);
	if (!len || len > ps_config.max_key)
		return MC_STEP_STOP;
	ps_prefetch_pending(s, s->user[MC_REQUEST]);
	if (!ps_lookup(s, &hit)) {
		/* The server answers all of it; its reply may fill each key that is missing. */
		s->user[MC_MISSED] = PS_COUNT_misses;
		if (s->pkt.transport == PS_TRANSPORT_UDP)
			ps_lease_take(s, s->user[MC_REQUEST]);
	} else if (s->out_len + s->key.len + hit.value_len + MC_VALUE_ROOM > PS_OUT_SIZE) {
		s->user[MC_MISSED] = PS_COUNT_reply_too_long;
	} else if (!s->user[MC_MISSED] && !mc_put_hit(s, &hit)) {
		s->user[MC_MISSED] = PS_COUNT_raced;
	}
	s->pos += len;
	c = mc_cursor(s, PS_HOOK_XDP);
	tail = ps_cursor_word(&c, c.pos) & 0xffff;
	if (tail == MC_CRLF && c.pos + 2 <= c.end) {
		s->pos += 2;
		return MC_STEP_DONE;
	}
	if ((tail & 0xff) != ' ')
		return MC_STEP_STOP;
	s->pos++;
	return MC_STEP_MORE;
}

/* Invalidates all keys of a gat or gats, from `pos` up to the end of the line. */
static __always_inline bool mc_write_many(struct ps_scratch *s, const struct ps_cursor *c,
					  __u32 pos, __u32 line_end)
{
	for (__u32 i = 0; i < MC_MAX_TOKENS; i++) {
		__u32 len = mc_token(c, &pos, line_end);

		if (!len) {
			if (!mc_at_line_end(c, pos, line_end))
				return false;
			/* Several keys get several replies. */
			if (i == 1)
				ps_expect_reply(s, s->user[MC_REQUEST], PS_EXPIRES_UNKNOWN);
			else
				ps_expect_any(s, s->user[MC_REQUEST]);
			return true;
		}
		ps_key_load(PS_HOOK_XDP, pos, len);
		ps_invalidate(PS_HOOK_XDP);
		pos += len;
	}
	return false;
}

/* The parser by itself: the verifier looks at it once. The command at s->pos; returns 0. */
__noinline int mc_next_command(struct mc_command *cmd, __u32 binary)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct ps_cursor c;

	if (!s || !cmd)
		return 0;
	c = mc_cursor(s, PS_HOOK_XDP);
	if (binary)
		mc_parse_binary(&c, cmd);
	else
		mc_parse_command(&c, cmd);
	return 0;
}

/* What a command that was parsed does. False: it is not understood. */
static __always_inline bool mc_observe_effect(struct ps_scratch *s, const struct ps_cursor *c,
					      const struct mc_command *cmd)
{
	/* A reply that may come or not is not waited for: one that does not come would be, in vain. */
	bool replied = cmd->replies == MC_REPLIES_ONE || cmd->replies == MC_REPLIES_LOST;
	__u32 request = s->user[MC_REQUEST];

	switch (cmd->kind) {
	case MC_READ:
	case MC_READ_MANY:
		if (cmd->replies != MC_REPLIES_NONE && !s->user[MC_NOTED])
			ps_expect_read(s, request);
		return true;
	case MC_WRITE:
		ps_key_load(PS_HOOK_XDP, cmd->key, cmd->key_len);
		ps_invalidate(PS_HOOK_XDP);
		if (replied)
			ps_expect_reply(s, request, mc_expires(s, cmd));
		return true;
	case MC_WRITE_MANY:
		return mc_write_many(s, c, cmd->key, cmd->line_end);
	case MC_FLUSH:
		mc_flush_later(s, cmd);
		ps_flush(s->pkt.service);
		if (replied)
			ps_expect_any(s, request);
		return true;
	}
	return false;
}

/* Follows one command at s->pos, whatever it is, and moves s->pos behind it. Returns enum mc_step. */
__noinline int mc_observe_one(void)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct mc_command cmd = {};
	struct ps_cursor c;

	if (!s)
		return MC_STEP_STOP;
	c = mc_cursor(s, PS_HOOK_XDP);
	if (c.pos >= c.end)
		return MC_STEP_DONE;
	/* The first byte of a datagram decides for all of it, as in the server. */
	mc_next_command(&cmd, ps_cursor_at(&c, MC_UDP_HEADER) == MC_BINARY_REQUEST);
	if (!mc_observe_effect(s, &c, &cmd))
		return MC_STEP_STOP;
	s->user[MC_NOTED] = 0;
	/*
	 * A data block that goes on in the next packet: the write takes effect only then. Over UDP the
	 * server takes the next datagram, whoever sends it, for the rest of the data.
	 */
	if (cmd.next > c.end)
		return MC_STEP_STOP;
	s->pos = cmd.next;
	return MC_STEP_MORE;
}

/* Follows all commands from s->pos on; flushes at the first that is not fully understood. */
static __always_inline int mc_observe(struct ps_scratch *s)
{
	int step = MC_STEP_STOP;

	for (__u32 i = 0; i < MC_MAX_COMMANDS; i++) {
		step = mc_observe_one();
		if (step != MC_STEP_MORE)
			break;
	}
	if (step != MC_STEP_DONE) {
		ps_flush(s->pkt.service);
		ps_expect_any(s, s->user[MC_REQUEST]);
	}
	ps_count(s->pkt.service, PS_COUNT_not_served);
	return XDP_PASS;
}

/* Begins a reply: its frame header, with the request's number, datagram 0 of 1. */
static __always_inline void mc_reply_begin(struct ps_scratch *s)
{
	ps_store64(s->out, bpf_htons(s->user[MC_REQUEST]) | 1ULL << 40);
	s->out_len = MC_UDP_HEADER;
}

/* A datagram that holds "get <key>[ <key>...]\r\n" and nothing else. */
static __always_inline int mc_get(struct xdp_md *ctx, struct ps_scratch *s)
{
	int step = MC_STEP_STOP;

	mc_reply_begin(s);
	s->pos = MC_UDP_HEADER + 4;
	s->user[MC_MISSED] = 0;
	for (__u32 i = 0; i < PS_MAX_KEYS; i++) {
		step = mc_get_key();
		if (step != MC_STEP_MORE)
			break;
	}
	if (step != MC_STEP_DONE || s->pos != s->pkt.payload_len) {
		/* Not just one get: what follows it may be a write. */
		s->pos = MC_UDP_HEADER;
		s->user[MC_NOTED] = s->noted != PS_NOTED_NOT;
		return mc_observe(s);
	}
	if (s->user[MC_MISSED])
		return ps_pass_read(s, s->user[MC_REQUEST], s->user[MC_MISSED]);
	ps_out_bytes(s, MC_NAME5('E', 'N', 'D', '\r', '\n'), 5);
	return ps_reply_datagram(ctx, s, s->user[MC_REQUEST]);
}

/* Takes one VALUE at s->pos into the cache and moves s->pos behind it. Returns enum mc_step. */
__noinline int mc_fill_one(struct __sk_buff *skb)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_TC);
	struct mc_value v;
	struct ps_cursor c;

	if (!s)
		return MC_STEP_STOP;
	c = mc_cursor(s, PS_HOOK_TC);
	if (mc_parse_value(&c, &v))
		return MC_STEP_DONE;
	ps_key_load(PS_HOOK_TC, v.key, v.key_len);
	ps_fill(skb, s, s->user[MC_REQUEST], v.data, v.data_len, v.flags, MC_FILL_EXPIRES);
	s->pos = v.next;
	return MC_STEP_MORE;
}

/* What the line at c->pos, of a reply's only datagram, tells: enum ps_reply_flags. */
static __always_inline __u32 mc_reply_tells(const struct ps_cursor *c)
{
	bool binary = ps_cursor_at(c, c->pos) == MC_BINARY_REPLY;
	struct mc_reply r;

	if (binary)
		mc_parse_binary_reply(c, &r);
	else
		mc_parse_reply(c, &r);
	if (r.kind == MC_REPLY_PART && r.reads && !binary && r.next + r.body == c->end && !r.skip)
		return PS_REPLY_READS_ONLY | PS_REPLY_GOES_ON;
	/* Nothing but what was parsed? END is behind the value of the last key. */
	if (r.kind == MC_REPLY_UNKNOWN || r.kind == MC_REPLY_INCOMPLETE ||
	    (r.kind == MC_REPLY_END && r.next + r.body != c->end))
		return 0;
	return (r.reads ? PS_REPLY_READS_ONLY : 0) | (r.succeeded ? PS_REPLY_SUCCEEDED : 0);
}

/*
 * Tells the core what this datagram answers. memcached sends a datagram for each key of a get: empty for
 * one that it does not have, and the last one with END. Replies that do not fit one datagram are those
 * of reads, since no other is that long.
 */
__noinline int mc_reply_leaves(__u32 request, __u32 part, __u32 parts)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_TC);
	__u32 flags = PS_REPLY_READS_ONLY;
	struct ps_cursor c;

	if (!s)
		return 0;
	c = ps_payload(s, PS_HOOK_TC, MC_UDP_HEADER);
	if (c.end == MC_UDP_HEADER || part + 1 < parts)
		flags |= PS_REPLY_GOES_ON;
	else if (!part)
		flags = mc_reply_tells(&c);
	ps_reply_leaves_as(s, request, flags);
	return 0;
}

#endif /* PRESTACK_MEMCACHED_DATAGRAM_BPF_H */
