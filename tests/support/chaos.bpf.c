// SPDX-License-Identifier: GPL-2.0-only
/*
 * Drops, duplicates, delays and reorders what passes an interface, both ways. For kernels without
 * netem. BPF cannot hold a packet back, so one that is to be late is redirected into a tap, whose
 * reader (chaos.cpp) keeps it for a while and writes it back; from there it goes on to where it was
 * going. skb->mark tells packets that had their turn.
 */
#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "chaos_types.h"

#define TC_ACT_OK 0
#define TC_ACT_SHOT 2
#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
#define IPV4_PROTOCOL 23 /* offset in the frame */
#define IPV6_NEXT_HEADER 20

#define HAD_ITS_TURN 0xc4a05

const volatile __u32 interface;
const volatile __u32 detour[CHAOS_WAYS][CHAOS_DETOURS]; /* interfaces */

__u32 rate[CHAOS_WAYS][CHAOS_ACTS];
__u64 count[CHAOS_WAYS][CHAOS_COUNTS];

static __always_inline void note(__u32 way, __u32 what)
{
	__sync_fetch_and_add(&count[way][what], 1);
}

static __always_inline bool happens(__u32 way, __u32 act)
{
	__u32 chance = *(volatile __u32 *)&rate[way][act];

	return chance && bpf_get_prandom_u32() % CHAOS_CERTAIN < chance;
}

/* Neighbour discovery is left alone: without it nothing works, and nothing would be learned. */
static __always_inline bool is_traffic(struct __sk_buff *skb)
{
	__u8 protocol = 0;

	if (skb->protocol == bpf_htons(ETH_P_IP))
		bpf_skb_load_bytes(skb, IPV4_PROTOCOL, &protocol, 1);
	else if (skb->protocol == bpf_htons(ETH_P_IPV6))
		bpf_skb_load_bytes(skb, IPV6_NEXT_HEADER, &protocol, 1);
	return protocol == IPPROTO_UDP || protocol == IPPROTO_TCP;
}

/* A copy that comes at once, or late: after the reply, after other writes. */
static __always_inline void duplicate(struct __sk_buff *skb, __u32 way)
{
	__u32 which = bpf_get_prandom_u32() % (CHAOS_DETOURS + 1);

	if (which < CHAOS_DETOURS) {
		bpf_clone_redirect(skb, detour[way][which & 1], 0);
		return;
	}
	skb->mark = HAD_ITS_TURN;
	bpf_clone_redirect(skb, interface, way == CHAOS_TO_CLIENT ? BPF_F_INGRESS : 0);
	skb->mark = 0;
}

static __always_inline int chaos(struct __sk_buff *skb, __u32 way)
{
	if (skb->mark == HAD_ITS_TURN) {
		skb->mark = 0;
		return TC_ACT_OK;
	}
	if (!is_traffic(skb))
		return TC_ACT_OK;
	note(way, CHAOS_COUNT_SEEN);
	if (happens(way, CHAOS_DROP)) {
		note(way, CHAOS_DROP);
		return TC_ACT_SHOT;
	}
	if (happens(way, CHAOS_DUPLICATE)) {
		note(way, CHAOS_DUPLICATE);
		duplicate(skb, way);
	}
	if (happens(way, CHAOS_DELAY)) {
		note(way, CHAOS_DELAY);
		return bpf_redirect(detour[way][CHAOS_LONG], 0);
	}
	if (happens(way, CHAOS_REORDER)) {
		note(way, CHAOS_REORDER);
		return bpf_redirect(detour[way][CHAOS_SHORT], 0);
	}
	return TC_ACT_OK;
}

/* Egress of the client's interface. */
SEC("tc")
int chaos_to_server(struct __sk_buff *skb)
{
	return chaos(skb, CHAOS_TO_SERVER);
}

/* Its ingress; XDP has passed the packet already. */
SEC("tc")
int chaos_to_client(struct __sk_buff *skb)
{
	return chaos(skb, CHAOS_TO_CLIENT);
}

/* Ingress of the taps. */
SEC("tc")
int back_to_server(struct __sk_buff *skb)
{
	note(CHAOS_TO_SERVER, CHAOS_COUNT_BACK);
	skb->mark = HAD_ITS_TURN;
	return bpf_redirect(interface, 0);
}

SEC("tc")
int back_to_client(struct __sk_buff *skb)
{
	note(CHAOS_TO_CLIENT, CHAOS_COUNT_BACK);
	skb->mark = HAD_ITS_TURN;
	return bpf_redirect(interface, BPF_F_INGRESS);
}

char LICENSE[] SEC("license") = "GPL";
