// SPDX-License-Identifier: GPL-2.0-only
/*
 * Around the programs that are measured: a wrapper that puts a fresh request into the frame and
 * tail-calls the target, the echo that is the floor, the generator of live frames and their sink.
 */
#include "vmlinux.h"
#include "bench_types.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* Requests, one per key. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BENCH_KEYS);
	__type(key, __u32);
	__type(value, struct bench_frame);
} bench_requests SEC(".maps");

/* Which request comes next: drawn from the distribution by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32[BENCH_ORDER]);
} bench_order SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, BENCH_TARGETS);
	__type(key, __u32);
	__type(value, __u32);
} bench_progs SEC(".maps");

__u32 bench_target = BENCH_ECHO;
__u32 bench_next = 0;
__u32 bench_grown = 0; /* what the last target added to the head */
__u64 bench_replies = 0; /* frames at the sink that look like a reply (or, for the echo, at all) */
__u64 bench_others = 0;
__u32 bench_sink_size = 0; /* size that a reply has */

/* Makes the frame the next request. */
static __always_inline bool bench_restore(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	long grown = end - data == BENCH_REQUEST ? 0 : bench_grown; /* a pass left it alone */
	long wrong = BENCH_REQUEST + grown - (end - data);
	__u32 zero = 0, next = bench_next++;
	__u32 *order = bpf_map_lookup_elem(&bench_order, &zero);
	struct bench_frame *request, *frame;
	__u32 i;

	if (!order || (wrong && bpf_xdp_adjust_tail(ctx, wrong)) ||
	    (grown && bpf_xdp_adjust_head(ctx, grown)))
		return false;
	bench_grown = 0;
	i = order[next & (BENCH_ORDER - 1)];
	request = bpf_map_lookup_elem(&bench_requests, &i);
	frame = (void *)(long)ctx->data;
	if (!request || (void *)frame + BENCH_REQUEST > (void *)(long)ctx->data_end)
		return false;
	__builtin_memcpy(frame, request, BENCH_REQUEST / 8 * 8);
	__builtin_memcpy((void *)frame + BENCH_REQUEST / 8 * 8,
			 (void *)request + BENCH_REQUEST / 8 * 8, BENCH_REQUEST % 8);
	return true;
}

SEC("xdp")
int bench_wrapper(struct xdp_md *ctx)
{
	if (!bench_restore(ctx))
		return XDP_ABORTED;
	if (bench_target == BENCH_NAIVE)
		bench_grown = BENCH_NAIVE_GROWTH;
	bpf_tail_call(ctx, &bench_progs, bench_target);
	return XDP_ABORTED;
}

/* The floor: swap addresses and send back. */
SEC("xdp")
int bench_echo(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *udp = (void *)(ip + 1);
	__u8 mac[6];
	__be32 addr;
	__be16 port;

	if ((void *)(udp + 1) > end)
		return XDP_PASS;
	__builtin_memcpy(mac, eth->h_source, 6);
	__builtin_memcpy(eth->h_source, eth->h_dest, 6);
	__builtin_memcpy(eth->h_dest, mac, 6);
	addr = ip->saddr;
	ip->saddr = ip->daddr;
	ip->daddr = addr;
	port = udp->source;
	udp->source = udp->dest;
	udp->dest = port;
	return XDP_TX;
}

/* Run with live frames on the client's end: each frame goes out as the next request. */
SEC("xdp")
int bench_generator(struct xdp_md *ctx)
{
	return bench_restore(ctx) ? XDP_TX : XDP_DROP;
}

/* On the client's end: counts what comes back. */
SEC("xdp")
int bench_sink(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (end - data == bench_sink_size)
		bench_replies++;
	else
		bench_others++;
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
