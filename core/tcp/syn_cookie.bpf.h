/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Handshakes by SYN cookies. When the server's queue of half-open connections is full, the host answers SYNs
 * without keeping anything, and so do we: such a SYN-ACK leaves without a socket and is not noted. The client's
 * acknowledgement brings the cookie back. If the host's own check accepts it, the handshake is known from then
 * on. So SYNs alone store nothing, however many there are. XDP.
 */
#ifndef PRESTACK_TCP_SYN_COOKIE_BPF_H
#define PRESTACK_TCP_SYN_COOKIE_BPF_H

#include "vmlinux.h"
#include "coherence/epoch.bpf.h"
#include "packet/headers.bpf.h"
#include "packet/uapi.bpf.h"
#include "runtime/scratch.bpf.h"
#include "runtime/stats.bpf.h"
#include "service/sender.bpf.h"
#include "service/service.bpf.h"
#include "tcp/flow.bpf.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <prestack/flow.h>

/*
 * Whether a client's segment without a flow may be the first one after a SYN-ACK that was not noted. Not if
 * the numbers are those of the handshake that is known: its state must stay as it is.
 */
static __always_inline bool ps_may_be_cookie(const struct ps_flow_key *key,
					     const struct ps_segment *g)
{
	const struct ps_handshake *h;

	if ((g->flags & (TCPHDR_SYN | TCPHDR_RST | TCPHDR_ACK)) != TCPHDR_ACK)
		return false;
	h = bpf_map_lookup_elem(&ps_handshakes, key);
	return !h || h->client != g->seq || h->server != g->ack;
}

/* The socket that the packet is for: a connection, also one that is just beginning, else a listening socket. */
static __always_inline struct bpf_sock *ps_cookie_socket(struct xdp_md *ctx,
							 const struct ps_packet *p)
{
	struct bpf_sock_tuple tuple = {};
	__u32 size = ps_socket_tuple(&tuple, p);

	return bpf_skc_lookup_tcp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);
}

/* A connection begins at this listening socket. If it is not known, it is another server than before. */
static __always_inline void ps_cookie_listener(struct bpf_sock *sk, __u32 service)
{
	struct ps_service_state *state = ps_state_of(service);
	struct tcp_sock *listener = bpf_skc_to_tcp_sock(sk);
	__u64 cookie;

	if (!state || !listener)
		return;
	cookie = listener->inet_conn.icsk_inet.sk.__sk_common.skc_cookie.counter;
	/* Nobody has asked for its cookie yet, so it is new. The loader will ask soon. */
	if (!cookie)
		ps_end_epoch(service, state);
	ps_server_socket(service, state, cookie);
}

/*
 * Notes the handshake that the current segment of the client completes, if it acknowledges a valid cookie. Its
 * checksum was found right. A function of its own, since this is rare.
 */
__noinline int ps_note_cookie(struct xdp_md *ctx)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct ps_handshake new = {};
	struct tcphdr tcp = {};
	struct bpf_sock *sk;
	__u8 ip[sizeof(struct ipv6hdr)] = {};
	__u32 ip_len;

	if (!s || !ctx)
		return 0;
	ip_len = s->pkt.ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	/* The check reads the addresses and numbers only, so options may stay behind. */
	if (bpf_xdp_load_bytes(ctx, s->pkt.l3, ip, ip_len) ||
	    bpf_xdp_load_bytes(ctx, s->pkt.l4, &tcp, sizeof(tcp)))
		return 0;
	sk = ps_cookie_socket(ctx, &s->pkt);
	if (!sk)
		return 0;
	if (!bpf_tcp_check_syncookie(sk, ip, ip_len, &tcp, sizeof(tcp))) {
		ps_cookie_listener(sk, s->pkt.service);
		new.client = s->segment.seq;
		new.server = s->segment.ack;
		bpf_map_update_elem(&ps_handshakes, &s->pkt.flow, &new, BPF_ANY);
		ps_count(s->pkt.service, PS_COUNT_syn_cookies);
	}
	bpf_sk_release(sk);
	return 0;
}

#endif /* PRESTACK_TCP_SYN_COOKIE_BPF_H */
