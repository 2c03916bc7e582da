// SPDX-License-Identifier: GPL-2.0-only
/*
 * The programs of Redis's plug-in. What a message is, request.h and reply.h say; here is what it does to the
 * cache, and how requests are answered from it.
 */
#include <prestack/plugin.bpf.h>

#include "answer.bpf.h"
#include "parser.h"

/* What is noted of a read: 0 for the one key of it, for several how many come from the key on, and this: */
#define RD_NOTE_SEVERAL (~0U)

/* The parser's functions by themselves: the verifier looks at each once. */
__noinline int rd_next_request(struct rd_event *e)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct ps_cursor c;

	if (!s || !e)
		return 0;
	c = ps_payload(s, PS_HOOK_XDP, s->pos);
	rd_request(&c, &s->message, e);
	return 0;
}

__noinline int rd_next_reply(struct rd_answer *a)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_TC);
	struct ps_cursor c;
	bool wanted;

	if (!s || !a)
		return 0;
	c = ps_payload(s, PS_HOOK_TC, s->pos);
	wanted = !(s->message.state & RD_ELEMENTS) && ps_cursor_at(&c, c.pos) == '*' &&
		 ps_stream_noted(s, RD_NOTE_SEVERAL);
	rd_reply(&c, &s->message, a, s->segment.ordinal, wanted);
	return 0;
}

/* The message of a request at s->pos. */
static __always_inline void rd_follow_request(struct ps_scratch *s, struct ps_message *m)
{
	struct rd_event e = {};
	struct ps_hit hit;

	rd_next_request(&e);
	switch (e.kind) {
	case RD_EVENT_READ:
		if (e.key_len > ps_config.max_key)
			break;
		ps_key_load(PS_HOOK_XDP, e.key, e.key_len);
		if (ps_lookup(s, &hit))
			break;
		ps_stream_note(s, e.several);
		if (e.several)
			ps_stream_note(s, RD_NOTE_SEVERAL);
		break;
	case RD_EVENT_WRITE:
		ps_key_load(PS_HOOK_XDP, e.key, e.key_len);
		ps_stream_write(s, e.never_expires ? PS_EXPIRES_NEVER : PS_EXPIRES_UNKNOWN,
				e.replied);
		break;
	case RD_EVENT_FLUSH:
		/* Once for each request: when its end is there, the core does it again. */
		if (s->segment.wrote != PS_WRITES_ANYTHING)
			ps_stream_flush(s);
		break;
	}
}

static __always_inline bool rd_may_be_read(__u32 state, __u64 start)
{
	return rd_may_answer(state, start);
}

PS_ANSWER_REQUESTS(rd_follow_request, rd_may_be_read, rd_answer_request)

/* A string that answers a read which was noted, or a part of it: fills the cache if all of it is in the window, or can be. */
static __always_inline void rd_reply_value(struct __sk_buff *skb, struct ps_scratch *s,
					   struct ps_message *m, const struct rd_answer *a,
					   __u32 state)
{
	struct ps_cursor c = ps_payload(s, PS_HOOK_TC, s->pos);

	if (a->len > ps_config.max_value || !ps_stream_noted(s, a->several))
		return;
	if (a->data + a->len + 2 <= c.end) {
		if ((ps_cursor_word(&c, a->data + a->len) & 0xffff) == RD_CRLF)
			ps_stream_fill(skb, s, a->data, a->len, 0, PS_EXPIRES_UNKNOWN);
	} else if (ps_stream_more(s)) {
		m->body = m->replies = m->flags = 0;
		m->state = state;
		rd_partial(m, s->pos);
	}
}

/* The element of a reply at s->pos. */
static __always_inline void rd_follow_reply(struct __sk_buff *skb, struct ps_scratch *s,
					    struct ps_message *m)
{
	struct rd_answer a = {};
	__u32 state = m->state;

	rd_next_reply(&a);
	/*
	 * Slots are lost without a word to who listens, and all that is asked about keys of them from now on gets
	 * such an answer. Whatever is cached may be of them.
	 */
	if (a.elsewhere)
		ps_flush_leaving(s->pkt.service);
	if (a.value)
		rd_reply_value(skb, s, m, &a, state);
}

PS_FOLLOW_REPLIES(rd_follow_reply)

char LICENSE[] SEC("license") = "GPL";
