// SPDX-License-Identifier: GPL-2.0-only
/*
 * The entry points: ingress (XDP) and egress (TC), from the Ethernet header to the plug-in of the
 * service; and TC ingress, which sends the replies that XDP could not send.
 */
#include "vmlinux.h"
#include "coherence/epoch.bpf.h"
#include "coherence/unseen.bpf.h"
#include "handover/slot.bpf.h"
#include "handover/tc_side.bpf.h"
#include "packet/describe.bpf.h"
#include "packet/headers.bpf.h"
#include "packet/payload.bpf.h"
#include "packet/uapi.bpf.h"
#include "runtime/clock.bpf.h"
#include "runtime/maps.bpf.h"
#include "runtime/scratch.bpf.h"
#include "runtime/stats.bpf.h"
#include "runtime/verifier.bpf.h"
#include "service/address.bpf.h"
#include "service/scope.bpf.h"
#include "service/sender.bpf.h"
#include "service/service.bpf.h"
#include "tcp/flow.bpf.h"
#include "tcp/icmp_error.bpf.h"
#include "tcp/segment.bpf.h"
#include "tcp/splice.bpf.h"
#include "tcp/syn_cookie.bpf.h"
#include "udp/pending_request.bpf.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <prestack/flow.h>
#include <prestack/types.h>

/*
 * The first fragment of a segment. If its flow is translated, the fragment cannot be, and without
 * that the server would read its numbers wrongly. So it is dropped.
 */
static __always_inline int ps_ingress_fragment(struct xdp_md *ctx, const struct ps_headers *h)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	const struct ps_ports *ports = ps_ports_now();
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct ps_flow *f;

	if (!s || !ports || h->protocol != IPPROTO_TCP || !h->dport ||
	    !ps_port_known(ports, h->dport) || !ps_describe_ends(&s->pkt, data, end, h, true) ||
	    !ps_describe(&s->pkt, data, end, ctx->ingress_ifindex, h, true))
		return XDP_PASS;
	ps_find_scope(s, PS_HOOK_XDP, ps_read_once(ports->generation));
	ps_name_flow(s);
	f = ps_flow_find(&s->pkt.flow);
	return f && ps_is_spliced(f) ? XDP_DROP : XDP_PASS;
}

/* The tail call failed, so the payload was not looked at. It may be a write. */
static __always_inline int ps_no_program(__u32 service)
{
	ps_flush(service);
	ps_count(service, PS_COUNT_no_program);
	return XDP_PASS;
}

/* A segment of the client without data. */
static __always_inline int ps_ingress_control(struct xdp_md *ctx, struct ps_scratch *s,
					      const struct ps_headers *headers, __u32 service)
{
	const struct ps_segment *g = &s->segment;
	struct ps_flow *f = ps_flow_find(&s->pkt.flow);
	bool watched = f && ps_is_watched(f);
	bool cookie = !f && ps_may_be_cookie(&s->pkt.flow, g);
	struct ps_shift h;
	int verdict;

	/* Most of these only acknowledge what the server itself has sent. */
	if (!(g->flags & (TCPHDR_FIN | TCPHDR_RST)) && !watched && !cookie)
		return XDP_PASS;
	s->in_sum = 0;
	if (!ps_ip_sum_good(ctx, headers) || !ps_segment_sum_good(ctx, s, headers)) {
		ps_count(service, PS_COUNT_bad_checksum);
		return XDP_PASS;
	}
	if (cookie)
		ps_note_cookie(ctx);
	if (!f || !watched || (g->flags & TCPHDR_SYN)) {
		ps_client_control(s);
		return XDP_PASS;
	}
	if (!ps_shift_load(&f->splice, &h))
		return XDP_DROP;
	/* The client lacks the last answer: the owner of the flow's requests sends it again. */
	if ((g->flags & (TCPHDR_ACK | TCPHDR_FIN | TCPHDR_RST)) == TCPHDR_ACK && h.len &&
	    !ps_shift_answer_acked(&h, g->ack))
		bpf_tail_call(ctx, &ps_xdp_progs, ps_program_of(service, PS_SLOT_STREAM));
	verdict = ps_translate_in(ctx);
	if (g->flags & (TCPHDR_FIN | TCPHDR_RST))
		ps_client_control(s);
	else
		ps_flow_last_ack(f, &s->pkt.flow, g->ack);
	return verdict;
}

