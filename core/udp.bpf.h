/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Answering a datagram from XDP: headers for the reply, and three ways to send it.
 *
 * 1. The frame grows or shrinks at its tail (drivers with half or whole pages per frame).
 * 2. Where the tail has no room, it grows at its head (256 bytes of XDP headroom; veth since 6.8).
 * 3. Where that is not enough either, or XDP_TX does not work, the reply is parked in a handover
 *    slot and the frame, untouched but for 8 bytes of metadata, goes up to ps_tc_ingress, which
 *    turns it into the reply and sends it off.
 */
#ifndef PRESTACK_UDP_BPF_H
#define PRESTACK_UDP_BPF_H

#include "asked.bpf.h"
#include "handover.bpf.h"
#include "reply_head.bpf.h"

/* Why a reply of that length may not be sent, enum ps_counter; 0: it may. `len`: with its headers from IP on. */
static __always_inline __u32 ps_datagram_refusal(const struct ps_scratch *s, __u32 len)
{
	struct ps_service_state *state = ps_state_of(s->pkt.service);
	struct ps_service_conf *conf = state ? ps_conf_of(s->pkt.service, state) : NULL;
	__u32 why;

	if (!conf || !(conf->flags & PS_SERVICE_UDP))
		return PS_COUNT_transport_off;
	why = ps_refusal(conf, state, &s->pkt, s->pkt.due);
	if (why)
		return why;
	return len > conf->mtu ? PS_COUNT_reply_too_long : 0;
}

/* Counts a read request that the server has to answer, and why; the verdict is XDP_PASS. */
static __always_inline int ps_pass(struct ps_scratch *s, __u32 reason)
{
	ps_count(s->pkt.service, PS_COUNT_requests);
	ps_count(s->pkt.service, reason);
	return XDP_PASS;
}

/* The same of a datagram that may have taken no lease. It has to be known of: its reply looks like one that fills. */
static __always_inline int ps_pass_read(struct ps_scratch *s, __u32 request, __u32 reason)
{
	if (s->asked == PS_ASKING_NOT)
		ps_expect_read(s, request);
	return ps_pass(s, reason);
}

/*
 * Answers the request in s->pkt, with that number, by out[0..out_len), which is the whole UDP payload, and
 * returns the XDP verdict. Passes the request to the server, with a reason counted, if it may not be
 * answered from here. XDP only; the last thing a plug-in does.
 */
static __always_inline int ps_reply_datagram(struct xdp_md *ctx, struct ps_scratch *s,
					     __u32 request)
{
	const void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ps_stats *st = ps_stats_of(s->pkt.service);
	struct ps_reply_head h;
	__u32 frame, why;
	int growth;

	if (!st)
		return XDP_PASS;
	if (s->out_len > PS_OUT_SIZE || !ps_gather_head(&h, s, data, end))
		return ps_pass_read(s, request, PS_COUNT_reply_too_long);
	why = ps_datagram_refusal(s, h.ip_len + h.udp_len);
	if (why)
		return ps_pass_read(s, request, why);
	frame = h.l2 + h.ip_len + h.udp_len;
	growth = (int)frame - (int)(end - data);
	if (ps_leaves_through_tc(s->pkt.service) ||
	    (growth && bpf_xdp_adjust_tail(ctx, growth) &&
	     (growth < 0 || growth > PS_MAX_HEAD_GROWTH || bpf_xdp_adjust_head(ctx, -growth)))) {
		if (!ps_hand_over(ctx, s, &h))
			return ps_pass_read(s, request, PS_COUNT_no_room);
		st->count[PS_COUNT_requests]++;
		return XDP_PASS;
	}
	st->count[PS_COUNT_requests]++;
	if (!ps_write_frame(ctx, s, &h)) {
		st->count[PS_COUNT_reply_lost]++;
		return XDP_DROP;
	}
	st->count[PS_COUNT_hits]++;
	return XDP_TX;
}

#endif /* PRESTACK_UDP_BPF_H */
