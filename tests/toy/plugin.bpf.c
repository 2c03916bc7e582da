// SPDX-License-Identifier: GPL-2.0-only
/* The toy protocol over UDP: get is answered from the cache, set invalidates, the rest flushes. */
#include <prestack/plugin.bpf.h>

#include "parser.h"
#include "stream.h"

/* Answers a get from the cache, or lets the server's reply to it fill the cache. */
static __always_inline int toy_get(struct xdp_md *ctx, struct ps_scratch *s,
				   const struct toy_message *m)
{
	struct ps_hit hit;

	if (m->key_len > ps_config.max_key)
		return ps_pass(s, PS_COUNT_not_served);
	ps_key_load(PS_HOOK_XDP, TOY_KEY_AT, m->key_len);
	if (!ps_lookup(s, &hit)) {
		ps_lease_take(s, m->id);
		return ps_pass(s, PS_COUNT_misses);
	}
	s->out_len = 0;
	ps_out_bytes(s, m->id | (__u64)' ' << 32 | (__u64)'V' << 40 | (__u64)' ' << 48, TOY_KEY_AT);
	ps_out_key(s);
	ps_out_bytes(s, ' ', 1);
	if (ps_put_value(s, &hit))
		return ps_pass_read(s, m->id, PS_COUNT_raced);
	ps_out_bytes(s, '\n', 1);
	return ps_reply_datagram(ctx, s, m->id);
}

#define TOY_SECOND 1000000000ULL

/* Keys that begin with this may expire; the first byte of what is set says when, in seconds. */
#define TOY_EXPIRING '~'

static __always_inline __u64 toy_expires(struct ps_scratch *s, const struct ps_cursor *c,
					 const struct toy_message *m)
{
	__u8 seconds = ps_cursor_at(c, m->value);

	if (ps_cursor_at(c, TOY_KEY_AT) != TOY_EXPIRING || seconds == '0')
		return PS_EXPIRES_NEVER;
	if (!m->value_len || seconds < '1' || seconds > '9')
		return PS_EXPIRES_UNKNOWN;
	return s->pkt.now + (seconds - '0') * TOY_SECOND;
}

/* All goes within the second after so many seconds. */
static __always_inline void toy_later(struct ps_scratch *s, const struct ps_cursor *c)
{
	__u32 seconds = 0;
	__u64 from;

	ps_cursor_number(c, TOY_KEY_AT, &seconds);
	from = s->pkt.now + seconds * TOY_SECOND;
	ps_flush_between(s->pkt.service, from, from + TOY_SECOND);
}

SEC("xdp")
int ps_datagram_request(struct xdp_md *ctx)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct toy_message m = {};
	struct ps_cursor c;

	if (!s)
		return XDP_PASS;
	c = ps_payload(s, PS_HOOK_XDP, 0);
	toy_parse(&c, &m);
	if (m.kind == TOY_GET)
		return toy_get(ctx, s, &m);
	if (m.kind == TOY_SET) {
		ps_key_load(PS_HOOK_XDP, TOY_KEY_AT, m.key_len);
		ps_invalidate(PS_HOOK_XDP);
		ps_expect_reply(s, m.id, toy_expires(s, &c, &m));
		ps_count(s->pkt.service, PS_COUNT_not_served);
		return XDP_PASS;
	}
	if (m.kind == TOY_LATER) {
		toy_later(s, &c);
		ps_expect_any(s, m.id);
		ps_count(s->pkt.service, PS_COUNT_not_served);
		return XDP_PASS;
	}
	/* What is not understood may change anything. */
	ps_flush(s->pkt.service);
	ps_expect_any(s, m.id);
	ps_count(s->pkt.service, PS_COUNT_malformed);
	return XDP_PASS;
}

SEC("tc")
int ps_datagram_reply(struct __sk_buff *skb)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_TC);
	struct toy_message m = {};
	struct ps_cursor c;

	if (!s)
		return TC_ACT_UNSPEC;
	c = ps_payload(s, PS_HOOK_TC, 0);
	toy_parse(&c, &m);
	ps_reply_leaves(s, m.id, m.kind == TOY_VALUE || m.kind == TOY_NONE, m.kind == TOY_OK);
	if (m.kind != TOY_VALUE)
		return TC_ACT_UNSPEC;
	ps_key_load(PS_HOOK_TC, TOY_KEY_AT, m.key_len);
	ps_fill(skb, s, m.id, m.value, m.value_len, 0,
		ps_cursor_at(&c, TOY_KEY_AT) == TOY_EXPIRING ? PS_EXPIRES_UNKNOWN
							     : PS_EXPIRES_NEVER);
	return TC_ACT_UNSPEC;
}

