/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The cache: keys, the index, and look-ups. cache/fill.bpf.h fills entries, cache/invalidate.bpf.h
 * removes them, and maintenance.bpf.c sets their expiry. Nothing else takes an entry's lock.
 *
 * There are two tables of entries, with small and with large elements, under one set-associative
 * index. An index word is only a hint. The entry with its full key, epoch and service decides. So
 * several sets may share a large element, and a stale word costs a miss, never a wrong answer.
 *
 * Readers take no lock. They copy, and then check that `seq` has not changed. A filler owns an
 * entry by making `seq` odd under the lock. It copies without the lock, since helpers may not be
 * called under it. At last it decides under the lock whether the copy may be served.
 */
#ifndef PRESTACK_CACHE_LOOKUP_BPF_H
#define PRESTACK_CACHE_LOOKUP_BPF_H

#include "vmlinux.h"
#include "coherence/fence.bpf.h"
#include "runtime/clock.bpf.h"
#include "runtime/hash.bpf.h"
#include "runtime/lock.bpf.h"
#include "runtime/maps.bpf.h"
#include "runtime/scratch.bpf.h"
#include "runtime/verifier.bpf.h"
#include "service/service.bpf.h"
#include <bpf/bpf_helpers.h>
#include <prestack/cursor.h>
#include <prestack/types.h>

#define PS_SMALL_WORDS ((PS_SMALL_SIZE - sizeof(struct ps_entry)) / 8)

/* A candidate for a hit. Exactly one of small and large is set. */
struct ps_hit {
	struct ps_entry *small;
	struct ps_entry *large;
	__u32 seq;
	__u32 flags; /* the plug-in's word, given with the fill */
	__u64 expires; /* as in the entry: a time or enum ps_expires */
	__u32 value_len;
	__u32 value_word; /* index of the value's first word in the data of the entry */
};

/* The first and the last step of a key's hash. Between them comes ps_mix for each word. */
static __always_inline __u64 ps_key_hash_begin(const struct ps_scratch *s)
{
	return ps_config.seed[0] ^ s->pkt.service;
}

static __always_inline void ps_key_hash_end(struct ps_scratch *s, __u64 h, __u32 len)
{
	s->key.len = len;
	s->key.hash = ps_mix_end(h ^ len);
}

/* See ps_key_load. */
__noinline int ps_hook_key_load(__u32 hook, __u32 pos, __u32 len)
{
	struct ps_scratch *s = ps_scratch(hook);
	struct ps_cursor c;
	__u64 h;

	if (!s)
		return 0;
	c = ps_payload(s, hook, 0);
	h = ps_key_hash_begin(s);
	for (__u32 i = 0; i < PS_KEY_WORDS; i++) {
		__u64 w;

		if (i * 8 >= len)
			break;
		w = ps_cursor_word(&c, pos + i * 8) & ps_low_bytes(len - i * 8);
		s->key.word[i] = w;
		h = ps_mix(h, w);
	}
	ps_key_hash_end(s, h, len);
	return 0;
}

/*
 * Makes the `len` <= PS_MAX_KEY bytes at in[pos] the current key, s->key. It is padded with zeros
 * to whole words. The service is part of its hash.
 */
static __always_inline void ps_key_load(__u32 hook, __u32 pos, __u32 len)
{
	ps_hook_key_load(hook, pos, len);
}

/*
 * Finds a token at in[pos] as ps_cursor_token does, and makes it the current key as ps_key_load
 * does, in one pass. Returns its length. If that is 0 or more than PS_MAX_KEY, there is no current
 * key.
 */
static __always_inline __u32 ps_key_scan_here(struct ps_scratch *s, __u32 hook, __u32 pos)
{
	struct ps_cursor c = ps_payload(s, hook, pos);
	__u32 len = 0, left = ps_cursor_left(&c);
	__u64 h = ps_key_hash_begin(s);

	for (__u32 i = 0; i < PS_KEY_WORDS; i++) {
		__u64 w = ps_cursor_word(&c, pos + i * 8), marks = ps_bytes_below(w, ' ' + 1);
		bool last = marks || left < 8;
		__u32 n;

		if (last) {
			n = marks ? ps_first_marked(marks) : left;
			if (n > left)
				n = left;
			if (!n)
				break;
			w &= ~0ULL >> (64 - n * 8);
			len += n;
		} else {
			len += 8;
			left -= 8;
		}
		s->key.word[i] = w;
		h = ps_mix(h, w);
		if (last)
			break;
	}
	ps_key_hash_end(s, h, len);
	/*
	 * Read again, so that the verifier sees one length here and not one for each turn of the
	 * loop.
	 */
	return ps_read_once(s->key.len);
}

