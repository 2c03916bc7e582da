// SPDX-License-Identifier: GPL-2.0-only
/* The parser never looks beyond the message: leftovers behind its end change no result. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "parser.h"

static struct toy_message parse(const uint8_t *data, size_t size, int leftover)
{
	static __u8 buf[PS_IN_BUFFER];
	const struct ps_cursor c = {.buf = buf, .end = size};
	struct toy_message m;

	memset(buf, leftover, sizeof(buf));
	memset(&m, 0, sizeof(m));
	if (size)
		memcpy(buf, data, size);
	toy_parse(&c, &m);
	return m;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct toy_message m, again;

	if (size > PS_IN_SIZE)
		return 0;
	m = parse(data, size, 0);
	again = parse(data, size, ' ');
	if (m.kind != again.kind)
		abort();
	if (m.kind == TOY_UNKNOWN)
		return 0;
	if (memcmp(&m, &again, sizeof(m)))
		abort();
	if (m.kind == TOY_NONE || m.kind == TOY_OK) /* these name no key */
		return 0;
	if (TOY_KEY_AT + m.key_len >= size || m.key_len < 1 || m.key_len > TOY_MAX_KEY)
		abort();
	if ((m.kind == TOY_SET || m.kind == TOY_VALUE) &&
	    (m.value > size || m.value_len > size - m.value))
		abort();
	return 0;
}