/* The request at s->pos. */
static __always_inline void toy_request(struct ps_scratch *s, struct ps_message *m)
{
	struct ps_cursor c = ps_payload(s, PS_HOOK_XDP, s->pos);
	struct toy_head h;

	toy_parse_head(&c, &h, m);
	if (m->kind == PS_MESSAGE_LOST || (m->kind == PS_MESSAGE_PARTIAL && m->next == s->pos))
		return;
	if (h.key_len)
		ps_key_load(PS_HOOK_XDP, h.key, h.key_len);
	m->replies = m->kind == PS_MESSAGE_WHOLE;
	switch (h.verb) {
	case 'G':
	case 'R':
		ps_stream_read(s);
		break;
	case 'Q':
		m->replies = 0;
		m->flags = PS_MESSAGE_MAYBE;
		break;
	case 's':
		m->replies = 0;
		ps_stream_write(s, PS_EXPIRES_UNKNOWN, false);
		break;
	case 'M':
		m->flags = PS_MESSAGE_SYNC;
		break;
	case 'F':
		ps_stream_flush(s);
		break;
	case 'S':
	case 'D':
	case 0: /* a further key of a D */
		ps_stream_write(s, PS_EXPIRES_NEVER, true);
		break;
	default: /* no request */
		m->kind = PS_MESSAGE_LOST;
	}
}

static __always_inline bool toy_may_answer(__u32 state, __u64 start)
{
	return state == TOY_STATE_NONE && (__u8)(start >> 8 * TOY_VERB_AT) == 'R';
}

/* Answers the R at s->pos. Returns enum ps_answered. */
__noinline int toy_answer(void)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct ps_message m = {};
	struct toy_head h;
	struct ps_cursor c;
	struct ps_hit hit;

	if (!s)
		return PS_ANSWERED_NOT;
	c = ps_payload(s, PS_HOOK_XDP, s->pos);
	toy_parse_head(&c, &h, &m);
	if (m.kind != PS_MESSAGE_WHOLE || h.verb != 'R' || h.key_len > ps_config.max_key)
		return PS_ANSWERED_NOT;
	ps_key_load(PS_HOOK_XDP, h.key, h.key_len);
	if (!ps_lookup(s, &hit)) {
		m.replies = 1;
		s->message = m;
		return PS_ANSWERED_MISS;
	}
	if (s->out_len > PS_MAX_SEGMENT_REPLY)
		return PS_ANSWERED_LONG;
	ps_out_bytes(s, ps_cursor_word(&c, c.pos) & ps_low_bytes(TOY_ID_LEN), TOY_ID_LEN);
	ps_out_bytes(s, ' ' | (__u64)'V' << 8 | (__u64)' ' << 16, 3);
	ps_out_key(s);
	ps_out_bytes(s, ' ', 1);
	ps_out_number(s, hit.value_len);
	ps_out_bytes(s, '\n', 1);
	if (ps_put_value(s, &hit))
		return PS_ANSWERED_RACED;
	ps_out_bytes(s, '\n', 1);
	s->pos = m.next;
	return PS_ANSWERED;
}

PS_ANSWER_REQUESTS(toy_request, toy_may_answer, toy_answer)

/* The reply at s->pos. */
static __always_inline void toy_reply(struct __sk_buff *skb, struct ps_scratch *s,
				      struct ps_message *m)
{
	struct ps_cursor c = ps_payload(s, PS_HOOK_TC, s->pos);
	struct toy_head h;

	toy_parse_head(&c, &h, m);
	if (m->kind != PS_MESSAGE_WHOLE)
		return;
	m->replies = 1;
	if (h.verb == 'V' || h.verb == 'N')
		m->flags = PS_MESSAGE_SERVES;
	switch (h.verb) {
	case 'V':
		if (m->next + m->body <= c.end) {
			ps_key_load(PS_HOOK_TC, h.key, h.key_len);
			ps_stream_fill(skb, s, m->next, h.value_len, 0, PS_EXPIRES_NEVER);
		} else if (ps_stream_more(s)) {
			m->kind = PS_MESSAGE_PARTIAL;
			m->next = s->pos;
		}
		break;
	case 'O':
		m->flags = PS_MESSAGE_SUCCEEDED;
		break;
	case 'E':
		m->flags = PS_MESSAGE_ERROR;
		break;
	case 'M':
		m->flags = PS_MESSAGE_SYNC;
		break;
	case 'N':
		break;
	default: /* no reply */
		m->kind = PS_MESSAGE_LOST;
	}
}
PS_FOLLOW_REPLIES(toy_reply)

char LICENSE[] SEC("license") = "GPL";
