// SPDX-License-Identifier: GPL-2.0-only
/*
 * The least that following memcached's connections takes, whoever does it, for `tests/bench/cost --least`: a segment
 * is checked, its connection is found, it is next in order, its one get or set is read, and the places of its key
 * in two tables that all CPUs share are looked at; a set changes one of them when it arrives, and again when
 * its reply leaves. One form of headers, one request at a time, and nothing else: no other command, nothing
 * that comes again, in pieces or out of order, no cache behind the tables. It answers nothing.
 */
#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "../../least.h"
#include "packet/checksum.bpf.h"
#include "packet/headers.bpf.h"

#define FOLLOW_PORT 11211
#define FOLLOW_IP_WORDS 5 /* no options */
#define FOLLOW_TCP_WORDS 8 /* timestamps, and no other option */
#define FOLLOW_L3 14
#define FOLLOW_L4 (FOLLOW_L3 + FOLLOW_IP_WORDS * 4)
#define FOLLOW_HEADERS (FOLLOW_L4 + FOLLOW_TCP_WORDS * 4)
#define FOLLOW_PLACES (1 << 16)
#define FOLLOW_LINES (1 << 14)
#define FOLLOW_MOST 128 /* bytes of payload */
#define FOLLOW_STORED 0x0a0d4445524f5453ULL /* "STORED\r\n" */

struct follow_flow {
	__u32 busy[2]; /* a program reads this direction */
	__u32 next[2]; /* sequence numbers */
	__u64 hash; /* of the key whose set waits for its reply */
	__u64 waits; /* there is one */
	__u64 read; /* requests that were read */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096); /* as many as the most turns open */
	__type(key, __u64);
	__type(value, struct follow_flow);
} follow_flows SEC(".maps");

/* Of a key: writes under way, how often it changed, and who may fill. */
struct follow_place {
	__u64 hold;
	__u64 changes;
	__u64 lease;
	__u64 other;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FOLLOW_PLACES);
	__type(key, __u32);
	__type(value, struct follow_place);
} follow_places SEC(".maps");

/* What is cached. */
struct follow_line {
	__u32 word[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FOLLOW_LINES);
	__type(key, __u32);
	__type(value, struct follow_line);
} follow_index SEC(".maps");

struct follow_scratch {
	__u8 in[PS_IN_BUFFER];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct follow_scratch);
} follow_scratches SEC(".maps");

struct follow_segment {
	__u64 flow; /* hash of the connection */
	__u32 len; /* bytes of payload */
	__u32 seq;
	__u64 sum; /* of pseudo header and TCP header */
	__u16 pseudo; /* folded, of the pseudo header */
	__u16 check;
};

/* Reads the headers. False: not of that form, or not of memcached's port, or no data. */
static __always_inline bool follow_parse(void *data, void *end, struct follow_segment *g,
					 const bool request)
{
	struct ethhdr *eth = data;
	struct iphdr *ip = data + FOLLOW_L3;
	struct tcphdr *tcp = data + FOLLOW_L4;
	const __u32 *w = (const __u32 *)tcp;
	__u32 total;

	if (data + FOLLOW_HEADERS > end || eth->h_proto != bpf_htons(ETH_P_IP) ||
	    ip->version != 4 || ip->ihl != FOLLOW_IP_WORDS || ip->protocol != IPPROTO_TCP ||
	    (request ? tcp->dest : tcp->source) != bpf_htons(FOLLOW_PORT) ||
	    tcp->doff != FOLLOW_TCP_WORDS || tcp->syn || tcp->fin || tcp->rst)
		return false;
	total = bpf_ntohs(ip->tot_len);
	if (total <= FOLLOW_HEADERS - FOLLOW_L3)
		return false;
	g->len = total - (FOLLOW_HEADERS - FOLLOW_L3);
	g->seq = bpf_ntohl(tcp->seq);
	g->check = tcp->check;
	g->flow = least_mix(least_mix(0, (__u64)(request ? ip->saddr : ip->daddr) << 32 |
						 (request ? ip->daddr : ip->saddr)),
			    request ? tcp->source : tcp->dest);
	if (!request)
		return true;
	g->sum = (__u64)ip->saddr + ip->daddr + bpf_htonl(IPPROTO_TCP) +
		 bpf_htonl(total - FOLLOW_IP_WORDS * 4);
	g->pseudo = ps_fold(g->sum);
	for (int i = 0; i < FOLLOW_TCP_WORDS; i++)
		g->sum += w[i];
	return true;
}

