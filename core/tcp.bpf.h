/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Following TCP connections: which messages go by, in order, whatever segments they come in.
 */
#ifndef PRESTACK_TCP_BPF_H
#define PRESTACK_TCP_BPF_H

#include "cache.bpf.h"
#include "net.bpf.h"
#include <prestack/stream.h>

#define PS_MAX_STEPS (1 << 17) /* messages and window loads in one segment of 64 KiB */

/*
 * In a request function, after the current key was loaded: this request writes that key.
 * `expires`: when what is written does, if the server does as asked (enum ps_expires). `replied`:
 * the request's reply is sure to come.
 */
static __always_inline void ps_stream_write(struct ps_scratch *s, __u64 expires, bool replied)
{
	ps_invalidate(PS_HOOK_XDP);
}

/* In a request function: this request may change anything. */
static __always_inline void ps_stream_flush(struct ps_scratch *s)
{
	ps_flush(s->pkt.service);
}

/* In a request function, after the current key was loaded: the reply to this request may fill it. */
static __always_inline void ps_stream_read(struct ps_scratch *s) {}

/* In a reply function: whether a message that is PARTIAL would be given again with more of it. */
static __always_inline bool ps_stream_more(const struct ps_scratch *s)
{
	return s->reader.base + s->reader.len < s->reader.total && s->reader.pos > s->reader.base;
}

/*
 * In a reply function: the message at hand holds the value of the current key, `len` bytes at
 * in[from] of the window.
 */
static __always_inline void ps_stream_fill(struct __sk_buff *skb, struct ps_scratch *s, __u32 from,
					   __u32 len, __u32 flags)
{
}

struct ps_requests_step {
	struct xdp_md *ctx;
	int step;
};

/* One step in a segment of requests; `parse` is the plug-in's. 1 ends the loop. */
static __always_inline long ps_request_step(struct ps_requests_step *f, int (*parse)(void))
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	__u32 len;

	f->step = PS_STEP_LOST;
	if (!s)
		return 1;
	f->step = ps_stream_step(&s->stream, &s->reader);
	if (f->step == PS_STEP_DONE)
		return 1;
	if (f->step == PS_STEP_LOAD) {
		len = s->reader.total - s->reader.pos;
		s->reader.base = s->reader.pos;
		if (!ps_size_fits(&len, PS_IN_SIZE) ||
		    bpf_xdp_load_bytes(f->ctx, s->pkt.payload + s->reader.pos, s->in, len))
			return 1;
		s->reader.len = len;
		s->pkt.payload_len = len;
	}
	s->pos = s->reader.pos - s->reader.base;
	__builtin_memset(&s->message, 0, sizeof(s->message));
	s->message.state = s->stream.state;
	parse();
	f->step = ps_stream_take(&s->stream, &s->reader, &s->message);
	return f->step != PS_STEP_PARSE;
}

/* Not yet more than this: each segment for itself. */
static __always_inline int ps_follow_requests(struct xdp_md *ctx,
					      long (*step)(__u32 i, struct ps_requests_step *f))
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct ps_requests_step f = {.ctx = ctx};

	if (!s)
		return XDP_PASS;
	__builtin_memset(&s->stream, 0, sizeof(s->stream));
	ps_stream_open(&s->stream, &s->reader, s->pkt.payload_len);
	bpf_loop(PS_MAX_STEPS, step, &f, 0);
	if (f.step != PS_STEP_DONE || s->stream.skip || s->reader.pos < s->reader.total)
		ps_flush(s->pkt.service);
	ps_count(s->pkt.service, PS_COUNT_stream);
	return XDP_PASS;
}

/* Defines program ps_stream_request; the contract is in plugin.bpf.h. */
#define PS_FOLLOW_REQUESTS(request)                                                                \
	__noinline int ps_plugin_request(void)                                                     \
	{                                                                                          \
		struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);                                    \
                                                                                                   \
		if (s)                                                                             \
			request(s, &s->message);                                                   \
		return 0;                                                                          \
	}                                                                                          \
	static long ps_plugin_request_step(__u32 i, struct ps_requests_step *f)                    \
	{                                                                                          \
		return ps_request_step(f, ps_plugin_request);                                      \
	}                                                                                          \
	SEC("xdp")                                                                                 \
	int ps_stream_request(struct xdp_md *ctx)                                                  \
	{                                                                                          \
		return ps_follow_requests(ctx, ps_plugin_request_step);                            \
	}

/* Defines program ps_stream_reply; the contract is in plugin.bpf.h. */
#define PS_FOLLOW_REPLIES(reply)                                                                   \
	__noinline int ps_plugin_reply(struct __sk_buff *skb)                                      \
	{                                                                                          \
		struct ps_scratch *s = ps_scratch(PS_HOOK_TC);                                     \
                                                                                                   \
		if (s)                                                                             \
			reply(skb, s, &s->message);                                                \
		return 0;                                                                          \
	}                                                                                          \
	SEC("tc")                                                                                  \
	int ps_stream_reply(struct __sk_buff *skb)                                                 \
	{                                                                                          \
		return PS_TC_NEXT;                                                                 \
	}

#endif /* PRESTACK_TCP_BPF_H */
