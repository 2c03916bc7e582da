/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Services by address and port. User space finds out on which addresses and ports each service's server
 * listens, and keeps them in ps_addresses. A packet for any other address passes untouched.
 */
#ifndef PRESTACK_SERVICE_ADDRESS_BPF_H
#define PRESTACK_SERVICE_ADDRESS_BPF_H

#include "vmlinux.h"
#include "packet/headers.bpf.h"
#include "packet/uapi.bpf.h"
#include "runtime/maps.bpf.h"
#include "runtime/scratch.bpf.h"
#include "runtime/verifier.bpf.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <prestack/types.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, PS_MAX_ADDRESSES);
	__type(key, struct ps_address);
	__type(value, __u32); /* the service, or PS_SERVICE_NONE */
} ps_addresses SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, PS_MAX_LOCAL_PREFIXES);
	__type(key, struct ps_local_prefix);
	__type(value, __u32); /* means nothing */
} ps_local_addresses SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ps_ports);
} ps_ports SEC(".maps");

/* Instead of a service. */
enum ps_no_service {
	PS_NOT_KNOWN = -1, /* there is no element */
	PS_NOBODYS = -2, /* another server's */
};

static __always_inline const struct ps_ports *ps_ports_now(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&ps_ports, &zero);
}

/* Whether any service has this port (net), at whatever address. */
static __always_inline bool ps_port_known(const struct ps_ports *ports, __u16 port)
{
	__u32 host = bpf_ntohs(port);

	return ports->bit[(host >> 6) & (PS_PORT_WORDS - 1)] >> (host & 63) & 1;
}

/* Whether packets to this address (net) are for this host. */
static __always_inline bool ps_is_local(struct ps_wanted *wanted, __u64 high, __u64 low)
{
	struct ps_local_prefix *key = &wanted->prefix;

	key->length = 128;
	__builtin_memcpy(key->addr, &high, 8);
	__builtin_memcpy(key->addr + 8, &low, 8);
	return bpf_map_lookup_elem(&ps_local_addresses, key);
}

/* The service with an element of its own for this address and port (net), or -1. */
static __always_inline int ps_service_with(const struct ps_address *key)
{
	__u32 *service = bpf_map_lookup_elem(&ps_addresses, key);

	if (!service || *service >= ps_config.nr_services)
		return service ? PS_NOBODYS : PS_NOT_KNOWN;
	return *service;
}

/*
 * The service that takes what arrives at this address and port (net); negative: none. `local`: it is known
 * that the address is this host's. Packets' programs keep the keys in scratch memory: their stack
 * is nearly full.
 */
static __always_inline int ps_service_at(struct ps_wanted *wanted, __u64 high, __u64 low,
					 __u16 port, __u8 transport, const bool local)
{
	struct ps_address *key = &wanted->at;
	int service;

	key->addr[0] = high;
	key->addr[1] = low;
	key->port = port;
	key->transport = transport;
	service = ps_service_with(key);
	if (service != PS_NOT_KNOWN || (!local && !ps_is_local(wanted, high, low)))
		return service;
	key->addr[0] = 0;
	key->addr[1] = !high && (__u32)low == bpf_htonl(PS_V4_MAPPED) ? bpf_htonl(PS_V4_MAPPED) : 0;
	return ps_service_with(key);
}

/* Its place depends on the last byte of the address too: servers on one port have different ones. */
static __always_inline struct ps_known_address *ps_known_address_of(struct ps_scratch *s)
{
	return &s->known[(bpf_ntohs(s->pkt.local_port) ^ s->pkt.transport ^ s->pkt.local[1] >> 56) &
			 (PS_KNOWN_ADDRESSES - 1)];
}

/* Looks the packet's server address up, and remembers the result. This is rare: a function of its own. */
__noinline int ps_find_service(__u32 hook, __u32 generation)
{
	struct ps_scratch *s = ps_scratch(hook);
	struct ps_known_address *known;
	const struct ps_packet *p;
	int service;

	if (!s)
		return -1;
	p = &s->pkt;
	service = ps_service_at(&s->wanted, p->local[0], p->local[1], p->local_port, p->transport,
				false);
	known = ps_known_address_of(s);
	known->addr[0] = p->local[0];
	known->addr[1] = p->local[1];
	known->port = p->local_port;
	known->transport = p->transport;
	known->service = service;
	/* The generation was read before the maps. A change since then has raised it. */
	known->generation = generation;
	return service;
}

/*
 * The service of the packet, whose ends are described; negative: none. `generation`: that of ps_ports, read
 * before.
 */
static __always_inline int ps_service_of(struct ps_scratch *s, __u32 hook, __u32 generation)
{
	const struct ps_known_address *known = ps_known_address_of(s);
	const struct ps_packet *p = &s->pkt;

	if (known->generation == generation && known->addr[1] == p->local[1] &&
	    known->addr[0] == p->local[0] && known->port == p->local_port &&
	    known->transport == p->transport)
		return known->service;
	return ps_find_service(hook, generation);
}

/* The service whose socket sends this, by the socket's own address and port; negative: none's. TC egress. */
static __always_inline int ps_service_of_sender(struct __sk_buff *skb, const struct ps_ports *ports,
						__u8 transport)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_TC);
	struct bpf_sock *sk = skb->sk;
	__u32 family, v4;
	__u64 high, low;
	__u16 port;

	if (!s || !sk)
		return -1;
	port = bpf_htons(sk->src_port);
	if (!ps_port_known(ports, port))
		return -1;
	/* Each by a load of its own, and before any branch: the verifier allows no arithmetic with `sk`. */
	family = ps_read_once(sk->family);
	v4 = ps_read_once(sk->src_ip4);
	high = ps_read_once(sk->src_ip6[0]) | (__u64)ps_read_once(sk->src_ip6[1]) << 32;
	low = ps_read_once(sk->src_ip6[2]) | (__u64)ps_read_once(sk->src_ip6[3]) << 32;
	if (family == AF_INET) {
		high = 0;
		low = (__u64)v4 << 32 | bpf_htonl(PS_V4_MAPPED);
	} else if (family != AF_INET6) {
		return -1;
	}
	/* A socket's own address is this host's, even if user space has not told of it yet. */
	return ps_service_at(&s->wanted, high, low, port, transport, true);
}

#endif /* PRESTACK_SERVICE_ADDRESS_BPF_H */
