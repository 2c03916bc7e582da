/* SPDX-License-Identifier: GPL-2.0-only */
/* What the fuzz targets share: a stream in one segment, and the same one in random segments. */
#ifndef PRESTACK_REDIS_FUZZ_STREAM_H
#define PRESTACK_REDIS_FUZZ_STREAM_H

#include "../parser.h"

#include "tests/support/fuzz_stream.h"

/* What each message has to be, whatever it says. */
static inline void check_message(const struct ps_cursor *c, const struct ps_message *m)
{
	REQUIRE(m->kind <= PS_MESSAGE_PARTIAL && m->replies <= 1);
	if (m->kind == PS_MESSAGE_LOST)
		return;
	REQUIRE(m->next <= c->end && m->next >= c->pos);
	REQUIRE(m->state);
	if (m->kind == PS_MESSAGE_WHOLE)
		REQUIRE(m->next > c->pos && m->body <= RD_MAX_BULK + 2);
	else
		REQUIRE(!m->replies && !m->flags && !m->body);
}

/* The first two bytes of the input choose how the rest is cut. */
static inline void compare(const uint8_t *data, size_t size, look_t look)
{
	struct digest one, other;

	if (size < 3 || size > MOST_STREAM)
		return;
	one = read_all(data + 2, (uint32_t)size - 2, (struct cuts){0}, look);
	other = read_all(data + 2, (uint32_t)size - 2,
			 (struct cuts){.most = 1 + data[0], .varies = 1, .random = data[1]}, look);
	/* What is never finished may be lost for being too long, in whatever it comes. */
	if (size - 2 <= PS_CARRY_SIZE)
		REQUIRE(one.lost == other.lost);
	if (!one.lost && !other.lost)
		REQUIRE(one.hash == other.hash);
}

#endif /* PRESTACK_REDIS_FUZZ_STREAM_H */
