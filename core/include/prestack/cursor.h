/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A bounded cursor over a copied payload. Pure: the same code compiles for BPF and natively, so
 * that a parser written with it can be unit-tested and fuzzed.
 *
 * The buffer behind a cursor always has PS_IN_SIZE + PS_IN_SLACK bytes, whatever `end` says: eight
 * bytes can be loaded at any position. Bytes at or after `end` are leftovers of other packets;
 * a result must never depend on them (the fuzzers check this).
 *
 * The buffer size is a power of two and every access is masked with it, which is what lets the
 * verifier accept parsers without a comparison against packet pointers in each loop.
 */
#ifndef PRESTACK_CURSOR_H
#define PRESTACK_CURSOR_H

#include <prestack/types.h>

#define PS_IN_SLACK 64
#define PS_IN_BUFFER (PS_IN_SIZE + PS_IN_SLACK)

#ifdef __bpf__
/* Keeps the compiler from proving the mask away: the verifier has to see it. */
#define ps_opaque(v) asm volatile("" : "+r"(v))
#define ps_inline static __always_inline
#else
#include <string.h>
#define ps_opaque(v) ((void)(v))
#define ps_inline static inline
#endif

struct ps_cursor {
	const __u8 *buf; /* PS_IN_BUFFER bytes */
	__u32 pos; /* next byte */
	__u32 end; /* first byte that is not part of the message; <= PS_IN_SIZE */
};

/* Eight bytes at p, little endian, no alignment needed (all targets of BPF here allow that). */
ps_inline __u64 ps_load64(const void *p)
{
#ifdef __bpf__
	return *(const __u64 *)p;
#else
	__u64 v;

	memcpy(&v, p, sizeof(v));
	return v;
#endif
}

ps_inline void ps_store64(void *p, __u64 v)
{
#ifdef __bpf__
	*(__u64 *)p = v;
#else
	memcpy(p, &v, sizeof(v));
#endif
}

/* Bytes left before the end. */
ps_inline __u32 ps_cursor_left(const struct ps_cursor *c)
{
	return c->pos < c->end ? c->end - c->pos : 0;
}

/* Byte at absolute position pos; anything beyond the end is a leftover, see above. */
ps_inline __u8 ps_cursor_at(const struct ps_cursor *c, __u32 pos)
{
	ps_opaque(pos);
	return c->buf[pos & (PS_IN_SIZE - 1)];
}

/* Eight bytes at absolute position pos; bytes beyond the end are leftovers. */
ps_inline __u64 ps_cursor_word(const struct ps_cursor *c, __u32 pos)
{
	ps_opaque(pos);
	return ps_load64(c->buf + (pos & (PS_IN_SIZE - 1)));
}

/* Mask with the n low bytes set, n = 0..8. */
ps_inline __u64 ps_low_bytes(__u32 n)
{
	return n >= 8 ? ~0ULL : (1ULL << (n * 8)) - 1;
}

/*
 * Index of the first byte of w, from the low end, that is <= 0x20 (control or space); 8 if none.
 * "Determine if a word has a byte less than n", Anderson, Bit Twiddling Hacks: the lowest marker
 * is exact, and that is the only one used. BPF has no count-trailing-zeros, hence the multiplication.
 */
ps_inline __u32 ps_word_blank(__u64 w)
{
	const __u64 ones = 0x0101010101010101ULL;
	__u64 marks = (w - ones * 0x21) & ~w & (ones * 0x80);

	if (!marks)
		return 8;
	return (__u32)(((((marks & -marks) - 1) & ones) * ones) >> 56) - 1;
}

/*
 * Length of the run of bytes > 0x20 at pos, at most max (and never past the end). max <= 8 * PS_KEY_WORDS.
 */
ps_inline __u32 ps_cursor_token(const struct ps_cursor *c, __u32 pos, __u32 max)
{
	__u32 len = 0, left = pos < c->end ? c->end - pos : 0;

	if (left < max)
		max = left;
	for (__u32 i = 0; i < PS_KEY_WORDS; i++) {
		__u32 run;

		if (len >= max)
			break;
		run = ps_word_blank(ps_cursor_word(c, pos + len));
		len += run;
		if (run < 8)
			break;
	}
	return len < max ? len : max;
}

#define PS_MAX_DIGITS 10

/*
 * Decimal number at pos, ended by any byte that is no digit. Stores the value and returns the
 * number of digits; 0 if there is none, it has more than PS_MAX_DIGITS digits, exceeds 32 bits,
 * or runs into the end.
 */
ps_inline __u32 ps_cursor_number(const struct ps_cursor *c, __u32 pos, __u32 *value)
{
	__u64 v = 0;

	for (__u32 i = 0; i <= PS_MAX_DIGITS; i++) {
		__u32 d;

		if (pos + i >= c->end)
			return 0;
		d = (__u32)ps_cursor_at(c, pos + i) - '0';
		if (d > 9) {
			*value = (__u32)v;
			return v <= 0xffffffffULL ? i : 0;
		}
		v = v * 10 + d;
	}
	return 0;
}

#endif /* PRESTACK_CURSOR_H */
