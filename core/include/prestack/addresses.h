/* SPDX-License-Identifier: GPL-2.0-only */
/* Where servers listen, what addresses this host has, and which links belong together. */
#ifndef PRESTACK_ADDRESSES_H
#define PRESTACK_ADDRESSES_H

#include <prestack/integers.h>

/*
 * Where a server takes requests: the key of map ps_addresses. With the wildcard of a family for an address
 * it stands for every local address of that family that has no element of its own.
 */
struct ps_address {
	__u64 addr[2]; /* net */
	__u16 port; /* net */
	__u8 transport; /* enum ps_transport */
	__u8 reserved[5];
};
#define PS_MAX_ADDRESSES 16384 /* elements of ps_addresses */
#define PS_SERVICE_NONE 0xffffffffU /* instead of a service: somebody else listens here */

/* Addresses of this host: the key of map ps_local_addresses, a trie of prefixes. */
struct ps_local_prefix {
	__u32 length; /* in bits of the mapped form */
	__u8 addr[16]; /* net */
};
#define PS_MAX_LOCAL_PREFIXES 16384

/*
 * Map ps_ports, one element, mmapable: ports with an element in ps_addresses, so that packets to other ports
 * cost one look. User space raises `generation` after each change of ps_addresses, ps_local_addresses
 * and ps_links: what programs remember of them holds for one generation.
 */
#define PS_PORT_WORDS 1024
struct ps_ports {
	__u32 generation; /* starts at 1 */
	__u32 reserved;
	__u64 bit[PS_PORT_WORDS]; /* bit (port & 63) of word (port >> 6); host order */
};

/* Where frames with these tags on this interface belong: map ps_links. What is not there stands alone. */
struct ps_link_key {
	__u32 ifindex;
	__u32 vlan; /* as in struct ps_path */
};
struct ps_link {
	__u32 vrf; /* ifindex of the VRF; 0 = none */
	__u32 device; /* ifindex of the interface that has the addresses: a VLAN's, a bridge's, a bond's */
};
#define PS_MAX_LINKS 4096

#endif /* PRESTACK_ADDRESSES_H */
