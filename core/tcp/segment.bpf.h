/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TCP segments as the dispatcher sees them: header, checksum, and the control segments that begin
 * and end a connection. tcp/requests.bpf.h and tcp/replies.bpf.h read the data.
 */
#ifndef PRESTACK_TCP_SEGMENT_BPF_H
#define PRESTACK_TCP_SEGMENT_BPF_H

#include "vmlinux.h"
#include "coherence/epoch.bpf.h"
#include "packet/checksum.bpf.h"
#include "packet/headers.bpf.h"
#include "packet/uapi.bpf.h"
#include "runtime/maps.bpf.h"
#include "runtime/scratch.bpf.h"
#include "runtime/verifier.bpf.h"
#include "service/sender.bpf.h"
#include "tcp/flow.bpf.h"
#include "tcp/splice.bpf.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <prestack/flow.h>
#include <prestack/splice.h>
#include <prestack/types.h>

#define PS_TCP_LONGEST_HEADER 60 /* bytes of a header with all options */
#define PS_TC_READ (-2) /* no verdict yet */
#define PS_SUM_CHUNKS 32 /* of PS_IN_SIZE bytes: the longest segment */

/* Completes the key of the packet's connection: the hash is still missing. */
static __always_inline void ps_name_flow(struct ps_scratch *s)
{
	s->pkt.flow.hash = ps_flow_hash(&s->pkt.flow);
}

/*
 * Fills in the key and the description of the segment, from its TCP header. False: it is cut off.
 */
static __always_inline bool ps_describe_segment(struct ps_scratch *s, void *data, void *end,
						const struct ps_headers *h)
{
	struct tcphdr *tcp = data + (h->l4 & PS_L4_MASK);
	__u32 head = h->payload - h->l4, *stamp;

	if ((void *)(tcp + 1) > end)
		return false;
	s->segment.seq = bpf_ntohl(tcp->seq);
	s->segment.ack = bpf_ntohl(tcp->ack_seq);
	s->segment.flags = ((__u8 *)tcp)[PS_TCP_FLAGS];
	s->segment.check = tcp->check;
	s->segment.window = bpf_ntohs(tcp->window);
	s->segment.stamped = 0;
	s->segment.plain = 0;
	stamp = (__u32 *)(tcp + 1);
	if (head >= sizeof(*tcp) + PS_STAMP_LEN && (void *)(stamp + 3) <= end &&
	    stamp[0] == bpf_htonl(PS_TCP_STAMPED)) {
		s->segment.stamped = 1;
		s->segment.plain = head == sizeof(*tcp) + PS_STAMP_LEN;
		s->segment.tsval = stamp[1];
	}
	s->segment.len = h->payload_len;
	s->segment.loaded = 0;
	s->segment.missed = 0;
	ps_name_flow(s);
	return true;
}

/*
 * Adds one chunk of the payload to s->in_sum. The chunk is left in in[]. Returns 0 if it cannot be
 * read.
 */
__noinline int ps_sum_chunk(struct xdp_md *ctx, __u32 at, __u32 len)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);

	if (!s || !ps_size_fits(&len, PS_IN_SIZE) || bpf_xdp_load_bytes(ctx, at, s->in, len))
		return 0;
	s->in_sum += (__u32)ps_fold(ps_sum(s->in, len, 0, PS_IN_SIZE / 8));
	return 1;
}

/* Computes s->in_sum for a payload that is longer than in[]. Returns whether it could. */
__noinline int ps_sum_payload(struct xdp_md *ctx)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	__u32 at, left;

	if (!s)
		return 0;
	s->in_sum = 0;
	at = s->pkt.payload;
	left = s->pkt.payload_len;
	for (__u32 i = 0; i < PS_SUM_CHUNKS; i++) {
		__u32 n = left < PS_IN_SIZE ? left : PS_IN_SIZE;

		if (!n)
			return 1;
		if (!ps_sum_chunk(ctx, at, n))
			return 0;
		at += n;
		left -= n;
	}
	return !left;
}

