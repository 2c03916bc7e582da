/* SPDX-License-Identifier: GPL-2.0-only */
/* Answering reads from the cache. What is not there, Redis is asked for: also what it would say to that. */
#ifndef PRESTACK_REDIS_ANSWER_BPF_H
#define PRESTACK_REDIS_ANSWER_BPF_H

#include <prestack/plugin.bpf.h>

#include "parser.h"

/* "<type><number>\r\n" */
static __always_inline void rd_out_line(struct ps_scratch *s, __u8 type, __u32 number)
{
	ps_out_bytes(s, type, 1);
	ps_out_number(s, number);
	ps_out_bytes(s, RD_CRLF, 2);
}

/* One key of the read, at s->pos: its answer if the verb has one for each. Returns enum ps_answered. */
__noinline int rd_answer_key(__u32 verb)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	__u32 next, key = 0, len = 0;
	struct ps_cursor c;
	struct ps_hit hit;

	if (!s)
		return PS_ANSWERED_NOT;
	if (s->out_len > PS_MAX_SEGMENT_REPLY)
		return PS_ANSWERED_LONG;
	c = ps_payload(s, PS_HOOK_XDP, s->pos);
	next = rd_read_key(&c, s->pos, &key, &len);
	if (!next || len > ps_config.max_key)
		return PS_ANSWERED_NOT;
	ps_key_load(PS_HOOK_XDP, key, len);
	if (!ps_lookup(s, &hit))
		return PS_ANSWERED_MISS;
	s->pos = next;
	switch (verb) {
	case RD_VERB_STRLEN:
		rd_out_line(s, ':', hit.value_len);
		/* fall through */
	case RD_VERB_EXISTS:
		return ps_hit_stands(&hit) ? PS_ANSWERED : PS_ANSWERED_RACED;
	}
	rd_out_line(s, '$', hit.value_len);
	if (ps_put_value(s, &hit))
		return PS_ANSWERED_RACED;
	ps_out_bytes(s, RD_CRLF, 2);
	return PS_ANSWERED;
}

/* Answers the request at s->pos. Returns enum ps_answered. */
__noinline int rd_answer_request(void)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct rd_read r = {};
	int done = PS_ANSWERED;
	struct ps_cursor c;

	if (!s)
		return PS_ANSWERED_NOT;
	c = ps_payload(s, PS_HOOK_XDP, s->pos);
	rd_read(&c, &r);
	if (r.verb == RD_VERB_NONE)
		return PS_ANSWERED_NOT;
	if (s->out_len > PS_MAX_SEGMENT_REPLY)
		return PS_ANSWERED_LONG;
	if (r.verb == RD_VERB_MGET)
		rd_out_line(s, '*', r.keys);
	if (r.verb == RD_VERB_EXISTS)
		rd_out_line(s, ':', r.keys);
	s->pos = r.first;
	for (__u32 i = 0; i < PS_MAX_KEYS; i++) {
		if (i >= r.keys || done != PS_ANSWERED)
			break;
		done = rd_answer_key(r.verb);
	}
	return done;
}

#endif /* PRESTACK_REDIS_ANSWER_BPF_H */
