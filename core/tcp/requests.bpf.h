/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Follows the client's half of a TCP connection: each segment is read, in order, before the server
 * gets it. XDP.
 */
#ifndef PRESTACK_TCP_REQUESTS_BPF_H
#define PRESTACK_TCP_REQUESTS_BPF_H

#include "vmlinux.h"
#include "coherence/epoch.bpf.h"
#include "packet/headers.bpf.h"
#include "packet/uapi.bpf.h"
#include "runtime/scratch.bpf.h"
#include "runtime/stats.bpf.h"
#include "runtime/verifier.bpf.h"
#include "tcp/answer.bpf.h"
#include "tcp/flow.bpf.h"
#include "tcp/read_requests.bpf.h"
#include "tcp/retransmit.bpf.h"
#include "tcp/splice.bpf.h"
#include "tcp/syn_cookie.bpf.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <prestack/counters.h>
#include <prestack/flow.h>
#include <prestack/stream.h>

/* Handles a segment of a flow whose requests are owned. */
static __always_inline int ps_take_requests(struct xdp_md *ctx, struct ps_flow *f,
					    struct ps_scratch *s,
					    const struct ps_request_parser *how)
{
	const struct ps_segment *g = &s->segment;
	__u32 old = 0;
	int what;

	if (g->flags & TCPHDR_URG)
		return ps_requests_lost(f, s, PS_LOST_URGENT);
	what = ps_stream_accept(&f->in, g->seq, g->len, &old);
	if (what == PS_ACCEPT_INSIDE)
		return XDP_PASS;
	if (what == PS_ACCEPT_AHEAD) {
		if (!f->stuck_since)
			f->stuck_since = s->pkt.now;
		if (s->pkt.now - f->stuck_since < PS_STUCK_NS)
			return XDP_DROP;
		return ps_requests_lost(f, s, PS_LOST_GAP);
	}
	if (what == PS_ACCEPT_OLD)
		old = g->len;
	if (old && !ps_is_retransmission(ctx, f, s, g->seq + old))
		return ps_requests_lost(f, s, PS_LOST_GAP);
	if (what == PS_ACCEPT_OLD)
		return XDP_PASS;
	f->stuck_since = 0;
	f->splice.passed_at = s->pkt.now;
	f->splice.ts_recent = bpf_ntohl(s->segment.tsval);
	if (s->segment.missed) {
		ps_request_missed(f);
		return XDP_PASS;
	}
	return ps_read_requests(ctx, f, s, old, how);
}

/* The connection is not followed. If there are bytes, they may be a write. */
static __always_inline int ps_requests_unknown(struct ps_scratch *s)
{
	if (!s->segment.len)
		return XDP_PASS;
	ps_count(s->pkt.service, PS_COUNT_stream);
	ps_count(s->pkt.service, PS_COUNT_flows_unknown);
	ps_flush(s->pkt.service);
	return XDP_PASS;
}

/* Passes the segment to the server, with the server's numbers. */
static __always_inline int ps_to_server(struct xdp_md *ctx, const struct ps_flow *f)
{
	return ps_is_watched(f) ? ps_translate_in(ctx) : XDP_PASS;
}

/* The whole of program ps_stream_request. */
static __always_inline int ps_follow_requests(struct xdp_md *ctx,
					      const struct ps_request_parser *how)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct ps_flow *f;
	int verdict;
	bool over;

	if (!s)
		return XDP_PASS;
	f = ps_flow_at(&s->pkt.flow);
	if (f) {
		switch (ps_flow_own(f, &s->pkt.flow, PS_REQUESTS)) {
		case PS_OWN_YES:
			break;
		case PS_OWN_BUSY:
			ps_count(s->pkt.service, PS_COUNT_out_of_order);
			return XDP_DROP;
		default:
			return ps_requests_unknown(s);
		}
	} else {
		if (ps_may_be_cookie(&s->pkt.flow, &s->segment))
			ps_note_cookie(ctx);
		switch (ps_flow_begin(&s->pkt.flow, s->segment.seq, s->segment.ack, s->segment.len,
				      s->pkt.now, &f)) {
		case PS_BEGIN_FLOW:
			ps_count(s->pkt.service, PS_COUNT_flows);
			break;
		case PS_BEGIN_REFUSED:
			ps_count(s->pkt.service, PS_COUNT_flows_refused);
			return ps_requests_unknown(s);
		case PS_BEGIN_AHEAD:
			ps_count(s->pkt.service, PS_COUNT_out_of_order);
			return XDP_DROP;
		default:
			return ps_requests_unknown(s);
		}
	}
	verdict = ps_is_spliced(f) && ps_answer_unacked(f, s) ? ps_answer_resend(ctx) : -1;
	if (verdict < 0 && s->segment.len && !ps_read_once(f->lost))
		verdict = ps_answer_segment(ctx, s, f, how->may, how->answer);
	if (verdict >= 0 || !s->segment.len) {
		ps_flow_free(f, PS_REQUESTS);
		return verdict < 0 ? ps_to_server(ctx, f) : verdict;
	}
	ps_count(s->pkt.service, PS_COUNT_stream);
	if (ps_read_once(f->lost)) {
		ps_flow_free(f, PS_REQUESTS);
		ps_flush(s->pkt.service);
		return ps_to_server(ctx, f);
	}
	verdict = ps_take_requests(ctx, f, s, how);
	/* The element was not ours any more: user space had deleted it, and it was reused. */
	if (!ps_flow_is(f, &s->pkt.flow))
		f->lost = PS_LOST_BUSY;
	over = (s->segment.flags & TCPHDR_FIN) && f->in.next == s->segment.seq + s->segment.len;
	ps_flow_free(f, PS_REQUESTS);
	if (verdict == XDP_DROP) {
		ps_count(s->pkt.service, PS_COUNT_out_of_order);
		return verdict;
	}
	verdict = ps_to_server(ctx, f);
	if (over)
		ps_flow_fin(f, &s->pkt.flow, PS_REQUESTS);
	return verdict;
}

static __always_inline bool ps_may_not(__u32 state, __u64 start)
{
	return false;
}

static __always_inline int ps_answers_nothing(void)
{
	return PS_ANSWERED_NOT;
}

/*
 * These define program ps_stream_request; plugin.bpf.h has the contract. With PS_FOLLOW_REQUESTS
 * the server answers all requests.
 */
#define PS_FOLLOW_REQUESTS(request) PS_ANSWER_REQUESTS(request, ps_may_not, ps_answers_nothing)

#define PS_ANSWER_REQUESTS(request, may, answer)                                                   \
	static long ps_plugin_request_step(__u32 i, struct ps_requests_step *c)                    \
	{                                                                                          \
		return ps_request_step(c, request);                                                \
	}                                                                                          \
	__noinline int ps_plugin_first_request(struct ps_flow *f, __u32 pushed)                    \
	{                                                                                          \
		return ps_read_first(f, pushed, request);                                          \
	}                                                                                          \
	SEC("xdp")                                                                                 \
	int ps_stream_request(struct xdp_md *ctx)                                                  \
	{                                                                                          \
		const struct ps_request_parser how = {ps_plugin_first_request,                     \
						      ps_plugin_request_step, may, answer};        \
                                                                                                   \
		return ps_follow_requests(ctx, &how);                                              \
	}

#endif /* PRESTACK_TCP_REQUESTS_BPF_H */
