/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hands a reply over from XDP to ps_tc_ingress, for frames that cannot become the reply in place.
 * The reply waits in a slot of map ps_handover, and the frame carries the slot's ticket as
 * metadata.
 *
 * The frame stays a valid request. But once it has a ticket the server must not answer it, since
 * that read is not noted anywhere.
 */
#ifndef PRESTACK_HANDOVER_SLOT_BPF_H
#define PRESTACK_HANDOVER_SLOT_BPF_H

#include "vmlinux.h"
#include "runtime/lock.bpf.h"
#include "runtime/maps.bpf.h"
#include "runtime/scratch.bpf.h"
#include <bpf/bpf_helpers.h>
#include <prestack/types.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PS_HANDOVER_SLOTS);
	__type(key, __u32);
	__type(value, struct ps_handover);
} ps_handover SEC(".maps");

/* Element 0 counts tickets. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} ps_ticket SEC(".maps");

/* A slot for this packet, and its ticket in *ticket. NULL: none, or the reply does not fit. */
static __always_inline struct ps_handover *ps_handover_slot(const struct ps_scratch *s,
							    __u32 *ticket)
{
	__u32 zero = 0, slot;
	__u64 *tickets = bpf_map_lookup_elem(&ps_ticket, &zero);

	/*
	 * The stack completes a partial checksum where the request's header was, so the header must
	 * not move.
	 */
	if (!tickets || (s->pkt.partial_csum && s->pkt.odd_header))
		return NULL;
	*ticket = __sync_fetch_and_add(tickets, 1) + 1;
	slot = *ticket % PS_HANDOVER_SLOTS;
	return *ticket ? bpf_map_lookup_elem(&ps_handover, &slot) : NULL;
}

/*
 * Takes a slot and puts its mark in front of the frame. The ticket is not valid before
 * ps_handover_publish, so the frame is still an ordinary request. NULL: not possible.
 */
static __always_inline struct ps_handover *
ps_handover_mark(struct xdp_md *ctx, const struct ps_scratch *s, __u32 *ticket)
{
	struct ps_handover *h = ps_handover_slot(s, ticket);
	struct ps_handover_mark *mark;

	if (!h)
		return NULL;
	h->ticket = 0;
	h->ack_len = 0;
	ps_ordered();
	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*mark)))
		return NULL;
	mark = (void *)(long)ctx->data_meta;
	if ((void *)(mark + 1) > (void *)(long)ctx->data)
		return NULL;
	mark->magic = ps_config.seed[1];
	mark->ticket = *ticket;
	return h;
}

/* Takes the mark back: the frame is an ordinary request again. */
static __always_inline void ps_handover_unmark(struct xdp_md *ctx)
{
	struct ps_handover_mark *mark = (void *)(long)ctx->data_meta;

	if ((void *)(mark + 1) <= (void *)(long)ctx->data)
		mark->ticket = 0;
}

/* The slot is complete: makes its ticket valid. */
static __always_inline void ps_handover_publish(struct ps_handover *h, __u32 ticket)
{
	ps_ordered();
	h->ticket = ticket;
}

#endif /* PRESTACK_HANDOVER_SLOT_BPF_H */
