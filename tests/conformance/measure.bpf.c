// SPDX-License-Identifier: GPL-2.0-only
/*
 * For measuring a program by BPF_PROG_TEST_RUN with repetition: a hit rewrites the packet, and the
 * next repetition gets what the last one left. So this wrapper restores the packet and tail-calls
 * the program. Run it once with the program and once with `measure_floor` as the target: the
 * difference is the program's own time.
 */
#include "vmlinux.h"
#include "measure.h"
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct measure_packet);
} measure_packet SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} measure_target SEC(".maps");

SEC("xdp")
int measure_wrapper(struct xdp_md *ctx)
{
	__u32 zero = 0, len;
	struct measure_packet *packet = bpf_map_lookup_elem(&measure_packet, &zero);

	if (!packet)
		return XDP_ABORTED;
	len = packet->len;
	if (!len || len > MEASURE_SIZE)
		return XDP_ABORTED;
	/* Also when nothing changes, so that the floor pays the same. */
	if (bpf_xdp_adjust_tail(ctx, (long)len - (long)bpf_xdp_get_buff_len(ctx)) ||
	    bpf_xdp_store_bytes(ctx, 0, packet->bytes, len))
		return XDP_ABORTED;
	bpf_tail_call(ctx, &measure_target, 0);
	return XDP_ABORTED;
}

SEC("xdp")
int measure_floor(struct xdp_md *ctx)
{
	return XDP_TX;
}

char LICENSE[] SEC("license") = "GPL";
