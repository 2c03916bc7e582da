/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Follows the server's half of a TCP connection: which replies leave, in order, before they do. TC
 * egress, where a segment may be a GSO packet of 64 KiB.
 */
#ifndef PRESTACK_TCP_REPLIES_BPF_H
#define PRESTACK_TCP_REPLIES_BPF_H

#include "vmlinux.h"
#include "coherence/epoch.bpf.h"
#include "packet/headers.bpf.h"
#include "packet/uapi.bpf.h"
#include "runtime/scratch.bpf.h"
#include "runtime/stats.bpf.h"
#include "runtime/verifier.bpf.h"
#include "tcp/flow.bpf.h"
#include "tcp/peer.bpf.h"
#include "tcp/pending_writes.bpf.h"
#include "tcp/plugin_calls.bpf.h"
#include "tcp/segment.bpf.h"
#include "tcp/splice.bpf.h"
#include <bpf/bpf_helpers.h>
#include <prestack/counters.h>
#include <prestack/cursor.h>
#include <prestack/flow.h>
#include <prestack/stream.h>
#include <prestack/types.h>

struct ps_replies_step {
	struct __sk_buff *skb;
	struct ps_flow *flow;
	int step;
	__u32 why; /* enum ps_lost */
};

/* The functions of the plug-in, from PS_FOLLOW_PLAIN_REPLIES. They are known at compile time. */
struct ps_reply_parser {
	bool (*first)(struct __sk_buff *skb, struct ps_scratch *s, struct ps_message *m);
	long (*step)(__u32 i, struct ps_replies_step *c); /* ps_reply_step */
};

static __always_inline bool ps_none_is_first(struct __sk_buff *skb, struct ps_scratch *s,
					     struct ps_message *m)
{
	return false;
}

/* See ps_request_window. */
static __always_inline bool ps_reply_window(struct __sk_buff *skb, struct ps_flow *f,
					    struct ps_scratch *s)
{
	struct ps_reader *r = &s->reader;
	__u32 len = r->total - r->pos, n = 0, at;

	r->base = r->pos;
	if (r->pos >= r->carried) {
		at = s->segment.fresh + (r->pos - r->carried);
		if (len > PS_IN_SIZE)
			len = PS_IN_SIZE;
		if (!ps_size_fits(&len, PS_IN_SIZE) || bpf_skb_load_bytes(skb, at, s->in, len))
			return false;
	} else {
		n = ps_stream_uncarry(&f->out, r, s->in);
		len -= n;
		if (len > PS_WINDOW_BESIDE)
			len = PS_WINDOW_BESIDE;
		ps_opaque(n);
		if (n > PS_CARRY_SIZE || !ps_size_fits(&len, PS_WINDOW_BESIDE) ||
		    bpf_skb_load_bytes(skb, s->segment.fresh, s->in + n, len))
			return false;
	}
	r->len = n + len;
	s->pkt.payload_len = r->len;
	return true;
}

/* Prepares the message at s->pos, before the plug-in looks at it. */
static __always_inline void ps_reply_begins(const struct ps_flow *f, struct ps_scratch *s)
{
	s->segment.ordinal = ps_replies_exact(f) ? f->replies + 1 : 0;
	ps_message_begin(s, f->out.state);
}

/* Applies s->message, whose end leaves. False: it answers no known request. */
static __always_inline bool ps_reply_ends(struct __sk_buff *skb, struct ps_flow *f,
					  const struct ps_message *m)
{
	if ((m->flags & PS_MESSAGE_SERVES) && !f->splice.known)
		ps_peer_learn(skb);
	return m->kind != PS_MESSAGE_WHOLE || !m->replies || ps_count_reply(f, m);
}

/* Goes on after the plug-in has looked at the message. 1 ends the loop. */
static __always_inline long ps_reply_parsed(struct ps_replies_step *c, struct ps_scratch *s)
{
	struct ps_flow *f = c->flow;
	int step = ps_stream_take(&f->out, &s->reader, &s->message);

	c->step = PS_STEP_LOST;
	if (step == PS_STEP_LOST)
		return 1;
	if (!ps_reply_ends(c->skb, f, &s->message)) {
		c->why = PS_LOST_REPLY;
		return 1;
	}
	if (step == PS_STEP_PARSE)
		step = ps_stream_step(&f->out, &s->reader);
	c->step = step;
	return step == PS_STEP_DONE;
}