/* The segment cannot be read, and may be a write. */
static __always_inline int ps_unread_segment(struct xdp_md *ctx, __u32 service)
{
	ps_flush(service);
	ps_count(service, PS_COUNT_too_long);
	return ps_translate_in(ctx);
}

/* A TCP segment to a service. */
static __always_inline int ps_ingress_segment(struct xdp_md *ctx, struct ps_scratch *s,
					      const struct ps_headers *h, __u32 service)
{
	if (!ps_describe_segment(s, (void *)(long)ctx->data, (void *)(long)ctx->data_end, h)) {
		ps_count(service, PS_COUNT_bad_header);
		return XDP_PASS;
	}
	if (!h->payload_len)
		return ps_ingress_control(ctx, s, h, service);
	s->in_sum = 0;
	s->segment.loaded = h->payload_len <= PS_IN_SIZE;
	if (s->segment.loaded ? ps_copy_payload(ctx, s, h) : !ps_sum_payload(ctx))
		return ps_unread_segment(ctx, service);
	if (!ps_ip_sum_good(ctx, h) || !ps_segment_sum_good(ctx, s, h)) {
		ps_count(service, PS_COUNT_bad_checksum);
		return XDP_PASS;
	}
	/* A reset with data: no stack reads the data. */
	if (s->segment.flags & TCPHDR_RST) {
		int verdict = ps_translate_in(ctx);

		ps_client_control(s);
		return verdict;
	}
	if (ps_client_control(s))
		return XDP_PASS;
	bpf_tail_call(ctx, &ps_xdp_progs, ps_program_of(service, PS_SLOT_STREAM));
	return ps_no_program(service);
}

/* A packet with these headers arrives. `plain`: ps_parse_plain found them. */
static __always_inline int ps_ingress(struct xdp_md *ctx, struct ps_headers *h, const bool plain)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	const struct ps_ports *ports = ps_ports_now();
	struct ps_service_state *state;
	__u32 len, generation;
	struct ps_scratch *s;
	int service;
	__u64 dead;

	if (!ports || !ps_port_known(ports, h->dport))
		return XDP_PASS;
	generation = ps_read_once(ports->generation);
	s = ps_scratch(PS_HOOK_XDP);
	if (!s || !ps_describe_ends(&s->pkt, data, end, h, true))
		return XDP_PASS;
	service = ps_service_of(s, PS_HOOK_XDP, generation);
	if (service < 0)
		return XDP_PASS;
	state = ps_state_of(service);
	if (!state)
		return XDP_PASS;
	s->pkt.service = service;
	s->pkt.now = ps_now(s);
	s->noted = PS_NOTED_NOT;
	s->requester = 0;
	s->serial = 0;
	/*
	 * This comes before any look-up: a delayed flush that is over makes void what was cached.
	 */
	dead = ps_read_once(state->dead);
	s->pkt.due = dead && ps_flush_due(service, state, dead, s->pkt.now);
	if ((!plain && !ps_find_payload(h, data, end, end - data)) ||
	    !ps_describe(&s->pkt, data, end, ctx->ingress_ifindex, h, true)) {
		ps_count(service, PS_COUNT_bad_header);
		return XDP_PASS;
	}
	ps_find_scope(s, PS_HOOK_XDP, generation);
	if (h->protocol == IPPROTO_TCP) {
		s->segment.serves = ps_flags_of(state) & PS_SERVICE_TCP;
		return ps_ingress_segment(ctx, s, h, service);
	}
	len = h->payload_len;
	if (!len)
		return XDP_PASS;
	if (len > PS_IN_SIZE) {
		/* A payload that was not looked at may be a write. */
		ps_flush(service);
		ps_count(service, PS_COUNT_too_long);
		return XDP_PASS;
	}
	if (ps_copy_payload(ctx, s, h)) {
		ps_count(service, PS_COUNT_bad_header);
		return XDP_PASS;
	}
	if (!ps_checksums_good(ctx, s, h)) {
		ps_count(service, PS_COUNT_bad_checksum);
		return XDP_PASS;
	}
	bpf_tail_call(ctx, &ps_xdp_progs, ps_program_of(service, PS_SLOT_DATAGRAM));
	return ps_no_program(service);
}

