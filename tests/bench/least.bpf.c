// SPDX-License-Identifier: GPL-2.0-only
/*
 * The least that following a pipeline of sets takes, whoever does it: each key is read and hashed, its place in a table
 * that is shared by all CPUs is changed when the set arrives, and changed again when its reply leaves. Nothing else: no
 * look at headers, checksums, connections, retransmissions, order; no cache. One connection, and nothing but such sets.
 */
#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <prestack/cursor.h>

#include "least.h"

#define LEAST_HEADERS 66 /* Ethernet, IPv4, TCP with timestamps */
#define LEAST_PLACES (1 << 16)
#define LEAST_MOST 32 /* sets in a segment */

struct least_place {
	__u64 hold;
	__u64 other[3];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LEAST_PLACES);
	__type(key, __u32);
	__type(value, struct least_place);
} least_places SEC(".maps");

struct least_state {
	__u32 count; /* of sets that wait for their replies */
	__u32 pos;
	__u32 end;
	__u64 hash[LEAST_MOST];
	__u8 in[PS_IN_BUFFER];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct least_state);
} least_states SEC(".maps");

static __always_inline struct least_state *least_state(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&least_states, &zero);
}

/* The place of the i-th set's key. */
static __always_inline struct least_place *least_place_of(const struct least_state *s, __u32 i)
{
	__u32 place = s->hash[i] & (LEAST_PLACES - 1);

	return bpf_map_lookup_elem(&least_places, &place);
}

static __always_inline void least_change(const struct least_state *s, __u32 i, __u64 by)
{
	struct least_place *p = least_place_of(s, i);

	if (p)
		__sync_fetch_and_add(&p->hold, by);
}

static long least_set(__u32 i, struct least_state **state)
{
	struct least_state *s = *state;
	const struct ps_cursor c = {.buf = s->in};
	__u32 pos = s->pos + 4, slot = s->count;
	__u64 hash;

	if (s->pos >= s->end)
		return 1;
	hash = least_key(&c, &pos);
	ps_opaque(slot);
	s->hash[slot & (LEAST_MOST - 1)] = hash;
	s->count++;
	least_number(&c, &pos);
	least_number(&c, &pos);
	s->pos = least_number(&c, &pos) + pos + 3;
	return 0;
}

SEC("xdp")
int least_request(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct least_state *s = least_state();
	long frame = end - data;
	__u32 len;

	ps_opaque(frame); /* pointers are subtracted in 64 bits, and by themselves */
	len = frame - LEAST_HEADERS;
	ps_opaque(len);
	if (!s || len > PS_IN_SIZE || !len || bpf_xdp_load_bytes(ctx, LEAST_HEADERS, s->in, len))
		return XDP_ABORTED;
	s->pos = 0;
	s->end = len;
	s->count = 0;
	bpf_loop(LEAST_MOST, least_set, &s, 0);
	/* All places are fetched at the same time. */
	for (__u32 i = 0; i < LEAST_MOST && i < s->count; i++) {
		struct least_place *p = least_place_of(s, i);

		if (p)
			(void)*(volatile __u64 *)&p->hold;
	}
	for (__u32 i = 0; i < LEAST_MOST && i < s->count; i++)
		least_change(s, i, 1);
	return XDP_PASS;
}

SEC("tc")
int least_reply(struct __sk_buff *skb)
{
	struct least_state *s = least_state();
	__u32 len = skb->len - LEAST_HEADERS;

	ps_opaque(len);
	if (!s || len > PS_IN_SIZE || !len || bpf_skb_load_bytes(skb, LEAST_HEADERS, s->in, len))
		return 2;
	for (__u32 i = 0; i < LEAST_MOST && i < s->count; i++) {
		if (ps_load64(s->in + i * 8) != 0x0a0d4445524f5453ULL) /* "STORED\r\n" */
			break;
		least_change(s, i, (1ULL << 32) - 1);
	}
	return -1;
}

char LICENSE[] SEC("license") = "GPL";
