// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whatever the bytes are: positions stay within the message, and leftovers behind its end change nothing.
 * The first byte of the input chooses the direction and the state.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "parser.h"

struct result {
	struct sample_head head;
	struct ps_message message;
};

static struct result parse(const uint8_t *data, size_t size, uint8_t choice, int leftover)
{
	static __u8 buf[PS_IN_BUFFER];
	const struct ps_cursor c = {.buf = buf, .end = size};
	struct result r;

	memset(buf, leftover, sizeof(buf));
	memset(&r, 0, sizeof(r));
	if (size)
		memcpy(buf, data, size);
	r.message.state = choice & 2 ? SAMPLE_IN_TEXT : SAMPLE_AT_START;
	if (choice & 1)
		sample_parse_request(&c, &r.head, &r.message);
	else
		sample_parse_reply(&c, &r.head, &r.message);
	return r;
}

static void check(int good)
{
	if (!good)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct result r, again;

	if (size < 2 || size > PS_IN_SIZE)
		return 0;
	size--;
	r = parse(data + 1, size, data[0], 0);
	again = parse(data + 1, size, data[0], '\n');
	check(!memcmp(&r, &again, sizeof(r)));
	check(r.message.kind != PS_MESSAGE_LOST && r.message.next <= size);
	if (r.message.kind == PS_MESSAGE_WHOLE)
		check(r.message.next && data[r.message.next] == '\n');
	if (r.head.kind == SAMPLE_IS_GET || r.head.kind == SAMPLE_IS_SET)
		check(r.head.key_len && r.head.key + r.head.key_len < r.message.next);
	if (r.head.kind == SAMPLE_IS_VALUE)
		check(r.head.text + r.head.text_len < r.message.next);
	return 0;
}
