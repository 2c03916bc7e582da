/* SPDX-License-Identifier: GPL-2.0-only */
/* Writing IP headers into the frame of a reply, in whole words. */
#ifndef PRESTACK_PACKET_WRITE_HEADERS_BPF_H
#define PRESTACK_PACKET_WRITE_HEADERS_BPF_H

#include "vmlinux.h"
#include "packet/checksum.bpf.h"
#include "packet/describe.bpf.h"
#include "packet/uapi.bpf.h"
#include "runtime/scratch.bpf.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <prestack/cursor.h>
#include <prestack/types.h>

#define PS_REPLY_TTL 64
#define PS_CSUM_WORDS ((PS_OUT_SIZE + 7) / 8)
#define PS_L2_MAX (ETH_HLEN + 2 * VLAN_HLEN) /* Ethernet and two tags */
#define PS_MAX_HEAD_GROWTH 208 /* XDP_PACKET_HEADROOM less what drivers keep for themselves */

/*
 * Sum of the reply's payload. A separate function, so that the verifier checks its loop once and
 * not once for all that follows.
 */
__noinline __u32 ps_out_sum(void)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);

	return s ? ps_fold(ps_sum(s->out, s->out_len, 0, PS_CSUM_WORDS)) : 0;
}

/*
 * Writes an IPv4 header at l3 as Linux does: no options, id 0, don't fragment. `len`: bytes that
 * follow it.
 */
static __always_inline void ps_write_ipv4(void *l3, const struct ps_packet *p, __u32 len,
					  const __u8 protocol)
{
	__u32 first = bpf_htonl(PS_IPV4_PLAIN << 24 | (sizeof(struct iphdr) + len));
	__u32 second = bpf_htonl(IP_DF), third = bpf_htonl(PS_REPLY_TTL << 24 | protocol << 16);
	__u32 saddr = p->local[1] >> 32, daddr = p->client[1] >> 32;
	__u16 check = ~ps_fold((__u64)first + second + third + saddr + daddr);

	ps_store64(l3, (__u64)second << 32 | first);
	ps_store64(l3 + 8, (__u64)saddr << 32 | (__u32)check << 16 | third);
	*(__be32 *)(l3 + 16) = daddr;
}

/* Writes an IPv6 header at l3. */
static __always_inline void ps_write_ipv6(void *l3, const struct ps_packet *p, __u32 len,
					  const __u8 protocol)
{
	ps_store64(l3,
		   bpf_cpu_to_be64(6ULL << 60 | (__u64)len << 16 | protocol << 8 | PS_REPLY_TTL));
	ps_store64(l3 + 8, p->local[0]);
	ps_store64(l3 + 16, p->local[1]);
	ps_store64(l3 + 24, p->client[0]);
	ps_store64(l3 + 32, p->client[1]);
}

#endif /* PRESTACK_PACKET_WRITE_HEADERS_BPF_H */
