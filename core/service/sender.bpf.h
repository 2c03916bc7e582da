/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether a packet that leaves was sent by the server itself: by its user, and by the very socket
 * that this client's packets are delivered to. What it sends proves paths.
 */
#ifndef PRESTACK_SERVICE_SENDER_BPF_H
#define PRESTACK_SERVICE_SENDER_BPF_H

#include "vmlinux.h"
#include "packet/headers.bpf.h"
#include "runtime/maps.bpf.h"
#include "runtime/scratch.bpf.h"
#include "service/service.bpf.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <prestack/types.h>

#define PS_TUPLE4 12
#define PS_TUPLE6 36

/*
 * The packet's connection, as the host's socket sees it that the client sends to. Returns the size of
 * its form in `tuple`, which is zero before.
 */
static __always_inline __u32 ps_socket_tuple(struct bpf_sock_tuple *tuple,
					     const struct ps_packet *p)
{
	if (p->ipv6) {
		__builtin_memcpy(tuple->ipv6.saddr, p->client, 16);
		__builtin_memcpy(tuple->ipv6.daddr, p->local, 16);
		tuple->ipv6.sport = p->client_port;
		tuple->ipv6.dport = p->local_port;
		return PS_TUPLE6;
	}
	tuple->ipv4.saddr = p->client[1] >> 32;
	tuple->ipv4.daddr = p->local[1] >> 32;
	tuple->ipv4.sport = p->client_port;
	tuple->ipv4.dport = p->local_port;
	return PS_TUPLE4;
}

/*
 * The socket of this host that receives what the packet's client sends to the packet's server
 * address: a connection, else a listening socket, else (UDP) a bound one. The caller releases it.
 * TC egress.
 */
static __always_inline struct bpf_sock *ps_local_socket(struct __sk_buff *skb,
							const struct ps_packet *p)
{
	struct bpf_sock_tuple tuple = {};
	__u32 size = ps_socket_tuple(&tuple, p);

	if (p->transport == PS_TRANSPORT_TCP)
		return bpf_sk_lookup_tcp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	return bpf_sk_lookup_udp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0);
}

/*
 * Whether the server sent this skb: its socket belongs to the server's user, and is the one that a
 * packet of this client to this address would be delivered to. Raw sockets, packet sockets,
 * forwarded frames, and others that bound the port on another address are not. Of a socket with a
 * known cookie only the user is checked, since no other socket ever has that cookie. TC egress.
 */
static __always_inline bool ps_sender_is_server(struct __sk_buff *skb, struct ps_scratch *s,
						const struct ps_service_conf *conf)
{
	struct bpf_sock *sk;
	bool same;

	if (ps_config.trust_sender)
		return true;
	if (!skb->sk || !(conf->flags & PS_SERVICE_SERVER_KNOWN) ||
	    bpf_get_socket_uid(skb) != conf->server_uid)
		return false;
	if (s->sender && s->sender == bpf_get_socket_cookie(skb))
		return true;
	sk = ps_local_socket(skb, &s->pkt);
	if (!sk)
		return false;
	same = (void *)sk == (void *)skb->sk;
	bpf_sk_release(sk);
	/*
	 * Only for TCP: over UDP one socket sends to all clients, and it was checked for this one.
	 */
	if (same && s->pkt.transport == PS_TRANSPORT_TCP)
		s->sender = bpf_get_socket_cookie(skb);
	return same;
}

/* A packet leaves on a path that is not proven. A separate function for the verifier. */
__noinline int ps_new_path(struct __sk_buff *skb)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_TC);
	struct ps_service_state *state = s && skb ? ps_state_of(s->pkt.service) : NULL;
	struct ps_service_conf *conf = state ? ps_conf_of(s->pkt.service, state) : NULL;

	if (conf && ps_sender_is_server(skb, s, conf))
		ps_path_prove(state, &s->pkt);
	return 0;
}

static __always_inline void ps_note_path(struct __sk_buff *skb, const struct ps_scratch *s,
					 const struct ps_service_state *state)
{
	if (!ps_path_proven(state, &s->pkt))
		ps_new_path(skb);
}

/*
 * Whether a socket with this port (net) sent the packet. One of our own replies to a client on this
 * host was not: the skb was that client's request, and may still belong to the client's socket.
 * Incomplete sockets, at the beginning and the end of a TCP connection, have the port as well.
 */
static __always_inline bool ps_sent_from_port(const struct __sk_buff *skb, __u16 port)
{
	const struct bpf_sock *sk = skb->sk;

	return ps_config.trust_sender || (sk && bpf_htons(sk->src_port) == port);
}

/*
 * Whether this may be a segment that the host's TCP sends without a socket of the server: a SYN
 * cookie, the acknowledgement of a connection in TIME_WAIT, a reset. A packet that came in before is
 * none of these. It is forwarded, or it is one of our own replies from ps_tc_ingress.
 */
static __always_inline bool ps_may_be_control(const struct __sk_buff *skb,
					      const struct ps_headers *h, const int parsed)
{
	return parsed == PS_PARSED_OK && h->protocol == IPPROTO_TCP && !skb->ingress_ifindex;
}

#endif /* PRESTACK_SERVICE_SENDER_BPF_H */
