/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The TC side of handover/slot.bpf.h: at TC ingress a marked frame becomes the reply that waits for
 * it.
 */
#ifndef PRESTACK_HANDOVER_TC_SIDE_BPF_H
#define PRESTACK_HANDOVER_TC_SIDE_BPF_H

#include "vmlinux.h"
#include "handover/slot.bpf.h"
#include "packet/headers.bpf.h"
#include "packet/uapi.bpf.h"
#include "runtime/stats.bpf.h"
#include "runtime/verifier.bpf.h"
#include <bpf/bpf_helpers.h>
#include <prestack/counters.h>
#include <prestack/types.h>

/* Drops a frame that cannot become its reply: the client will send the request again. */
static __always_inline int ps_handover_lost(const struct ps_handover *h)
{
	ps_count(h->service & (PS_MAX_SERVICES - 1), PS_COUNT_handover_lost);
	return TC_ACT_SHOT;
}

/*
 * The frame is a request over UDP: it becomes the reply and goes back. The server does not see it.
 */
static __always_inline int ps_handover_reply(struct __sk_buff *skb, struct ps_handover *h,
					     __u32 ticket)
{
	__u32 service = h->service & (PS_MAX_SERVICES - 1), len = h->head + h->len;

	if (len < sizeof(struct ethhdr) || len > sizeof(h->frame) ||
	    bpf_skb_change_tail(skb, len, 0) || bpf_skb_store_bytes(skb, 0, h->frame, len, 0) ||
	    ps_read_once(h->ticket) != ticket)
		return ps_handover_lost(h);
	ps_count(service, PS_COUNT_hits);
	ps_count(service, PS_COUNT_handovers);
	return bpf_redirect(skb->ifindex, 0);
}

/* Turns the frame into the reply that waits in the slot. */
static __always_inline bool ps_become_reply(struct __sk_buff *skb, struct ps_handover *h,
					    __u32 ticket)
{
	__u32 len = h->head + h->len;

	if (len < sizeof(struct ethhdr) || len > sizeof(h->frame))
		return false;
	return !bpf_skb_change_tail(skb, len, 0) &&
	       !bpf_skb_store_bytes(skb, 0, h->frame, len, BPF_F_RECOMPUTE_CSUM) &&
	       ps_read_once(h->ticket) == ticket;
}

/*
 * The frame is an acknowledgement for the server, and its slot has an answer for the client. Sends
 * the answer as a copy of the frame, and then passes the acknowledgement on. If the answer fails,
 * the client sends its request again.
 */
static __always_inline int ps_handover_answer(struct __sk_buff *skb, struct ps_handover *h,
					      __u32 ticket)
{
	__u32 service = h->service & (PS_MAX_SERVICES - 1), len = h->ack_len;

	if (!ps_size_fits(&len, PS_HANDOVER_HEAD))
		return TC_ACT_UNSPEC;
	if (!ps_become_reply(skb, h, ticket) || bpf_clone_redirect(skb, skb->ifindex, 0))
		ps_count(service, PS_COUNT_handover_lost);
	else
		ps_count(service, PS_COUNT_handovers);
	if (bpf_skb_change_tail(skb, len, 0) ||
	    bpf_skb_store_bytes(skb, 0, h->ack, len, BPF_F_RECOMPUTE_CSUM) ||
	    ps_read_once(h->ticket) != ticket)
		return TC_ACT_SHOT;
	return TC_ACT_UNSPEC;
}

#endif /* PRESTACK_HANDOVER_TC_SIDE_BPF_H */
