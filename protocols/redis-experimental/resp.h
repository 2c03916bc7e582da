/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What Redis's protocol (RESP, both versions) is made of: lines of a number, bulk strings, words. Pure, as
 * all headers here but plugin.bpf.c's own: compiles for BPF and natively.
 */
#ifndef PRESTACK_REDIS_RESP_H
#define PRESTACK_REDIS_RESP_H

#include <prestack/cursor.h>
#include <prestack/stream.h>

#define RD_MAX_KEY PS_MAX_KEY /* a longer key is never cached */
#define RD_MAX_BULK (512U << 20) /* bytes of a bulk string; the server's own limit, as it comes */
#define RD_NAME_WORDS 3
#define RD_MAX_NAME (8 * RD_NAME_WORDS) /* bytes of a command's name that are looked at */
#define RD_ROW 16 /* arguments that are eaten at once */

/* First bytes of a word, so that names can be compared at once. */
#define RD_NAME1(a) ((__u64)(a))
#define RD_NAME2(a, b) (RD_NAME1(a) | (__u64)(b) << 8)
#define RD_NAME3(a, b, c) (RD_NAME2(a, b) | (__u64)(c) << 16)
#define RD_NAME4(a, b, c, d) (RD_NAME3(a, b, c) | (__u64)(d) << 24)
#define RD_NAME5(a, b, c, d, e) (RD_NAME4(a, b, c, d) | (__u64)(e) << 32)
#define RD_NAME6(a, b, c, d, e, f) (RD_NAME5(a, b, c, d, e) | (__u64)(f) << 40)
#define RD_NAME7(a, b, c, d, e, f, g) (RD_NAME6(a, b, c, d, e, f) | (__u64)(g) << 48)
#define RD_NAME8(a, b, c, d, e, f, g, h) (RD_NAME7(a, b, c, d, e, f, g) | (__u64)(h) << 56)

#define RD_CRLF RD_NAME2('\r', '\n')

/* What came of looking for something at a position. */
enum rd_got {
	RD_GOT_BAD, /* it is something else */
	RD_GOT_PART, /* it goes on behind the window */
	RD_GOT_ALL,
};

/* A line of a number, or a bulk string's. */
struct rd_line {
	__u32 value;
	__u32 next; /* position after it */
};

/* The message goes on behind the window: all before `next` is eaten. */
ps_inline void rd_partial(struct ps_message *m, __u32 next)
{
	m->kind = PS_MESSAGE_PARTIAL;
	m->next = next;
}

ps_inline void rd_whole(struct ps_message *m, __u32 next)
{
	m->kind = PS_MESSAGE_WHOLE;
	m->next = next;
}

/* Markers of the bytes that are no digits: bit 7 of each. All of them are exact. */
ps_inline __u64 rd_no_digits(__u64 w)
{
	__u64 t = w ^ (PS_ONES * '0');

	return (((t & (PS_ONES * 0x7f)) + PS_ONES * (0x80 - 10)) | t) & (PS_ONES * 0x80);
}

/* The number that the first n = 1..8 bytes of w are, all of them digits. */
ps_inline __u32 rd_digits_value(__u64 w, __u32 n)
{
	/* Pairs, fours, eights: each time the earlier half counts for more. */
	w = (w & (PS_ONES * 0x0f)) << (64 - 8 * n);
	w = (w * 10 + (w >> 8)) & 0x00ff00ff00ff00ffULL;
	w = (w * 100 + (w >> 16)) & 0x0000ffff0000ffffULL;
	return (__u32)(w * 10000 + (w >> 32));
}

/*
 * "<number>\r\n" at pos: digits as the server takes them, so no sign, no zero before others. Up to ten of
 * them, of a number that fits 32 bits.
 */
ps_inline int rd_number(const struct ps_cursor *c, __u32 pos, struct rd_line *line)
{
	__u64 w = ps_cursor_word(c, pos), marks = rd_no_digits(w), value;
	__u32 left = pos < c->end ? c->end - pos : 0, n = marks ? ps_first_marked(marks) : 8;

	if (n >= left)
		return RD_GOT_PART;
	if (!n || (n > 1 && (w & 0xff) == '0'))
		return RD_GOT_BAD;
	value = rd_digits_value(w, n);
	if (n == 8) {
		__u32 more;

		w = ps_cursor_word(c, pos + 8);
		marks = rd_no_digits(w);
		more = marks ? ps_first_marked(marks) : 8;
		n += more;
		if (n >= left)
			return RD_GOT_PART;
		if (more > 2)
			return RD_GOT_BAD;
		if (more)
			value = value * (more == 2 ? 100 : 10) + rd_digits_value(w, more);
		if (value > 0xffffffffULL)
			return RD_GOT_BAD;
	}
	pos += n;
	left -= n;
	w = ps_cursor_word(c, pos);
	if ((w & 0xff) != '\r')
		return RD_GOT_BAD;
	if (left < 2)
		return RD_GOT_PART;
	if ((w & 0xffff) != RD_CRLF)
		return RD_GOT_BAD;
	line->value = (__u32)value;
	line->next = pos + 2;
	return RD_GOT_ALL;
}

/* The head "$<length>\r\n" of an argument. */
ps_inline int rd_bulk(const struct ps_cursor *c, __u32 pos, struct rd_line *line)
{
	int got;

	if (pos >= c->end)
		return RD_GOT_PART;
	if (ps_cursor_at(c, pos) != '$')
		return RD_GOT_BAD;
	got = rd_number(c, pos + 1, line);
	if (got == RD_GOT_ALL && line->value > RD_MAX_BULK)
		return RD_GOT_BAD;
	return got;
}

/*
 * An argument of at most `max` bytes, of which all has to be in the window: *data is where its bytes are,
 * line->value how many, line->next comes after its end. A longer one: ALL, with line->next = *data.
 */
ps_inline int rd_argument(const struct ps_cursor *c, __u32 pos, __u32 max, struct rd_line *line,
			  __u32 *data)
{
	int got = rd_bulk(c, pos, line);

	if (got != RD_GOT_ALL)
		return got;
	*data = line->next;
	if (line->value > max)
		return RD_GOT_ALL;
	pos = line->next + line->value;
	if (pos + 2 > c->end)
		return RD_GOT_PART;
	if ((ps_cursor_word(c, pos) & 0xffff) != RD_CRLF)
		return RD_GOT_BAD;
	line->next = pos + 2;
	return RD_GOT_ALL;
}

/* Eight bytes with a to z made A to Z. */
ps_inline __u64 rd_upper(__u64 w)
{
	__u64 low = w & (PS_ONES * 0x7f);
	__u64 lower = (low + PS_ONES * (0x80 - 'a')) & ~(low + PS_ONES * (0x80 - 'z' - 1)) & ~w &
		      (PS_ONES * 0x80);

	return w - (lower >> 2);
}

/* Word i of the name at pos, in upper case, with zeros behind it. */
ps_inline __u64 rd_name_word(const struct ps_cursor *c, __u32 pos, __u32 len, __u32 i)
{
	if (len <= i * 8)
		return 0;
	return rd_upper(ps_cursor_word(c, pos + i * 8)) & ps_low_bytes(len - i * 8);
}

#endif /* PRESTACK_REDIS_RESP_H */
