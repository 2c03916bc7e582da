/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ICMP errors about TCP segments. An error quotes the beginning of the segment that caused it. If it
 * is sent to the server, it quotes the client's numbers, which the server does not know. If this host
 * sends it to the client, it quotes the server's. A stack believes an error only if the quoted
 * sequence number is one that it has sent and that is not acknowledged yet. So quoted numbers are
 * translated: without that, the MTU of a path is never found on a spliced connection.
 *
 * An error may quote an answer of the kernel, whose bytes the server has never sent. It gets the
 * number of the place at which the answer stands. What it says of the path is true for the server,
 * too. An MTU that is told also bounds the answers of the kernel.
 */
#ifndef PRESTACK_TCP_ICMP_ERROR_BPF_H
#define PRESTACK_TCP_ICMP_ERROR_BPF_H

#include "vmlinux.h"
#include "packet/checksum.bpf.h"
#include "packet/headers.bpf.h"
#include "packet/payload.bpf.h"
#include "packet/uapi.bpf.h"
#include "runtime/scratch.bpf.h"
#include "runtime/stats.bpf.h"
#include "runtime/verifier.bpf.h"
#include "service/address.bpf.h"
#include "service/scope.bpf.h"
#include "service/service.bpf.h"
#include "tcp/flow.bpf.h"
#include "tcp/segment.bpf.h"
#include "tcp/splice.bpf.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <prestack/counters.h>
#include <prestack/flow.h>
#include <prestack/splice.h>
#include <prestack/types.h>

#define PS_ICMP_HEADER 8
#define PS_ICMP_CHECK 2 /* offset of the checksum */
#define PS_QUOTED_TCP                                                                              \
	8 /* bytes of the TCP header that every error quotes: ports and sequence number */
#define PS_QUOTED_ACK 12 /* with the acknowledgement */
#define PS_IPV4_MIN_MTU 68 /* RFC 791 */
#define PS_IPV4_OLD_MTU 576 /* assumed if a router does not tell, RFC 1191 */
#define PS_QUOTE_MASK 127 /* offsets of the quoted TCP header in in[] */

/* An ICMP message, and the TCP header that it quotes. */
struct ps_quote {
	__u32 message; /* offset of the ICMP header in the frame */
	__u32 len; /* bytes of the message */
	__u32 tcp; /* offset of the quoted TCP header in the message */
	__u32 words; /* 1: the sequence number is quoted. 2: the acknowledgement as well */
	__u32 ipv6;
	__be32 old[2]; /* sequence number and acknowledgement, as quoted */
	__be32 new[2]; /* translated */
};

/* Finds the ICMP message behind the IP header in `ip`. False: there is none, or just a part. */
static __always_inline bool ps_icmp_find(const __u8 *ip, __u32 l3, struct ps_quote *q)
{
	const struct ipv6hdr *ip6 = (const struct ipv6hdr *)ip;
	const struct iphdr *ip4 = (const struct iphdr *)ip;
	__u32 head = sizeof(*ip6), len;

	if (q->ipv6) {
		len = bpf_ntohs(ip6->payload_len);
		if (ip6->nexthdr != IPPROTO_ICMPV6)
			return false;
	} else {
		head = ip4->ihl * 4;
		len = bpf_ntohs(ip4->tot_len) - head;
		if (ip4->protocol != IPPROTO_ICMP || head < sizeof(*ip4) ||
		    bpf_ntohs(ip4->tot_len) < head ||
		    (ip4->frag_off & bpf_htons(IP_OFFSET | IP_MF)))
			return false;
	}
	q->message = l3 + head;
	q->len = len;
	return len >= PS_ICMP_HEADER + sizeof(*ip4) + PS_QUOTED_TCP && len <= PS_IN_SIZE;
}

static __always_inline bool ps_icmp_is_error(const struct ps_scratch *s, __u32 ipv6)
{
	__u8 type = s->in[0];

	if (ipv6)
		return type >= ICMPV6_DEST_UNREACH && type <= ICMPV6_PARAMPROB;
	return type == ICMP_DEST_UNREACH || type == ICMP_REDIRECT || type == ICMP_TIME_EXCEEDED ||
	       type == ICMP_PARAMETERPROB;
}

/*
 * Reads the quoted headers of the message in in[], and names the connection in s->pkt. `from_client`:
 * the quoted segment is one of the client's. False: it is no error about a segment of a service.
 */
