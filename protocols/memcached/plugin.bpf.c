// SPDX-License-Identifier: GPL-2.0-only
/*
 * memcached's text protocol over UDP: `get` answered from the cache, filled from the server's own
 * replies; every command that may change an item, on UDP or TCP, invalidates.
 */
#include <prestack/plugin.bpf.h>

#include "parser.h"

#define MC_MAX_COMMANDS 64 /* commands followed in one packet; more flush the cache */
#define MC_MAX_VALUES 64 /* values taken from one reply */

/* Words of s->user[] that the programs keep for the functions they call. */
enum mc_user {
	MC_REQUEST, /* the frame's request number */
	MC_END, /* end of what is parsed */
	MC_MISSED, /* some key of this get is not cached */
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

/*
 * Appends "VALUE <key> <flags> <bytes>\r\n<data>\r\n" for the current key. False if the entry was
 * lost while it was read or the reply is too long.
 */
static __always_inline bool mc_put_hit(struct ps_scratch *s, const struct ps_hit *hit)
{
	__u32 pos = s->out_len, need = s->key.len + hit->value_len + 40;

	if (pos + need > PS_OUT_SIZE)
		return false;
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

/* Answers one key of a get, at s->pos; a miss takes the lease. Returns enum mc_step. */
__noinline int mc_get_key(void)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct ps_cursor c;
	struct ps_hit hit;
	__u32 len, tail;

	if (!s)
		return MC_STEP_STOP;
	c = mc_cursor(s, PS_HOOK_XDP);
	len = ps_key_scan(PS_HOOK_XDP, c.pos);
	if (!len || len > ps_config.max_key)
		return MC_STEP_STOP;
	if (!ps_lookup(s, &hit)) {
		/* The server answers all of it; its reply may fill each key that is missing. */
		s->user[MC_MISSED] = PS_COUNT_misses;
		ps_lease_take(s, s->user[MC_REQUEST]);
	} else if (!s->user[MC_MISSED] && !mc_put_hit(s, &hit)) {
		s->user[MC_MISSED] = PS_COUNT_raced;
	}
	s->pos += len;
	c = mc_cursor(s, PS_HOOK_XDP);
	tail = ps_cursor_word(&c, c.pos) & 0xffff;
	if (tail == MC_CRLF && c.pos + 2 == c.end)
		return MC_STEP_DONE;
	if ((tail & 0xff) != ' ')
		return MC_STEP_STOP;
	s->pos++;
	return MC_STEP_MORE;
}

/* Invalidates all keys of a gat or gats, from s->pos up to the end of the line in user[MC_END]. */
static __always_inline bool mc_write_many(struct ps_scratch *s, const struct ps_cursor *c,
					  __u32 pos, __u32 line_end)
{
	for (__u32 i = 0; i < MC_MAX_TOKENS; i++) {
		__u32 len = mc_token(c, &pos, line_end);

		if (!len)
			return mc_at_line_end(c, pos, line_end);
		ps_key_load(PS_HOOK_XDP, pos, len);
		ps_invalidate(PS_HOOK_XDP);
		pos += len;
	}
	return false;
}

/* Follows one command at s->pos, whatever it is, and moves s->pos behind it. Returns enum mc_step. */
__noinline int mc_observe_one(void)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct mc_command cmd;
	struct ps_cursor c;

	if (!s)
		return MC_STEP_STOP;
	c = mc_cursor(s, PS_HOOK_XDP);
	if (c.pos >= c.end)
		return MC_STEP_DONE;
	mc_parse_command(&c, &cmd);
	switch (cmd.kind) {
	case MC_READ:
		if (s->pkt.transport == PS_TRANSPORT_UDP)
			ps_expect_read(s, s->user[MC_REQUEST]);
		break;
	case MC_WRITE:
		ps_key_load(PS_HOOK_XDP, cmd.key, cmd.key_len);
		ps_invalidate(PS_HOOK_XDP);
		/* Also if it says noreply: then this waits in vain, and for one second only. */
		if (s->pkt.transport == PS_TRANSPORT_UDP)
			ps_expect_reply(s, s->user[MC_REQUEST], PS_EXPIRES_ASK);
		break;
	case MC_WRITE_MANY:
		if (s->pkt.transport == PS_TRANSPORT_UDP)
			ps_expect_any(s, s->user[MC_REQUEST]);
		if (!mc_write_many(s, &c, cmd.key, cmd.line_end))
			return MC_STEP_STOP;
		break;
	default:
		return MC_STEP_STOP;
	}
	/* A data block that goes on in the next packet: the write takes effect only then. */
	if (cmd.next > c.end)
		return MC_STEP_STOP;
	s->pos = cmd.next;
	return MC_STEP_MORE;
}

