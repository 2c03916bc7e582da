/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Finds the transport header of a frame: Ethernet, up to two VLAN tags, IPv4 with options, IPv6
 * with extension headers. It reads the packet directly, so it works on XDP frames and on the linear
 * part of an skb.
 */
#ifndef PRESTACK_PACKET_HEADERS_BPF_H
#define PRESTACK_PACKET_HEADERS_BPF_H

#include "vmlinux.h"
#include "packet/uapi.bpf.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <prestack/cursor.h>

#define PS_VLAN_DEPTH 2
#define PS_TCP_SEQ 4 /* offsets in the TCP header */
#define PS_TCP_FLAGS 13
#define PS_TCP_CHECK 16
#define PS_LEAST_L4 8 /* bytes of the shortest transport header, of UDP */
#define PS_MAX_EXT 4 /* IPv6 extension headers walked */
#define PS_MAX_EXT_END 512 /* and how far into the frame */
#define PS_STAMP_LEN 12 /* bytes of TCP options: two no-ops and timestamps */
#define PS_V4_MAPPED                                                                               \
	0xffff /* an IPv4 address in the 16-byte form has this before it (RFC 4291, 2.5.5.2) */

/*
 * Masks of offsets in a frame. They change no offset that ps_parse finds; with them the verifier knows a
 * bound where it has lost the one that was tested.
 */
#define PS_L3_MASK 0x1f /* of the IP header: at most PS_L2_MAX */
#define PS_EXT_MASK 0x7ff /* of an IPv6 extension header */
#define PS_L4_MASK 0x3ff /* of the transport header, and of the payload behind it */

enum ps_parsed {
	PS_PARSED_OTHER, /* neither UDP nor TCP over IP: not for prestack */
	PS_PARSED_OK,
	PS_PARSED_FRAGMENT, /* a fragment of UDP or TCP */
	PS_PARSED_BAD, /* UDP or TCP with contradicting lengths, or cut off */
	PS_PARSED_OPAQUE, /* too many IPv6 headers, or no length */
	PS_PARSED_HIDDEN, /* too many VLAN tags: not even the addresses are known */
};

/*
 * Where the headers are, as offsets from the start of the frame. Ports are valid if the result is
 * OK. For a fragment they are 0, unless it is the first one.
 */
struct ps_headers {
	__u32 l3;
	__u32 l4;
	__u32 l4_len; /* bytes from the transport header to the end of the IP packet */
	__u32 vlan; /* as in struct ps_path */
	__u16 sport; /* net */
	__u16 dport; /* net */
	__u8 protocol; /* IPPROTO_UDP or IPPROTO_TCP */
	__u8 ipv6;
	__u8 odd; /* IP options or extension headers present */
	/* These are set by ps_find_payload. */
	__u32 payload;
	__u32 payload_len;
};

struct ps_ip6_fragment {
	__u8 next;
	__u8 reserved;
	__be16 offset;
	__be32 id;
};

struct ps_vlan_tag {
	__be16 tci;
	__be16 proto;
};

/* Adds a tag id to the form of ps_path.vlan: each id + 1, so that 0 means no tag. */
static __always_inline __u32 ps_vlan_push(__u32 vlan, __u16 tci)
{
	return vlan << 16 | ((tci & VLAN_VID_MASK) + 1);
}

static __always_inline int ps_parse_ports(void *data, void *end, struct ps_headers *h)
{
	__u32 *ports = data + h->l4, both;

	/* Keeps it one pointer and one load, whatever the compiler would merge them with. */
	ps_opaque(ports);
	if ((void *)(ports + 1) > end)
		return PS_PARSED_BAD;
	both = *ports;
	h->sport = both;
	h->dport = both >> 16;
	return PS_PARSED_OK;
}

