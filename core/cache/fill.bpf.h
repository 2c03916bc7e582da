/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fills the cache from the server's replies, at egress.
 *
 * The order matters (docs/coherence.md). A filler owns the entry by an odd sequence, publishes the
 * index word, copies, and then checks the generation, under the entry's lock. A writer changes the
 * generation first and searches the index after that. So either the writer finds the entry, or the
 * filler sees the new generation.
 */
#ifndef PRESTACK_CACHE_FILL_BPF_H
#define PRESTACK_CACHE_FILL_BPF_H

#include "vmlinux.h"
#include "cache/lookup.bpf.h"
#include "coherence/fence.bpf.h"
#include "runtime/lock.bpf.h"
#include "runtime/maps.bpf.h"
#include "runtime/scratch.bpf.h"
#include "runtime/stats.bpf.h"
#include "runtime/verifier.bpf.h"
#include "service/sender.bpf.h"
#include "service/service.bpf.h"
#include <bpf/bpf_helpers.h>
#include <prestack/counters.h>
#include <prestack/cursor.h>
#include <prestack/types.h>

/*
 * Whether user space has been asked when this entry expires. Such an entry is not filled again
 * until the answer should have come. Another fill would make the answer void, and under many reads
 * there would never be an answer.
 */
static __always_inline bool ps_entry_awaits_expiry(const struct ps_entry *e, __u32 epoch, __u64 now)
{
	__u16 since = (__u16)(now >> PS_QUESTION_SHIFT) - ps_read_once(e->questioned_at);

	return ps_read_once(e->expires) == PS_EXPIRES_UNKNOWN && ps_read_once(e->epoch) == epoch &&
	       since <= PS_QUESTION_TIME;
}

/*
 * Chooses the way of the key's set to fill. It is the way with the same tag; else an empty one;
 * else the first one whose entry is dead or was not used since the last search passed it (second
 * chance). The search starts at a random way. So sets that share large elements do not all take the
 * same ones. Returns less than 0 if an entry with this tag waits for its expiry.
 */
__noinline int ps_victim(__u64 hash, __u32 epoch, __u64 now)
{
	__u32 set = ps_set_of(hash), tag = ps_tag_of(hash), base;
	__u32 start = bpf_get_prandom_u32(), empty = PS_MAX_WAYS;
	struct ps_index_line *line = ps_line_of(set, &base);

	if (!line)
		return -1;
	for (__u32 i = 0; i < PS_MAX_WAYS; i++) {
		__u32 way = (start + i) & (ps_config.ways - 1), word;
		struct ps_entry *e;

		if (i >= ps_config.ways)
			break;
		word = ps_read_once(ps_word(line, base, way));
		if ((word & ~PS_CLASS_MASK) == tag && (word & PS_CLASS_MASK)) {
			e = ps_entry_at(word, set, way);
			return e && ps_entry_awaits_expiry(e, epoch, now) ? -1 : (int)way;
		}
		if (!(word & PS_CLASS_MASK))
			empty = way;
	}
	if (empty < PS_MAX_WAYS)
		return empty;
	for (__u32 i = 0; i < PS_MAX_WAYS; i++) {
		__u32 way = (start + i) & (ps_config.ways - 1);
		struct ps_entry *e;

		if (i >= ps_config.ways)
			break;
		e = ps_entry_at(ps_read_once(ps_word(line, base, way)), set, way);
		if (!e || !e->used ||
		    (!ps_entry_live(e, epoch) && !ps_entry_awaits_expiry(e, epoch, now)))
			return way;
		e->used = 0;
	}
	return start & (ps_config.ways - 1);
}

/*
 * Fetches the memory of an entry that will be filled with `room` bytes, while other work goes on.
 * It uses a store, since a store does not wait for memory as a load does. `used` may be
 * overwritten: it is a hint, and the search has just looked at it.
 */
static __always_inline void ps_prefetch_entry(__u32 set, __u32 way, __u32 room)
{
	struct ps_entry *e;

	if (room <= PS_SMALL_WORDS * 8)
		e = ps_small_at(set, way);
	else
		e = ps_large_at(set, way);
	if (e)
		*(volatile typeof(e->used) *)&e->used = 0;
}

/* Takes the entry for filling. False: another filler has it. */
static __always_inline bool ps_entry_own(struct ps_entry *e)
{
	bool own = false;

	bpf_spin_lock(&e->lock);
	if (!(e->seq & 1)) {
		e->seq++;
		own = true;
	}
	bpf_spin_unlock(&e->lock);
	ps_ordered();
	return own;
}

