/* SPDX-License-Identifier: GPL-2.0-only */
/* Internet checksums: one's complement sums (RFC 1071) and their incremental change (RFC 1624). */
#ifndef PRESTACK_PACKET_CHECKSUM_BPF_H
#define PRESTACK_PACKET_CHECKSUM_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <prestack/cursor.h>

#define PS_SUM_GOOD 0xffff /* data and its checksum, added up and folded */

/* Folds a one's complement sum to 16 bits, with all its carries (RFC 1071). */
static __always_inline __u16 ps_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Change of a checksum (as it stands in the header) when a word or sum `from` becomes `to`. */
static __always_inline __u16 ps_check_change(__u16 check, __u64 from, __u64 to)
{
	return ~ps_fold((__u64)(__u16)~check + (__u16)~ps_fold(from) + ps_fold(to));
}

/*
 * Adds `len` bytes at `buf` to a one's complement sum, eight at a time. It loads whole words and
 * masks the last one, so the buffer needs 7 more bytes. max_words bounds the loop.
 */
static __always_inline __u64 ps_sum(const void *buf, __u32 len, __u64 sum, const __u32 max_words)
{
	__u64 w;

	for (__u32 i = 0; i < max_words; i++) {
		if (len < 8)
			break;
		w = ps_load64(buf);
		sum += (w & 0xffffffff) + (w >> 32);
		buf += 8;
		len -= 8;
	}
	w = ps_load64(buf) & ps_low_bytes(len);
	return sum + (w & 0xffffffff) + (w >> 32);
}

/*
 * Sum of the pseudo header. Addresses are in the 16-byte form; the prefix of an IPv4 address is
 * left out.
 */
static __always_inline __u64 ps_pseudo_sum(const __u64 a[2], const __u64 b[2], __u8 ipv6,
					   __u8 protocol, __u32 len)
{
	__u64 sum = (__u64)bpf_htonl(len) + bpf_htonl(protocol);

	sum += (a[1] & 0xffffffff) * ipv6 + (a[1] >> 32);
	sum += (b[1] & 0xffffffff) * ipv6 + (b[1] >> 32);
	if (ipv6) {
		sum += (a[0] & 0xffffffff) + (a[0] >> 32);
		sum += (b[0] & 0xffffffff) + (b[0] >> 32);
	}
	return sum;
}

#endif /* PRESTACK_PACKET_CHECKSUM_BPF_H */
