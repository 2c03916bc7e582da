// SPDX-License-Identifier: GPL-2.0-only
/* What the messages mean to the cache: get is answered from it, set invalidates, all else flushes. */
#include <prestack/plugin.bpf.h>

#include "parser.h"

/* The request at s->pos, on its way to the server. */
static __always_inline void sample_request(struct ps_scratch *s, struct ps_message *m)
{
	struct ps_cursor c = ps_payload(s, PS_HOOK_XDP, s->pos);
	struct sample_head h = {};

	sample_parse_request(&c, &h, m);
	m->replies = m->kind == PS_MESSAGE_WHOLE;
	switch (h.kind) {
	case SAMPLE_IS_GET:
		if (h.key_len > ps_config.max_key)
			break;
		ps_key_load(PS_HOOK_XDP, h.key, h.key_len);
		/* The reply will not name the key. */
		ps_stream_note(s, 0);
		break;
	case SAMPLE_IS_SET:
		ps_key_load(PS_HOOK_XDP, h.key, h.key_len);
		ps_stream_write(s, PS_EXPIRES_NEVER, true);
		break;
	case SAMPLE_IS_OTHER_REQUEST:
		ps_stream_flush(s);
		break;
	}
}

/* Whether a segment that begins with these eight bytes may be answered. Cheap: most are not. */
static __always_inline bool sample_may_answer(__u32 state, __u64 start)
{
	return state == SAMPLE_AT_START && (start & ps_low_bytes(SAMPLE_KEY_AT)) == SAMPLE_GET;
}

/* Answers the request at s->pos from the cache. Returns enum ps_answered. */
__noinline int sample_answer(void)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct sample_head h = {};
	struct ps_message m = {};
	struct ps_cursor c;
	struct ps_hit hit;

	if (!s)
		return PS_ANSWERED_NOT;
	c = ps_payload(s, PS_HOOK_XDP, s->pos);
	sample_parse_request(&c, &h, &m);
	if (h.kind != SAMPLE_IS_GET || h.key_len > ps_config.max_key)
		return PS_ANSWERED_NOT;
	ps_key_load(PS_HOOK_XDP, h.key, h.key_len);
	if (!ps_lookup(s, &hit))
		return PS_ANSWERED_MISS;
	if (s->out_len > PS_MAX_SEGMENT_REPLY)
		return PS_ANSWERED_LONG;
	ps_out_bytes(s, SAMPLE_VALUE, SAMPLE_TEXT_AT);
	if (ps_put_value(s, &hit))
		return PS_ANSWERED_RACED;
	ps_out_bytes(s, '\n', 1);
	s->pos = m.next;
	return PS_ANSWERED;
}

PS_ANSWER_REQUESTS(sample_request, sample_may_answer, sample_answer)

/* The reply at s->pos, on its way to the client. */
static __always_inline void sample_reply(struct __sk_buff *skb, struct ps_scratch *s,
					 struct ps_message *m)
{
	struct ps_cursor c = ps_payload(s, PS_HOOK_TC, s->pos);
	struct sample_head h = {};

	sample_parse_reply(&c, &h, m);
	m->replies = m->kind == PS_MESSAGE_WHOLE;
	switch (h.kind) {
	case SAMPLE_IS_VALUE:
		m->flags = PS_MESSAGE_SERVES;
		if (ps_stream_noted(s, 0))
			ps_stream_fill(skb, s, h.text, h.text_len, 0, PS_EXPIRES_NEVER);
		break;
	case SAMPLE_IS_PART_OF_VALUE:
		/* Not consumed after all, if the core can show more of it. */
		if (ps_stream_more(s)) {
			m->next = s->pos;
			m->state = SAMPLE_AT_START;
		}
		break;
	case SAMPLE_IS_OK:
		m->flags = PS_MESSAGE_SUCCEEDED;
		break;
	}
}

PS_FOLLOW_REPLIES(sample_reply)

char LICENSE[] SEC("license") = "GPL";
