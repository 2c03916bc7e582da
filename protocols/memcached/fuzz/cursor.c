// SPDX-License-Identifier: GPL-2.0-only
/* The cursor's word-at-a-time loops against loops that look at one byte after the other. */
#include "input.h"

static __u32 reference_token(const struct ps_cursor *c, __u32 pos, __u32 max)
{
	__u32 len = 0;

	while (len < max && pos + len < c->end && c->buf[pos + len] > ' ')
		len++;
	return len;
}

static __u32 reference_line(const struct ps_cursor *c, __u32 pos)
{
	for (; pos < c->end; pos++) {
		if (c->buf[pos] == '\n')
			return pos + 1;
	}
	return 0;
}

static __u32 reference_blanks(const struct ps_cursor *c, __u32 pos)
{
	const __u32 limit = pos + PS_MAX_BLANKS;

	while (pos < limit && pos < c->end && c->buf[pos] == ' ')
		pos++;
	return pos;
}

static __u32 reference_digits(const struct ps_cursor *c, __u32 pos)
{
	__u32 n = 0;

	while (n < PS_MAX_LONG_DIGITS && pos + n < c->end && c->buf[pos + n] >= '0' &&
	       c->buf[pos + n] <= '9')
		n++;
	return n;
}

/* By strtoull on a copy that ends with the message. */
static __u32 reference_number(const struct ps_cursor *c, __u32 pos, __u32 *value)
{
	char text[PS_IN_SIZE + 1];
	__u32 left = pos < c->end ? c->end - pos : 0, digits = 0;
	unsigned long long v;

	memcpy(text, c->buf + pos, left);
	text[left] = 0;
	while (text[digits] >= '0' && text[digits] <= '9')
		digits++;
	if (!digits || digits > PS_MAX_DIGITS || digits == left)
		return 0;
	v = strtoull(text, NULL, 10);
	if (v > UINT32_MAX)
		return 0;
	*value = (__u32)v;
	return digits;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const __u32 max[] = {0, 1, 7, 8, 9, 16, 250, 251, 255, 256};
	struct ps_cursor c;

	if (fuzz_input(data, size, 0, &c))
		return 0;
	for (size_t l = 0; l < sizeof(fuzz_leftover); l++) {
		fuzz_leftovers(&c, fuzz_leftover[l]);
		for (__u32 pos = c.pos; pos <= c.end; pos++) {
			__u32 value = 0, expected = 0, digits;

			/* Every position of short inputs, and a sample of long ones. */
			if (pos - c.pos > 8 && c.end - pos > 8 && pos % 97)
				continue;
			for (size_t i = 0; i < sizeof(max) / sizeof(*max); i++)
				REQUIRE(ps_cursor_token(&c, pos, max[i]) ==
					reference_token(&c, pos, max[i]));
			REQUIRE(ps_cursor_line(&c, pos) == reference_line(&c, pos));
			REQUIRE(ps_cursor_blanks(&c, pos) == reference_blanks(&c, pos));
			REQUIRE(ps_cursor_digits(&c, pos) == reference_digits(&c, pos));
			digits = ps_cursor_number(&c, pos, &value);
			REQUIRE(digits == reference_number(&c, pos, &expected));
			REQUIRE(!digits || value == expected);
		}
	}
	free((void *)c.buf);
	return 0;
}
