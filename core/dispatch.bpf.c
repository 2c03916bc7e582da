// SPDX-License-Identifier: GPL-2.0-only
/*
 * Entry points. Ingress (XDP) and egress (TC): from the Ethernet header to the service's plug-in.
 * TC ingress: sends replies that XDP could not.
 */
#include "asked.bpf.h"
#include "fill.bpf.h"
#include "maps.bpf.h"
#include "net.bpf.h"
#include "packet.bpf.h"
#include "segment.bpf.h"
#include "udp.bpf.h"

/* Sum of `len` <= 40 bytes of IPv4 options at `off`; 0 if they cannot be read (which is no sum). */
__noinline __u32 ps_options_sum(struct xdp_md *ctx, __u32 off, __u32 len)
{
	__u64 options[6] = {};

	if (!ps_size_fits(&len, 40) || bpf_xdp_load_bytes(ctx, off, options, len))
		return 0;
	return ps_fold(ps_sum(options, len, 0, 5));
}

/* Whether the IPv4 header's checksum is right; IPv6 has none. */
static __always_inline bool ps_ip_sum_good(struct xdp_md *ctx, const struct ps_packet *p)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 l3 = p->l3 & 0x1f, l4 = p->l4 & 0x3ff;
	struct iphdr *ip = data + l3;
	__u32 *w = (__u32 *)ip;
	__u64 sum;

	if (p->ipv6)
		return true;
	if ((void *)(ip + 1) > end)
		return false;
	sum = (__u64)w[0] + w[1] + w[2] + w[3] + w[4];
	if (p->odd_header)
		sum += ps_options_sum(ctx, l3 + sizeof(*ip), l4 - l3 - sizeof(*ip));
	return ps_fold(sum) == 0xffff;
}

/*
 * Whether the datagram's checksums are right; the server's stack drops what is not. A veth peer on
 * this host leaves the pseudo header's sum only: believed, and noted.
 */
static __always_inline bool ps_checksums_good(struct xdp_md *ctx, struct ps_scratch *s)
{
	void *data, *end;
	struct ps_packet *p = &s->pkt;
	__u32 l4 = p->l4 & 0x3ff, len = p->payload_len;
	struct udphdr *udp;
	__u64 sum;

	if (!ps_ip_sum_good(ctx, p))
		return false;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	udp = data + l4;
	if ((void *)(udp + 1) > end)
		return false;
	/* None given: fine for IPv4, and for IPv6 what the server's stack refuses. */
	if (!udp->check)
		return !p->ipv6;
	sum = ps_pseudo_sum(p->client, p->local, p->ipv6, IPPROTO_UDP, len + sizeof(*udp));
	if (udp->check == ps_fold(sum)) {
		p->partial_csum = 1;
		return true;
	}
	sum += udp->source + udp->dest + udp->len + (__u64)udp->check;
	return ps_fold(sum + (__u32)ps_fold(s->in_sum)) == 0xffff;
}

/* A fragment, or headers that hide the transport: it might be a write to any service. */
static __always_inline void ps_flush_all(__u32 reason)
{
	for (__u32 i = 0; i < PS_MAX_SERVICES; i++) {
		if (i >= ps_config.nr_services)
			break;
		ps_flush(i);
		ps_count(i, reason);
	}
}

#define PS_DIRECT_PAYLOAD 128 /* payloads up to this many bytes are copied without a helper */

/*
 * Copies the payload that s->pkt describes into s->in and sums it up; 0 if that is done. Short ones
 * in words, the last of which overlaps the one before: a helper's fixed cost is most of such a copy. A
 * function of its own, so that the verifier looks at it once and not once per service.
 */
