/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Answers requests on a TCP connection at XDP: whether that is allowed, and doing it. docs/tcp.md.
 *
 * An answer is a promise to the client. Its bytes are kept until they are acknowledged, and a
 * retransmitted request gets the same bytes. So the flow is changed first. If the segment then
 * cannot be sent it is just a lost segment.
 */
#ifndef PRESTACK_TCP_ANSWER_BPF_H
#define PRESTACK_TCP_ANSWER_BPF_H

#include "vmlinux.h"
#include "handover/slot.bpf.h"
#include "packet/headers.bpf.h"
#include "packet/uapi.bpf.h"
#include "runtime/lock.bpf.h"
#include "runtime/maps.bpf.h"
#include "runtime/scratch.bpf.h"
#include "runtime/stats.bpf.h"
#include "runtime/verifier.bpf.h"
#include "service/service.bpf.h"
#include "tcp/answer_frame.bpf.h"
#include "tcp/flow.bpf.h"
#include "tcp/idle.bpf.h"
#include "tcp/pending_writes.bpf.h"
#include "tcp/splice.bpf.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <prestack/counters.h>
#include <prestack/cursor.h>
#include <prestack/flow.h>
#include <prestack/splice.h>
#include <prestack/stream.h>
#include <prestack/window.h>

/*
 * At least this often a request of each connection goes to the server, so that it knows its client
 * is alive.
 */
#define PS_SERVER_TURN_NS 5000000000ULL

/* Whether the segment has nothing but data, and the options that the connection uses. */
static __always_inline bool ps_is_ordinary(const struct ps_scratch *s, const struct ps_splice *sp)
{
	const struct ps_segment *g = &s->segment;
	__u32 head = s->pkt.payload - s->pkt.l4;

	if ((g->flags & ~TCPHDR_PSH) != TCPHDR_ACK || s->pkt.odd_header || !g->loaded)
		return false;
	if (!sp->timestamps)
		return head == sizeof(struct tcphdr);
	return g->plain && (!sp->in_skip || (__s32)(bpf_ntohl(g->tsval) - sp->ts_recent) >= 0);
}

/*
 * Why the server has to answer a request that may be a read, whatever it reads, enum ps_counter; 0:
 * it need not.
 */
static __always_inline __u32 ps_answer_refusal(const struct ps_scratch *s, const struct ps_flow *f)
{
	const struct ps_splice *sp = &f->splice;

	if (!ps_read_once(sp->known) || ps_read_once(sp->refused))
		return PS_COUNT_unearned;
	if (!ps_is_ordinary(s, sp))
		return PS_COUNT_odd_segment;
	if (!ps_nothing_outstanding(f, &s->segment) || ps_read_once(f->closed))
		return PS_COUNT_outstanding;
	if (s->pkt.now - sp->passed_at > PS_SERVER_TURN_NS)
		return PS_COUNT_turn_of_server;
	return 0;
}

/*
 * Makes out[] the flow's last answer, to the current segment. False: the server has sent something
 * meanwhile.
 */
static __always_inline bool ps_answer_commit(struct ps_flow *f, const struct ps_scratch *s)
{
	struct ps_splice *sp = &f->splice;
	const struct ps_segment *g = &s->segment;
	__u64 old = ps_read_once(sp->sent);
	__u32 len = s->out_len, end = g->seq + g->len;
	bool good;

	/* The old answer is not needed any more, since the client has acknowledged all. */
	ps_opaque(len);
	if (!ps_size_fits(&len, PS_MAX_SEGMENT_REPLY) ||
	    bpf_probe_read_kernel(sp->reply, len, s->out))
		return false;
	if ((__u32)old + (__u32)(old >> 32) != g->ack)
		return false;
	sp->turn++;
	ps_ordered();
	good = __sync_val_compare_and_swap(&sp->sent, old, old + ((__u64)len << 32)) == old;
	if (good) {
		if (!sp->in_skip)
			ps_count(s->pkt.service, PS_COUNT_flows_spliced);
		sp->at = old;
		sp->len = len;
		sp->from = g->seq;
		sp->to = end;
		sp->in_skip += g->len;
	}
	ps_ordered();
	sp->turn++;
	if (!good)
		return false;
	sp->client_ack = g->ack;
	sp->ts_recent = bpf_ntohl(g->tsval);
	f->in.next = end;
	*(volatile __u32 *)&f->acked = end;
	return true;
}

/*
 * Sends out[] to the client of a flow whose requests are owned: as the answer to the current
 * segment, or (`again`) as the last answer once more. Returns the verdict. Less than 0: nothing was
 * done.
 */
static __always_inline int ps_answer_send(struct xdp_md *ctx, struct ps_scratch *s,
					  struct ps_flow *f, bool again, bool through_tc)
{
	struct ps_splice *sp = &f->splice;
	struct ps_handover *slot = NULL;
	struct ps_segment_numbers n = {};
	__u32 ticket = 0, room, request_end;
	struct ps_shift h;
	int growth;

