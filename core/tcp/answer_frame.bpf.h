/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The frames of an answer over TCP: the one for the client and, where the answer goes through
 * ps_tc_ingress, the acknowledgement that the server gets instead of the request.
 *
 * Both are made from a complete copy of the request's headers, since the frame changes its length
 * meanwhile.
 */
#ifndef PRESTACK_TCP_ANSWER_FRAME_BPF_H
#define PRESTACK_TCP_ANSWER_FRAME_BPF_H

#include "vmlinux.h"
#include "handover/slot.bpf.h"
#include "packet/checksum.bpf.h"
#include "packet/headers.bpf.h"
#include "packet/uapi.bpf.h"
#include "packet/write_headers.bpf.h"
#include "runtime/scratch.bpf.h"
#include "runtime/stats.bpf.h"
#include "runtime/verifier.bpf.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <prestack/counters.h>
#include <prestack/cursor.h>
#include <prestack/splice.h>
#include <prestack/types.h>

#define PS_MACS (2 * ETH_ALEN) /* the two Ethernet addresses, which come before the tags */
#define PS_HEAD_L4_MASK 0x3f /* of the TCP header in s->head: behind PS_L2_MAX and an IPv6 header */

/* The numbers of the two segments, in host order but for tsval. */
struct ps_segment_numbers {
	__u32 seq; /* for the client */
	__u32 ack;
	__u32 window;
	__u32 stamped;
	__u32 tsval;
	__u32 server_seq; /* for the server */
	__u32 server_ack;
	__u32 server_window; /* as it stands there */
};

/* Copies the headers of the segment to s->head. False: they have a form that cannot be answered. */
static __always_inline bool ps_head_load(struct xdp_md *ctx, struct ps_scratch *s)
{
	__u32 len = s->pkt.payload;

	if (s->pkt.odd_header ||
	    (s->pkt.l3 != ETH_HLEN && s->pkt.l3 != ETH_HLEN + VLAN_HLEN && s->pkt.l3 != PS_L2_MAX))
		return false;
	return ps_size_fits(&len, PS_HANDOVER_HEAD) && !bpf_xdp_load_bytes(ctx, 0, s->head, len);
}

static __always_inline __u32 ps_tcp_len(__u32 stamped)
{
	return sizeof(struct tcphdr) + (stamped ? PS_STAMP_LEN : 0);
}

static __always_inline int ps_frame_len(const struct xdp_md *ctx)
{
	const void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	long len = end - data;

	/* Pointers are subtracted in 64 bits, and separately. */
	ps_opaque(len);
	return len;
}

/* By how much the frame has to grow to become the answer. */
static __always_inline int ps_head_growth(struct xdp_md *ctx, const struct ps_scratch *s,
					  __u32 stamped)
{
	return (int)(s->pkt.l4 + ps_tcp_len(stamped) + s->out_len) - ps_frame_len(ctx);
}

/* Changes the length of the frame, at its tail or else at its head. 0: done. */
static __always_inline int ps_resize(struct xdp_md *ctx, int growth)
{
	if (!growth || !bpf_xdp_adjust_tail(ctx, growth))
		return 0;
	if (growth < 0 || growth > PS_MAX_HEAD_GROWTH)
		return -1;
	return bpf_xdp_adjust_head(ctx, -growth);
}

/* Writes a TCP header at l4 of s->head, with a checksum of 0. */
static __always_inline void ps_write_tcp(struct ps_scratch *s, __u32 ports, __u32 seq, __u32 ack,
					 __u8 flags, __u16 window, __u32 stamped)
{
	__u32 l4 = s->pkt.l4;
	__u32 *w;

	ps_opaque(l4);
	w = (__u32 *)(s->head + (l4 & PS_HEAD_L4_MASK));
	w[0] = ports;
	w[1] = bpf_htonl(seq);
	w[2] = bpf_htonl(ack);
	w[3] = bpf_htonl((ps_tcp_len(stamped) / 4) << 28 | (__u32)flags << 16 | window);
	w[4] = 0;
}

/*
 * Writes the TCP checksum of s->head. `pseudo`: sum of the pseudo header. `sum`: sum of the
 * payload.
 */
static __always_inline void ps_write_check(struct ps_scratch *s, __u32 stamped, __u64 pseudo,
					   __u64 sum)
{
	__u32 l4 = s->pkt.l4;
	__u16 *check;
	__u32 *w;

	ps_opaque(l4);
	w = (__u32 *)(s->head + (l4 & PS_HEAD_L4_MASK));
	check = (__u16 *)w + PS_TCP_CHECK / 2;
	sum += pseudo + w[0] + w[1] + w[2] + w[3];
	sum += w[4];
	if (stamped)
		sum += (__u64)w[5] + w[6] + w[7];
	*check = ~ps_fold(sum);
}

/* The same where the stack or the device will complete the checksum. */
static __always_inline void ps_write_partial(struct ps_scratch *s, __u64 pseudo)
{
	__u32 l4 = s->pkt.l4;

	ps_opaque(l4);
	*(__u16 *)(s->head + (l4 & PS_HEAD_L4_MASK) + PS_TCP_CHECK) = ps_fold(pseudo);
}

