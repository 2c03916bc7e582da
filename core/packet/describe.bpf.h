/* SPDX-License-Identifier: GPL-2.0-only */
/* From the headers of a frame to struct ps_packet, for both hooks. */
#ifndef PRESTACK_PACKET_DESCRIBE_BPF_H
#define PRESTACK_PACKET_DESCRIBE_BPF_H

#include "vmlinux.h"
#include "packet/headers.bpf.h"
#include "packet/uapi.bpf.h"
#include "runtime/scratch.bpf.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <prestack/cursor.h>

/*
 * The addresses in the 16-byte form. The client is the source at ingress and the destination at
 * egress.
 */
static __always_inline bool ps_read_addresses(struct ps_packet *p, void *data, void *end,
					      const struct ps_headers *h, bool client_is_source)
{
	__u64 a[2], b[2];

	if (h->ipv6) {
		struct ipv6hdr *ip = data + h->l3;

		if ((void *)(ip + 1) > end)
			return false;
		__builtin_memcpy(a, &ip->saddr, 16);
		__builtin_memcpy(b, &ip->daddr, 16);
	} else {
		struct iphdr *ip = data + h->l3;

		if ((void *)(ip + 1) > end)
			return false;
		a[0] = b[0] = 0;
		a[1] = (__u64)ip->saddr << 32 | bpf_htonl(PS_V4_MAPPED);
		b[1] = (__u64)ip->daddr << 32 | bpf_htonl(PS_V4_MAPPED);
	}
	p->client[0] = client_is_source ? a[0] : b[0];
	p->client[1] = client_is_source ? a[1] : b[1];
	p->local[0] = client_is_source ? b[0] : a[0];
	p->local[1] = client_is_source ? b[1] : a[1];
	return true;
}

/* Who sends to whom: what tells whether the packet is a service's. False: cut off. */
static __always_inline bool ps_describe_ends(struct ps_packet *p, void *data, void *end,
					     const struct ps_headers *h, bool client_is_source)
{
	if (!ps_read_addresses(p, data, end, h, client_is_source))
		return false;
	p->client_port = client_is_source ? h->sport : h->dport;
	p->local_port = client_is_source ? h->dport : h->sport;
	p->ipv6 = h->ipv6;
	p->transport = h->protocol;
	return true;
}

/* Fills in the rest of the packet's description, except for its service and scope. False: cut off. */
static __always_inline bool ps_describe(struct ps_packet *p, void *data, void *end, __u32 ifindex,
					const struct ps_headers *h, bool client_is_source)
{
	if (data + sizeof(struct ethhdr) > end)
		return false;
	p->mac = (ps_load64(data + (client_is_source ? 0 : ETH_ALEN)) & ps_low_bytes(ETH_ALEN)) |
		 (__u64)h->protocol << 48;
	p->ifindex = ifindex;
	p->vlan = h->vlan;
	p->l3 = h->l3;
	p->l4 = h->l4;
	p->odd_header = h->odd;
	p->partial_csum = 0;
	p->payload = h->payload;
	p->payload_len = h->payload_len;
	return true;
}

/* Finds the payload in a frame of `frame_len` bytes. False: the lengths contradict each other. */
static __always_inline bool ps_find_payload(struct ps_headers *h, void *data, void *end,
					    __u32 frame_len)
{
	__u32 len = h->l4_len, head;

	if (h->l4 + len > frame_len)
		return false;
	if (h->protocol == IPPROTO_UDP) {
		struct udphdr *udp = data + h->l4;

		if ((void *)(udp + 1) > end)
			return false;
		head = sizeof(*udp);
		/* What IP has beyond the datagram is padding. */
		if (bpf_ntohs(udp->len) > len)
			return false;
		len = bpf_ntohs(udp->len);
	} else {
		struct tcphdr *tcp = data + h->l4;

		if ((void *)(tcp + 1) > end)
			return false;
		head = tcp->doff * 4;
		if (head < sizeof(*tcp))
			return false;
	}
	if (head > len)
		return false;
	h->payload = h->l4 + head;
	h->payload_len = len - head;
	return true;
}

#define PS_IPV4_PLAIN 0x45 /* first byte: version 4, a header of 5 words */
#define PS_PLAIN_L4 (sizeof(struct ethhdr) + sizeof(struct iphdr))
#define PS_PLAIN_TCP (sizeof(struct tcphdr) + PS_STAMP_LEN)

/*
 * A fast way for the headers of nearly all frames: no tags, IPv4 without options and not
 * fragmented, UDP or TCP with no options but timestamps. It finds what ps_parse and ps_find_payload
 * would find. Its offsets are constants, so the code that follows computes nothing with them.
 * `protocol` is the one that the frame must have. False: use the general functions.
 */
static __always_inline bool ps_parse_plain(void *data, void *end, __u32 frame_len,
					   const __u8 protocol, struct ps_headers *h)
{
	const __u32 head = protocol == IPPROTO_TCP ? PS_PLAIN_TCP : sizeof(struct udphdr);
	struct iphdr *ip = data + sizeof(struct ethhdr);
	struct ethhdr *eth = data;
	__u32 *ports = data + PS_PLAIN_L4, both, len;

	if (data + PS_PLAIN_L4 + head > end || eth->h_proto != bpf_htons(ETH_P_IP) ||
	    *(__u8 *)ip != PS_IPV4_PLAIN || ip->protocol != protocol ||
	    (ip->frag_off & bpf_htons(IP_OFFSET | IP_MF)))
		return false;
	len = bpf_ntohs(ip->tot_len);
	if (len < sizeof(*ip) + head || sizeof(*eth) + len > frame_len)
		return false;
	if (protocol == IPPROTO_TCP) {
		if (((struct tcphdr *)ports)->doff * 4 != PS_PLAIN_TCP)
			return false;
	} else if (bpf_ntohs(((struct udphdr *)ports)->len) != len - sizeof(*ip)) {
		return false;
	}
	both = *ports;
	h->sport = both;
	h->dport = both >> 16;
	h->protocol = protocol;
	h->ipv6 = 0;
	h->odd = 0;
	h->vlan = 0;
	h->l3 = sizeof(*eth);
	h->l4 = PS_PLAIN_L4;
	h->l4_len = len - sizeof(*ip);
	h->payload = PS_PLAIN_L4 + head;
	h->payload_len = len - sizeof(*ip) - head;
	return true;
}

#endif /* PRESTACK_PACKET_DESCRIBE_BPF_H */