static __always_inline struct follow_place *follow_place_of(__u64 hash)
{
	__u32 place = (hash >> 16) & (FOLLOW_PLACES - 1);

	return bpf_map_lookup_elem(&follow_places, &place);
}

static __always_inline struct follow_scratch *follow_scratch(__u32 hook)
{
	return bpf_map_lookup_elem(&follow_scratches, &hook);
}

/* The request in in[]: a set that is all there, or a get. A function of its own for the verifier. */
__noinline int follow_read(struct follow_flow *f, __u32 len)
{
	struct follow_scratch *s = follow_scratch(0);
	struct ps_cursor c = {.end = len};
	const struct follow_line *l;
	__u32 command, pos = 4, line;
	struct follow_place *p;
	__u64 hash;
	bool cached;

	if (!s || !f)
		return 0;
	c.buf = s->in;
	command = ps_load64(s->in);
	hash = least_key(&c, &pos);
	p = follow_place_of(hash);
	line = hash & (FOLLOW_LINES - 1);
	l = bpf_map_lookup_elem(&follow_index, &line);
	if (!p || !l)
		return 0;
	cached = *(const volatile __u32 *)&l->word[hash >> 60] == (__u32)(hash >> 34);
	if (command == 0x20746573) { /* "set " */
		least_number(&c, &pos);
		least_number(&c, &pos);
		if (least_number(&c, &pos) + pos + 3 != len)
			return 0;
		__sync_fetch_and_add(&p->hold, 1);
		__sync_fetch_and_add(&p->changes, 1);
		f->hash = hash;
		f->waits = 1;
	} else if (!cached && !*(volatile __u64 *)&p->hold) {
		p->lease = least_mix(hash + p->changes, f->next[0]);
	}
	f->read++;
	return 0;
}

SEC("xdp")
int follow_request(struct xdp_md *ctx)
{
	struct follow_scratch *s = follow_scratch(0);
	struct follow_segment g = {};
	struct follow_flow *f;
	__u32 len;

	if (!s || !follow_parse((void *)(long)ctx->data, (void *)(long)ctx->data_end, &g, true))
		return XDP_PASS;
	len = g.len;
	ps_opaque(len);
	if (!len || len > FOLLOW_MOST || bpf_xdp_load_bytes(ctx, FOLLOW_HEADERS, s->in, len))
		return XDP_PASS;
	if (ps_fold(ps_sum(s->in, len, g.sum, FOLLOW_MOST / 8)) != 0xffff && g.check != g.pseudo)
		return XDP_PASS;
	f = bpf_map_lookup_elem(&follow_flows, &g.flow);
	if (!f) {
		struct follow_flow new = {.next = {g.seq + len}};

		bpf_map_update_elem(&follow_flows, &g.flow, &new, BPF_NOEXIST);
		return XDP_PASS;
	}
	if (__sync_val_compare_and_swap(&f->busy[0], 0, 1))
		return XDP_PASS;
	if (f->next[0] == g.seq) {
		follow_read(f, len);
		f->next[0] += len;
	}
	*(volatile __u32 *)&f->busy[0] = 0;
	return XDP_PASS;
}

SEC("tc")
int follow_reply(struct __sk_buff *skb)
{
	struct follow_scratch *s = follow_scratch(1);
	struct follow_segment g = {};
	struct follow_flow *f;
	struct follow_place *p;
	__u32 len;

	if (!s || !follow_parse((void *)(long)skb->data, (void *)(long)skb->data_end, &g, false))
		return TC_ACT_UNSPEC;
	f = bpf_map_lookup_elem(&follow_flows, &g.flow);
	if (!f || __sync_val_compare_and_swap(&f->busy[1], 0, 1))
		return TC_ACT_UNSPEC;
	len = g.len;
	ps_opaque(len);
	if (len && len <= FOLLOW_MOST && !bpf_skb_load_bytes(skb, FOLLOW_HEADERS, s->in, len) &&
	    f->next[1] == g.seq && f->waits && ps_load64(s->in) == FOLLOW_STORED) {
		p = follow_place_of(f->hash);
		if (p) {
			__sync_fetch_and_add(&p->changes, 1);
			__sync_fetch_and_add(&p->hold, -1);
		}
		f->waits = 0;
	}
	f->next[1] = g.seq + len;
	*(volatile __u32 *)&f->busy[1] = 0;
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "GPL";
