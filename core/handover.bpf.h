/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Handing a reply over from XDP to ps_tc_ingress, for frames that cannot become it in place. The
 * reply waits in a slot of ps_handover, and the frame carries the slot's ticket as metadata. It stays a
 * valid request, but once it has a ticket the server must not answer it: nobody would know of that read.
 */
#ifndef PRESTACK_HANDOVER_BPF_H
#define PRESTACK_HANDOVER_BPF_H

#include "reply_head.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PS_HANDOVER_SLOTS);
	__type(key, __u32);
	__type(value, struct ps_handover);
} ps_handover SEC(".maps");

/* Element 0 counts tickets. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} ps_ticket SEC(".maps");

/* A slot of this packet's own, its ticket in *ticket. NULL: none, or the reply does not fit one. */
static __always_inline struct ps_handover *ps_handover_slot(const struct ps_scratch *s,
							    __u32 *ticket)
{
	__u32 zero = 0, slot;
	__u64 *tickets = bpf_map_lookup_elem(&ps_ticket, &zero);

	/* A partial checksum is anchored where the request's header was; it must not move. */
	if (!tickets || (s->pkt.partial_csum && s->pkt.odd_header))
		return NULL;
	*ticket = __sync_fetch_and_add(tickets, 1) + 1;
	slot = *ticket % PS_HANDOVER_SLOTS;
	return *ticket ? bpf_map_lookup_elem(&ps_handover, &slot) : NULL;
}

/* Writes the reply into a slot. */
static __always_inline bool ps_handover_fill(struct ps_handover *h, struct ps_scratch *s,
					     struct ps_reply_head *head, const void *data)
{
	const struct ps_packet *p = &s->pkt;
	__u32 l2 = head->l2, len, payload;

	/* The stack takes the outer tag out of the frame before TC ingress and puts it back later. */
	if (l2 > sizeof(struct ethhdr)) {
		l2 -= sizeof(struct ps_vlan_tag);
		head->tags[0] = ps_load64(data + 16);
		head->tags[1] = ps_load64(data + 18);
	}
	if (p->partial_csum)
		head->check = ps_fold(
			ps_pseudo_sum(p->local, p->client, p->ipv6, IPPROTO_UDP, head->udp_len));
	ps_opaque(l2);
	l2 &= 31;
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
	/* Bounds right before their use: 6.1's verifier loses those of a value that is spilled. */
	ps_opaque(payload);
	if (payload > PS_HANDOVER_HEAD)
		return false;
	len = ps_read_once(s->out_len);
	return len <= PS_OUT_SIZE && !bpf_probe_read_kernel(h->frame + payload, len, s->out);
}

/*
 * Takes a slot and puts its mark in front of the frame, without a ticket as yet: the frame is still an
 * ordinary request. NULL: not possible.
 */
static __always_inline struct ps_handover *
ps_handover_mark(struct xdp_md *ctx, const struct ps_scratch *s, __u32 *ticket)
{
	struct ps_handover *h = ps_handover_slot(s, ticket);
	struct ps_handover_mark *mark;

	if (!h)
		return NULL;
	h->ticket = 0;
	h->ack_len = 0;
	ps_ordered();
	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*mark)))
		return NULL;
	mark = (void *)(long)ctx->data_meta;
	if ((void *)(mark + 1) > (void *)(long)ctx->data)
		return NULL;
	mark->magic = ps_config.seed[1];
	mark->ticket = *ticket;
	return h;
}

/* The frame is an ordinary request after all. */
static __always_inline void ps_handover_unmark(struct xdp_md *ctx)
{
	struct ps_handover_mark *mark = (void *)(long)ctx->data_meta;

	if ((void *)(mark + 1) <= (void *)(long)ctx->data)
		mark->ticket = 0;
}

/* What the slot holds is complete. */
static __always_inline void ps_handover_publish(struct ps_handover *h, __u32 ticket)
{
	ps_ordered();
	h->ticket = ticket;
}

/* Parks the reply and marks the frame, which is to go up the stack. False: it cannot be. */
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
	if (data + 26 > end || !ps_handover_fill(h, s, head, data)) {
		ps_handover_unmark(ctx);
		return false;
	}
	ps_handover_publish(h, ticket);
	return true;
}

#endif /* PRESTACK_HANDOVER_BPF_H */