/* Reads one message of a segment with the plug-in's `parse`. 1 ends the loop. */
static __always_inline long ps_reply_step(struct ps_replies_step *c,
					  void (*parse)(struct __sk_buff *skb, struct ps_scratch *s,
							struct ps_message *m))
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_TC);

	if (!s || (c->step == PS_STEP_LOAD && !ps_reply_window(c->skb, c->flow, s))) {
		c->step = PS_STEP_LOST;
		return 1;
	}
	s->pos = s->reader.pos - s->reader.base;
	ps_reply_begins(c->flow, s);
	parse(c->skb, s, &s->message);
	return ps_reply_parsed(c, s);
}

/* Whether the segment begins where a reply does, and all of it is new. Then it is in in[] now. */
static __always_inline bool ps_reply_at_boundary(struct __sk_buff *skb, const struct ps_flow *f,
						 struct ps_scratch *s, __u32 old)
{
	__u32 len = s->segment.len;

	if (old || !ps_stream_at_boundary(&f->out) || !ps_size_fits(&len, PS_IN_SIZE) ||
	    bpf_skb_load_bytes(skb, s->pkt.payload, s->in, len))
		return false;
	s->pos = 0;
	s->pkt.payload_len = s->segment.len;
	return true;
}

/*
 * Reads the first message of a segment, if it is a plain one. Nearly all segments hold just that,
 * and then nothing else has to be done. Returns what to do next, enum ps_step.
 */
static __always_inline int ps_first_reply(struct ps_replies_step *c, struct ps_scratch *s,
					  __u32 old, const struct ps_reply_parser *how)
{
	const struct ps_message *m = &s->message;
	struct ps_flow *f = c->flow;
	__u32 len = s->segment.len;

	/* A plug-in without plain replies spares the verifier this path. */
	if (how->first == ps_none_is_first || !ps_reply_at_boundary(c->skb, f, s, old)) {
		ps_stream_open(&f->out, &s->reader, len - old);
		return ps_stream_step(&f->out, &s->reader);
	}
	ps_reply_begins(f, s);
	if (how->first(c->skb, s, &s->message) && m->next == len && !m->body) {
		if (!ps_reply_ends(c->skb, f, m)) {
			c->why = PS_LOST_REPLY;
			return PS_STEP_LOST;
		}
		ps_stream_take_all(&f->out, m, len);
		return PS_STEP_SINGLE;
	}
	ps_stream_open_window(&f->out, &s->reader, len);
	return PS_STEP_PARSE;
}

/* Reads all messages of a segment, from c->step on. False: they cannot be read, c->why says why. */
static __always_inline bool ps_reply_steps(struct ps_replies_step *c, struct ps_scratch *s,
					   const struct ps_reply_parser *how)
{
	struct ps_flow *f = c->flow;

	/*
	 * Passed through memory, so that the verifier checks the loop once and not once for each
	 * path to here.
	 */
	s->segment.step = c->step;
	c->step = ps_read_once(s->segment.step);
	if (c->step != PS_STEP_DONE && c->step != PS_STEP_LOST)
		bpf_loop(PS_MAX_STEPS, how->step, c, 0);
	if (c->step != PS_STEP_DONE)
		return false;
	ps_stream_close(&f->out, &s->reader, s->in);
	return true;
}

/* Handles a segment of a flow whose replies are owned. False: it is not known what leaves. */
static __always_inline bool ps_take_replies(struct __sk_buff *skb, struct ps_flow *f,
					    struct ps_scratch *s, const struct ps_reply_parser *how)
{
	struct ps_replies_step c = {.skb = skb, .flow = f};
	const struct ps_segment *g = &s->segment;
	__u32 old = 0, replies = f->replies;
	bool exact = ps_replies_exact(f);

	switch (ps_stream_accept(&f->out, g->seq, g->len, &old)) {
	case PS_ACCEPT_READ:
		break;
	case PS_ACCEPT_OLD:
		/* A retransmission, read when it left first. */
		return true;
	default:
		/* The bytes in the gap left by another way. */
		ps_flow_lose(f, s->pkt.service, PS_LOST_GAP);
		return false;
	}
	c.why = PS_LOST_MESSAGE;
	s->segment.fresh = s->pkt.payload + old;
	s->sender = f->sender;
	c.step = ps_first_reply(&c, s, old, how);
	if (c.step != PS_STEP_SINGLE && !ps_reply_steps(&c, s, how)) {
		ps_flow_lose(f, s->pkt.service, c.why);
		return false;
	}
	if (s->sender != f->sender)
		f->sender = s->sender;
	/* Some of the pending writes may be done, and it is not known which. */
	if (!exact || !ps_replies_exact(f))
		ps_pending_write_all(f);
	return ps_seq_diff(ps_read_once(f->overflow_ordinal), replies) <= 0;
}

