/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memcached over TCP: each command is followed, in order, to the reply that it gets. The core keeps the
 * place in both directions, stream.h says what the messages are; here is what they do.
 */
#ifndef PRESTACK_MEMCACHED_STREAM_BPF_H
#define PRESTACK_MEMCACHED_STREAM_BPF_H

#include "datagram.bpf.h"
#include "expiry.bpf.h"
#include "meta.bpf.h"
#include "stream.h"

/* In s->user[], not on the stack: there the verifier would follow what the parser makes of it. */
#define mc_event_of(s) ((struct mc_event *)(s)->user)
PS_STATIC_ASSERT(sizeof(struct mc_event) <= sizeof(((struct ps_scratch *)0)->user), "mc_event");

/* stream.h's functions by themselves: the verifier looks at each once. */
__noinline int mc_next_request(void)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct ps_cursor c;

	if (!s)
		return 0;
	c = ps_payload(s, PS_HOOK_XDP, s->pos);
	mc_stream_request(&c, &s->message, mc_event_of(s));
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

/* By far most writes, and its key. False: something else. */
static __always_inline bool mc_plain_set(struct ps_scratch *s, struct ps_message *m)
{
	struct ps_cursor c = ps_payload(s, PS_HOOK_XDP, s->pos);
	struct mc_command cmd = {};
	__u32 len;

	if (!mc_stream_is_set(&c, m))
		return false;
	len = ps_key_scan(PS_HOOK_XDP, c.pos + 4);
	if (!mc_stream_plain_set(&c, m, len, &cmd))
		return false;
	ps_stream_write(s, mc_expires(s, &cmd), true);
	return true;
}

/* What the read that was parsed does: its key may be filled. */
__noinline int mc_request_reads(void)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct ps_hit hit;

	if (s && !ps_lookup(s, &hit))
		ps_stream_read(s);
	return 0;
}

/* Any other. A function of its own for the verifier. */
__noinline int mc_other_request(void)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct mc_event *e;

	if (!s)
		return 0;
	mc_next_request();
	e = mc_event_of(s);
	switch (ps_read_once(e->kind)) {
	case MC_EVENT_READ:
		ps_key_load(PS_HOOK_XDP, e->cmd.key, e->cmd.key_len);
		mc_request_reads();
		break;
	case MC_EVENT_WRITE:
		ps_key_load(PS_HOOK_XDP, e->cmd.key, e->cmd.key_len);
		ps_stream_write(s, mc_expires(s, &e->cmd), e->cmd.replies == MC_REPLIES_ONE);
		break;
	case MC_EVENT_FLUSH:
		mc_flush_later(s, &e->cmd);
		ps_stream_flush(s);
		break;
	}
	return 0;
}

/* The request at s->pos, or the part of it that is there. */
static __always_inline void mc_request(struct ps_scratch *s, struct ps_message *m)
{
	if (!mc_plain_set(s, m))
		mc_other_request();
}

/* A read that may be answered from the cache begins like this. */
static __always_inline bool mc_may_answer(__u32 state, __u64 start)
{
	return state == MC_STREAM_TEXT && ((start & 0xffffffff) == MC_NAME4('g', 'e', 't', ' ') ||
					   (start & 0xffffff) == MC_NAME3('m', 'g', ' '));
}

/* What a function that renders an answer has left in user[MC_MISSED]. */
static __always_inline int mc_answered(__u32 missed)
{
	switch (missed) {
	case 0:
		return PS_ANSWERED;
	case PS_COUNT_misses:
		return PS_ANSWERED_MISS;
	case PS_COUNT_raced:
		return PS_ANSWERED_RACED;
	}
	return PS_ANSWERED_LONG;
}

