/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The cache: keys, the index, looking up. Filling is in cache/fill.bpf.h, writes in cache/invalidate.bpf.h; these three
 * are the only users of entry locks.
 *
 * Two tables of entries (small and large elements) hang on one set-associative index. An index
 * word is a hint; the entry, with its full key, epoch and service, is the truth. So a large
 * element may be shared by several sets, and a stale word costs a miss, never a wrong answer.
 *
 * Readers take no lock: they copy, and then look whether `seq` is still what it was. A filler owns
 * an entry by making `seq` odd under the lock, copies without it (helpers are not allowed under a
 * lock), and decides under the lock whether what it copied may be served.
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

/* A candidate for a hit; exactly one of small and large is set. */
struct ps_hit {
	struct ps_entry *small;
	struct ps_entry *large;
	__u32 seq;
	__u32 flags; /* the word given at fill */
	__u64 expires; /* as in the entry: a time, or enum ps_expires */
	__u32 value_len;
	__u32 value_word; /* index of the value's first word in the entry's data */
};

/* First and last step of a key's hash; ps_mix of each word is between them. */
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
 * Makes the `len` <= PS_MAX_KEY bytes at in[pos] of a hook's payload the current key, s->key: padded
 * with zeros to whole words, and hashed eight bytes at a time, seeded per load, with the service.
 */
static __always_inline void ps_key_load(__u32 hook, __u32 pos, __u32 len)
{
	ps_hook_key_load(hook, pos, len);
}

/*
 * Finds a token as ps_cursor_token does, at in[pos], and makes it the current key as ps_key_load
 * does, in one pass. Returns its length; if that is 0 or beyond PS_MAX_KEY there is no current key.
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
	/* Read anew, so that the verifier sees one length here and not one per turn of the loop. */
	return ps_read_once(s->key.len);
}

/* The same in a function of its own, for where the verifier would look at its loop too often. */
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

/* The index line of a set; *base is the set's first word in it. */
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

/* The element of a way, by the class that the index word `word` tells. */
static __always_inline struct ps_entry *ps_entry_at(__u32 word, __u32 set, __u32 way)
{
	return (word & PS_CLASS_MASK) == PS_CLASS_LARGE ? ps_large_at(set, way)
							: ps_small_at(set, way);
}

/*
 * Whether an entry is one at all: filled in this epoch, and not expired. The clock is asked only where
 * it matters; a call is also what keeps the verifier from following all of the caller's registers.
 */
static __always_inline bool ps_entry_live(const struct ps_entry *e, __u32 epoch)
{
	__u64 expires = ps_read_once(e->expires);

	return epoch && ps_read_once(e->epoch) == epoch &&
	       (expires == PS_EXPIRES_NEVER || !ps_may_be_over(expires, bpf_ktime_get_coarse_ns()));
}

/* Compares key and state; `words` is the room of the entry's class. */
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
 * Misses come in rows, and a miss wants its fence: if the last look-up was one, that memory is fetched together
 * with the index' and not after it.
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
 * Looks up s->key. On true, *hit describes an entry as it was a moment ago: nothing of it counts
 * until ps_put_value has copied the value and returned 0. XDP only.
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
 * Writes the value of a hit to out[pos]. Returns 0, or -1 if the entry changed meanwhile or the value
 * does not fit: then out[] holds nothing that may be sent.
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

		/* Once more, next to its use: 6.1's verifier loses the bound on the way here. */
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

/* Whether what ps_lookup found is still there: for answers that need no more than its length. */
static __always_inline bool ps_hit_stands(const struct ps_hit *hit)
{
	ps_ordered();
	if (hit->small)
		return ps_read_once(hit->small->seq) == hit->seq;
	return hit->large && ps_read_once(hit->large->seq) == hit->seq;
}

#endif /* PRESTACK_CACHE_LOOKUP_BPF_H */
