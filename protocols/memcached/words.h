/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What memcached's messages are made of: names, words, numbers, and the header of a datagram. Pure, as
 * all headers here but plugin.bpf.c's own: compiles for BPF and natively.
 */
#ifndef PRESTACK_MEMCACHED_WORDS_H
#define PRESTACK_MEMCACHED_WORDS_H

#include <prestack/cursor.h>

#define MC_MAX_KEY 250
#define MC_MAX_DATA (1U << 30) /* bytes of a data block; memcached's own limit is 1 GiB at most */
#define MC_UDP_HEADER 8
#define MC_RELATIVE_TIME 2592000 /* s, 30 days: a greater exptime is a time of day */

/* The UDP frame header, protocol.txt "UDP protocol". */
struct mc_frame {
	__u32 request; /* the client's number, echoed in the reply */
	__u32 sequence; /* this datagram's number */
	__u32 total; /* datagrams in the message */
};

/* First bytes of a token as a word, so that names can be compared at once. */
#define MC_NAME1(a) ((__u64)(a))
#define MC_NAME2(a, b) (MC_NAME1(a) | (__u64)(b) << 8)
#define MC_NAME3(a, b, c) (MC_NAME2(a, b) | (__u64)(c) << 16)
#define MC_NAME4(a, b, c, d) (MC_NAME3(a, b, c) | (__u64)(d) << 24)
#define MC_NAME5(a, b, c, d, e) (MC_NAME4(a, b, c, d) | (__u64)(e) << 32)
#define MC_NAME6(a, b, c, d, e, f) (MC_NAME5(a, b, c, d, e) | (__u64)(f) << 40)
#define MC_NAME7(a, b, c, d, e, f, g) (MC_NAME6(a, b, c, d, e, f) | (__u64)(g) << 48)
#define MC_NAME8(a, b, c, d, e, f, g, h) (MC_NAME7(a, b, c, d, e, f, g) | (__u64)(h) << 56)

#define MC_CRLF MC_NAME2('\r', '\n')

/* A blank and a short number at *pos, which moves behind both. Returns how many digits; 0: something else. */
ps_inline __u32 mc_blank_number(const struct ps_cursor *c, __u32 *pos, __u32 *value)
{
	__u32 digits;

	if (ps_cursor_at(c, *pos) != ' ')
		return 0;
	digits = ps_cursor_short_number(c, *pos + 1, value);
	*pos += 1 + digits;
	return digits;
}

/* Reads the frame header at the cursor's start. Returns 0 if there is one. */
ps_inline int mc_parse_frame(const struct ps_cursor *c, struct mc_frame *f)
{
	__u64 w;

	if (c->end < MC_UDP_HEADER)
		return -1;
	w = ps_cursor_word(c, 0);
	f->request = (w & 0xff) << 8 | (w >> 8 & 0xff);
	f->sequence = (w >> 16 & 0xff) << 8 | (w >> 24 & 0xff);
	f->total = (w >> 32 & 0xff) << 8 | (w >> 40 & 0xff);
	return 0;
}

/*
 * Steps over blanks and returns the length of the token that follows at *pos; 0 if the line (which
 * ends at line_end) has none, if there are too many blanks, or if the token is longer than a key.
 */
ps_inline __u32 mc_token(const struct ps_cursor *c, __u32 *pos, __u32 line_end)
{
	__u32 p = ps_cursor_blanks(c, *pos), len;

	*pos = p;
	if (p >= line_end)
		return 0;
	len = ps_cursor_token(c, p, MC_MAX_KEY + 1);
	return len <= MC_MAX_KEY ? len : 0;
}

/* Whether the line is over at pos: \r\n or \n, and nothing else. */
ps_inline int mc_at_line_end(const struct ps_cursor *c, __u32 pos, __u32 line_end)
{
	if (pos + 1 == line_end)
		return 1;
	return pos + 2 == line_end && ps_cursor_at(c, pos) == '\r';
}

/* Whether a word may be followed by this byte. */
ps_inline int mc_is_blank(__u8 byte)
{
	return byte == ' ' || byte == '\r' || byte == '\n';
}

/* Whether a token that ends at pos is followed by a blank or the end of the line: no control bytes. */
ps_inline int mc_token_ends(const struct ps_cursor *c, __u32 pos, __u32 line_end)
{
	return ps_cursor_at(c, pos) == ' ' || mc_at_line_end(c, pos, line_end);
}

/* Whether the token at pos is `len` digits, with a minus before them if that is allowed. */
ps_inline int mc_is_number(const struct ps_cursor *c, __u32 pos, __u32 len, int minus)
{
	if (minus && ps_cursor_at(c, pos) == '-') {
		pos++;
		len--;
	}
	return len && ps_cursor_digits(c, pos) == len;
}

/* Whether the token is `noreply`. */
ps_inline int mc_is_noreply(const struct ps_cursor *c, __u32 pos, __u32 len)
{
	return len == 7 && (ps_cursor_word(c, pos) & ps_low_bytes(7)) ==
				   MC_NAME7('n', 'o', 'r', 'e', 'p', 'l', 'y');
}

#endif /* PRESTACK_MEMCACHED_WORDS_H */