/* Follows all commands from s->pos on; flushes at the first that is not fully understood. */
static __always_inline int mc_observe(struct ps_scratch *s, __u32 reason)
{
	int step = MC_STEP_STOP;

	for (__u32 i = 0; i < MC_MAX_COMMANDS; i++) {
		step = mc_observe_one();
		if (step != MC_STEP_MORE)
			break;
	}
	if (step != MC_STEP_DONE) {
		ps_flush(s->pkt.service);
		if (s->pkt.transport == PS_TRANSPORT_UDP)
			ps_expect_any(s, s->user[MC_REQUEST]);
	}
	ps_count(s->pkt.service, reason);
	return XDP_PASS;
}

/* A datagram that holds "get <key>[ <key>...]\r\n" and nothing else. */
static __always_inline int mc_get(struct xdp_md *ctx, struct ps_scratch *s)
{
	int step = MC_STEP_STOP;

	/* The frame header of the reply: the request's number, datagram 0 of 1. */
	ps_store64(s->out, bpf_htons(s->user[MC_REQUEST]) | 1ULL << 40);
	s->out_len = MC_UDP_HEADER;
	s->pos = MC_UDP_HEADER + 4;
	s->user[MC_MISSED] = 0;
	for (__u32 i = 0; i < PS_MAX_KEYS; i++) {
		step = mc_get_key();
		if (step != MC_STEP_MORE)
			break;
	}
	if (step != MC_STEP_DONE) {
		/* Not just one get: what follows it may be a write. */
		s->pos = MC_UDP_HEADER;
		return mc_observe(s, PS_COUNT_not_served);
	}
	if (s->user[MC_MISSED])
		return ps_pass(s, s->user[MC_MISSED]);
	ps_out_bytes(s, MC_NAME5('E', 'N', 'D', '\r', '\n'), 5);
	return ps_reply_datagram(ctx, s);
}

SEC("xdp")
int ps_datagram_request(struct xdp_md *ctx)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct mc_frame frame;
	struct ps_cursor c;

	if (!s)
		return XDP_PASS;
	c = ps_payload(s, PS_HOOK_XDP, 0);
	if (mc_parse_frame(&c, &frame))
		return ps_pass(s, PS_COUNT_malformed);
	s->user[MC_REQUEST] = frame.request;
	s->pos = MC_UDP_HEADER;
	if ((ps_cursor_word(&c, MC_UDP_HEADER) & 0xffffffff) == MC_NAME4('g', 'e', 't', ' ') &&
	    c.end > MC_UDP_HEADER + 4 && frame.total == 1 && !frame.sequence)
		return mc_get(ctx, s);
	return mc_observe(s, PS_COUNT_not_served);
}

SEC("xdp")
int ps_stream_request(struct xdp_md *ctx)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);

	if (!s)
		return XDP_PASS;
	if (s->pkt.payload_len > PS_IN_SIZE) {
		ps_flush(s->pkt.service);
		return XDP_PASS;
	}
	s->pos = 0;
	return mc_observe(s, PS_COUNT_stream);
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
	/* Items that expire are served for too long until the agent can tell when they do. */
	ps_fill(skb, s, s->user[MC_REQUEST], v.data, v.data_len, v.flags, PS_EXPIRES_NEVER);
	s->pos = v.next;
	return MC_STEP_MORE;
}

/* A get's reply is one datagram for each value, and END is the end of the last one or all of it. */
static __always_inline void mc_reply_leaves(struct ps_scratch *s, const struct ps_cursor *c,
					    __u32 request)
{
	bool value = (ps_cursor_word(c, MC_UDP_HEADER) & ps_low_bytes(6)) ==
		     MC_NAME6('V', 'A', 'L', 'U', 'E', ' ');
	bool end =
		c->end >= MC_UDP_HEADER + 5 && (ps_cursor_word(c, c->end - 5) & ps_low_bytes(5)) ==
						       MC_NAME5('E', 'N', 'D', '\r', '\n');

	if (value && !end)
		ps_reply_goes_on(s, request);
	else
		ps_reply_leaves(s, request, value || (end && c->end == MC_UDP_HEADER + 5), false);
}

SEC("tc")
int ps_datagram_reply(struct __sk_buff *skb)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_TC);
	struct mc_frame frame;
	struct ps_cursor c;

	if (!s)
		return PS_TC_NEXT;
	c = ps_payload(s, PS_HOOK_TC, 0);
	if (mc_parse_frame(&c, &frame)) {
		ps_flush(s->pkt.service);
		return PS_TC_NEXT;
	}
	mc_reply_leaves(s, &c, frame.request);
	/* A value spread over several datagrams is never cached. */
	if (frame.total != 1 || frame.sequence) {
		ps_count(s->pkt.service, PS_COUNT_nofill_shape);
		return PS_TC_NEXT;
	}
	s->user[MC_REQUEST] = frame.request;
	s->pos = MC_UDP_HEADER;
	for (__u32 i = 0; i < MC_MAX_VALUES; i++) {
		if (mc_fill_one(skb) != MC_STEP_MORE)
			break;
	}
	return PS_TC_NEXT;
}

char LICENSE[] SEC("license") = "GPL";