/* Turns the request's headers in s->head into those of the answer. Returns their length. */
static __always_inline __u32 ps_head_answer(struct ps_scratch *s,
					    const struct ps_segment_numbers *n, bool partial)
{
	const struct ps_packet *p = &s->pkt;
	__u32 l3 = p->l3, l4 = p->l4, len = ps_tcp_len(n->stamped) + s->out_len;
	__u64 source = ps_load64(s->head + ETH_ALEN), target = ps_load64(s->head);
	__u16 type = *(__u16 *)(s->head + PS_MACS);
	__u64 pseudo = ps_pseudo_sum(p->local, p->client, p->ipv6, IPPROTO_TCP, len);
	__u32 *stamp;

	ps_store64(s->head, source);
	ps_store64(s->head + ETH_ALEN, target);
	*(__u16 *)(s->head + PS_MACS) = type;
	ps_opaque(l3);
	if (p->ipv6)
		ps_write_ipv6(s->head + (l3 & PS_L3_MASK), p, len, IPPROTO_TCP);
	else
		ps_write_ipv4(s->head + (l3 & PS_L3_MASK), p, len, IPPROTO_TCP);
	ps_write_tcp(s, p->local_port | (__u32)p->client_port << 16, n->seq, n->ack,
		     TCPHDR_ACK | TCPHDR_PSH, n->window, n->stamped);
	ps_opaque(l4);
	stamp = (__u32 *)(s->head + (l4 & PS_HEAD_L4_MASK) + sizeof(struct tcphdr));
	if (n->stamped) {
		stamp[0] = bpf_htonl(PS_TCP_STAMPED);
		stamp[1] = n->tsval;
		stamp[2] = s->segment.tsval;
	}
	if (partial)
		ps_write_partial(s, pseudo);
	else
		ps_write_check(s, n->stamped, pseudo, ps_out_sum());
	return p->l4 + ps_tcp_len(n->stamped);
}

/* Writes the answer into a frame that has its length already. */
static __always_inline bool ps_segment_write(struct xdp_md *ctx, struct ps_scratch *s,
					     const struct ps_segment_numbers *n)
{
	__u32 head = ps_head_answer(s, n, false), len = s->out_len;

	return ps_size_fits(&head, PS_HANDOVER_HEAD) &&
	       !bpf_xdp_store_bytes(ctx, 0, s->head, head) && ps_size_fits(&len, PS_OUT_SIZE) &&
	       !bpf_xdp_store_bytes(ctx, head, s->out, len);
}

/* Turns the request's headers in s->head into an acknowledgement. Returns the length of the frame. */
static __always_inline __u32 ps_head_ack(struct ps_scratch *s, const struct ps_segment_numbers *n)
{
	const struct ps_packet *p = &s->pkt;
	__u32 l3 = p->l3, stamped = s->segment.stamped, len = ps_tcp_len(stamped);
	__u64 pseudo = ps_pseudo_sum(p->client, p->local, p->ipv6, IPPROTO_TCP, len);

	ps_opaque(l3);
	l3 &= PS_L3_MASK;
	if (p->ipv6) {
		*(__be16 *)(s->head + l3 + 4) = bpf_htons(len);
	} else {
		__be16 *total = (__be16 *)(s->head + l3 + 2);
		__u16 *check = (__u16 *)(s->head + l3 + 10);
		__be16 now = bpf_htons(sizeof(struct iphdr) + len);

		*check = ps_check_change(*check, *total, now);
		*total = now;
	}
	/* If there are options, they begin with the timestamps, and stay where they are. */
	ps_write_tcp(s, p->client_port | (__u32)p->local_port << 16, n->server_seq, n->server_ack,
		     TCPHDR_ACK, n->server_window, stamped);
	if (p->partial_csum)
		ps_write_partial(s, pseudo);
	else
		ps_write_check(s, stamped, pseudo, 0);
	return p->l4 + len;
}

/*
 * Copies `len` bytes of s->head to a slot, in the form that frames have at ps_tc_ingress: without
 * the outer tag, which the stack has taken out. Returns their number there; 0: too many.
 */
static __always_inline __u32 ps_head_park(__u8 *to, const struct ps_scratch *s, __u32 len)
{
	__u32 tag = s->pkt.l3 > sizeof(struct ethhdr) ? sizeof(struct ps_vlan_tag) : 0, rest;

	bpf_probe_read_kernel(to, PS_MACS, s->head);
	/*
	 * No call between the bounds and their use: the verifier of Linux 6.1 loses those of a
	 * spilled value.
	 */
	rest = len - PS_MACS - tag;
	if (!ps_size_fits(&rest, PS_HANDOVER_HEAD - PS_MACS) ||
	    bpf_probe_read_kernel(to + PS_MACS, rest, s->head + PS_MACS + (tag & VLAN_HLEN)))
		return 0;
	return PS_MACS + rest;
}

/*
 * Puts the answer into the slot and turns the frame into the acknowledgement. Returns the verdict.
 */
static __always_inline int ps_segment_hand_over(struct xdp_md *ctx, struct ps_scratch *s,
						struct ps_handover *h, __u32 ticket,
						const struct ps_segment_numbers *n)
{
	__u32 frame = ps_head_ack(s, n), len = s->out_len, head, size = frame;

	h->ack_len = ps_head_park(h->ack, s, frame);
	if (bpf_xdp_adjust_tail(ctx, (int)frame - ps_frame_len(ctx)) ||
	    !ps_size_fits(&size, PS_HANDOVER_HEAD) || bpf_xdp_store_bytes(ctx, 0, s->head, size))
		goto lost;
	head = ps_head_answer(s, n, s->pkt.partial_csum);
	head = ps_head_park(h->frame, s, head);
	if (!h->ack_len || !head)
		goto lost;
	h->head = head;
	h->len = len;
	h->service = s->pkt.service;
	ps_opaque(head);
	ps_opaque(len);
	if (head > PS_HANDOVER_HEAD || !ps_size_fits(&len, PS_OUT_SIZE) ||
	    bpf_probe_read_kernel(h->frame + head, len, s->out))
		goto lost;
	ps_handover_publish(h, ticket);
	return XDP_PASS;
lost:
	ps_count(s->pkt.service, PS_COUNT_reply_lost);
	return XDP_DROP;
}

#endif /* PRESTACK_TCP_ANSWER_FRAME_BPF_H */
