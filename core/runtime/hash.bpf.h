/* SPDX-License-Identifier: GPL-2.0-only */
/* The seeded hash by which keys, clients and leases are identified. */
#ifndef PRESTACK_RUNTIME_HASH_BPF_H
#define PRESTACK_RUNTIME_HASH_BPF_H

#include "vmlinux.h"
#include "runtime/maps.bpf.h"
#include <bpf/bpf_helpers.h>
#include <prestack/types.h>

/*
 * The hash: ps_mix for each word, then ps_mix_end. It is seeded at each load. A multiplication
 * carries only upwards, so the high half is folded into the low one before it. A collision costs a
 * miss, never a wrong answer, since entries compare the whole key.
 */
static __always_inline __u64 ps_mix(__u64 h, __u64 w)
{
	h ^= w;
	h ^= h >> 32;
	return h * 0x9e3779b97f4a7c15ULL + ps_config.seed[1];
}

static __always_inline __u64 ps_mix_end(__u64 h)
{
	h ^= h >> 29;
	h *= 0xd6e8feb86659fd93ULL;
	return h ^ (h >> 32);
}

#endif /* PRESTACK_RUNTIME_HASH_BPF_H */