__noinline int ps_copy_payload(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end, *from;
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	__u64 w, sum = 0;
	__u32 at, len, last;

	if (!s)
		return -1;
	at = s->pkt.payload & 0x3ff;
	len = s->pkt.payload_len;
	if (len < 8 || len > PS_DIRECT_PAYLOAD) {
		if (!ps_size_fits(&len, PS_IN_SIZE) ||
		    bpf_xdp_load_bytes(ctx, s->pkt.payload, s->in, len))
			return -1;
		s->in_sum = ps_sum(s->in, len, 0, PS_IN_SIZE / 8);
		return 0;
	}
	last = len - 8;
	from = data + at;
	for (__u32 i = 0; i < PS_DIRECT_PAYLOAD / 8; i++) {
		if (i * 8 > last)
			break;
		if (from + 8 > end)
			return -1;
		w = ps_load64(from);
		ps_store64(s->in + i * 8, w);
		sum += (w & 0xffffffff) + (w >> 32);
		from += 8;
	}
	from = data + at + last;
	if (from + 8 > end)
		return -1;
	w = ps_load64(from);
	ps_store64(s->in + last, w);
	/* Of the last word only what the others did not hold. */
	if (len & 7) {
		w >>= 64 - (len & 7) * 8;
		sum += (w & 0xffffffff) + (w >> 32);
	}
	s->in_sum = sum;
	return 0;
}

/* The tail call failed: nobody looked at a payload that may be a write. */
static __always_inline int ps_no_program(__u32 service)
{
	ps_flush(service);
	ps_count(service, PS_COUNT_no_program);
	return XDP_PASS;
}

/* A TCP segment to a service. */
static __always_inline int ps_ingress_segment(struct xdp_md *ctx, struct ps_scratch *s,
					      __u32 service)
{
	if (!ps_describe_segment(s, (void *)(long)ctx->data, (void *)(long)ctx->data_end)) {
		ps_count(service, PS_COUNT_bad_header);
		return XDP_PASS;
	}
	/* By far most of those without data: acknowledgements. */
	if (!s->segment.len && !(s->segment.flags & (PS_TCP_FIN | PS_TCP_RST)))
		return XDP_PASS;
	s->in_sum = 0;
	if (s->segment.len) {
		s->segment.loaded = s->segment.len <= PS_IN_SIZE;
		if (s->segment.loaded ? ps_copy_payload(ctx) : !ps_sum_payload(ctx)) {
			/* What was not looked at may be a write. */
			ps_flush(service);
			ps_count(service, PS_COUNT_too_long);
			return XDP_PASS;
		}
	}
	if (!ps_ip_sum_good(ctx, &s->pkt) || !ps_segment_sum_good(ctx, s)) {
		ps_count(service, PS_COUNT_bad_checksum);
		return XDP_PASS;
	}
	if (ps_segment_signals(s))
		return XDP_PASS;
	bpf_tail_call(ctx, &ps_xdp_progs, ps_program_of(service, PS_SLOT_STREAM));
	return ps_no_program(service);
}

