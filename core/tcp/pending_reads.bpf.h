/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keys of pending reads over TCP, for protocols whose replies do not name their keys. A key is
 * noted when the request arrives, and found by connection, ordinal and place in the request when
 * the reply leaves.
 *
 * The table is only a hint: a key whose place is taken overwrites it. Neither a lost nor a torn
 * note does harm. The key that is found is hashed again, and fills only if that very key holds the
 * lease.
 */
#ifndef PRESTACK_TCP_PENDING_READS_BPF_H
#define PRESTACK_TCP_PENDING_READS_BPF_H

#include "vmlinux.h"
#include "cache/lookup.bpf.h"
#include "coherence/fence.bpf.h"
#include "runtime/hash.bpf.h"
#include "runtime/lock.bpf.h"
#include "runtime/scratch.bpf.h"
#include "runtime/verifier.bpf.h"
#include "tcp/flow.bpf.h"
#include "tcp/pending_writes.bpf.h"
#include "tcp/plugin_calls.bpf.h"
#include <bpf/bpf_helpers.h>
#include <prestack/flow.h>
#include <prestack/types.h>

#define PS_PENDING_READS 4096 /* a power of two */

struct ps_pending_read {
	__u64 requester; /* 0: nothing */
	__u32 len;
	__u32 reserved;
	__u64 word[PS_KEY_WORDS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PS_PENDING_READS);
	__type(key, __u32);
	__type(value, struct ps_pending_read);
} ps_pending_reads SEC(".maps");

/*
 * Identifies the i-th key of the current request; 0: not known. It contains the first sequence
 * numbers of the connection, since an earlier connection may have had the same ports.
 */
static __always_inline __u64 ps_pending_read_requester(const struct ps_scratch *s, __u32 i)
{
	const struct ps_flow *f = ps_flow_find(&s->pkt.flow);
	__u64 h = ps_requester_hash(&s->pkt, s->segment.ordinal | PS_STREAM_REQUEST);

	if (!f)
		return 0;
	h = ps_mix(h, (__u64)f->origin[PS_REQUESTS] << 32 | f->origin[PS_REPLIES]);
	return ps_mix_end(ps_mix(h, i)) | 1;
}

static __always_inline struct ps_pending_read *ps_pending_read_of(__u64 requester)
{
	__u32 slot = (requester >> 16) & (PS_PENDING_READS - 1);

	return bpf_map_lookup_elem(&ps_pending_reads, &slot);
}

/* See ps_stream_note. */
__noinline int ps_pending_read_note(__u32 i)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct ps_pending_read *r;
	__u64 requester;
	__u32 len;

	if (!s || !s->segment.ordinal)
		return 0;
	ps_stream_read(s);
	requester = ps_pending_read_requester(s, i);
	r = ps_pending_read_of(requester);
	len = s->key.len;
	if (!requester || !r || len > PS_MAX_KEY)
		return 0;
	r->requester = 0;
	ps_ordered();
	r->len = len;
	for (__u32 w = 0; w < PS_KEY_WORDS; w++) {
		if (w * 8 >= len)
			break;
		r->word[w] = s->key.word[w];
	}
	ps_ordered();
	r->requester = requester;
	return 0;
}

/* See ps_stream_noted. */
__noinline int ps_pending_read_key(__u32 i)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_TC);
	struct ps_pending_read *r;
	__u64 requester, h;
	__u32 len;

	if (!s || !s->segment.ordinal)
		return 0;
	requester = ps_pending_read_requester(s, i);
	r = ps_pending_read_of(requester);
	if (!requester || !r || ps_read_once(r->requester) != requester)
		return 0;
	len = ps_read_once(r->len);
	if (len > PS_MAX_KEY)
		return 0;
	h = ps_key_hash_begin(s);
	for (__u32 w = 0; w < PS_KEY_WORDS; w++) {
		__u64 word;

		if (w * 8 >= len)
			break;
		word = r->word[w];
		s->key.word[w] = word;
		h = ps_mix(h, word);
	}
	ps_key_hash_end(s, h, len);
	return 1;
}

/*
 * In a request function, with the current key loaded: the reply to this request may fill this key,
 * and does not name it. `i`: which of the request's keys it is.
 */
static __always_inline void ps_stream_note(struct ps_scratch *s, __u32 i)
{
	if (s->segment.ordinal)
		ps_pending_read_note(i);
}

/*
 * In a reply function: makes the i-th key of the answered request the current key. False: it is not
 * known.
 */
static __always_inline bool ps_stream_noted(struct ps_scratch *s, __u32 i)
{
	return s->segment.ordinal && ps_pending_read_key(i);
}

#endif /* PRESTACK_TCP_PENDING_READS_BPF_H */