static __always_inline int ps_parse_ipv4(void *data, void *end, struct ps_headers *h)
{
	struct iphdr *ip = data + h->l3;
	__be16 fragment;
	__u32 len, ihl;
	int parsed;

	if ((void *)(ip + 1) > end)
		return PS_PARSED_OTHER;
	h->protocol = ip->protocol;
	if (h->protocol != IPPROTO_UDP && h->protocol != IPPROTO_TCP)
		return PS_PARSED_OTHER;
	ihl = ip->ihl * 4;
	len = bpf_ntohs(ip->tot_len);
	/*
	 * A segment between namespaces of one host can be longer than the field can say; then it is
	 * 0.
	 */
	if (!len && ip->version == 4)
		return PS_PARSED_OPAQUE;
	if (ip->version != 4 || ihl < sizeof(*ip) || len < ihl + PS_LEAST_L4)
		return PS_PARSED_BAD;
	h->odd = ihl != sizeof(*ip);
	h->l4 = h->l3 + ihl;
	h->l4_len = len - ihl;
	fragment = ip->frag_off;
	if (fragment & bpf_htons(IP_OFFSET))
		return PS_PARSED_FRAGMENT;
	parsed = ps_parse_ports(data, end, h);
	return fragment & bpf_htons(IP_MF) ? PS_PARSED_FRAGMENT : parsed;
}

static __always_inline int ps_parse_ipv6(void *data, void *end, struct ps_headers *h)
{
	struct ipv6hdr *ip = data + h->l3;
	__u32 off = h->l3 + sizeof(*ip), left;
	__u8 next;

	if ((void *)(ip + 1) > end)
		return PS_PARSED_OTHER;
	h->ipv6 = 1;
	left = bpf_ntohs(ip->payload_len);
	next = ip->nexthdr;
	if (!left && (next == IPPROTO_TCP || next == IPPROTO_HOPOPTS))
		return PS_PARSED_OPAQUE;
	for (__u32 i = 0; i <= PS_MAX_EXT; i++) {
		struct ipv6_opt_hdr *ext;
		__u32 len;

		if (next == IPPROTO_UDP || next == IPPROTO_TCP) {
			h->protocol = next;
			h->l4 = off;
			h->l4_len = left;
			return left < PS_LEAST_L4 ? PS_PARSED_BAD : ps_parse_ports(data, end, h);
		}
		if (next == IPPROTO_FRAGMENT) {
			struct ps_ip6_fragment *f = data + (off & PS_EXT_MASK);

			if ((void *)(f + 1) > end || (f->offset & bpf_htons(IP6_OFFSET)))
				return PS_PARSED_FRAGMENT;
			h->l4 = (off & PS_EXT_MASK) + sizeof(*f);
			if (f->next == IPPROTO_UDP || f->next == IPPROTO_TCP) {
				h->protocol = f->next;
				ps_parse_ports(data, end, h);
			}
			return PS_PARSED_FRAGMENT;
		}
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS)
			return PS_PARSED_OTHER;
		ext = data + (off & PS_EXT_MASK);
		if ((void *)(ext + 1) > end)
			return PS_PARSED_BAD;
		len = (ext->hdrlen + 1) * 8;
		if (len > left)
			return PS_PARSED_BAD;
		next = ext->nexthdr;
		off += len;
		left -= len;
		h->odd = 1;
		if (off > PS_MAX_EXT_END)
			return PS_PARSED_OPAQUE;
	}
	return PS_PARSED_OPAQUE;
}

/*
 * Parses the headers of an Ethernet frame. `vlan`: the tag that the driver has already taken out of
 * the frame (skb metadata), in the form of ps_path.vlan.
 */
static __always_inline int ps_parse(void *data, void *end, __u32 vlan, struct ps_headers *h)
{
	struct ethhdr *eth = data;
	__u32 off = sizeof(*eth);
	__be16 proto;

	if ((void *)(eth + 1) > end)
		return PS_PARSED_OTHER;
	proto = eth->h_proto;
	for (__u32 i = 0; i < PS_VLAN_DEPTH; i++) {
		struct ps_vlan_tag *tag = data + off;

		if (proto != bpf_htons(ETH_P_8021Q) && proto != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(tag + 1) > end)
			return PS_PARSED_OTHER;
		vlan = ps_vlan_push(vlan, bpf_ntohs(tag->tci));
		proto = tag->proto;
		off += sizeof(*tag);
	}
	h->vlan = vlan;
	h->l3 = off;
	if (proto == bpf_htons(ETH_P_IP))
		return ps_parse_ipv4(data, end, h);
	if (proto == bpf_htons(ETH_P_IPV6))
		return ps_parse_ipv6(data, end, h);
	if (proto == bpf_htons(ETH_P_8021Q) || proto == bpf_htons(ETH_P_8021AD))
		return PS_PARSED_HIDDEN;
	return PS_PARSED_OTHER;
}

#endif /* PRESTACK_PACKET_HEADERS_BPF_H */
