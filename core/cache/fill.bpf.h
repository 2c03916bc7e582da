/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Filling the cache from the server's own replies, at egress.
 *
 * Order matters, see docs/coherence.md: own the entry (odd sequence), publish the index word, copy,
 * and look at the generation last, under the entry's lock. A writer bumps the generation first
 * and scans the index after, so either it finds the entry or the filler sees the bump.
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
 * Whether user space is being asked when this entry expires. It is left alone while the answer is
 * waited for: another fill would make the answer void, and with enough reads there would never be one.
 */
static __always_inline bool ps_entry_awaits_expiry(const struct ps_entry *e, __u32 epoch, __u64 now)
{
	__u16 since = (__u16)(now >> PS_QUESTION_SHIFT) - ps_read_once(e->questioned_at);

	return ps_read_once(e->expires) == PS_EXPIRES_UNKNOWN && ps_read_once(e->epoch) == epoch &&
	       since <= PS_QUESTION_TIME;
}

/*
 * Way of the key's set to fill: one with the same tag, else an empty one, else the first whose entry is
 * dead or was not used since the last search that passed it (second chance). The start is random,
 * also among empty ways: sets that share large elements should not all take the same ones. Below
 * zero: there is an entry of that tag that waits for an answer.
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
 * This entry is going to be filled with `room` bytes: its memory is fetched while something else is done. A
 * store does not wait for that as a load would; `used` is a hint, and the victim's was just looked at.
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

/* Takes the entry for filling; false if somebody else has it. */
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
 * Ends filling: an entry if no write arrived since the lease, and no reply to one left. Returns whether
 * it is, and its sequence number.
 */
static __always_inline bool ps_entry_publish(struct ps_entry *e, const struct ps_fence *f,
					     __u32 generation, __u32 epoch, __u32 *seq)
{
	bool good;

	bpf_spin_lock(&e->lock);
#ifdef PRESTACK_BREAK_GENERATION
	good = true; /* tests only: the defect that the litmus must find */
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

/* The same for a large entry, whose room is that of the largest key and value. */
static __always_inline void ps_large_copy(struct ps_entry *e, const struct ps_scratch *s,
					  __u32 from, __u32 len)
{
	__u32 key_words = (s->key.len + 7) / 8;
	__u8 *data = (__u8 *)(e + 1);

	/* Bounds right before their use: 6.1's verifier loses those of a value that is spilled. */
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
 * Takes an entry for filling and publishes its index word; false, counted, if another filler has it.
 * The word is published before the generation is looked at; readers refuse an odd sequence.
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
 * Asks user space when the entry of s->key expires. If there is no room, the next fill asks again. Most keys are
 * short, and a short record leaves more of the caches to the server. Waking user space up is an interrupt and two
 * switches of tasks, which the server would pay for: once per tick of this CPU, since who is woken goes on to look for
 * a while.
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
 * The server's reply that is leaving holds the value of s->key: `len` bytes at in[from], with the
 * plug-in's word `flags`. `request` is the number that ps_lease_take was given for the request that
 * this answers. Fills the cache if this reply holds the lease. `expires`: ns of CLOCK_MONOTONIC,
 * PS_EXPIRES_NEVER, or PS_EXPIRES_UNKNOWN: then the entry is served once that is known, from the write
 * that was seen going by or from user space. TC egress.
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
	/* Two whole branches: 6.1's verifier forgets on the way which table `e` is of. */
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