	if (!ps_head_load(ctx, s) || !ps_shift_load(sp, &h))
		return -1;
	growth = ps_head_growth(ctx, s, sp->timestamps);
	if (through_tc || ps_resize(ctx, growth)) {
		slot = ps_handover_mark(ctx, s, &ticket);
		if (!slot)
			return -1;
	}
	if (again) {
		request_end = h.to;
		n.seq = ps_shift_answer_end(&h) - h.len + s->pos;
		/* While a part is missing, the client must go on asking. */
		n.ack = s->pos + s->out_len == h.len ? h.to : h.from;
	} else {
		request_end = s->segment.seq + s->segment.len;
		n.seq = s->segment.ack;
		n.ack = request_end;
		if (!ps_answer_commit(f, s)) {
			/*
			 * The frame may have changed its length by now. The client sends the
			 * request again.
			 */
			ps_count(s->pkt.service, PS_COUNT_reply_lost);
			return XDP_DROP;
		}
		h.at = s->segment.ack - h.out_add;
		h.len = s->out_len;
		h.out_add += s->out_len;
	}
	n.window = sp->window;
	n.stamped = sp->timestamps;
	n.tsval = sp->tsval;
	if (slot) {
		/* The server gets the acknowledgement, so it need not retransmit. */
		n.server_seq = request_end - sp->in_skip;
		n.server_ack = ps_shift_ack_in(&h, s->segment.ack);
		room = ps_window_room(&h, s->segment.ack, ps_window_bytes(sp, s->segment.window));
		n.server_window = ps_window_field(sp, room, !again);
		ps_window_give(sp, n.server_ack, n.server_window);
		sp->server_una = n.server_ack;
		ps_count(s->pkt.service, PS_COUNT_stream_acks);
		return ps_segment_hand_over(ctx, s, slot, ticket, &n);
	}
	if (!ps_segment_write(ctx, s, &n)) {
		ps_count(s->pkt.service, PS_COUNT_reply_lost);
		return XDP_DROP;
	}
	return XDP_TX;
}

/* Whether the segment does not acknowledge the last answer. Nearly all do, and need no call. */
static __always_inline bool ps_answer_unacked(const struct ps_flow *f, const struct ps_scratch *s)
{
	struct ps_shift h;

	return !ps_shift_load(&f->splice, &h) || !ps_shift_answer_acked(&h, s->segment.ack);
}

/*
 * Sends what the client lacks of the last answer again, if it shows that it lacks something. Less
 * than 0: it does not.
 */
__noinline int ps_answer_resend(struct xdp_md *ctx)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct ps_splice *sp;
	struct ps_flow *f;
	struct ps_shift h;
	__u32 len, has;
	int sent;

	f = s ? ps_flow_find(&s->pkt.flow) : NULL;
	if (!f || !ps_is_spliced(f))
		return -1;
	sp = &f->splice;
	if (!sp->len || !ps_shift_load(sp, &h) || ps_shift_answer_acked(&h, s->segment.ack) ||
	    ps_shift_answer_acked(&h, ps_read_once(sp->client_ack)))
		return -1;
	/*
	 * A segment with bytes behind that request may have been sent before the answer came. A
	 * bare acknowledgement, or the request again, shows that the answer is missing.
	 */
	if (s->segment.len && (__s32)(s->segment.seq - h.to) >= 0)
		return -1;
	/* An old segment from before the answer, which was on its way for long. */
	has = s->segment.ack - (ps_shift_answer_end(&h) - h.len);
	if ((__s32)has < 0 || has >= h.len)
		return -1;
	if (s->pkt.odd_header)
		return -1;
	/* From the first missing byte on, and no more than the path takes by now. */
	len = h.len - has;
	if (sp->mss && len > sp->mss)
		len = sp->mss;
	s->pos = has;
	ps_opaque(has);
	if (has > PS_MAX_SEGMENT_REPLY || !ps_size_fits(&len, PS_MAX_SEGMENT_REPLY) ||
	    bpf_probe_read_kernel(s->out, len, sp->reply + has))
		return -1;
	s->out_len = len;
	sent = ps_answer_send(ctx, s, f, true, ps_leaves_through_tc(s->pkt.service));
	if (sent < 0)
		return -1;
	ps_count(s->pkt.service, PS_COUNT_replays);
	return sent;
}

/* What a plug-in says of the request at s->pos, see PS_ANSWER_REQUESTS. */
enum ps_answered {
	PS_ANSWERED, /* its reply is in out[], and s->pos is behind the request */
	PS_ANSWERED_NOT, /* it is not a read of a kind that the cache answers */
	PS_ANSWERED_MISS, /* it is such a read, but not everything is cached */
	PS_ANSWERED_RACED, /* an entry changed while it was read */
	PS_ANSWERED_LONG, /* the reply is too long */
};

#define PS_MAX_PIPELINE 64 /* requests answered in one segment */