/*
 * Ends the filling. The entry may be served if no write arrived since the lease was given, and no
 * reply to a write left. Returns whether it may, and its sequence number.
 */
static __always_inline bool ps_entry_publish(struct ps_entry *e, const struct ps_fence *f,
					     __u32 generation, __u32 epoch, __u32 *seq)
{
	bool good;

	bpf_spin_lock(&e->lock);
#ifdef PRESTACK_BREAK_GENERATION
	good = true; /* tests only: a defect that the litmus tests must find */
#else
	good = ps_read_once(f->generation) == generation;
#endif
	e->epoch = good ? epoch : 0;
	*seq = e->seq + 1;
	e->seq = *seq;
	bpf_spin_unlock(&e->lock);
	return good;
}

static __always_inline void ps_entry_describe(struct ps_entry *e, const struct ps_scratch *s,
					      __u32 len, __u32 flags, __u64 expires)
{
	e->flags = flags;
	e->expires = expires;
	e->questioned_at = s->pkt.now >> PS_QUESTION_SHIFT;
	e->value_len = len;
	e->key_len = s->key.len;
	e->service = s->pkt.service;
	e->used = 0;
}

/* Copies key and value into a small entry. */
static __always_inline void ps_small_copy(struct ps_entry *e, const struct ps_scratch *s,
					  __u32 from, __u32 len)
{
	const struct ps_cursor c = {.buf = s->in};
	__u32 key_words = (s->key.len + 7) / 8;
	__u64 *data = (__u64 *)(e + 1);

	for (__u32 i = 0; i < PS_SMALL_WORDS; i++) {
		if (i >= key_words)
			break;
		data[i] = s->key.word[i];
	}
	for (__u32 i = 0; i < PS_SMALL_WORDS; i++) {
		__u32 to = key_words + i;

		ps_opaque(to);
		if (i * 8 >= len || to >= PS_SMALL_WORDS)
			break;
		data[to] = ps_cursor_word(&c, from + i * 8);
	}
}

/* The same for a large entry, which has room for the largest key and value. */
static __always_inline void ps_large_copy(struct ps_entry *e, const struct ps_scratch *s,
					  __u32 from, __u32 len)
{
	__u32 key_words = (s->key.len + 7) / 8;
	__u8 *data = (__u8 *)(e + 1);

	/*
	 * Bounds are tested right before their use: the verifier of Linux 6.1 loses those of a
	 * spilled value.
	 */
	ps_opaque(key_words);
	if (key_words > (ps_config.max_key + 7) / 8)
		return;
	bpf_probe_read_kernel(data, key_words * 8, s->key.word);
	ps_opaque(from);
	ps_opaque(len);
	if (len > ps_config.max_value)
		return;
	bpf_probe_read_kernel(data + key_words * 8, len, s->in + (from & (PS_IN_SIZE - 1)));
}

/*
 * Takes an entry for filling and publishes its index word. False, and counted, if another filler
 * has it. The word must be published before the generation is checked. Readers refuse the entry
 * meanwhile, since its sequence is odd.
 */
static __always_inline bool ps_fill_begin(struct ps_entry *e, const struct ps_scratch *s,
					  __u32 *word, __u32 value, __u32 epoch, bool *evicts)
{
	*evicts = ps_entry_live(e, epoch) &&
		  (ps_read_once(*word) & ~PS_CLASS_MASK) != (value & ~PS_CLASS_MASK);
	if (!ps_entry_own(e)) {
		ps_count(s->pkt.service, PS_COUNT_nofill_busy);
		return false;
	}
	__sync_lock_test_and_set(word, value);
	return true;
}

static __always_inline void ps_expiry_question_put(struct ps_expiry_question *q,
						   const struct ps_scratch *s, __u32 table,
						   __u32 index, __u32 seq)
{
	q->table = table;
	q->index = index;
	q->seq = seq;
	q->service = s->pkt.service;
	q->key_len = s->key.len;
	q->reserved = 0;
	for (__u32 i = 0; i < PS_BRIEF_KEY / 8; i++)
		q->key[i] = s->key.word[i];
}

/*
 * Asks user space when the entry of s->key expires. If there is no room for the question, the next
 * fill asks again.
 *
 * Most keys are short, and a short record leaves more of the CPU's caches to the server. Waking
 * user space costs an interrupt and two task switches, which the server would pay for. So it is
 * woken once in a tick of this CPU; once awake it goes on reading for a while.
 */