static __always_inline int ps_ingress(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ps_service_state *state;
	struct ps_service_conf *conf;
	struct ps_headers h = {};
	struct ps_scratch *s;
	int service;
	__u64 dead;
	__u32 len;
	bool due;

	switch (ps_parse(data, end, 0, &h)) {
	case PS_PARSED_OK:
		break;
	case PS_PARSED_FRAGMENT:
	case PS_PARSED_OPAQUE:
		ps_flush_all(PS_COUNT_fragment);
		return XDP_PASS;
	default:
		return XDP_PASS;
	}
	service = ps_service_of(h.dport);
	if (service < 0)
		return XDP_PASS;
	s = ps_scratch(PS_HOOK_XDP);
	state = ps_state_of(service);
	if (!s || !state)
		return XDP_PASS;
	conf = ps_conf_of(service, state);
	if (!conf)
		return XDP_PASS;
	s->pkt.service = service;
	s->pkt.now = ps_now(s);
	s->asked = PS_ASKING_NOT;
	s->serial = 0;
	/* Before anything is looked up: a delayed flush that is over voids what was there. */
	dead = ps_read_once(state->dead);
	due = dead && ps_flush_due(service, state, dead, s->pkt.now);
	if (!ps_describe(&s->pkt, data, end, ctx->ingress_ifindex, &h, true) ||
	    !ps_find_payload(&s->pkt, data, end, &h, end - data)) {
		ps_count(service, PS_COUNT_bad_header);
		return XDP_PASS;
	}
	if (h.protocol == IPPROTO_TCP)
		return ps_ingress_segment(ctx, s, service);
	len = s->pkt.payload_len;
	if (!len)
		return XDP_PASS;
	if (len > PS_IN_SIZE) {
		/* What was not looked at may be a write. */
		ps_flush(service);
		ps_count(service, PS_COUNT_too_long);
		return XDP_PASS;
	}
	if (ps_copy_payload(ctx)) {
		ps_count(service, PS_COUNT_bad_header);
		return XDP_PASS;
	}
	s->pkt.mtu = conf->mtu;
	s->pkt.no_xdp_tx = !!(conf->flags & PS_SERVICE_NO_XDP_TX);
	if (!ps_checksums_good(ctx, s)) {
		ps_count(service, PS_COUNT_bad_checksum);
		return XDP_PASS;
	}
	if (!(conf->flags & PS_SERVICE_UDP))
		s->pkt.refuse = PS_COUNT_transport_off;
	else if (!ps_client_allowed(conf, &s->pkt))
		s->pkt.refuse = PS_COUNT_not_allowed;
	else if (conf->flags & PS_SERVICE_WAIT)
		s->pkt.refuse = PS_COUNT_waiting;
	else if (!ps_path_proven(state, &s->pkt))
		s->pkt.refuse = PS_COUNT_path_unproven;
	else if (ps_may_be_over(ps_read_once(state->alive_until), s->pkt.now))
		s->pkt.refuse = PS_COUNT_unwatched;
	else if (due)
		s->pkt.refuse = PS_COUNT_flush_due;
	bpf_tail_call(ctx, &ps_xdp_progs, ps_program_of(service, PS_SLOT_DATAGRAM));
	return ps_no_program(service);
}

SEC("xdp")
int ps_xdp(struct xdp_md *ctx)
{
	return ps_ingress(ctx);
}

/* Tags that the stack keeps beside the frame, in the form of ps_path.vlan. */
static __always_inline __u32 ps_skb_vlan(const struct __sk_buff *skb)
{
	return skb->vlan_present ? ps_vlan_push(0, skb->vlan_tci) : 0;
}

/* A reply leaves that nobody can match to what it answers: that may be a write. */
static __always_inline int ps_unread_reply(__u32 service, struct ps_service_state *state)
{
	ps_end_epoch(service, state);
	ps_count(service, PS_COUNT_nofill_shape);
	return PS_TC_NEXT;
}

/* A TCP segment of a service leaves. */
static __always_inline int ps_egress_segment(struct __sk_buff *skb, struct ps_scratch *s,
					     __u32 service, struct ps_service_state *state)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	if (!ps_describe_segment(s, data, end))
		return ps_unread_reply(service, state);
	if (ps_server_signals(skb, s, state))
		return PS_TC_NEXT;
	bpf_tail_call(skb, &ps_tc_progs, ps_program_of(service, PS_SLOT_STREAM));
	return ps_unread_reply(service, state);
}

/*
 * What leaves in a form that is not followed (a tunnel, encryption, a segment longer than IP can say):
 * if it comes from a service's own port, it may be the reply to anything.
 */
static __always_inline int ps_opaque_reply(struct __sk_buff *skb)
{
	struct ps_service_state *state;
	struct bpf_sock *sk = skb->sk;
	int service;

	if (!sk)
		return PS_TC_NEXT;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return PS_TC_NEXT;
	service = ps_service_of(bpf_htons(sk->src_port));
	if (service < 0)
		return PS_TC_NEXT;
	state = ps_state_of(service);
	return state ? ps_unread_reply(service, state) : PS_TC_NEXT;
}

/*
 * Whether a datagram was sent by a socket with that port (net). One of our own replies to a client on
 * this host is not: it was that client's request, and may still belong to its socket.
 */
static __always_inline bool ps_sent_from_port(struct __sk_buff *skb, __u16 port)
{
	struct bpf_sock *sk = skb->sk;

	if (ps_config.trust_sender)
		return true;
	if (!sk)
		return false;
	sk = bpf_sk_fullsock(sk);
	return sk && bpf_htons(sk->src_port) == port;
}

