/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading the new bytes of a segment of requests: windows, messages, and what becomes of the writes in
 * them. The flow's requests are owned. tcp/requests.bpf.h decides which segments are read. XDP.
 */
#ifndef PRESTACK_TCP_READ_REQUESTS_BPF_H
#define PRESTACK_TCP_READ_REQUESTS_BPF_H

#include "vmlinux.h"
#include "coherence/epoch.bpf.h"
#include "runtime/scratch.bpf.h"
#include "runtime/verifier.bpf.h"
#include "tcp/flow.bpf.h"
#include "tcp/partial_request.bpf.h"
#include "tcp/pending_writes.bpf.h"
#include "tcp/plugin_calls.bpf.h"
#include "tcp/retransmit.bpf.h"
#include <bpf/bpf_helpers.h>
#include <prestack/cursor.h>
#include <prestack/flow.h>
#include <prestack/stream.h>
#include <prestack/types.h>

struct ps_requests_step;

/* The functions of the plug-in, from PS_ANSWER_REQUESTS. They are known at compile time. */
struct ps_request_parser {
	int (*first)(struct ps_flow *f, __u32 pushed); /* ps_read_first */
	long (*step)(__u32 i, struct ps_requests_step *c); /* ps_request_step */
	bool (*may)(__u32 state, __u64 start); /* see ps_answer_segment */
	int (*answer)(void);
};

struct ps_requests_step {
	struct xdp_md *ctx;
	struct ps_flow *flow;
	int step;
	__u32 begun; /* a request begins in this segment, so the one before it is complete */
};

/*
 * Loads the window at `pos`. Two whole branches, so that bounds are tested right before their use.
 */
static __always_inline bool ps_request_window(struct xdp_md *ctx, struct ps_flow *f,
					      struct ps_scratch *s)
{
	struct ps_reader *r = &s->reader;
	__u32 len = r->total - r->pos, n, at;

	r->base = r->pos;
	if (r->pos >= r->carried) {
		at = s->segment.fresh + (r->pos - r->carried);
		if (len > PS_IN_SIZE)
			len = PS_IN_SIZE;
		n = 0;
		/* The dispatcher has left it in in[], where it was summed up. */
		if (!s->segment.loaded || at != s->pkt.payload) {
			if (!ps_size_fits(&len, PS_IN_SIZE) ||
			    bpf_xdp_load_bytes(ctx, at, s->in, len))
				return false;
		}
	} else {
		n = ps_stream_uncarry(&f->in, r, s->in);
		len -= n;
		if (len > PS_WINDOW_BESIDE)
			len = PS_WINDOW_BESIDE;
		ps_opaque(n);
		if (n > PS_CARRY_SIZE || !ps_size_fits(&len, PS_WINDOW_BESIDE) ||
		    bpf_xdp_load_bytes(ctx, s->segment.fresh, s->in + n, len))
			return false;
	}
	s->segment.loaded = 0;
	r->len = n + len;
	s->pkt.payload_len = r->len;
	return true;
}

/* Calls the plug-in's `parse` for the message at s->pos. */
static __always_inline void ps_request_parse(struct ps_flow *f, struct ps_scratch *s,
					     void (*parse)(struct ps_scratch *s,
							   struct ps_message *m))
{
	s->segment.ordinal = ps_replies_exact(f) ? f->requests + 1 : 0;
	if (!f->mid_request)
		s->segment.wrote = PS_WRITES_NOTHING;
	ps_message_begin(s, f->in.state);
	parse(s, &s->message);
	ps_pending_write_note(f, s);
	if (s->message.flags & PS_MESSAGE_ENDS_SERVICE)
		f->splice.refused = 1;
}

/* Goes on after the plug-in has looked at the message. Returns what to do next, enum ps_step. */
static __always_inline int ps_request_parsed(struct ps_flow *f, struct ps_scratch *s)
{
	int step = ps_stream_take(&f->in, &s->reader, &s->message);

	if (step == PS_STEP_LOST)
		return step;
	if (s->message.kind == PS_MESSAGE_WHOLE) {
		f->mid_request = s->message.flags & PS_MESSAGE_GOES_ON;
		ps_count_request(f, &s->message);
	} else if (s->message.next > s->pos) {
		f->mid_request = 1;
	}
	return step == PS_STEP_PARSE ? ps_stream_step(&f->in, &s->reader) : step;
}

/* Reads one message of a segment. 1 ends the loop. */
static __always_inline long ps_request_step(struct ps_requests_step *c,
					    void (*parse)(struct ps_scratch *s,
							  struct ps_message *m))
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct ps_flow *f = c->flow;
	int step = c->step;

	c->step = PS_STEP_LOST;
	if (!s || (step == PS_STEP_LOAD && !ps_request_window(c->ctx, f, s)))
		return 1;
	s->pos = s->reader.pos - s->reader.base;
	if (!f->mid_request)
		c->begun = 1;
	ps_request_parse(f, s, parse);
	c->step = ps_request_parsed(f, s);
	return c->step == PS_STEP_DONE || c->step == PS_STEP_LOST;
}

