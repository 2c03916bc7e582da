// SPDX-License-Identifier: GPL-2.0-only
/* A veth takes frames that its other end sends by XDP_TX only while it has an XDP program itself. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

SEC("xdp")
int veth_peer_pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
