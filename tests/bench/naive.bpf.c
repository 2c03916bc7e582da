// SPDX-License-Identifier: GPL-2.0-only
/*
 * What prestack is compared with: a cache for the same requests written the plain way. Byte-at-a-time
 * hash and copies on packet pointers, one 1.3 KB entry per item, a spin lock around each look-up,
 * and headroom for the growth of a reply. No checksum test, no allow list, one service.
 */
#include "vmlinux.h"
#include "bench_types.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define NAIVE_ENTRIES (1 << 18)
#define NAIVE_MAX_DATA 1300
#define NAIVE_MAX_KEY 250

/* The rendered reply line, as it goes into the datagram. */
struct naive_entry {
	struct bpf_spin_lock lock;
	__u32 hash;
	__u16 len;
	__u8 valid;
	__u8 data[NAIVE_MAX_DATA];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NAIVE_ENTRIES);
	__type(key, __u32);
	__type(value, struct naive_entry);
} naive_cache SEC(".maps");

/* From the program that looks up to the one that copies. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} naive_slot SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} naive_progs SEC(".maps");

SEC("xdp")
int naive_get(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *udp = (void *)(ip + 1);
	__u8 *payload = (void *)(udp + 1), *key = payload + 12, *from;
	__u32 hash = 2166136261U, len = 0, zero = 0, *passed, i, slot;
	__u8 head[BENCH_HEADERS + 8];
	struct naive_entry *e;

	if ((void *)(key + 1) > end || eth->h_proto != bpf_htons(0x0800) || ip->protocol != 17 ||
	    udp->dest != bpf_htons(11211) || payload[8] != 'g' || payload[9] != 'e' ||
	    payload[10] != 't' || payload[11] != ' ')
		return XDP_PASS;
	for (i = 0; i < NAIVE_MAX_KEY && (void *)(key + i + 1) <= end; i++) {
		if (key[i] == '\r')
			break;
		hash = (hash ^ key[i]) * 16777619;
		len++;
	}
	slot = hash % NAIVE_ENTRIES;
	e = bpf_map_lookup_elem(&naive_cache, &slot);
	if (!e)
		return XDP_PASS;
	bpf_spin_lock(&e->lock);
	if (!e->valid || e->hash != hash) {
		bpf_spin_unlock(&e->lock);
		return XDP_PASS;
	}
	for (i = 0; i < NAIVE_MAX_KEY && i < len && (void *)(key + i + 1) <= end; i++) {
		if (e->data[6 + i] != key[i]) {
			bpf_spin_unlock(&e->lock);
			return XDP_PASS;
		}
	}
	bpf_spin_unlock(&e->lock);
	if (bpf_xdp_adjust_head(ctx, -BENCH_NAIVE_GROWTH))
		return XDP_PASS;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	from = data + BENCH_NAIVE_GROWTH;
	if ((void *)(from + sizeof(head)) > end || data + sizeof(head) > end)
		return XDP_DROP;
	__builtin_memcpy(head, from, sizeof(head));
	eth = data;
	ip = (void *)(eth + 1);
	udp = (void *)(ip + 1);
	__builtin_memcpy(data, head, sizeof(head));
	__builtin_memcpy(eth->h_source, head, 6);
	__builtin_memcpy(eth->h_dest, head + 6, 6);
	ip->saddr = *(__be32 *)(head + 30);
	ip->daddr = *(__be32 *)(head + 26);
	udp->source = *(__be16 *)(head + 36);
	udp->dest = *(__be16 *)(head + 34);
	passed = bpf_map_lookup_elem(&naive_slot, &zero);
	if (!passed)
		return XDP_DROP;
	*passed = slot;
	bpf_tail_call(ctx, &naive_progs, 0);
	return XDP_DROP;
}

SEC("xdp")
int naive_copy(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct iphdr *ip = data + sizeof(struct ethhdr);
	struct udphdr *udp = (void *)(ip + 1);
	__u8 *payload = (void *)(udp + 1) + 8;
	__u32 zero = 0, *slot, len, i, sum = 0;
	struct naive_entry *e;
	__u16 *w;

	slot = bpf_map_lookup_elem(&naive_slot, &zero);
	e = slot ? bpf_map_lookup_elem(&naive_cache, slot) : NULL;
	if (!e || (void *)(payload + 1) > end)
		return XDP_DROP;
	bpf_spin_lock(&e->lock);
	len = e->len;
	for (i = 0; i < NAIVE_MAX_DATA && i < len && (void *)(payload + i + 1) <= end; i++)
		payload[i] = e->data[i];
	bpf_spin_unlock(&e->lock);
	udp->check = 0;
	udp->len = bpf_htons(8 + 8 + len);
	ip->tot_len = bpf_htons(20 + 8 + 8 + len);
	ip->check = 0;
	w = (__u16 *)ip;
	for (i = 0; i < 10; i++)
		sum += w[i];
	sum = (sum & 0xffff) + (sum >> 16);
	ip->check = ~((sum & 0xffff) + (sum >> 16));
	if (bpf_xdp_adjust_tail(ctx, (int)(BENCH_HEADERS + 8 + len) - (int)(end - data)))
		return XDP_DROP;
	return XDP_TX;
}

char LICENSE[] SEC("license") = "GPL";
