/* SPDX-License-Identifier: GPL-2.0-only */
/* How least.bpf.c and load/peer/follower.bpf.c read a request: no more than they need of it. */
#ifndef PRESTACK_BENCH_LEAST_H
#define PRESTACK_BENCH_LEAST_H

#include <prestack/cursor.h>

#define LEAST_KEY_WORDS 32

static __always_inline __u64 least_mix(__u64 h, __u64 w)
{
	h = (h ^ w) * 0x9e3779b97f4a7c15ULL;
	return h ^ (h >> 32);
}

/* The hash of the key at *pos, and *pos behind the byte that ends it. */
static __always_inline __u64 least_key(const struct ps_cursor *c, __u32 *pos)
{
	__u64 hash = 0;

	for (int i = 0; i < LEAST_KEY_WORDS; i++) {
		__u64 w = ps_cursor_word(c, *pos), marks = ps_bytes_below(w, 0x21);

		if (marks)
			w &= ps_low_bytes(ps_first_marked(marks));
		hash = least_mix(hash, w);
		if (marks) {
			*pos += ps_first_marked(marks) + 1;
			break;
		}
		*pos += 8;
	}
	return hash;
}

/* The number at *pos, and *pos behind the byte that ends it. */
static __always_inline __u32 least_number(const struct ps_cursor *c, __u32 *pos)
{
	__u32 number = 0;

	for (int i = 0; i < 8; i++) {
		__u32 digit = ps_cursor_at(c, (*pos)++) - '0';

		if (digit > 9)
			break;
		number = number * 10 + digit;
	}
	return number;
}

#endif /* PRESTACK_BENCH_LEAST_H */
