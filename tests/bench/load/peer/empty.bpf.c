// SPDX-License-Identifier: GPL-2.0-only
/* Programs that do nothing, at the hooks that prestack uses: what the hooks alone cost. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

SEC("xdp")
int empty_xdp(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("tc")
int empty_tc(struct __sk_buff *skb)
{
	return -1; /* TCX_NEXT, TC_ACT_UNSPEC */
}

char LICENSE[] SEC("license") = "GPL";