/*
 * Renders the answers to all requests of the segment. Returns how many requests that are; 0: not
 * all can be answered. If the segment is a single read and the plug-in has described it in
 * s->message, the plug-in need not parse it again.
 */
static __always_inline __u32 ps_answer_all(struct ps_scratch *s, __u32 state, int (*answer)(void))
{
	__u32 why;

	s->pos = 0;
	s->out_len = 0;
	s->pkt.payload_len = s->segment.len;
	ps_message_begin(s, state);
	for (__u32 i = 1; i <= PS_MAX_PIPELINE; i++) {
		int done = answer();

		if (done == PS_ANSWERED) {
			if (ps_read_once(s->pos) == s->segment.len)
				return i;
			continue;
		}
		s->segment.missed = done == PS_ANSWERED_MISS && i == 1 &&
				    s->message.kind == PS_MESSAGE_WHOLE &&
				    s->message.next == s->segment.len;
		why = done == PS_ANSWERED_MISS	  ? PS_COUNT_misses
		      : done == PS_ANSWERED_RACED ? PS_COUNT_raced
		      : done == PS_ANSWERED_LONG  ? PS_COUNT_reply_too_long
						  : PS_COUNT_not_served;
		if (done != PS_ANSWERED_NOT)
			ps_count(s->pkt.service, PS_COUNT_requests);
		ps_count(s->pkt.service, why);
		return 0;
	}
	return 0;
}

/* Whether the client, and the path to it, take the answer in one segment. */
static __always_inline bool ps_answer_fits(const struct ps_scratch *s, const struct ps_splice *sp,
					   const struct ps_service_conf *conf)
{
	__u32 head = s->pkt.payload - s->pkt.l3;

	return s->out_len <= sp->mss && s->out_len <= PS_MAX_SEGMENT_REPLY &&
	       head + s->out_len <= conf->mtu;
}

/*
 * Whether the client's window has room for the answer in front of all that the server may send. A
 * segment that acknowledges something new goes to the server as well, and tells it of less.
 */
static __always_inline bool ps_answer_has_room(const struct ps_scratch *s,
					       const struct ps_splice *sp)
{
	__u32 bytes = ps_window_bytes(sp, s->segment.window);
	__u64 sent = ps_read_once(sp->sent);

	if (sp->server_una != (__u32)sent)
		return s->out_len <= bytes;
	return ps_window_allows(sp, sent >> 32, s->segment.ack, bytes, s->out_len);
}

/*
 * Why the answer in out[] may not be sent to this client now, enum ps_counter; 0: it may. Nearly
 * all segments that are not answered are misses, so this is checked last. A separate function for
 * the verifier.
 */
__noinline int ps_answer_policy_refusal(struct ps_flow *f)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct ps_service_state *state = s ? ps_state_of(s->pkt.service) : NULL;
	struct ps_service_conf *conf = state ? ps_conf_of(s->pkt.service, state) : NULL;
	__u32 why;

	if (!conf || !f)
		return PS_COUNT_not_served;
	why = ps_refusal(conf, state, &s->pkt, s->pkt.due);
	if (why)
		return why;
	if (!ps_answer_fits(s, &f->splice, conf))
		return PS_COUNT_reply_too_long;
	return ps_answer_has_room(s, &f->splice) ? 0 : PS_COUNT_no_window;
}

/*
 * Answers the current segment of a flow whose requests are owned. Less than 0: the segment goes to
 * the server. `may`: the plug-in's function that says whether a segment that begins with these
 * bytes may be a read.
 */
static __always_inline int ps_answer_segment(struct xdp_md *ctx, struct ps_scratch *s,
					     struct ps_flow *f, bool (*may)(__u32, __u64),
					     int (*answer)(void))
{
	struct ps_stats *st;
	__u32 n, why;
	int verdict;

	if (!s->segment.serves || !may(f->in.state, ps_load64(s->in)))
		return -1;
	why = ps_answer_refusal(s, f);
	if (why) {
		ps_count(s->pkt.service, PS_COUNT_requests);
		ps_count(s->pkt.service, why);
		return -1;
	}
	n = ps_answer_all(s, f->in.state, answer);
	if (!n)
		return -1;
	why = ps_answer_policy_refusal(f);
	if (why) {
		ps_count(s->pkt.service, PS_COUNT_requests);
		ps_count(s->pkt.service, why);
		return -1;
	}
	verdict = ps_answer_send(ctx, s, f, false,
				 ps_leaves_through_tc(s->pkt.service) || !f->splice.in_skip ||
					 f->splice.server_una != (__u32)f->splice.sent);
	if (verdict < 0 || verdict == XDP_DROP)
		return verdict;
	st = ps_stats_of(s->pkt.service);
	if (st) {
		st->count[PS_COUNT_requests] += n;
		st->count[PS_COUNT_hits] += n;
		st->count[PS_COUNT_stream_hits] += n;
	}
	return verdict;
}

#endif /* PRESTACK_TCP_ANSWER_BPF_H */