/* Answers the request at s->pos. Returns enum ps_answered. */
__noinline int mc_answer(void)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	int step = MC_STEP_STOP;
	struct ps_cursor c;
	__u64 start;
	__u32 i;

	if (!s)
		return PS_ANSWERED_NOT;
	if (s->out_len > PS_MAX_SEGMENT_REPLY)
		return PS_ANSWERED_LONG;
	c = ps_payload(s, PS_HOOK_XDP, s->pos);
	start = ps_cursor_word(&c, c.pos);
	if ((start & 0xffffff) == MC_NAME3('m', 'g', ' ')) {
		s->pos += 3;
		step = mc_meta_answer();
		if (step == MC_STEP_STOP)
			return PS_ANSWERED_NOT;
		return step == MC_STEP_DONE ? PS_ANSWERED : mc_answered(s->user[MC_MISSED]);
	}
	if ((start & 0xffffffff) != MC_NAME4('g', 'e', 't', ' '))
		return PS_ANSWERED_NOT;
	s->pos += 4;
	s->user[MC_MISSED] = 0;
	for (i = 0; i < PS_MAX_KEYS; i++) {
		step = mc_get_key();
		if (step != MC_STEP_MORE)
			break;
	}
	if (step != MC_STEP_DONE)
		return PS_ANSWERED_NOT;
	if (s->user[MC_MISSED] == PS_COUNT_misses) {
		/* One key: what mc_request would say of it. */
		if (!i) {
			mc_whole(&s->message, s->pos);
			s->message.replies = 1;
		}
		return PS_ANSWERED_MISS;
	}
	ps_out_bytes(s, MC_NAME5('E', 'N', 'D', '\r', '\n'), 5);
	return mc_answered(s->user[MC_MISSED]);
}

PS_ANSWER_REQUESTS(mc_request, mc_may_answer, mc_answer)

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

/* See mc_stream_row. A function of its own, since it has a loop. */
__noinline int mc_reply_row(void)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_TC);
	struct ps_cursor c;

	if (!s)
		return 0;
	c = ps_payload(s, PS_HOOK_TC, 0);
	mc_stream_row(&c, &s->message);
	return 0;
}

/* See mc_stream_plain_value: fills, and returns 1, or 0 if it is something else. A function of its own for the verifier. */
__noinline int mc_reply_one_value(struct __sk_buff *skb)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_TC);
	struct ps_cursor c;
	struct mc_value v;
	__u32 len;

	if (!s || !skb)
		return 0;
	c = ps_payload(s, PS_HOOK_TC, s->pos);
	len = ps_key_scan(PS_HOOK_TC, c.pos + 6);
	if (!mc_stream_plain_value(&c, &s->message, len, &v))
		return 0;
	ps_stream_fill(skb, s, v.data, v.data_len, v.flags, MC_FILL_EXPIRES);
	return 1;
}

/* The replies at s->pos if they are plain; else false. `m` is s->message. */
static __always_inline bool mc_plain_reply(struct ps_scratch *s, struct ps_message *m)
{
	struct ps_cursor c = ps_payload(s, PS_HOOK_TC, s->pos);

	if (!mc_stream_plain_reply(&c, m))
		return false;
	if ((m->flags & PS_MESSAGE_SUCCEEDED) && m->next < c.end)
		mc_reply_row();
	return true;
}

/* The line of a reply at s->pos, or the binary reply. */
static __always_inline void mc_reply(struct __sk_buff *skb, struct ps_scratch *s,
				     struct ps_message *m)
{
	struct mc_answer a = {};

	if (mc_plain_reply(s, m))
		return;
	mc_next_reply(&a);
	if (a.effect)
		ps_flush(s->pkt.service);
	if (a.value)
		mc_reply_value(skb, s, m, &a.v);
}

/* What by far most segments hold. */
static __always_inline bool mc_first_reply(struct __sk_buff *skb, struct ps_scratch *s,
					   struct ps_message *m)
{
	struct ps_cursor c = ps_payload(s, PS_HOOK_TC, s->pos);

	return mc_stream_is_value(&c, m) ? mc_reply_one_value(skb) : mc_plain_reply(s, m);
}

PS_FOLLOW_PLAIN_REPLIES(mc_reply, mc_first_reply)

#endif /* PRESTACK_MEMCACHED_STREAM_BPF_H */
