// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs by which user space works on the tables. It test-runs them, and they are never attached.
 * They are TC programs, since Linux 6.1 does not let programs of type syscall use maps with locks.
 */
#include "vmlinux.h"
#include "cache/invalidate.bpf.h"
#include "cache/lookup.bpf.h"
#include "coherence/fence.bpf.h"
#include "packet/headers.bpf.h"
#include "packet/uapi.bpf.h"
#include "runtime/maps.bpf.h"
#include "runtime/verifier.bpf.h"
#include "service/address.bpf.h"
#include "service/service.bpf.h"
#include "tcp/flow.bpf.h"
#include <bpf/bpf_helpers.h>
#include <prestack/flow.h>
#include <prestack/types.h>

/* The callbacks of ps_scan, one for each table. They count live entries of the current epochs. */
static __always_inline long ps_scan_entry(const struct ps_entry *e, struct ps_scan *scan,
					  __u64 *entries)
{
	struct ps_service_state *state = ps_state_of(e->service & (PS_MAX_SERVICES - 1));

	if (state && !(e->seq & 1) && ps_entry_live(e, state->epoch)) {
		*entries += 1;
		scan->entries++;
		scan->bytes += e->key_len + e->value_len;
	}
	return 0;
}

static long ps_scan_small(void *map, __u32 *key, struct ps_small_entry *e, struct ps_scan *scan)
{
	return ps_scan_entry(&e->entry, scan, &scan->small_entries);
}

static long ps_scan_large(void *map, __u32 *key, struct ps_large_entry *e, struct ps_scan *scan)
{
	return ps_scan_entry(&e->entry, scan, &scan->large_entries);
}

/* Counts live entries into its frame. An entry that is being replaced may be missed. */
SEC("tc")
int ps_scan(struct __sk_buff *skb)
{
	struct ps_scan scan = {}, *out;

	bpf_for_each_map_elem(&ps_small, ps_scan_small, &scan, 0);
	bpf_for_each_map_elem(&ps_large, ps_scan_large, &scan, 0);
	out = (void *)(long)skb->data;
	if ((void *)(out + 1) > (void *)(long)skb->data_end)
		return TC_ACT_SHOT;
	out->entries = scan.entries;
	out->bytes = scan.bytes;
	out->small_entries = scan.small_entries;
	out->large_entries = scan.large_entries;
	return TC_ACT_OK;
}

/* Sets the expiry of an entry, if it is still the entry of the question. */
static __always_inline bool ps_set_entry_expiry(struct ps_entry *e, __u32 seq, __u64 expires)
{
	bool taken = false;

	bpf_spin_lock(&e->lock);
	/*
	 * A write that has arrived since, or a reply to one that has left, has changed the
	 * sequence. A flush has not. But an entry of an older epoch is not served, whatever its
	 * expiry is.
	 */
	if (e->seq == seq && !(seq & 1) && e->epoch) {
		e->expires = expires;
		taken = true;
	}
	bpf_spin_unlock(&e->lock);
	return taken;
}

/*
 * Puts answer `i` of the frame into its entry, and notes whether it was taken. Not inlined, so that
 * it is verified once for all i. As a part of the loop it took the verifier of Linux 6.1 800,000
 * instructions.
 */
__noinline int ps_set_expiry_of(struct __sk_buff *skb, __u32 i)
{
	struct ps_expiry_answers *answers = (void *)(long)skb->data;
	struct ps_expiry_answer *a;
	struct ps_entry *e;
	__u32 index;

	if (i >= PS_MAX_EXPIRY_ANSWERS)
		return -1;
	a = &answers->answer[i];
	ps_opaque(a); /* the pointer that is tested is the one that is used */
	if ((void *)(a + 1) > (void *)(long)skb->data_end)
		return -1;
	index = a->index;
	a->taken = 0;
	if (a->table == PS_CLASS_SMALL)
		e = bpf_map_lookup_elem(&ps_small, &index);
	else if (a->table == PS_CLASS_LARGE)
		e = bpf_map_lookup_elem(&ps_large, &index);
	else
		return 0;
	if (e)
		a->taken = ps_set_entry_expiry(e, a->seq, a->expires);
	return 0;
}