/* The flow cannot be followed any more. The bytes that were not read may write anything. */
static __always_inline int ps_requests_lost(struct ps_flow *f, struct ps_scratch *s, __u32 why)
{
	ps_flow_lose(f, s->pkt.service, why);
	ps_flush(s->pkt.service);
	return XDP_PASS;
}

/*
 * All of the segment is read. `pushed`: ps_flow.pushed before the segment. `begun`: whether a
 * request begins in it. A separate function: behind a loop the verifier of Linux 6.1 would check
 * this once for each path through the loop.
 */
__noinline int ps_requests_close(struct xdp_md *ctx, struct ps_flow *f, __u32 pushed, __u32 begun)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	__u32 begin;

	/*
	 * Makes ctx count as used. Otherwise the compiler need not set it in callers, and the
	 * verifier wants it set.
	 */
	ps_opaque(ctx);
	if (!s || !f)
		return 0;
	begin = f->in.next;
	ps_writes_arrive(f, s, pushed, false);
	ps_stream_close(&f->in, &s->reader, s->in);
	ps_remember(ctx, f, s, begin);
	if (s->partial.present || ps_within_request(f))
		ps_request_leave(f, s, begun);
	return 0;
}

/* Whether the segment begins where a request does, all of it is new, and it is in in[]. */
static __always_inline bool ps_begins_at_boundary(const struct ps_flow *f,
						  const struct ps_scratch *s)
{
	return s->segment.loaded && s->segment.fresh == s->pkt.payload &&
	       ps_stream_at_boundary(&f->in) && !f->mid_request;
}

/*
 * The segment is a single request, in s->message. Does what the general functions would do, except
 * for its writes.
 */
static __always_inline void ps_request_single(struct ps_flow *f, struct ps_scratch *s)
{
	const struct ps_message *m = &s->message;

	ps_count_request(f, m);
	ps_stream_take_all(&f->in, m, s->segment.len);
	ps_records_note_all(&f->records, &f->in, m, ps_hash_heads(s, 0, m->next));
}

/*
 * Reads the first message of a segment. Nearly all segments hold just that one, complete, and then
 * nothing else has to be done. Returns what to do next, enum ps_step. A separate function for the
 * verifier.
 */
static __always_inline int ps_read_first(struct ps_flow *f, __u32 pushed,
					 void (*parse)(struct ps_scratch *s, struct ps_message *m))
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	const struct ps_message *m;
	__u32 len;

	if (!s || !f)
		return PS_STEP_LOST;
	len = s->segment.len;
	if (!ps_begins_at_boundary(f, s)) {
		ps_stream_open(&f->in, &s->reader, len - (s->segment.fresh - s->pkt.payload));
		s->segment.begun = 0;
		return ps_stream_step(&f->in, &s->reader);
	}
	s->pos = 0;
	s->pkt.payload_len = len;
	ps_request_parse(f, s, parse);
	m = &s->message;
	if (ps_message_fills(m, len) && !(m->flags & PS_MESSAGE_GOES_ON)) {
		ps_request_single(f, s);
		ps_writes_arrive(f, s, pushed, true);
		return PS_STEP_SINGLE;
	}
	ps_stream_open_window(&f->in, &s->reader, len);
	s->segment.loaded = 0;
	s->segment.begun = 1;
	return ps_request_parsed(f, s);
}

/*
 * The segment is a single read of the current key that was to be answered here but missed, and
 * s->message describes it (see ps_answer_all). ps_nothing_outstanding was true for it.
 */
__noinline int ps_request_missed(struct ps_flow *f)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);

	if (!s || !f)
		return 0;
	s->segment.ordinal = f->requests + 1;
	ps_stream_read(s);
	ps_request_single(f, s);
	return 0;
}

/* Reads the new bytes of the segment, from `old` on. */
static __always_inline int ps_read_requests(struct xdp_md *ctx, struct ps_flow *f,
					    struct ps_scratch *s, __u32 old,
					    const struct ps_request_parser *how)
{
	struct ps_requests_step c = {.ctx = ctx, .flow = f};
	__u32 pushed = f->pushed;

	s->segment.fresh = s->pkt.payload + old;
	ps_request_opens(f, s);
	c.step = how->first(f, pushed);
	if (c.step == PS_STEP_SINGLE)
		return XDP_PASS;
	c.begun = s->segment.begun;
	if (c.step != PS_STEP_LOST && c.step != PS_STEP_DONE)
		bpf_loop(PS_MAX_STEPS, how->step, &c, 0);
	if (c.step != PS_STEP_DONE)
		return ps_requests_lost(f, s, PS_LOST_MESSAGE);
	ps_requests_close(ctx, f, pushed, c.begun);
	return XDP_PASS;
}

#endif /* PRESTACK_TCP_READ_REQUESTS_BPF_H */
