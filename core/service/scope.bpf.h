/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The scope of a packet: where its two addresses are unique. Each VRF may have other hosts with the same
 * addresses. Link-local addresses repeat behind each interface. Nothing else limits the scope, since requests
 * and replies may use different interfaces.
 */
#ifndef PRESTACK_SERVICE_SCOPE_BPF_H
#define PRESTACK_SERVICE_SCOPE_BPF_H

#include "vmlinux.h"
#include "packet/headers.bpf.h"
#include "runtime/maps.bpf.h"
#include "runtime/scratch.bpf.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <prestack/types.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, PS_MAX_LINKS);
	__type(key, struct ps_link_key);
	__type(value, struct ps_link);
} ps_links SEC(".maps");

/* Whether an address (net) holds on one link only: fe80::/10, or 169.254.0.0/16. */
static __always_inline bool ps_is_link_local(__u64 high, __u64 low)
{
	if (high)
		return (__u16)(high & bpf_htons(0xffc0)) == bpf_htons(0xfe80);
	return (__u32)low == bpf_htonl(PS_V4_MAPPED) && (__u16)(low >> 32) == bpf_htons(0xa9fe);
}

/* Looks the packet's link up and remembers it. This is rare, so it is a function of its own. */
__noinline int ps_find_link(__u32 hook, __u32 generation)
{
	struct ps_scratch *s = ps_scratch(hook);
	struct ps_link_key key = {};
	struct ps_link *link;

	if (!s)
		return 0;
	key.ifindex = s->pkt.ifindex;
	key.vlan = s->pkt.vlan;
	link = bpf_map_lookup_elem(&ps_links, &key);
	s->link.key = key;
	s->link.at.vrf = link ? link->vrf : 0;
	s->link.at.device = link ? link->device : key.ifindex;
	s->link.generation = generation;
	return 0;
}

/* Fills in the scope of the packet, whose ends are described. `generation`: that of ps_ports, read before. */
static __always_inline void ps_find_scope(struct ps_scratch *s, __u32 hook, __u32 generation)
{
	struct ps_packet *p = &s->pkt;

	if (s->link.generation != generation || s->link.key.ifindex != p->ifindex ||
	    s->link.key.vlan != p->vlan)
		ps_find_link(hook, generation);
	p->flow.scope = ps_is_link_local(p->client[0], p->client[1]) ||
					ps_is_link_local(p->local[0], p->local[1])
				? s->link.at.device
				: s->link.at.vrf;
}

#endif /* PRESTACK_SERVICE_SCOPE_BPF_H */