static __always_inline void ps_ask_expiry(struct ps_scratch *s, __u32 table, __u32 index, __u32 seq)
{
	__u64 wake = s->woke == s->tick ? BPF_RB_NO_WAKEUP : BPF_RB_FORCE_WAKEUP;
	struct ps_expiry_question *q;

	if (s->key.len <= PS_BRIEF_KEY) {
		q = bpf_ringbuf_reserve(&ps_expiry_questions, PS_BRIEF_QUESTION, 0);
		if (!q)
			return;
		ps_expiry_question_put(q, s, table, index, seq);
		bpf_ringbuf_submit(q, wake);
	} else {
		q = bpf_ringbuf_reserve(&ps_expiry_questions, sizeof(*q), 0);
		if (!q)
			return;
		ps_expiry_question_put(q, s, table, index, seq);
		bpf_probe_read_kernel(q->key, sizeof(q->key), s->key.word);
		bpf_ringbuf_submit(q, wake);
	}
	s->woke = s->tick;
	ps_count(s->pkt.service, PS_COUNT_questions);
}

/*
 * Fills the cache with the value of s->key from the server's reply that is leaving: `len` bytes at
 * in[from], with the plug-in's word `flags`. It does so only if this reply holds the lease.
 * `request` is the number that ps_lease_take got for the request.
 *
 * `expires` is in ns of CLOCK_MONOTONIC, or PS_EXPIRES_NEVER. With PS_EXPIRES_UNKNOWN the entry is
 * served only once its expiry is known, from a write seen earlier or from user space. TC egress.
 */
static __always_inline void ps_fill(struct __sk_buff *skb, struct ps_scratch *s, __u32 request,
				    __u32 from, __u32 len, __u32 flags, __u64 expires)
{
	__u32 service = s->pkt.service, room = (s->key.len + 7) / 8 * 8 + len;
	__u32 set = ps_set_of(s->key.hash), tag = ps_tag_of(s->key.hash), base, way;
	struct ps_service_state *state = ps_state_of(service);
	struct ps_fence *f = ps_fence_of(s->key.hash);
	struct ps_index_line *line = ps_line_of(set, &base);
	__u32 epoch, generation, *word, seq, table;
	bool evicts = false;
	int victim;
	struct ps_service_conf *conf;
	struct ps_entry *e;
	__u64 lease;

	if (!state || !f || !line)
		return;
	conf = ps_conf_of(service, state);
	if (!conf)
		return;
	if (s->key.len > ps_config.max_key || len > ps_config.max_value)
		return ps_count(service, PS_COUNT_nofill_size);
	epoch = ps_read_once(state->epoch);
	generation = ps_read_once(f->generation);
	lease = ps_lease_of(s, request, generation, epoch);
	if (ps_read_once(f->lease) != lease)
		return ps_count(service, PS_COUNT_nofill_lease);
	victim = ps_victim(s->key.hash, epoch, s->pkt.now);
	way = victim;
	if (victim < 0 || way >= ps_config.ways)
		return ps_count(service, PS_COUNT_nofill_expiry_pending);
	ps_prefetch_entry(set, way, room);
	if (!ps_sender_is_server(skb, s, conf))
		return ps_count(service, PS_COUNT_nofill_sender);
	if (__sync_val_compare_and_swap(&f->lease, lease, 0) != lease)
		return ps_count(service, PS_COUNT_nofill_lease);
	word = &ps_word(line, base, way);
	if (expires == PS_EXPIRES_UNKNOWN)
		expires = ps_fence_expiry(f, s->key.hash, generation, epoch);
	/*
	 * Two whole branches: otherwise the verifier of Linux 6.1 forgets which table `e` is from.
	 */
	if (room <= PS_SMALL_WORDS * 8) {
		table = PS_CLASS_SMALL;
		e = ps_small_at(set, way);
		if (!e || !ps_fill_begin(e, s, word, tag | PS_CLASS_SMALL, epoch, &evicts))
			return;
		ps_entry_describe(e, s, len, flags, expires);
		ps_small_copy(e, s, from, len);
	} else {
		table = PS_CLASS_LARGE;
		set &= ps_config.large_mask;
		e = ps_large_at(set, way);
		if (!e || !ps_fill_begin(e, s, word, tag | PS_CLASS_LARGE, epoch, &evicts))
			return;
		ps_entry_describe(e, s, len, flags, expires);
		ps_large_copy(e, s, from, len);
	}
	if (!ps_entry_publish(e, f, generation, epoch, &seq))
		return ps_count(service, PS_COUNT_nofill_raced);
	ps_count(service, PS_COUNT_fills);
	if (evicts)
		ps_count(service, PS_COUNT_evictions);
	if (expires == PS_EXPIRES_UNKNOWN)
		ps_ask_expiry(s, table, set * ps_config.ways + way, seq);
}

#endif /* PRESTACK_CACHE_FILL_BPF_H */