static __always_inline bool ps_quote_read(struct ps_scratch *s, struct ps_quote *q,
					  const bool from_client)
{
	const __u32 hook = from_client ? PS_HOOK_TC : PS_HOOK_XDP;
	const struct ps_ports *all = ps_ports_now();
	const __u8 *ip = s->in + PS_ICMP_HEADER;
	struct ps_packet *p = &s->pkt;
	__u64 source[2] = {}, target[2] = {};
	__u32 head = sizeof(struct ipv6hdr), ports, at, generation;
	int service;

	if (!all || !ps_icmp_is_error(s, q->ipv6))
		return false;
	if (q->ipv6) {
		if (ip[0] >> 4 != 6 || ip[6] != IPPROTO_TCP)
			return false;
		source[0] = ps_load64(ip + 8);
		source[1] = ps_load64(ip + 16);
		target[0] = ps_load64(ip + 24);
		target[1] = ps_load64(ip + 32);
	} else {
		head = (ip[0] & 15) * 4;
		if (ip[0] >> 4 != 4 || head < sizeof(struct iphdr) || ip[9] != IPPROTO_TCP ||
		    (ip[6] & (IP_OFFSET >> 8)) || ip[7])
			return false;
		source[1] = (ps_load64(ip + 12) & 0xffffffff) << 32 | bpf_htonl(0xffff);
		target[1] = ps_load64(ip + 12) >> 32 << 32 | bpf_htonl(0xffff);
	}
	at = PS_ICMP_HEADER + head;
	if (q->len < at + PS_QUOTED_TCP)
		return false;
	q->tcp = at;
	q->words = q->len >= at + PS_QUOTED_ACK ? 2 : 1;
	ps_opaque(at);
	at &= PS_QUOTE_MASK;
	ports = *(__u32 *)(s->in + at);
	q->old[0] = *(__be32 *)(s->in + at + PS_TCP_SEQ);
	q->old[1] = *(__be32 *)(s->in + at + PS_TCP_SEQ + 4);
	p->client[0] = from_client ? source[0] : target[0];
	p->client[1] = from_client ? source[1] : target[1];
	p->local[0] = from_client ? target[0] : source[0];
	p->local[1] = from_client ? target[1] : source[1];
	p->client_port = from_client ? ports : ports >> 16;
	p->local_port = from_client ? ports >> 16 : ports;
	if (!ps_port_known(all, p->local_port))
		return false;
	generation = ps_read_once(all->generation);
	p->transport = IPPROTO_TCP;
	service = ps_service_of(s, hook, generation);
	if (service < 0)
		return false;
	p->service = service;
	ps_find_scope(s, hook, generation);
	ps_name_flow(s);
	return true;
}

/* Whether the message is sent to the address that the quoted segment came from. `ip`: its header. */
static __always_inline bool ps_icmp_is_to_server(const __u8 *ip, const struct ps_packet *p,
						 __u32 ipv6)
{
	if (ipv6)
		return ps_load64(ip + 24) == p->local[0] && ps_load64(ip + 32) == p->local[1];
	return *(const __u32 *)(ip + 16) == (__u32)(p->local[1] >> 32);
}

/* Whether the checksum of the message, whose sum is in s->in_sum, is right. `ip`: its IP header. */
static __always_inline bool ps_icmp_sum_good(const __u8 *ip, const struct ps_scratch *s,
					     const struct ps_quote *q)
{
	__u64 sum = s->in_sum, a[2], b[2];

	if (q->ipv6) {
		a[0] = ps_load64(ip + 8);
		a[1] = ps_load64(ip + 16);
		b[0] = ps_load64(ip + 24);
		b[1] = ps_load64(ip + 32);
		sum += ps_pseudo_sum(a, b, 1, IPPROTO_ICMPV6, q->len);
	}
	return ps_fold(sum) == 0xffff;
}

/* The MTU that the message in in[] tells. 0: none. */
static __always_inline __u32 ps_icmp_mtu(const struct ps_scratch *s, __u32 ipv6)
{
	__u32 word = bpf_ntohl(*(const __be32 *)(s->in + 4));

	if (ipv6) {
		if (s->in[0] != ICMPV6_PKT_TOOBIG)
			return 0;
		return word < IPV6_MIN_MTU ? IPV6_MIN_MTU : word;
	}
	if (s->in[0] != ICMP_DEST_UNREACH || s->in[1] != ICMP_FRAG_NEEDED)
		return 0;
	word &= 0xffff;
	if (!word)
		return PS_IPV4_OLD_MTU;
	return word < PS_IPV4_MIN_MTU ? PS_IPV4_MIN_MTU : word;
}

/* Bounds the answers that follow, and the parts in which the last one is sent again. */
static __always_inline void ps_path_mtu(struct ps_flow *f, __u32 mtu, __u32 ipv6)
{
	__u32 head = (ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) +
		     sizeof(struct tcphdr) + (f->splice.timestamps ? PS_STAMP_LEN : 0);

	if (mtu - head < ps_read_once(f->splice.mss))
		*(volatile __u32 *)&f->splice.mss = mtu - head;
}

/*
 * A packet that may be an ICMP message arrives. `l3`: where its IP header is; `vlan`: its tags, as in
 * struct ps_path. Returns the verdict.
 */
