/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memcached over TCP: each command is followed, in order, to the reply that it gets. The core keeps the
 * place in both directions, stream.h says what the messages are; here is what they do.
 */
#ifndef PRESTACK_MEMCACHED_STREAM_BPF_H
#define PRESTACK_MEMCACHED_STREAM_BPF_H

#include "expiry.bpf.h"
#include "stream.h"

/* stream.h's functions by themselves: the verifier looks at each once. */
__noinline int mc_next_request(struct mc_event *e)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct ps_cursor c;

	if (!s || !e)
		return 0;
	c = ps_payload(s, PS_HOOK_XDP, s->pos);
	mc_stream_request(&c, &s->message, e);
	return 0;
}

__noinline int mc_next_reply(struct mc_answer *a)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_TC);
	struct ps_cursor c;

	if (!s || !a)
		return 0;
	c = ps_payload(s, PS_HOOK_TC, s->pos);
	mc_stream_reply(&c, &s->message, a);
	return 0;
}

/* The request at s->pos, or the part of it that is there. */
static __always_inline void mc_request(struct ps_scratch *s, struct ps_message *m)
{
	struct mc_event e = {};
	struct ps_hit hit;

	mc_next_request(&e);
	switch (e.kind) {
	case MC_EVENT_READ:
		ps_key_load(PS_HOOK_XDP, e.cmd.key, e.cmd.key_len);
		if (!ps_lookup(s, &hit))
			ps_stream_read(s);
		break;
	case MC_EVENT_WRITE:
		ps_key_load(PS_HOOK_XDP, e.cmd.key, e.cmd.key_len);
		ps_stream_write(s, mc_expires(s, &e.cmd), e.cmd.replies == MC_REPLIES_ONE);
		break;
	case MC_EVENT_FLUSH:
		mc_flush_later(s, &e.cmd);
		ps_stream_flush(s);
		break;
	}
}

PS_FOLLOW_REQUESTS(mc_request)

/* A VALUE: fills the cache if all of it is in the window, or can be. */
static __always_inline void mc_reply_value(struct __sk_buff *skb, struct ps_scratch *s,
					   struct ps_message *m, const struct mc_value *v)
{
	struct ps_cursor c = ps_payload(s, PS_HOOK_TC, s->pos);

	if (v->next <= c.end) {
		if ((ps_cursor_word(&c, v->next - 2) & 0xffff) != MC_CRLF) {
			m->kind = PS_MESSAGE_LOST;
			return;
		}
		ps_key_load(PS_HOOK_TC, v->key, v->key_len);
		ps_stream_fill(skb, s, v->data, v->data_len, v->flags, MC_FILL_EXPIRES);
	} else if (v->data_len <= ps_config.max_value && ps_stream_more(s)) {
		m->body = 0;
		mc_partial(m, s->pos);
	}
}

/* The line of a reply at s->pos, or the binary reply. */
static __always_inline void mc_reply(struct __sk_buff *skb, struct ps_scratch *s,
				     struct ps_message *m)
{
	struct mc_answer a = {};

	mc_next_reply(&a);
	if (a.effect)
		ps_flush(s->pkt.service);
	if (a.value)
		mc_reply_value(skb, s, m, &a.v);
}

PS_FOLLOW_REPLIES(mc_reply)

#endif /* PRESTACK_MEMCACHED_STREAM_BPF_H */