/* Headers of any form. A function of its own, since they are rare. */
__noinline int ps_ingress_any(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ps_headers h = {};

	switch (ps_parse(data, end, 0, &h)) {
	case PS_PARSED_OK:
		return ps_ingress(ctx, &h, false);
	case PS_PARSED_FRAGMENT:
		if (ps_is_for_others(ctx, &h))
			return XDP_PASS;
		ps_flush_all();
		return ps_ingress_fragment(ctx, &h);
	case PS_PARSED_OPAQUE:
		if (!ps_is_for_others(ctx, &h))
			ps_flush_all();
		return XDP_PASS;
	case PS_PARSED_HIDDEN:
		ps_flush_all();
		return XDP_PASS;
	default:
		return h.ipv6 || h.protocol == IPPROTO_ICMP ? ps_icmp_in(ctx, h.l3, h.vlan, h.ipv6)
							    : XDP_PASS;
	}
}

SEC("xdp")
int ps_xdp(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ps_headers tcp = {}, udp = {};

	if (ps_parse_plain(data, end, end - data, IPPROTO_TCP, &tcp))
		return ps_ingress(ctx, &tcp, true);
	if (ps_parse_plain(data, end, end - data, IPPROTO_UDP, &udp))
		return ps_ingress(ctx, &udp, true);
	return ps_ingress_any(ctx);
}

/* The tag that the stack keeps beside the frame, in the form of ps_path.vlan. */
static __always_inline __u32 ps_skb_vlan(const struct __sk_buff *skb)
{
	return skb->vlan_present ? ps_vlan_push(0, skb->vlan_tci) : 0;
}

/* A TCP segment of a service leaves. */
static __always_inline int ps_egress_segment(struct __sk_buff *skb, struct ps_scratch *s,
					     const struct ps_headers *h, __u32 service,
					     struct ps_service_state *state)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	int verdict;

	if (!ps_describe_segment(s, data, end, h))
		return ps_unread_reply(service, state);
	verdict = ps_server_control(skb, s, state);
	if (verdict != PS_TC_READ)
		return verdict;
	if (ps_flags_of(state) & PS_SERVICE_TCP)
		ps_note_path(skb, s, state);
	bpf_tail_call(skb, &ps_tc_progs, ps_program_of(service, PS_SLOT_STREAM));
	return ps_unread_reply(service, state);
}

/*
 * A packet with these headers leaves. `parsed`: the result of ps_parse. `plain`: ps_parse_plain
 * found them.
 */
