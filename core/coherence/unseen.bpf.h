/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What cannot be read, or comes by a way that is not seen, may be a write or the reply to one. Whoever it may
 * concern is flushed, and nobody else.
 */
#ifndef PRESTACK_COHERENCE_UNSEEN_BPF_H
#define PRESTACK_COHERENCE_UNSEEN_BPF_H

#include "vmlinux.h"
#include "coherence/epoch.bpf.h"
#include "packet/describe.bpf.h"
#include "packet/headers.bpf.h"
#include "packet/uapi.bpf.h"
#include "runtime/maps.bpf.h"
#include "runtime/scratch.bpf.h"
#include "runtime/stats.bpf.h"
#include "service/address.bpf.h"
#include "service/service.bpf.h"
#include <bpf/bpf_helpers.h>
#include <prestack/types.h>

static long ps_flush_one(__u32 service, void *unused)
{
	ps_flush(service);
	ps_count(service, PS_COUNT_fragment);
	return 0;
}

/* Flushes all services: a fragment, or hidden transport headers, may be a write to any of them. */
static __always_inline void ps_flush_all(void)
{
	bpf_loop(ps_config.nr_services, ps_flush_one, NULL, 0);
}

/*
 * Whether a packet of unknown transport is for another host. A bridge or a promiscuous interface lets
 * those in, and they are no writes here.
 */
static __always_inline bool ps_is_for_others(struct xdp_md *ctx, const struct ps_headers *h)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);

	return s && ps_describe_ends(&s->pkt, data, end, h, true) &&
	       !ps_is_local(&s->wanted, s->pkt.local[0], s->pkt.local[1]);
}

/* A reply leaves that cannot be matched to its request. That may be a write. */
static __always_inline int ps_unread_reply(__u32 service, struct ps_service_state *state)
{
	ps_end_epoch(service, state);
	ps_count(service, PS_COUNT_nofill_shape);
	return TC_ACT_UNSPEC;
}

/*
 * A packet leaves in a form that is not parsed (a tunnel, encryption, a segment longer than IP can
 * say). If it comes from a service's own port, it may be the reply to anything. This is rare, and a
 * function of its own has a stack of its own.
 */
__noinline int ps_opaque_reply(struct __sk_buff *skb)
{
	const struct ps_ports *ports = ps_ports_now();
	struct ps_service_state *state;
	int service;

	if (!ports || !skb)
		return TC_ACT_UNSPEC;
	service = ps_service_of_sender(skb, ports, PS_TRANSPORT_TCP);
	if (service < 0)
		service = ps_service_of_sender(skb, ports, PS_TRANSPORT_UDP);
	if (service < 0)
		return TC_ACT_UNSPEC;
	state = ps_state_of(service);
	return state ? ps_unread_reply(service, state) : TC_ACT_UNSPEC;
}

/*
 * A packet leaves from an address that is no service's. If a service's socket sends it, NAT on this
 * host has translated its address or port, or user space has not told of the address yet. Then its
 * request was not seen, and may be a write. This is rare, so it has a function of its own.
 */
__noinline int ps_unseen_way(struct __sk_buff *skb, __u32 transport)
{
	const struct ps_ports *ports = ps_ports_now();
	int service;

	if (!ports || !skb)
		return TC_ACT_UNSPEC;
	service = ps_service_of_sender(skb, ports, transport);
	if (service < 0)
		return TC_ACT_UNSPEC;
	ps_flush(service);
	ps_count(service, PS_COUNT_nat);
	return TC_ACT_UNSPEC;
}

#endif /* PRESTACK_COHERENCE_UNSEEN_BPF_H */
