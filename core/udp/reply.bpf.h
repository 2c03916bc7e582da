/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Answers a datagram from XDP: the verdict, and three ways to send the reply.
 *
 * 1. The frame grows or shrinks at its tail (drivers with half or whole pages per frame).
 * 2. Where the tail has no room, it grows at its head (256 bytes of XDP headroom; veth since 6.8).
 * 3. Where that is not enough either, or XDP_TX does not work, the reply waits in a handover slot. The
 *    frame, unchanged but for 8 bytes of metadata, goes up to ps_tc_ingress, which turns it into the
 *    reply and sends it.
 */
#ifndef PRESTACK_UDP_REPLY_BPF_H
#define PRESTACK_UDP_REPLY_BPF_H

#include "vmlinux.h"
#include "handover/slot.bpf.h"
#include "packet/checksum.bpf.h"
#include "packet/headers.bpf.h"
#include "packet/write_headers.bpf.h"
#include "runtime/maps.bpf.h"
#include "runtime/scratch.bpf.h"
#include "runtime/stats.bpf.h"
#include "runtime/verifier.bpf.h"
#include "service/service.bpf.h"
#include "udp/pending_request.bpf.h"
#include "udp/reply_frame.bpf.h"
#include <bpf/bpf_helpers.h>
#include <prestack/counters.h>
#include <prestack/cursor.h>
#include <prestack/types.h>

/* Writes the whole reply into a slot. False: it does not fit. */
static __always_inline bool ps_handover_fill(struct ps_handover *h, struct ps_scratch *s,
					     struct ps_reply_head *head, const void *data)
{
	const struct ps_packet *p = &s->pkt;
	__u32 l2 = head->l2, len, payload;

	/*
	 * The stack takes the outer tag out of the frame before TC ingress, and puts it back later.
	 */
	if (l2 > sizeof(struct ethhdr)) {
		l2 -= sizeof(struct ps_vlan_tag);
		head->tags[0] = ps_load64(data + 16);
		head->tags[1] = ps_load64(data + 18);
	}
	if (p->partial_csum)
		head->check = ps_fold(
			ps_pseudo_sum(p->local, p->client, p->ipv6, IPPROTO_UDP, head->udp_len));
	ps_opaque(l2);
	l2 &= PS_L3_MASK;
	ps_write_l2(h->frame, head);
	if (p->ipv6) {
		ps_write_ipv6(h->frame + l2, p, head->udp_len, IPPROTO_UDP);
		ps_write_udp(h->frame + l2 + sizeof(struct ipv6hdr), head, p);
	} else {
		ps_write_ipv4(h->frame + l2, p, head->udp_len, IPPROTO_UDP);
		ps_write_udp(h->frame + l2 + sizeof(struct iphdr), head, p);
	}
	payload = l2 + (p->ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) +
		  sizeof(struct udphdr);
	h->head = payload;
	h->len = s->out_len;
	h->service = p->service;
	/*
	 * Bounds are tested right before their use: the verifier of Linux 6.1 loses those of a
	 * spilled value.
	 */
	ps_opaque(payload);
	if (payload > PS_HANDOVER_HEAD)
		return false;
	len = ps_read_once(s->out_len);
	return len <= PS_OUT_SIZE && !bpf_probe_read_kernel(h->frame + payload, len, s->out);
}

/*
 * Puts the reply into a slot and marks the frame, which then goes up the stack. False: not
 * possible.
 */
static __always_inline bool ps_hand_over(struct xdp_md *ctx, struct ps_scratch *s,
					 struct ps_reply_head *head)
{
	struct ps_handover *h;
	const void *data, *end;
	__u32 ticket = 0;

	h = ps_handover_mark(ctx, s, &ticket);
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if (!h)
		return false;
	if (data + PS_L2_WORDS > end || !ps_handover_fill(h, s, head, data)) {
		ps_handover_unmark(ctx);
		return false;
	}
	ps_handover_publish(h, ticket);
	return true;
}

/*
 * Why a reply of `len` bytes, from its IP header on, may not be sent, enum ps_counter; 0: it may.
 */
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

/* Counts a read request that the server has to answer, and why. Returns XDP_PASS. */
static __always_inline int ps_pass(struct ps_scratch *s, __u32 reason)
{
	ps_count(s->pkt.service, PS_COUNT_requests);
	ps_count(s->pkt.service, reason);
	return XDP_PASS;
}

/*
 * The same for a read over UDP that may have taken no lease. It has to be noted, since its reply
 * looks like one that fills.
 */
static __always_inline int ps_pass_read(struct ps_scratch *s, __u32 request, __u32 reason)
{
	if (s->noted == PS_NOTED_NOT)
		ps_expect_read(s, request);
	return ps_pass(s, reason);
}

/*
 * Answers the request in s->pkt, which has the number `request`, with out[0..out_len) as the whole
 * UDP payload. Returns the XDP verdict. If the request may not be answered from here it passes to
 * the server, with the reason counted. XDP only, and the last thing that a plug-in does.
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

#endif /* PRESTACK_UDP_REPLY_BPF_H */
