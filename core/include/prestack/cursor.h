/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A bounded cursor over a copied payload. No access to maps: the same code compiles for BPF and
 * natively, so a parser written with it can be unit-tested and fuzzed.
 *
 * The buffer behind a cursor always has PS_IN_SIZE + PS_IN_SLACK bytes, whatever `end` says, so
 * eight bytes can be loaded at any position. The bytes at and after `end` are left over from other
 * packets. A result must never depend on them, and the fuzzers check that it does not.
 *
 * The size of the buffer is a power of two, and every access is masked with it. So the verifier
 * accepts parsers that do not compare with packet pointers in each loop.
 */
#ifndef PRESTACK_CURSOR_H
#define PRESTACK_CURSOR_H

#include <prestack/types.h>

#define PS_IN_SLACK 64
#define PS_IN_BUFFER (PS_IN_SIZE + PS_IN_SLACK)

#ifdef __bpf__
#include <bpf/bpf_helpers.h>

/*
 * Hides a value from the compiler, so that it keeps a mask that it could prove needless. The
 * verifier needs it.
 */
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
	__u32 hook; /* BPF: whose scratch buf is, enum ps_hook */
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

/* Byte at position pos. Beyond the end it is a leftover, see above. */
ps_inline __u8 ps_cursor_at(const struct ps_cursor *c, __u32 pos)
{
	ps_opaque(pos);
	return c->buf[pos & (PS_IN_SIZE - 1)];
}

/* Eight bytes at position pos. Those beyond the end are leftovers. */
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

#define PS_ONES 0x0101010101010101ULL

/*
 * Marks the bytes of w that are less than n (n <= 0x80) in bit 7 of each. Only the lowest mark is
 * exact, and only that one is used ("Determine if a word has a byte less than n", Anderson, Bit
 * Twiddling Hacks).
 */
ps_inline __u64 ps_bytes_below(__u64 w, __u32 n)
{
	return (w - PS_ONES * n) & ~w & (PS_ONES * 0x80);
}

/* Index of the lowest marked byte, 0..7; marks != 0. BPF has no count-trailing-zeros. */
ps_inline __u32 ps_first_marked(__u64 marks)
{
	return (__u32)(((((marks & -marks) - 1) & PS_ONES) * PS_ONES) >> 56) - 1;
}

/*
 * The loops. Each works on the bare buffer. For BPF each is called through a global function
 * (runtime/scratch.bpf.h), which the verifier checks once. Inlined into a parser with tens of
 * branches, it would be checked once for each path that leads there, and exceed the verifier's
 * budget.
 */

/* See ps_cursor_token. */
ps_inline __u32 ps_scan_token(const __u8 *buf, __u32 end, __u32 pos, __u32 max)
{
	const struct ps_cursor c = {.buf = buf, .pos = pos, .end = end, .hook = 0};
	__u32 len = 0, left = pos < end ? end - pos : 0;

	if (left < max)
		max = left;
	for (__u32 i = 0; i < PS_KEY_WORDS; i++) {
		__u64 marks;

		if (len >= max)
			break;
		marks = ps_bytes_below(ps_cursor_word(&c, pos + len), ' ' + 1);
		if (marks) {
			len += ps_first_marked(marks);
			break;
		}
		len += 8;
	}
	return len < max ? len : max;
}

#define PS_LINE_WORDS (PS_IN_SIZE / 8)

/* See ps_cursor_line. */
ps_inline __u32 ps_scan_line(const __u8 *buf, __u32 end, __u32 pos)
{
	const struct ps_cursor c = {.buf = buf, .pos = pos, .end = end, .hook = 0};

	for (__u32 i = 0; i < PS_LINE_WORDS; i++) {
		__u64 marks;

		if (pos >= end)
			break;
		/* A newline becomes a zero byte, the only one below 1. */
		marks = ps_bytes_below(ps_cursor_word(&c, pos) ^ (PS_ONES * '\n'), 1);
		if (marks) {
			pos += ps_first_marked(marks) + 1;
			return pos <= end ? pos : 0;
		}
		pos += 8;
	}
	return 0;
}

#define PS_MAX_BLANKS 8 /* spaces stepped over at once */

/* See ps_cursor_blanks. */
ps_inline __u32 ps_scan_blanks(const __u8 *buf, __u32 end, __u32 pos)
{
	const struct ps_cursor c = {.buf = buf, .pos = pos, .end = end, .hook = 0};

	for (__u32 i = 0; i < PS_MAX_BLANKS; i++) {
		if (pos >= end || ps_cursor_at(&c, pos) != ' ')
			break;
		pos++;
	}
	return pos;
}

#define PS_MAX_LONG_DIGITS 20 /* of a 64-bit number */