__noinline int ps_icmp_in(struct xdp_md *ctx, __u32 l3, __u32 vlan, __u32 ipv6)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct ps_quote q = {.ipv6 = ipv6};
	__u64 outer[5] = {};
	__u8 *ip = (__u8 *)outer;
	struct ps_shift h;
	struct ps_flow *f;
	__u64 sent;
	__u32 seq, mtu;
	__u16 check;

	if (!s ||
	    bpf_xdp_load_bytes(ctx, l3, ip, ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) ||
	    !ps_icmp_find(ip, l3, &q))
		return XDP_PASS;
	s->pkt.ifindex = ctx->ingress_ifindex;
	s->pkt.vlan = vlan;
	s->pkt.payload = q.message;
	s->pkt.payload_len = q.len;
	if (ps_copy_long(ctx) || !ps_quote_read(s, &q, false) ||
	    !ps_icmp_is_to_server(ip, &s->pkt, ipv6) || !ps_icmp_sum_good(ip, s, &q))
		return XDP_PASS;
	f = ps_flow_find(&s->pkt.flow);
	if (!f || !ps_is_watched(f))
		return XDP_PASS;
	if (!ps_shift_load(&f->splice, &h))
		return XDP_DROP;
	seq = bpf_ntohl(q.old[0]);
	sent = ps_read_once(f->splice.sent);
	mtu = ps_icmp_mtu(s, ipv6);
	/* Only if the quoted byte is under way: a stack does not believe anything else either. */
	if (mtu && (__s32)(seq - ps_read_once(f->splice.client_ack)) >= 0 &&
	    (__s32)((__u32)sent + (__u32)(sent >> 32) - seq) >= 0)
		ps_path_mtu(f, mtu, ipv6);
	if (!h.in_skip)
		return XDP_PASS;
	q.new[0] = bpf_htonl(ps_shift_ack_in(&h, seq));
	q.new[1] = bpf_htonl(ps_shift_seq_in(&h, bpf_ntohl(q.old[1])));
	check = *(__u16 *)(s->in + PS_ICMP_CHECK);
	check = ps_check_change(check, q.old[0], q.new[0]);
	if (q.words == 2)
		check = ps_check_change(check, q.old[1], q.new[1]);
	if (bpf_xdp_store_bytes(ctx, q.message + q.tcp + PS_TCP_SEQ, q.new,
				q.words == 2 ? sizeof(q.new) : sizeof(q.new[0])) ||
	    bpf_xdp_store_bytes(ctx, q.message + PS_ICMP_CHECK, &check, sizeof(check)))
		return XDP_DROP;
	ps_count(s->pkt.service, PS_COUNT_icmp_errors);
	return XDP_PASS;
}

/*
 * A packet of this host that may be an ICMP message leaves. The segment that it quotes is the client's,
 * as the server's stack has received it. Returns the verdict.
 */
__noinline int ps_icmp_out(struct __sk_buff *skb, __u32 l3, __u32 vlan, __u32 ipv6)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_TC);
	struct ps_quote q = {.ipv6 = ipv6};
	__u64 outer[5] = {};
	__u8 *ip = (__u8 *)outer;
	struct ps_shift h;
	struct ps_flow *f;
	__u32 len;

	if (!s || !skb ||
	    bpf_skb_load_bytes(skb, l3, ip, ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) ||
	    !ps_icmp_find(ip, l3, &q))
		return TC_ACT_UNSPEC;
	s->pkt.ifindex = skb->ifindex;
	s->pkt.vlan = vlan;
	len = q.len;
	if (!ps_size_fits(&len, PS_IN_SIZE) || bpf_skb_load_bytes(skb, q.message, s->in, len) ||
	    !ps_quote_read(s, &q, true))
		return TC_ACT_UNSPEC;
	f = ps_flow_find(&s->pkt.flow);
	if (!f || !ps_is_spliced(f))
		return TC_ACT_UNSPEC;
	if (!ps_shift_load(&f->splice, &h))
		return TC_ACT_SHOT;
	q.new[0] = bpf_htonl(bpf_ntohl(q.old[0]) + h.in_skip);
	q.new[1] = bpf_htonl(ps_shift_seq_out(&h, bpf_ntohl(q.old[1])));
	if (bpf_l4_csum_replace(skb, q.message + PS_ICMP_CHECK, q.old[0], q.new[0], 4) ||
	    (q.words == 2 &&
	     bpf_l4_csum_replace(skb, q.message + PS_ICMP_CHECK, q.old[1], q.new[1], 4)) ||
	    bpf_skb_store_bytes(skb, q.message + q.tcp + PS_TCP_SEQ, q.new,
				q.words == 2 ? sizeof(q.new) : sizeof(q.new[0]), 0))
		return TC_ACT_SHOT;
	ps_count(s->pkt.service, PS_COUNT_icmp_errors);
	return TC_ACT_UNSPEC;
}

#endif /* PRESTACK_TCP_ICMP_ERROR_BPF_H */