/*
 * Puts the answers in its frame, struct ps_expiry_answers, into the entries. Notes which were
 * taken.
 */
SEC("tc")
int ps_set_expiry(struct __sk_buff *skb)
{
	struct ps_expiry_answers *answers = (void *)(long)skb->data;
	__u32 count;

	if ((void *)(answers + 1) > (void *)(long)skb->data_end)
		return TC_ACT_SHOT;
	count = answers->count;
	for (__u32 i = 0; i < PS_MAX_EXPIRY_ANSWERS; i++) {
		if (i >= count || ps_set_expiry_of(skb, i))
			break;
	}
	return TC_ACT_OK;
}

/*
 * Invalidates key `i` of the frame. The server has made the change already, so the fence is not
 * held. A lease from before this is void by the new generation, and a reply to a later request
 * shows the change. The fence comes before the entry, as with any write.
 */
__noinline int ps_invalidate_one(struct __sk_buff *skb, __u32 service, __u32 i)
{
	struct ps_invalidations *frame = (void *)(long)skb->data;
	struct ps_fence *f;
	__u64 *at, hash;

	if (service >= PS_MAX_SERVICES)
		return -1;
	ps_opaque(
		i); /* else the two bounds, which are equal, become one test that the verifier cannot use */
	if (i >= PS_MAX_INVALIDATIONS)
		return -1;
	at = &frame->hash[i];
	ps_opaque(at); /* the pointer that is tested is the one that is used */
	if ((void *)(at + 1) > (void *)(long)skb->data_end)
		return -1;
	hash = *at;
	f = ps_fence_of(hash);
	if (!f)
		return -1;
	__sync_fetch_and_add(&f->generation, 1);
	return ps_kill(service, hash);
}

/*
 * Invalidates the keys in its frame, struct ps_invalidations: the server has said that they
 * changed.
 */
SEC("tc")
int ps_invalidations(struct __sk_buff *skb)
{
	struct ps_invalidations *frame = (void *)(long)skb->data;
	__u32 count, service;

	if ((void *)(frame + 1) > (void *)(long)skb->data_end)
		return TC_ACT_SHOT;
	count = frame->count;
	service = frame->service;
	for (__u32 i = 0; i < PS_MAX_INVALIDATIONS; i++) {
		if (i >= count || ps_invalidate_one(skb, service, i))
			break;
	}
	return TC_ACT_OK;
}

/* The callback of ps_count_flows. The flow may be in use meanwhile; any program may set `lost`. */
static long ps_count_flow(void *map, const __u64 *hash, struct ps_flow *f,
			  struct ps_flow_count *count)
{
	struct ps_wanted wanted = {};
	int service = ps_service_at(&wanted, f->key.local[0], f->key.local[1], f->key.local_port,
				    PS_TRANSPORT_TCP, true);

	count->flows++;
	if (ps_read_once(f->splice.in_skip) && !ps_read_once(f->ended))
		count->spliced++;
	if (count->lose && service >= 0)
		ps_flow_lose(f, service, count->lose);
	return 0;
}

/* Counts the flows into its frame, struct ps_flow_count. Gives them up if the frame says so. */
SEC("tc")
int ps_count_flows(struct __sk_buff *skb)
{
	struct ps_flow_count count = {}, *out = (void *)(long)skb->data;

	if ((void *)(out + 1) > (void *)(long)skb->data_end)
		return TC_ACT_SHOT;
	count.lose = out->lose;
	bpf_for_each_map_elem(&ps_flows, ps_count_flow, &count, 0);
	out = (void *)(long)skb->data;
	if ((void *)(out + 1) > (void *)(long)skb->data_end)
		return TC_ACT_SHOT;
	out->flows = count.flows;
	out->spliced = count.spliced;
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "GPL";