static __always_inline int ps_egress(struct __sk_buff *skb, struct ps_headers *h, const int parsed,
				     const bool plain)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	const struct ps_ports *ports = ps_ports_now();
	struct ps_service_state *state;
	struct ps_scratch *s;
	__u32 generation;
	int service;
	bool owned;

	owned = ps_config.trust_sender || skb->sk;
	if (!ports || (!owned && !ps_may_be_control(skb, h, parsed)))
		return TC_ACT_UNSPEC;
	if (!ps_port_known(ports, h->sport))
		return !owned || ps_sent_from_port(skb, h->sport) ? TC_ACT_UNSPEC
								  : ps_unseen_way(skb, h->protocol);
	generation = ps_read_once(ports->generation);
	s = ps_scratch(PS_HOOK_TC);
	if (!s || !ps_describe_ends(&s->pkt, data, end, h, false))
		return TC_ACT_UNSPEC;
	service = ps_service_of(s, PS_HOOK_TC, generation);
	if (service < 0)
		return owned ? ps_unseen_way(skb, h->protocol) : TC_ACT_UNSPEC;
	state = ps_state_of(service);
	if (!state)
		return TC_ACT_UNSPEC;
	s->pkt.service = service;
	if (parsed == PS_PARSED_FRAGMENT)
		return ps_unread_reply(service, state);
	s->pkt.now = ps_now(s);
	s->serial = 0;
	s->requester = 0;
	s->sender = 0;
	if ((!plain && !ps_find_payload(h, data, end, skb->len)) ||
	    !ps_describe(&s->pkt, data, end, skb->ifindex, h, false))
		return owned ? ps_unread_reply(service, state) : TC_ACT_UNSPEC;
	ps_find_scope(s, PS_HOOK_TC, generation);
	if (!ps_sent_from_port(skb, h->sport)) {
		if (ps_may_be_control(skb, h, parsed) && ps_describe_segment(s, data, end, h))
			return ps_control_leaves(skb);
		return owned ? ps_unseen_way(skb, h->protocol) : TC_ACT_UNSPEC;
	}
	if (h->protocol == IPPROTO_TCP)
		return ps_egress_segment(skb, s, h, service, state);
	/* In tests no packet comes from a server's socket: the mark tells which one it would be. */
	ps_server_socket(service, state,
			 ps_config.trust_sender ? skb->mark : bpf_get_socket_cookie(skb));
	ps_note_path(skb, s, state);
	if (!h->payload_len)
		return TC_ACT_UNSPEC;
	if (ps_copy_reply(skb, s, h))
		return ps_unread_reply(service, state);
	bpf_tail_call(skb, &ps_tc_progs, ps_program_of(service, PS_SLOT_DATAGRAM));
	return ps_unread_reply(service, state);
}

/* Headers of any form. A function of its own, since they are rare. */
__noinline int ps_egress_any(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ps_headers h = {};
	int parsed = ps_parse(data, end, ps_skb_vlan(skb), &h);

	if (parsed == PS_PARSED_OTHER && (h.ipv6 || h.protocol == IPPROTO_ICMP) &&
	    !skb->ingress_ifindex)
		ps_icmp_out(skb, h.l3, h.vlan, h.ipv6);
	/* The first fragment of a reply is enough: the others mean nothing without it. */
	if (parsed != PS_PARSED_OK && parsed != PS_PARSED_FRAGMENT)
		return ps_opaque_reply(skb);
	if (parsed == PS_PARSED_FRAGMENT && !h.sport)
		return TC_ACT_UNSPEC;
	return ps_egress(skb, &h, parsed, false);
}

SEC("tc")
int ps_tc_egress(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ps_headers tcp = {}, udp = {};

	if (!skb->vlan_present) {
		if (ps_parse_plain(data, end, skb->len, IPPROTO_TCP, &tcp))
			return ps_egress(skb, &tcp, PS_PARSED_OK, true);
		if (ps_parse_plain(data, end, skb->len, IPPROTO_UDP, &udp))
			return ps_egress(skb, &udp, PS_PARSED_OK, true);
	}
	return ps_egress_any(skb);
}

/* Turns a request that XDP has marked into the reply that waits for it, and sends that. */
SEC("tc")
int ps_tc_ingress(struct __sk_buff *skb)
{
	struct ps_handover_mark *mark = (void *)(long)skb->data_meta;
	struct ps_handover *h;
	__u32 slot, ticket;

	if ((void *)(mark + 1) > (void *)(long)skb->data || mark->magic != (__u32)ps_config.seed[1])
		return TC_ACT_UNSPEC;
	ticket = mark->ticket;
	slot = ticket % PS_HANDOVER_SLOTS;
	h = bpf_map_lookup_elem(&ps_handover, &slot);
	if (!h || !ticket)
		return TC_ACT_UNSPEC;
	/* Another reply has taken the slot. */
	if (ps_read_once(h->ticket) != ticket)
		return ps_handover_lost(h);
	return h->ack_len ? ps_handover_answer(skb, h, ticket) : ps_handover_reply(skb, h, ticket);
}

char LICENSE[] SEC("license") = "GPL";