/* See ps_cursor_digits. */
ps_inline __u32 ps_scan_digits(const __u8 *buf, __u32 end, __u32 pos)
{
	const struct ps_cursor c = {.buf = buf, .pos = pos, .end = end, .hook = 0};
	__u32 digits = 0;

	for (__u32 i = 0; i < PS_MAX_LONG_DIGITS; i++) {
		__u32 d;

		if (pos + i >= end)
			break;
		d = (__u32)ps_cursor_at(&c, pos + i) - '0';
		if (d > 9)
			break;
		digits++;
	}
	return digits;
}

#define PS_MAX_DIGITS 10

/* See ps_cursor_number. Returns digits << 32 | value. */
ps_inline __u64 ps_scan_number(const __u8 *buf, __u32 end, __u32 pos)
{
	const struct ps_cursor c = {.buf = buf, .pos = pos, .end = end, .hook = 0};
	__u64 v = 0;

	for (__u64 i = 0; i <= PS_MAX_DIGITS; i++) {
		__u32 d;

		if (pos + i >= end)
			break;
		d = (__u32)ps_cursor_at(&c, pos + i) - '0';
		if (d > 9)
			return v <= 0xffffffffULL ? i << 32 | v : 0;
		v = v * 10 + d;
	}
	return 0;
}

#ifdef __bpf__
__u32 ps_hook_token(__u32 hook, __u32 pos, __u32 max);
__u32 ps_hook_line(__u32 hook, __u32 pos);
__u32 ps_hook_blanks(__u32 hook, __u32 pos);
__u32 ps_hook_digits(__u32 hook, __u32 pos);
__u64 ps_hook_number(__u32 hook, __u32 pos);
#endif

/*
 * Length of the run of bytes > 0x20 at pos, at most max (and never past the end).
 * max <= 8 * PS_KEY_WORDS.
 */
ps_inline __u32 ps_cursor_token(const struct ps_cursor *c, __u32 pos, __u32 max)
{
#ifdef __bpf__
	return ps_hook_token(c->hook, pos, max);
#else
	return ps_scan_token(c->buf, c->end, pos, max);
#endif
}

/* Position after the first newline at or after pos; 0 if there is none before the end. */
ps_inline __u32 ps_cursor_line(const struct ps_cursor *c, __u32 pos)
{
#ifdef __bpf__
	return ps_hook_line(c->hook, pos);
#else
	return ps_scan_line(c->buf, c->end, pos);
#endif
}

/* Position of the first byte at or after pos that is no space, or after PS_MAX_BLANKS of them. */
ps_inline __u32 ps_cursor_blanks(const struct ps_cursor *c, __u32 pos)
{
#ifdef __bpf__
	return ps_hook_blanks(c->hook, pos);
#else
	return ps_scan_blanks(c->buf, c->end, pos);
#endif
}

/* How many decimal digits there are at pos, at most PS_MAX_LONG_DIGITS. */
ps_inline __u32 ps_cursor_digits(const struct ps_cursor *c, __u32 pos)
{
#ifdef __bpf__
	return ps_hook_digits(c->hook, pos);
#else
	return ps_scan_digits(c->buf, c->end, pos);
#endif
}

/*
 * Decimal number at pos, ended by any byte that is no digit. Stores the value and returns the
 * number of digits; 0 if there is none, it has more than PS_MAX_DIGITS digits, exceeds 32 bits,
 * or runs into the end.
 */
ps_inline __u32 ps_cursor_number(const struct ps_cursor *c, __u32 pos, __u32 *value)
{
#ifdef __bpf__
	__u64 n = ps_hook_number(c->hook, pos);
#else
	__u64 n = ps_scan_number(c->buf, c->end, pos);
#endif
	*value = (__u32)n;
	return n >> 32;
}

#define PS_SHORT_DIGITS 7

/*
 * The same for a number of at most PS_SHORT_DIGITS digits, without a loop or a call. Returns 0 also
 * for a longer number. The byte that ends the number may be a leftover behind the end, so this is
 * for callers that check where the number ends anyway.
 */
ps_inline __u32 ps_cursor_short_number(const struct ps_cursor *c, __u32 pos, __u32 *value)
{
	__u64 w = ps_cursor_word(c, pos) ^ (PS_ONES * '0'), other;
	__u32 digits;

	/* A byte that is no digit is greater than 9 now: bit 7 is set, or the addition sets it. */
	other = (((w & PS_ONES * 0x7f) + PS_ONES * (0x7f - 9)) | w) & PS_ONES * 0x80;
	*value = 0;
	if (!other)
		return 0;
	digits = ps_first_marked(other);
	if (!digits)
		return 0;
	/*
	 * Fill up to eight digits with leading zeros. Then combine digits to pairs, pairs to fours,
	 * and those.
	 */
	w <<= 64 - digits * 8;
	w = w * 10 + (w >> 8);
	*value = ((w & 0x000000ff000000ffULL) * (100 + (1000000ULL << 32)) +
		  (w >> 16 & 0x000000ff000000ffULL) * (1 + (10000ULL << 32))) >>
		 32;
	return digits;
}

#endif /* PRESTACK_CURSOR_H */
