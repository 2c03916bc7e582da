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

#include "net.bpf.h"
#include "fence.bpf.h"

#define PS_HANDOVER_SLOTS 256
#define PS_MAX_HEAD_GROWTH 208 /* XDP_PACKET_HEADROOM less what drivers keep for themselves */
#define PS_REPLY_TTL 64
#define PS_CSUM_WORDS ((PS_OUT_SIZE + 7) / 8)

struct ps_handover {
	__u32 ticket; /* 0 while the slot is written; else the number in the metadata */
	__u16 head; /* bytes of headers */
	__u16 len; /* bytes of payload after them */
	__u32 service;
	__u8 frame[PS_HEADER_ROOM + PS_OUT_SIZE];
};

/* What ps_tc_ingress finds in front of a frame that was handed over. */
struct ps_handover_mark {
	__u32 magic; /* low half of seed[1] */
	__u32 ticket; /* slot = ticket % PS_HANDOVER_SLOTS */
};

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

/*
 * Sum of the reply's payload. A function of its own: the verifier looks at its loop once instead
 * of once for all that follows.
 */
__noinline __u32 ps_out_sum(void)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	__u64 sum = 0;

	if (!s)
		return 0;
	sum = ps_sum(s->out, s->out_len, 0, PS_CSUM_WORDS);
	return ps_fold(sum);
}

/* Builds the reply's headers right before out[]; returns how many bytes, 0 if they do not fit. */
static __always_inline __u32 ps_build_head(struct ps_scratch *s, const void *data, const void *end)
{
	const struct ps_packet *p = &s->pkt;
	__u32 l2 = p->l3, ip_len = p->ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	__u32 udp_len = sizeof(struct udphdr) + s->out_len, start;
	struct udphdr *udp = (void *)(s->head + PS_HEADER_ROOM - sizeof(*udp));
	__u64 sum;
	__u8 *head;

	/* Ethernet with 0, 1 or 2 tags; nothing else was parsed. */
	if (l2 != 14 && l2 != 18 && l2 != 22)
		return 0;
	if (data + 22 > end)
		return 0;
	start = PS_HEADER_ROOM - sizeof(*udp) - ip_len - l2;
	if (start >= PS_HEADER_ROOM - 42)
		start = PS_HEADER_ROOM - 42;
	head = s->head + start;
	/*
	 * In words, each of which the next or the IP header completes: addresses change places, tags
	 * and EtherType travel back as they came.
	 */
	ps_store64(head, ps_load64(data + 6));
	ps_store64(head + 6, ps_load64(data));
	ps_store64(head + 12, ps_load64(data + 12));
	ps_store64(head + 14, ps_load64(data + 14));

	udp->source = p->local_port;
	udp->dest = p->client_port;
	udp->len = bpf_htons(udp_len);
	udp->check = 0;
	if (p->ipv6) {
		struct ipv6hdr *ip = (void *)udp - sizeof(*ip);

		*(__be32 *)ip = bpf_htonl(6 << 28);
		ip->payload_len = udp->len;
		ip->nexthdr = IPPROTO_UDP;
		ip->hop_limit = PS_REPLY_TTL;
		ps_store64(&ip->saddr, p->local[0]);
		ps_store64((void *)&ip->saddr + 8, p->local[1]);
		ps_store64(&ip->daddr, p->client[0]);
		ps_store64((void *)&ip->daddr + 8, p->client[1]);
	} else {
		struct iphdr *ip = (void *)udp - sizeof(*ip);

		*(__be32 *)ip = bpf_htonl(0x45 << 24 | (sizeof(*ip) + udp_len));
		*(__be32 *)&ip->id = bpf_htonl(0x4000); /* id 0, don't fragment: as Linux does */
		ip->ttl = PS_REPLY_TTL;
		ip->protocol = IPPROTO_UDP;
		ip->check = 0;
		ip->saddr = p->local[1] >> 32;
		ip->daddr = p->client[1] >> 32;
		sum = (__u64)((__u32 *)ip)[0] + ((__u32 *)ip)[1] + ((__u32 *)ip)[2] + ip->saddr +
		      ip->daddr;
		ip->check = ~ps_fold(sum);
		return PS_HEADER_ROOM - start;
	}
	/* IPv6 demands a checksum (RFC 8200, 8.1); 0 means none, so it is sent as ~0. */
	sum = ps_pseudo_sum(p->local, p->client, p->ipv6, IPPROTO_UDP, udp_len);
	sum = ps_sum(udp, sizeof(*udp), sum, 1);
	udp->check = ~ps_fold(sum + ps_out_sum());
	if (!udp->check)
		udp->check = 0xffff;
	return PS_HEADER_ROOM - start;
}

/*
 * Parks the reply for ps_tc_ingress and marks the frame. The frame itself stays a valid request, so
 * that whatever fails on the way, the server can still answer it.
 */
