/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers of the kernel and of the protocols below the plug-ins', by the names that the kernel gives them.
 * They are macros there, and vmlinux.h has no macros.
 */
#ifndef PRESTACK_PACKET_UAPI_BPF_H
#define PRESTACK_PACKET_UAPI_BPF_H

#include "vmlinux.h"

/* linux/if_ether.h, linux/if_vlan.h */
#ifndef ETH_P_IP
#define AF_INET 2
#define AF_INET6 10
#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
#define ETH_P_8021Q 0x8100
#define ETH_P_8021AD 0x88a8
#define ETH_ALEN 6
#define ETH_HLEN 14
#endif
#ifndef VLAN_VID_MASK
#define VLAN_HLEN 4
#define VLAN_VID_MASK 0x0fff
#endif

/* net/ip.h, net/ipv6.h */
#ifndef IP_OFFSET
#define IP_DF 0x4000
#define IP_MF 0x2000
#define IP_OFFSET 0x1fff
#endif
#ifndef IP6_OFFSET
#define IP6_OFFSET 0xfff8
#endif

/* linux/in6.h */
#ifndef IPPROTO_HOPOPTS
#define IPPROTO_HOPOPTS 0
#define IPPROTO_ROUTING 43
#define IPPROTO_FRAGMENT 44
#define IPPROTO_DSTOPTS 60
#endif
#ifndef IPPROTO_ICMPV6
#define IPPROTO_ICMPV6 58
#endif

/* linux/icmp.h, linux/icmpv6.h: errors, and the code of the first that tells an MTU */
#ifndef ICMP_DEST_UNREACH
#define ICMP_DEST_UNREACH 3
#define ICMP_REDIRECT 5
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETERPROB 12
#define ICMP_FRAG_NEEDED 4
#endif
#ifndef ICMPV6_DEST_UNREACH
#define ICMPV6_DEST_UNREACH 1
#define ICMPV6_PKT_TOOBIG 2
#define ICMPV6_PARAMPROB 4
#endif
#ifndef IPV6_MIN_MTU
#define IPV6_MIN_MTU 1280
#endif

/* net/tcp.h: the flags, as the byte at PS_TCP_FLAGS of a TCP header holds them */
#ifndef TCPHDR_FIN
#define TCPHDR_FIN 0x01
#define TCPHDR_SYN 0x02
#define TCPHDR_RST 0x04
#define TCPHDR_PSH 0x08
#define TCPHDR_ACK 0x10
#define TCPHDR_URG 0x20
#endif

/* linux/pkt_cls.h: verdicts of TC programs, the same numbers for clsact and for TCX */
#ifndef TC_ACT_OK
#define TC_ACT_UNSPEC (-1) /* TCX_NEXT: go on with the next program */
#define TC_ACT_OK 0
#define TC_ACT_SHOT 2 /* TCX_DROP */
#endif

#endif /* PRESTACK_PACKET_UAPI_BPF_H */