/* Folded sum of a TCP header of any length. 0 if it cannot be read; no header adds up to that. */
__noinline __u32 ps_long_header_sum(struct xdp_md *ctx, __u32 at, __u32 len)
{
	__u64 header[PS_TCP_LONGEST_HEADER / 8 + 2] = {};

	if (!ps_size_fits(&len, PS_TCP_LONGEST_HEADER) || bpf_xdp_load_bytes(ctx, at, header, len))
		return 0;
	return ps_fold(ps_sum(header, len, 0, PS_TCP_LONGEST_HEADER / 8));
}

/*
 * The same, not folded. Nearly all headers have timestamps only, and are added up without a call.
 */
static __always_inline __u64 ps_tcp_header_sum(struct xdp_md *ctx, __u32 at, __u32 len)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u64 *w = data + (at & PS_L4_MASK), sum;

	if (len != 4 * sizeof(*w) || (void *)(w + 4) > end)
		return ps_long_header_sum(ctx, at, len);
	sum = (w[0] & 0xffffffff) + (w[0] >> 32) + (w[1] & 0xffffffff) + (w[1] >> 32);
	return sum + (w[2] & 0xffffffff) + (w[2] >> 32) + (w[3] & 0xffffffff) + (w[3] >> 32);
}

/*
 * Whether the server's stack will accept the segment's checksum. The sum of the payload is in
 * s->in_sum. A veth peer on this host fills in the sum of the pseudo header only. Such a checksum
 * is accepted, and noted in partial_csum. A complete checksum that happens to look like that still
 * counts as complete.
 */
static __always_inline bool ps_segment_sum_good(struct xdp_md *ctx, struct ps_scratch *s,
						const struct ps_headers *h)
{
	struct ps_packet *p = &s->pkt;
	__u32 head = h->payload - h->l4;
	__u64 header, sum = ps_pseudo_sum(p->client, p->local, h->ipv6, IPPROTO_TCP,
					  head + h->payload_len);

	header = ps_tcp_header_sum(ctx, h->l4, head);
	if (header && ps_fold(sum + header + s->in_sum) == PS_SUM_GOOD)
		return true;
	p->partial_csum = s->segment.check == ps_fold(sum);
	return p->partial_csum;
}

/*
 * Handles a client's control segments: they end a flow, or prevent one. Returns true if there is no
 * data to read. The checksum was found right.
 */
static __always_inline bool ps_client_control(struct ps_scratch *s)
{
	const struct ps_segment *g = &s->segment;
	struct ps_flow *f;

	if (g->flags & TCPHDR_SYN) {
		if (!g->len || (g->flags & TCPHDR_RST))
			return true;
		ps_handshake_data(&s->pkt.flow, g->seq);
		ps_flush(s->pkt.service);
		return true;
	}
	if (g->flags & TCPHDR_RST) {
		/* Only with the number that the server's stack would accept. */
		f = ps_flow_find(&s->pkt.flow);
		if (f && f->in.next == g->seq)
			ps_flow_end(f, &s->pkt.flow);
		return true;
	}
	/* Every stack drops a segment without ACK. */
	if (!(g->flags & TCPHDR_ACK))
		return true;
	if (g->len)
		return false;
	if (g->flags & TCPHDR_FIN) {
		f = ps_flow_find(&s->pkt.flow);
		if (f && f->in.next == g->seq)
			ps_flow_fin(f, &s->pkt.flow, PS_REQUESTS);
	}
	return true;
}

/*
 * The server accepts a connection. If its listening socket is not known, it is another server than
 * before. The packet's own socket belongs to this handshake only. If the cookie is 0, nobody has
 * asked for the cookie of that socket yet, so it is new; the loader will ask soon.
 */
static __always_inline void ps_check_listener(struct __sk_buff *skb, const struct ps_packet *p,
					      struct ps_service_state *state)
{
	__u64 cookie = skb->mark;
	struct tcp_sock *listener;
	struct bpf_sock *sk;

