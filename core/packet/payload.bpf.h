/* SPDX-License-Identifier: GPL-2.0-only */
/* Copies the payload for the plug-in and checks checksums. XDP; copying also at TC egress. */
#ifndef PRESTACK_PACKET_PAYLOAD_BPF_H
#define PRESTACK_PACKET_PAYLOAD_BPF_H

#include "vmlinux.h"
#include "packet/checksum.bpf.h"
#include "packet/headers.bpf.h"
#include "runtime/scratch.bpf.h"
#include "runtime/verifier.bpf.h"
#include <bpf/bpf_helpers.h>
#include <prestack/cursor.h>
#include <prestack/types.h>

#define PS_MAX_IP_OPTIONS 40

/*
 * Sum of `len` bytes of IPv4 options at `off`. 0 if they cannot be read; no options add up to that.
 */
__noinline __u32 ps_options_sum(struct xdp_md *ctx, __u32 off, __u32 len)
{
	__u64 options[PS_MAX_IP_OPTIONS / 8 + 1] = {};

	if (!ps_size_fits(&len, PS_MAX_IP_OPTIONS) || bpf_xdp_load_bytes(ctx, off, options, len))
		return 0;
	return ps_fold(ps_sum(options, len, 0, PS_MAX_IP_OPTIONS / 8));
}

/* Whether the IPv4 header's checksum is right; IPv6 has none. */
static __always_inline bool ps_ip_sum_good(struct xdp_md *ctx, const struct ps_headers *h)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 l3 = h->l3 & PS_L3_MASK, l4 = h->l4 & PS_L4_MASK;
	struct iphdr *ip = data + l3;
	__u32 *w = (__u32 *)ip;
	__u64 sum;

	if (h->ipv6)
		return true;
	if ((void *)(ip + 1) > end)
		return false;
	sum = (__u64)w[0] + w[1] + w[2] + w[3] + w[4];
	if (h->odd)
		sum += ps_options_sum(ctx, l3 + sizeof(*ip), l4 - l3 - sizeof(*ip));
	return ps_fold(sum) == PS_SUM_GOOD;
}

/*
 * Whether the checksums of the datagram are right. The server's stack drops a datagram with a wrong
 * one. A veth peer on this host fills in the sum of the pseudo header only. Such a checksum is
 * accepted, and noted in partial_csum.
 */
static __always_inline bool ps_checksums_good(struct xdp_md *ctx, struct ps_scratch *s,
					      const struct ps_headers *h)
{
	void *data, *end;
	struct ps_packet *p = &s->pkt;
	__u32 l4 = h->l4 & PS_L4_MASK, len = h->payload_len;
	struct udphdr *udp;
	__u64 sum;

	if (!ps_ip_sum_good(ctx, h))
		return false;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	udp = data + l4;
	if ((void *)(udp + 1) > end)
		return false;
	/* No checksum: allowed over IPv4; over IPv6 the server's stack refuses it. */
	if (!udp->check)
		return !h->ipv6;
	sum = ps_pseudo_sum(p->client, p->local, h->ipv6, IPPROTO_UDP, len + sizeof(*udp));
	if (udp->check == ps_fold(sum)) {
		p->partial_csum = 1;
		return true;
	}
	sum += udp->source + udp->dest + udp->len + (__u64)udp->check;
	return ps_fold(sum + s->in_sum) == PS_SUM_GOOD;
}

#define PS_DIRECT_PAYLOAD 128 /* payloads up to this many bytes are copied without a helper */

/*
 * Copies a payload of any length with a helper. A separate function for the verifier, as it has a
 * loop.
 */
__noinline int ps_copy_long(struct xdp_md *ctx)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	__u32 len;

	if (!s)
		return -1;
	len = s->pkt.payload_len;
	if (!ps_size_fits(&len, PS_IN_SIZE) || bpf_xdp_load_bytes(ctx, s->pkt.payload, s->in, len))
		return -1;
	s->in_sum = ps_sum(s->in, len, 0, PS_IN_SIZE / 8);
	return 0;
}

/*
 * Copies a short payload at `from` into s->in, in words; the last word overlaps the one before. For
 * short payloads the fixed cost of a helper would be most of the cost. Adds the payload up in *sum.
 * False: it is not short, or not all there.
 */
static __always_inline bool ps_copy_short(struct ps_scratch *s, const void *from, const void *end,
					  __u32 len, __u64 *sum)
{
	const void *at = from;
	__u32 last = len - 8;
	__u64 w;

	if (len < 8 || len > PS_DIRECT_PAYLOAD)
		return false;
	for (__u32 i = 0; i < PS_DIRECT_PAYLOAD / 8; i++) {
		if (i * 8 > last)
			break;
		if (at + 8 > end)
			return false;
		w = ps_load64(at);
		ps_store64(s->in + i * 8, w);
		*sum += (w & 0xffffffff) + (w >> 32);
		at += 8;
	}
	ps_opaque(last);
	if (last > PS_DIRECT_PAYLOAD - 8)
		return false;
	at = from + last;
	if (at + 8 > end)
		return false;
	w = ps_load64(at);
	ps_store64(s->in + last, w);
	/* Of the last word only the bytes that the others did not hold. */
	if (len & 7) {
		w >>= 64 - (len & 7) * 8;
		*sum += (w & 0xffffffff) + (w >> 32);
	}
	return true;
}

/* Copies the payload into s->in and adds it up; `h` and s->pkt both describe it. 0: done. */
static __always_inline int ps_copy_payload(struct xdp_md *ctx, struct ps_scratch *s,
					   const struct ps_headers *h)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u64 sum = 0;

	if (!ps_copy_short(s, data + (h->payload & PS_L4_MASK), end, h->payload_len, &sum))
		return ps_copy_long(ctx);
	s->in_sum = sum;
	return 0;
}

/* The same for a packet that leaves, without the sum. */
static __always_inline int ps_copy_reply(struct __sk_buff *skb, struct ps_scratch *s,
					 const struct ps_headers *h)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	__u32 len = h->payload_len;
	__u64 sum = 0;

	if (ps_copy_short(s, data + (h->payload & PS_L4_MASK), end, len, &sum))
		return 0;
	if (!ps_size_fits(&len, PS_IN_SIZE))
		return -1;
	return bpf_skb_load_bytes(skb, h->payload, s->in, len);
}

#endif /* PRESTACK_PACKET_PAYLOAD_BPF_H */
