/* SPDX-License-Identifier: GPL-2.0-only */
/* What the fuzz targets share: a parser's buffer made from the fuzzer's input. */
#ifndef PRESTACK_MEMCACHED_FUZZ_INPUT_H
#define PRESTACK_MEMCACHED_FUZZ_INPUT_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../parser.h"

#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

/*
 * The first two bytes of the input choose where in the buffer the message is (at its start, at its
 * end, or in between), the rest is the message. The buffer is an allocation of its own of just
 * PS_IN_BUFFER bytes, so that AddressSanitizer sees any access beyond. The caller frees c->buf.
 */
static inline int fuzz_input(const uint8_t *data, size_t size, uint8_t leftover,
			     struct ps_cursor *c)
{
	uint32_t room;
	uint8_t *buf;

	if (size < 2)
		return -1;
	size -= 2;
	if (size > PS_IN_SIZE)
		size = PS_IN_SIZE;
	room = PS_IN_SIZE - (uint32_t)size;
	c->pos = data[0] % 4 == 0 ? 0 : data[0] % 4 == 1 ? room : data[1];
	if (c->pos > room)
		c->pos = room;
	c->end = c->pos + (uint32_t)size;
	data += 2;
	c->hook = 0;
	buf = (uint8_t *)malloc(PS_IN_BUFFER);
	REQUIRE(buf);
	memset(buf, leftover, PS_IN_BUFFER);
	memcpy(buf + c->pos, data, size);
	c->buf = buf;
	return 0;
}

/* Replaces everything outside the message. */
static inline void fuzz_leftovers(struct ps_cursor *c, uint8_t leftover)
{
	uint8_t *buf = (uint8_t *)c->buf;

	memset(buf, leftover, c->pos);
	memset(buf + c->end, leftover, PS_IN_BUFFER - c->end);
}

static const uint8_t fuzz_leftover[] = {0, ' ', '\r', '\n', '0', 'b', 0xff};

#endif /* PRESTACK_MEMCACHED_FUZZ_INPUT_H */