	/* In tests no packet comes from a server's socket: the mark tells which one it would be. */
	if (!ps_config.trust_sender) {
		sk = ps_local_socket(skb, p);
		if (!sk)
			return;
		cookie = 0;
		listener = bpf_skc_to_tcp_sock(sk);
		if (listener)
			cookie = listener->inet_conn.icsk_inet.sk.__sk_common.skc_cookie.counter;
		bpf_sk_release(sk);
		if (!cookie)
			ps_end_epoch(p->service, state);
	}
	ps_server_socket(p->service, state, cookie);
}

/*
 * Notes what the server's segment says: what it has sent, its window and its acknowledgement. This
 * comes before its replies are counted, since whoever sees the count relies on these.
 */
static __always_inline void ps_note_server_segment(struct ps_flow *f, const struct ps_flow_key *key,
						   const struct ps_segment *g)
{
	if (g->flags & TCPHDR_SYN)
		return;
	ps_splice_note_server(f, g);
	if (g->flags & TCPHDR_ACK)
		ps_flow_acked(f, key, g->ack + ps_read_once(f->splice.in_skip));
}

/*
 * Handles the server's control segments: handshakes, acknowledgements and ends. Returns the verdict
 * of a segment without data. PS_TC_READ: there is data to read.
 */
static __always_inline int ps_server_control(struct __sk_buff *skb, struct ps_scratch *s,
					     struct ps_service_state *state)
{
	const struct ps_segment *g = &s->segment;
	struct ps_flow *f;
	int verdict;

	if (g->flags & TCPHDR_SYN) {
		if (g->flags & TCPHDR_ACK) {
			ps_check_listener(skb, &s->pkt, state);
			ps_handshake_seen(&s->pkt.flow, g->ack, g->seq + 1);
		}
		return g->len ? PS_TC_READ : TC_ACT_UNSPEC;
	}
	/* The program that reads it looks the flow up. */
	if (g->len && !(g->flags & TCPHDR_RST))
		return PS_TC_READ;
	f = ps_flow_find(&s->pkt.flow);
	if (!f)
		return g->len ? PS_TC_READ : TC_ACT_UNSPEC;
	ps_note_server_segment(f, &s->pkt.flow, g);
	verdict = ps_is_spliced(f) ? ps_translate_out(skb) : TC_ACT_UNSPEC;
	if (g->flags & TCPHDR_RST)
		ps_flow_end(f, &s->pkt.flow);
	else if ((g->flags & TCPHDR_FIN) && f->out.next == g->seq)
		ps_flow_fin(f, &s->pkt.flow, PS_REPLIES);
	return verdict;
}

/*
 * A segment leaves that no socket of the server has sent. It is not trusted: nothing in it is read,
 * and it begins no flow. But its numbers are the server's, so it is translated, and a new connection
 * or a reset ends the flow. A function of its own, since this is rare. Returns the verdict.
 */
__noinline int ps_control_leaves(struct __sk_buff *skb)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_TC);
	const struct ps_segment *g;
	struct ps_flow *f;
	int verdict;

	f = s && skb ? ps_flow_find(&s->pkt.flow) : NULL;
	if (!f)
		return TC_ACT_UNSPEC;
	g = &s->segment;
	if (g->flags & TCPHDR_SYN) {
		if ((g->flags & TCPHDR_ACK) && !ps_flow_began_with(f, g->ack, g->seq + 1))
			ps_flow_end(f, &s->pkt.flow);
		return TC_ACT_UNSPEC;
	}
	verdict = ps_is_spliced(f) ? ps_translate_out(skb) : TC_ACT_UNSPEC;
	if (g->flags & TCPHDR_RST)
		ps_flow_end(f, &s->pkt.flow);
	return verdict;
}

#endif /* PRESTACK_TCP_SEGMENT_BPF_H */
