/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Retransmissions: whether bytes of a client that come again are those that were read. As long as
 * the server does not have the first copy, it could take the second one.
 */
#ifndef PRESTACK_TCP_RETRANSMIT_BPF_H
#define PRESTACK_TCP_RETRANSMIT_BPF_H

#include "vmlinux.h"
#include "runtime/hash.bpf.h"
#include "runtime/maps.bpf.h"
#include "runtime/scratch.bpf.h"
#include "runtime/verifier.bpf.h"
#include <bpf/bpf_helpers.h>
#include <prestack/cursor.h>
#include <prestack/flow.h>
#include <prestack/stream.h>
#include <prestack/types.h>

#define PS_HASH_CHUNK 1024
#define PS_HASH_CHUNKS 64
#define PS_NO_HASH                                                                                 \
	2 /* in place of the hash of heads that could not be hashed; real hashes are odd */

/* Continues hash `h` with up to PS_HASH_CHUNK bytes of the frame. Uses out[]. */
__noinline __u64 ps_hash_chunk(struct xdp_md *ctx, __u32 from, __u32 len, __u64 h)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);

	if (!s || !ps_size_fits(&len, PS_HASH_CHUNK) || bpf_xdp_load_bytes(ctx, from, s->out, len))
		return 0;
	ps_opaque(len);
	ps_store64(s->out + (len & (2 * PS_HASH_CHUNK - 1)), 0);
	for (__u32 i = 0; i < PS_HASH_CHUNK / 8; i++) {
		if (i * 8 >= len)
			break;
		h = ps_mix(h, ps_load64(s->out + i * 8));
	}
	return h;
}

/* Hash of bytes of the frame. 0: they are not there, or too many. */
__noinline __u64 ps_hash_bytes(struct xdp_md *ctx, __u32 from, __u32 len)
{
	__u64 h = ps_config.seed[0] ^ len;

	for (__u32 i = 0; i < PS_HASH_CHUNKS; i++) {
		__u32 n = len < PS_HASH_CHUNK ? len : PS_HASH_CHUNK;

		if (!n)
			return h ? ps_mix_end(h) | 1 : 0;
		h = ps_hash_chunk(ctx, from, n, h);
		from += n;
		len -= n;
	}
	return 0;
}

/* The same, for `len` <= max_words * 8 bytes at in[from]. */
static __always_inline __u64 ps_hash_in(const struct ps_scratch *s, __u32 from, __u32 len,
					const __u32 max_words)
{
	const struct ps_cursor c = {.buf = s->in};
	__u64 h = ps_config.seed[0] ^ len;

	for (__u32 i = 0; i < max_words; i++) {
		if (len < 8)
			break;
		h = ps_mix(h, ps_cursor_word(&c, from));
		from += 8;
		len -= 8;
	}
	if (len)
		h = ps_mix(h, ps_cursor_word(&c, from) & ps_low_bytes(len));
	return h ? ps_mix_end(h) | 1 : 0;
}

/* A separate function, since it has a long loop. */
__noinline __u64 ps_hash_window(__u32 from, __u32 len)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);

	return s ? ps_hash_in(s, from, len, PS_IN_SIZE / 8) : 0;
}

#define PS_HASH_SHORT 8 /* words that are hashed without a call */

/* Hash of heads in the window, for their record. Most heads are short and need no call. */
static __always_inline __u64 ps_hash_heads(const struct ps_scratch *s, __u32 from, __u32 len)
{
	__u64 h = len <= PS_HASH_SHORT * 8 ? ps_hash_in(s, from, len, PS_HASH_SHORT)
					   : ps_hash_window(from, len);

	return h ? h : PS_NO_HASH;
}

/* Comparing old bytes with what was read, record by record. */
struct ps_recheck_step {
	struct xdp_md *ctx;
	struct ps_flow *flow;
	__u32 at; /* all bytes up to here are the same */
	__u32 to;
	__u32 seq;
	__u32 end;
	__u32 payload;
};

static long ps_recheck_one(__u32 i, struct ps_recheck_step *v)
{
	__u32 slot = ps_records_find(&v->flow->records, v->at, v->seq, v->end);
	const struct ps_record *r;

	ps_opaque(slot);
	if (slot >= PS_RECORDS)
		return 1;
	r = &v->flow->records.record[slot];
	if (r->hash &&
	    r->hash != ps_hash_bytes(v->ctx, v->payload + (r->from - v->seq), r->to - r->from))
		return 1;
	v->at = r->to;
	return ps_seq_diff(v->at, v->to) >= 0;
}

/*
 * Whether the bytes of the segment up to sequence number `to`, all of them old, are those that were
 * read.
 */
static __always_inline bool ps_is_retransmission(struct xdp_md *ctx, struct ps_flow *f,
						 const struct ps_scratch *s, __u32 to)
{
	const struct ps_segment *g = &s->segment;
	struct ps_recheck_step v = {.ctx = ctx, .flow = f, .at = g->seq, .to = to};
	__u32 acked = ps_read_once(f->acked);

	v.seq = g->seq;
	v.end = g->seq + g->len;
	v.payload = s->pkt.payload;
	/* The server does not take again what it has. */
	if (ps_seq_diff(acked, v.at) > 0)
		v.at = acked;
	if (ps_seq_diff(v.at, to) < 0)
		bpf_loop(PS_RECORDS, ps_recheck_one, &v, 0);
	return ps_seq_diff(v.at, to) >= 0;
}

/*
 * Records what of this segment may be retransmitted: its heads by their hash, and where bodies are.
 */
static __always_inline void ps_remember(struct xdp_md *ctx, struct ps_flow *f, struct ps_scratch *s,
					__u32 begin)
{
	__u32 from, n = ps_reader_heads(&s->reader, &from);
	__u64 hash = PS_NO_HASH;

	/* Mostly the whole segment is still in the window. */
	if (n && !s->reader.base && !s->reader.carried && from + n <= s->reader.len)
		hash = ps_hash_heads(s, from, n);
	else if (n)
		hash = ps_hash_bytes(ctx, s->segment.fresh + (from - s->reader.carried), n);
	ps_records_note(&f->records, &f->in, &s->reader, begin, hash ? hash : PS_NO_HASH);
}

#endif /* PRESTACK_TCP_RETRANSMIT_BPF_H */