SEC("tc")
int ps_tc_egress(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ps_service_state *state;
	struct ps_service_conf *conf;
	struct ps_headers h = {};
	struct ps_scratch *s;
	int service, parsed;
	__u32 len;

	parsed = ps_parse(data, end, ps_skb_vlan(skb), &h);
	/* Of a fragmented reply the first fragment is enough: without it the others are nothing. */
	if (parsed != PS_PARSED_OK && parsed != PS_PARSED_FRAGMENT)
		return ps_opaque_reply(skb);
	service = ps_service_of(h.sport);
	/* No socket: forwarded, or one of our own replies on its way from ps_tc_ingress. */
	if (service < 0 || (!skb->sk && !ps_config.trust_sender))
		return PS_TC_NEXT;
	s = ps_scratch(PS_HOOK_TC);
	state = ps_state_of(service);
	if (!s || !state)
		return PS_TC_NEXT;
	conf = ps_conf_of(service, state);
	if (!conf)
		return PS_TC_NEXT;
	s->pkt.service = service;
	if (parsed == PS_PARSED_FRAGMENT)
		return ps_unread_reply(service, state);
	s->pkt.now = ps_now(s);
	s->serial = 0;
	if (!ps_describe(&s->pkt, data, end, skb->ifindex, &h, false) ||
	    !ps_find_payload(&s->pkt, data, end, &h, skb->len))
		return ps_unread_reply(service, state);
	if (h.protocol == IPPROTO_TCP)
		return ps_egress_segment(skb, s, service, state);
	if (!ps_sent_from_port(skb, h.sport))
		return PS_TC_NEXT;
	/* No packet of a test comes from a server's socket: there the mark tells which it would be. */
	ps_server_socket(service, state,
			 ps_config.trust_sender ? skb->mark : bpf_get_socket_cookie(skb));
	if (!ps_path_proven(state, &s->pkt) && ps_sender_is_server(skb, &s->pkt, conf))
		ps_path_prove(state, &s->pkt);
	len = s->pkt.payload_len;
	if (!len)
		return PS_TC_NEXT;
	if (!ps_size_fits(&len, PS_IN_SIZE) || bpf_skb_load_bytes(skb, s->pkt.payload, s->in, len))
		return ps_unread_reply(service, state);
	bpf_tail_call(skb, &ps_tc_progs, ps_program_of(service, PS_SLOT_DATAGRAM));
	return ps_unread_reply(service, state);
}

/* Turns a request that XDP marked into the reply that waits for it, and sends it back. */
SEC("tc")
int ps_tc_ingress(struct __sk_buff *skb)
{
	struct ps_handover_mark *mark = (void *)(long)skb->data_meta;
	struct ps_handover *h;
	__u32 slot, ticket, len;

	if ((void *)(mark + 1) > (void *)(long)skb->data || mark->magic != (__u32)ps_config.seed[1])
		return PS_TC_NEXT;
	ticket = mark->ticket;
	slot = ticket % PS_HANDOVER_SLOTS;
	h = bpf_map_lookup_elem(&ps_handover, &slot);
	if (!h || !ticket || ps_read_once(h->ticket) != ticket)
		return PS_TC_NEXT;
	len = h->head + h->len;
	if (len < sizeof(struct ethhdr) || len > sizeof(h->frame) ||
	    bpf_skb_change_tail(skb, len, 0))
		return PS_TC_NEXT;
	if (bpf_skb_store_bytes(skb, 0, h->frame, len, 0) || ps_read_once(h->ticket) != ticket) {
		ps_count(h->service & (PS_MAX_SERVICES - 1), PS_COUNT_handover_lost);
		return PS_TC_DROP;
	}
	ps_count(h->service & (PS_MAX_SERVICES - 1), PS_COUNT_hits);
	ps_count(h->service & (PS_MAX_SERVICES - 1), PS_COUNT_handovers);
	return bpf_redirect(skb->ifindex, 0);
}

char LICENSE[] SEC("license") = "GPL";