static __always_inline int ps_hand_over(struct xdp_md *ctx, struct ps_scratch *s, __u32 head)
{
	__u32 zero = 0, ticket, slot, len = s->out_len, start = PS_HEADER_ROOM - head, tag = 0;
	__u64 *tickets = bpf_map_lookup_elem(&ps_ticket, &zero);
	const struct ps_packet *p = &s->pkt;
	struct ps_handover_mark *mark;
	struct ps_handover *h;

	/* A partial checksum is anchored where the request's header was; it must not move. */
	if (!tickets || (p->partial_csum && p->odd_header))
		goto no_room;
	ticket = __sync_fetch_and_add(tickets, 1) + 1;
	slot = ticket % PS_HANDOVER_SLOTS;
	h = bpf_map_lookup_elem(&ps_handover, &slot);
	if (!h || !ticket || len > PS_OUT_SIZE)
		goto no_room;
	h->ticket = 0;
	ps_ordered();
	if (p->partial_csum) {
		struct udphdr *udp = (void *)(s->head + PS_HEADER_ROOM - sizeof(*udp));

		udp->check = ps_fold(ps_pseudo_sum(p->local, p->client, p->ipv6, IPPROTO_UDP,
						   sizeof(*udp) + len));
	}
	/* The stack takes the outer tag out of the frame before TC ingress and puts it back later. */
	if (p->l3 > sizeof(struct ethhdr))
		tag = sizeof(struct ps_vlan_tag);
	ps_opaque(start);
	start &= PS_HEADER_ROOM - 1;
	head -= tag;
	if (head > PS_HEADER_ROOM ||
	    bpf_probe_read_kernel(h->frame, 12, s->head + start) ||
	    bpf_probe_read_kernel(h->frame + 12, (head - 12) & (PS_HEADER_ROOM - 1),
				  s->head + start + 12 + tag) ||
	    bpf_probe_read_kernel(h->frame + head, len, s->out))
		goto no_room;
	h->head = head;
	h->len = len;
	h->service = p->service;
	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*mark)))
		goto no_room;
	mark = (void *)(long)ctx->data_meta;
	if ((void *)(mark + 1) > (void *)(long)ctx->data)
		goto no_room;
	mark->magic = ps_config.seed[1];
	mark->ticket = ticket;
	ps_ordered();
	h->ticket = ticket;
	return XDP_PASS;
no_room:
	ps_count(p->service, PS_COUNT_no_room);
	return XDP_PASS;
}

#define PS_DIRECT_WORDS 32 /* frames up to this many words are written without a helper */

/*
 * Writes the whole frame from s->head + start. The helper's copy has a fixed cost that a short
 * frame does not earn back (measured: docs/performance.md).
 */
static __always_inline bool ps_write_frame(struct xdp_md *ctx, struct ps_scratch *s, __u32 start,
					   __u32 len)
{
	void *to = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	const __u8 *from;

	ps_opaque(start);
	start &= PS_HEADER_ROOM - 1;
	from = s->head + start;
	ps_opaque(len);
	if (len > PS_DIRECT_WORDS * 8)
		return len <= PS_OUT_SIZE + PS_HEADER_ROOM &&
		       !bpf_xdp_store_bytes(ctx, 0, s->head + start, len);
	for (__u32 i = 0; i < PS_DIRECT_WORDS; i++) {
		if (to + 8 > end)
			break;
		ps_store64(to, ps_load64(from));
		to += 8;
		from += 8;
	}
	if (len & 4) {
		if (to + 4 > end)
			return false;
		*(__u32 *)to = *(const __u32 *)from;
		to += 4;
		from += 4;
	}
	if (len & 2) {
		if (to + 2 > end)
			return false;
		*(__u16 *)to = *(const __u16 *)from;
		to += 2;
		from += 2;
	}
	if (len & 1) {
		if (to + 1 > end)
			return false;
		*(__u8 *)to = *from;
	}
	return true;
}

/*
 * Answers the request in s->pkt with out[0..out_len), which is the whole UDP payload, and returns
 * the XDP verdict. Passes the request to the server, with a reason counted, if it may not be
 * answered from here. XDP only; the last thing a plug-in does.
 */
static __always_inline int ps_reply_datagram(struct xdp_md *ctx, struct ps_scratch *s)
{
	const void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ps_stats *st = ps_stats_of(s->pkt.service);
	__u32 head, frame;
	int growth;

	if (!st)
		return XDP_PASS;
	st->count[PS_COUNT_requests]++;
	if (s->pkt.refuse) {
		ps_count(s->pkt.service, s->pkt.refuse);
		return XDP_PASS;
	}
	head = ps_build_head(s, data, end);
	frame = head + s->out_len;
	if (!head || s->out_len > PS_OUT_SIZE || frame - s->pkt.l3 > s->pkt.mtu) {
		st->count[PS_COUNT_reply_too_long]++;
		return XDP_PASS;
	}
	growth = (int)frame - (int)(end - data);
	if (s->pkt.no_xdp_tx || (growth && bpf_xdp_adjust_tail(ctx, growth) &&
				 (growth < 0 || growth > PS_MAX_HEAD_GROWTH ||
				  bpf_xdp_adjust_head(ctx, -growth)))) {
		return ps_hand_over(ctx, s, head);
	}
	if (!ps_write_frame(ctx, s, PS_HEADER_ROOM - head, frame)) {
		st->count[PS_COUNT_reply_lost]++;
		return XDP_DROP;
	}
	st->count[PS_COUNT_hits]++;
	return XDP_TX;
}

#endif /* PRESTACK_UDP_BPF_H */
