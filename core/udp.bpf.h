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

#include "handover.bpf.h"
#include "reply_head.bpf.h"

/*
 * Answers the request in s->pkt with out[0..out_len), which is the whole UDP payload, and returns
 * the XDP verdict. Passes the request to the server, with a reason counted, if it may not be
 * answered from here. XDP only; the last thing a plug-in does.
 */
static __always_inline int ps_reply_datagram(struct xdp_md *ctx, struct ps_scratch *s)
{
	const void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ps_stats *st = ps_stats_of(s->pkt.service);
	struct ps_reply_head h;
	__u32 frame;
	int growth;

	if (!st)
		return XDP_PASS;
	st->count[PS_COUNT_requests]++;
	if (s->pkt.refuse) {
		ps_count(s->pkt.service, s->pkt.refuse);
		return XDP_PASS;
	}
	if (s->out_len > PS_OUT_SIZE || !ps_gather_head(&h, s, data, end) ||
	    h.ip_len + h.udp_len > s->pkt.mtu) {
		st->count[PS_COUNT_reply_too_long]++;
		return XDP_PASS;
	}
	frame = h.l2 + h.ip_len + h.udp_len;
	growth = (int)frame - (int)(end - data);
	if (s->pkt.no_xdp_tx ||
	    (growth && bpf_xdp_adjust_tail(ctx, growth) &&
	     (growth < 0 || growth > PS_MAX_HEAD_GROWTH || bpf_xdp_adjust_head(ctx, -growth))))
		return ps_hand_over(ctx, s, &h);
	if (!ps_write_frame(ctx, s, &h)) {
		st->count[PS_COUNT_reply_lost]++;
		return XDP_DROP;
	}
	st->count[PS_COUNT_hits]++;
	return XDP_TX;
}

#endif /* PRESTACK_UDP_BPF_H */