/* The same as a separate function, where the verifier would check its loop too often. */
__noinline __u32 ps_key_scan(__u32 hook, __u32 pos)
{
	struct ps_scratch *s = ps_scratch(hook);

	return s ? ps_key_scan_here(s, hook, pos) : 0;
}

static __always_inline __u32 ps_set_of(__u64 hash)
{
	return hash & ps_config.set_mask;
}

static __always_inline __u32 ps_tag_of(__u64 hash)
{
	return (__u32)(hash >> (64 - 32 + PS_CLASS_BITS)) << PS_CLASS_BITS;
}

/* The index line of a set. *base is the place of the set's first word in it. */
static __always_inline struct ps_index_line *ps_line_of(__u32 set, __u32 *base)
{
	__u32 slot = set * ps_config.ways;
	__u32 line = slot / PS_INDEX_WORDS;

	*base = slot;
	return bpf_map_lookup_elem(&ps_index, &line);
}

#define ps_word(line, base, way) ((line)->word[((base) + (way)) & (PS_INDEX_WORDS - 1)])

static __always_inline struct ps_entry *ps_small_at(__u32 set, __u32 way)
{
	__u32 i = set * ps_config.ways + way;

	return bpf_map_lookup_elem(&ps_small, &i);
}

static __always_inline struct ps_entry *ps_large_at(__u32 set, __u32 way)
{
	__u32 i = (set & ps_config.large_mask) * ps_config.ways + way;

	return bpf_map_lookup_elem(&ps_large, &i);
}

/* The entry of a way, in the table that the class in its index word names. */
static __always_inline struct ps_entry *ps_entry_at(__u32 word, __u32 set, __u32 way)
{
	return (word & PS_CLASS_MASK) == PS_CLASS_LARGE ? ps_large_at(set, way)
							: ps_small_at(set, way);
}

/*
 * Whether an entry may be served: filled in this epoch, and not expired. The clock is read only
 * where it matters. Its call also keeps the verifier from following all registers of the caller.
 */
static __always_inline bool ps_entry_live(const struct ps_entry *e, __u32 epoch)
{
	__u64 expires = ps_read_once(e->expires);

	return epoch && ps_read_once(e->epoch) == epoch &&
	       (expires == PS_EXPIRES_NEVER || !ps_may_be_over(expires, bpf_ktime_get_coarse_ns()));
}

/* Whether the entry has the current key and may be served. `words`: room of the entry's class. */
static __always_inline bool ps_entry_match(struct ps_entry *e, const struct ps_scratch *s,
					   __u32 epoch, __u32 words)
{
	const __u64 *data = (const __u64 *)(e + 1);

	if (e->key_len != s->key.len || e->service != s->pkt.service || !ps_entry_live(e, epoch))
		return false;
	for (__u32 i = 0; i < PS_KEY_WORDS; i++) {
		if (i * 8 >= s->key.len || i >= words)
			break;
		if (data[i] != s->key.word[i])
			return false;
	}
	return true;
}

static __always_inline void ps_hit_note(struct ps_hit *hit, struct ps_entry *e, __u32 seq)
{
	hit->seq = seq;
	hit->flags = e->flags;
	hit->expires = ps_read_once(e->expires);
	hit->value_len = e->value_len;
	hit->value_word = (e->key_len + 7) / 8;
	if (!e->used)
		e->used = 1;
}

/*
 * Misses often come one after another, and a miss needs its fence. So after a miss the fence is
 * fetched together with the index, and not after it.
 */
static __always_inline void ps_prefetch_miss(struct ps_scratch *s)
{
	const struct ps_fence *f;

	if (s->missing) {
		f = ps_fence_of(s->key.hash);
		if (f)
			(void)ps_read_once(f->generation);
	}
	s->missing = 1;
}