/* Passes the segment to the client, with the client's numbers. */
static __always_inline int ps_to_client(struct __sk_buff *skb, const struct ps_flow *f)
{
	return ps_is_spliced(f) ? ps_translate_out(skb) : TC_ACT_UNSPEC;
}

/* It is not known what leaves: it may be the reply to any write. */
static __always_inline int ps_replies_unknown(struct ps_scratch *s)
{
	ps_count(s->pkt.service, PS_COUNT_flows_unknown);
	ps_flush_leaving(s->pkt.service);
	return TC_ACT_UNSPEC;
}

/*
 * Another CPU reads replies of this flow, and a reply cannot wait. A separate function, since it is
 * rare.
 */
__noinline int ps_replies_busy(struct __sk_buff *skb)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_TC);
	struct ps_flow *f;

	if (!s || !skb)
		return TC_ACT_UNSPEC;
	f = ps_flow_find(&s->pkt.flow);
	if (!f)
		return ps_replies_unknown(s);
	ps_note_server_segment(f, &s->pkt.flow, &s->segment);
	ps_flow_lose(f, s->pkt.service, PS_LOST_BUSY);
	ps_flush_leaving(s->pkt.service);
	return ps_to_client(skb, f);
}

/* The whole of program ps_stream_reply. */
static __always_inline int ps_follow_replies(struct __sk_buff *skb,
					     const struct ps_reply_parser *how)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_TC);
	struct ps_flow *f;
	int verdict;
	bool over;

	if (!s)
		return TC_ACT_UNSPEC;
	f = ps_flow_at(&s->pkt.flow);
	if (!f)
		return ps_replies_unknown(s);
	switch (ps_flow_own(f, &s->pkt.flow, PS_REPLIES)) {
	case PS_OWN_YES:
		break;
	case PS_OWN_BUSY:
		return ps_replies_busy(skb);
	default:
		return ps_replies_unknown(s);
	}
	ps_note_server_segment(f, &s->pkt.flow, &s->segment);
	if (ps_read_once(f->lost)) {
		ps_flow_free(f, PS_REPLIES);
		ps_flush_leaving(s->pkt.service);
		return ps_to_client(skb, f);
	}
	if (!ps_take_replies(skb, f, s, how))
		ps_flush_leaving(s->pkt.service);
	/* The element was not ours any more: user space had deleted it, and it was reused. */
	if (!ps_flow_is(f, &s->pkt.flow))
		f->lost = PS_LOST_BUSY;
	/*
	 * The other direction has lost the flow meanwhile, and this may answer what was not read
	 * there.
	 */
	if (ps_read_once(f->lost))
		ps_flush_leaving(s->pkt.service);
	over = (s->segment.flags & TCPHDR_FIN) && f->out.next == s->segment.seq + s->segment.len;
	ps_flow_free(f, PS_REPLIES);
	verdict = ps_to_client(skb, f);
	if (over)
		ps_flow_fin(f, &s->pkt.flow, PS_REPLIES);
	return verdict;
}

/*
 * These define program ps_stream_reply; plugin.bpf.h has the contract. With PS_FOLLOW_REPLIES no
 * reply is plain.
 */
#define PS_FOLLOW_REPLIES(reply) PS_FOLLOW_PLAIN_REPLIES(reply, ps_none_is_first)

#define PS_FOLLOW_PLAIN_REPLIES(reply, first)                                                      \
	static long ps_plugin_reply_step(__u32 i, struct ps_replies_step *c)                       \
	{                                                                                          \
		return ps_reply_step(c, reply);                                                    \
	}                                                                                          \
	SEC("tc")                                                                                  \
	int ps_stream_reply(struct __sk_buff *skb)                                                 \
	{                                                                                          \
		const struct ps_reply_parser how = {first, ps_plugin_reply_step};                  \
                                                                                                   \
		return ps_follow_replies(skb, &how);                                               \
	}

#endif /* PRESTACK_TCP_REPLIES_BPF_H */
