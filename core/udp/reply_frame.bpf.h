/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The frame of a reply over UDP: Ethernet with the request's tags, IPv4 or IPv6, UDP, payload.
 * Headers are written into the frame directly and in whole words. Reading bytes in other units than
 * those just written would stall on the store buffer.
 */
#ifndef PRESTACK_UDP_REPLY_FRAME_BPF_H
#define PRESTACK_UDP_REPLY_FRAME_BPF_H

#include "vmlinux.h"
#include "packet/checksum.bpf.h"
#include "packet/headers.bpf.h"
#include "packet/uapi.bpf.h"
#include "packet/write_headers.bpf.h"
#include "runtime/scratch.bpf.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <prestack/cursor.h>
#include <prestack/types.h>

#define PS_L2_WORDS (PS_L2_MAX + 4) /* bytes of the request that ps_gather_head and handover read */
#define PS_DIRECT_WORDS 24 /* payloads up to this many words are written without a helper */

/* What the headers of the reply are made of, read before the frame changes. */
struct ps_reply_head {
	__u64 macs[2]; /* the request's bytes 6..13 and 0..7 */
	__u64 tags[2]; /* its bytes 12..19 and 14..21; for a handover without the outer tag */
	__u32 l2; /* bytes of the Ethernet header with its tags */
	__u32 ip_len;
	__u32 udp_len;
	__be16 check; /* the UDP checksum */
};

/* False: the request's frame has a form that cannot be answered. */
static __always_inline bool ps_gather_head(struct ps_reply_head *h, const struct ps_scratch *s,
					   const void *data, const void *end)
{
	const struct ps_packet *p = &s->pkt;
	__u64 sum;

	h->l2 = p->l3;
	if ((h->l2 != ETH_HLEN && h->l2 != ETH_HLEN + VLAN_HLEN && h->l2 != PS_L2_MAX) ||
	    data + PS_L2_WORDS > end)
		return false;
	h->macs[0] = ps_load64(data + 6);
	h->macs[1] = ps_load64(data);
	h->tags[0] = ps_load64(data + 12);
	h->tags[1] = ps_load64(data + 14);
	h->ip_len = p->ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	h->udp_len = sizeof(struct udphdr) + s->out_len;
	h->check = 0;
	if (!p->ipv6)
		return true;
	/* IPv6 demands a checksum (RFC 8200, 8.1); 0 means none, so it is sent as ~0. */
	sum = ps_pseudo_sum(p->local, p->client, p->ipv6, IPPROTO_UDP, h->udp_len);
	sum += p->local_port + p->client_port + bpf_htons(h->udp_len);
	h->check = ~ps_fold(sum + ps_out_sum());
	if (!h->check)
		h->check = PS_SUM_GOOD;
	return true;
}

/* Writes the UDP header, as one word. */
static __always_inline void ps_write_udp(void *to, const struct ps_reply_head *h,
					 const struct ps_packet *p)
{
	ps_store64(to, (__u64)p->local_port | (__u64)p->client_port << 16 |
			       (__u64)bpf_htons(h->udp_len) << 32 | (__u64)h->check << 48);
}

/* Writes the Ethernet header, PS_L2_MAX bytes. The IP header overwrites what is too much. */
static __always_inline void ps_write_l2(void *to, const struct ps_reply_head *h)
{
	ps_store64(to, h->macs[0]);
	ps_store64(to + 6, h->macs[1]);
	ps_store64(to + 12, h->tags[0]);
	ps_store64(to + 14, h->tags[1]);
}

/* Copies a short payload of `len` bytes into the frame at `to`, in words. */
static __always_inline bool ps_write_payload(void *to, const void *end, const __u8 *from, __u32 len)
{
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

/* Writes the reply into a frame that has its length already. False: it has not. */
static __always_inline bool ps_write_frame(struct xdp_md *ctx, struct ps_scratch *s,
					   const struct ps_reply_head *h)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end, *l3;
	__u32 l2 = h->l2, len = s->out_len;

	ps_opaque(l2);
	l2 &= PS_L3_MASK;
	l3 = data + l2;
	if (data + PS_L2_MAX > end)
		return false;
	ps_write_l2(data, h);
	if (s->pkt.ipv6) {
		if (l3 + sizeof(struct ipv6hdr) + sizeof(struct udphdr) > end)
			return false;
		ps_write_ipv6(l3, &s->pkt, h->udp_len, IPPROTO_UDP);
		ps_write_udp(l3 + sizeof(struct ipv6hdr), h, &s->pkt);
	} else {
		if (l3 + sizeof(struct iphdr) + sizeof(struct udphdr) > end)
			return false;
		ps_write_ipv4(l3, &s->pkt, h->udp_len, IPPROTO_UDP);
		ps_write_udp(l3 + sizeof(struct iphdr), h, &s->pkt);
	}
	/* For a short payload the fixed cost of the helper would be too much. */
	ps_opaque(len);
	if (len > PS_DIRECT_WORDS * 8)
		return len <= PS_OUT_SIZE &&
		       !bpf_xdp_store_bytes(ctx, h->l2 + h->ip_len + sizeof(struct udphdr), s->out,
					    len);
	return ps_write_payload(l3 + h->ip_len + sizeof(struct udphdr), end, s->out, len);
}

#endif /* PRESTACK_UDP_REPLY_FRAME_BPF_H */