/*
 * Looks up s->key. If true, *hit describes the entry as it was a moment ago. Use nothing of it
 * before ps_put_value has copied the value and returned 0. XDP only.
 */
static __always_inline bool ps_lookup(struct ps_scratch *s, struct ps_hit *hit)
{
	struct ps_service_state *state = ps_state_of(s->pkt.service);
	__u32 set = ps_set_of(s->key.hash), tag = ps_tag_of(s->key.hash), base, epoch;
	struct ps_index_line *line = ps_line_of(set, &base);

	hit->small = NULL;
	hit->large = NULL;
	if (!line || !state)
		return false;
	ps_prefetch_miss(s);
	epoch = ps_read_once(state->epoch);
	for (__u32 way = 0; way < PS_MAX_WAYS; way++) {
		struct ps_entry *e;
		__u32 word, seq;

		if (way >= ps_config.ways)
			break;
		word = ps_read_once(ps_word(line, base, way));
		if ((word & ~PS_CLASS_MASK) != tag)
			continue;
		if ((word & PS_CLASS_MASK) == PS_CLASS_SMALL) {
			e = ps_small_at(set, way);
			if (!e)
				continue;
			seq = ps_read_once(e->seq);
			ps_ordered();
			if ((seq & 1) || !ps_entry_match(e, s, epoch, PS_SMALL_WORDS))
				continue;
			hit->small = e;
			s->missing = 0;
			ps_hit_note(hit, e, seq);
			return true;
		}
		if ((word & PS_CLASS_MASK) == PS_CLASS_LARGE) {
			e = ps_large_at(set, way);
			if (!e)
				continue;
			seq = ps_read_once(e->seq);
			ps_ordered();
			if ((seq & 1) || !ps_entry_match(e, s, epoch, ps_config.large_room / 8))
				continue;
			hit->large = e;
			s->missing = 0;
			ps_hit_note(hit, e, seq);
			return true;
		}
	}
	return false;
}

/*
 * Writes the value of a hit to out[pos]. Returns 0. Returns -1 if the entry has changed meanwhile
 * or the value does not fit; then nothing in out[] may be sent.
 */
static __always_inline int ps_put_value_at(struct ps_scratch *s, __u32 pos,
					   const struct ps_hit *hit)
{
	__u32 len = hit->value_len, seq;

	if (len > ps_config.max_value || pos >= PS_OUT_SIZE)
		return -1;
	if (hit->small) {
		const __u64 *data = (const __u64 *)(hit->small + 1);

		for (__u32 i = 0; i < PS_SMALL_WORDS; i++) {
			__u32 from = hit->value_word + i, to = pos + i * 8;

			ps_opaque(from);
			if (i * 8 >= len || from >= PS_SMALL_WORDS)
				break;
			ps_opaque(to);
			ps_store64(s->out + (to & (PS_OUT_SIZE - 1)), data[from]);
		}
		ps_ordered();
		seq = ps_read_once(hit->small->seq);
	} else if (hit->large) {
		const __u64 *data = (const __u64 *)(hit->large + 1);

		/*
		 * Tested again right before its use: the verifier of Linux 6.1 loses the bound on
		 * the way here.
		 */
		ps_opaque(pos);
		ps_opaque(len);
		if (len > ps_config.max_value ||
		    bpf_probe_read_kernel(s->out + (pos & (PS_OUT_SIZE - 1)), len,
					  data + hit->value_word))
			return -1;
		ps_ordered();
		seq = ps_read_once(hit->large->seq);
	} else {
		return -1;
	}
	return seq == hit->seq ? 0 : -1;
}

/* The same, appended to out[]. */
static __always_inline int ps_put_value(struct ps_scratch *s, const struct ps_hit *hit)
{
	if (ps_put_value_at(s, s->out_len, hit))
		return -1;
	s->out_len += hit->value_len;
	return 0;
}

/* Whether the entry that ps_lookup found is unchanged. For answers that need only its length. */
static __always_inline bool ps_hit_stands(const struct ps_hit *hit)
{
	ps_ordered();
	if (hit->small)
		return ps_read_once(hit->small->seq) == hit->seq;
	return hit->large && ps_read_once(hit->large->seq) == hit->seq;
}

#endif /* PRESTACK_CACHE_LOOKUP_BPF_H */
