// SPDX-License-Identifier: GPL-2.0-only
/* What a call costs on this machine: loops that do the same with and without. */
#include "vmlinux.h"
#include "calls_types.h"
#include <bpf/bpf_helpers.h>

struct calls_value {
	struct bpf_spin_lock lock;
	__u32 word;
	__u64 sum;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct calls_value);
} calls_values SEC(".maps");

static __always_inline void calls_add(__u64 *sum)
{
	*(volatile __u64 *)sum += 1;
}

__noinline int calls_function(__u64 *sum)
{
	if (sum)
		calls_add(sum);
	return 0;
}

#define CALLS_LOOP(name, body)                                                                     \
	SEC("xdp")                                                                                 \
	int name(struct xdp_md *ctx)                                                               \
	{                                                                                          \
		__u32 zero = 0;                                                                    \
		struct calls_value *v = bpf_map_lookup_elem(&calls_values, &zero);                 \
                                                                                                   \
		if (!v)                                                                            \
			return XDP_ABORTED;                                                        \
		for (__u32 i = 0; i < CALLS_TIMES; i++) {                                          \
			body;                                                                      \
		}                                                                                  \
		return XDP_PASS;                                                                   \
	}

CALLS_LOOP(calls_none, calls_add(&v->sum))
CALLS_LOOP(calls_of_function, calls_function(&v->sum))
CALLS_LOOP(calls_of_helper, calls_add(&v->sum); bpf_get_numa_node_id())
CALLS_LOOP(calls_of_spin_lock, bpf_spin_lock(&v->lock); calls_add(&v->sum);
	   bpf_spin_unlock(&v->lock))
CALLS_LOOP(
	calls_of_exchange, if (!__sync_val_compare_and_swap(&v->word, 0, 1)) {
		calls_add(&v->sum);
		*(volatile __u32 *)&v->word = 0;
	})

char LICENSE[] SEC("license") = "GPL";
