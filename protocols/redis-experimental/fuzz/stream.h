/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the fuzz targets share: the core's reader of one direction, with segments of random sizes, and a hash
 * of what was told. What lies behind a window must not matter: each message is looked at several times.
 */
#ifndef PRESTACK_REDIS_FUZZ_STREAM_H
#define PRESTACK_REDIS_FUZZ_STREAM_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../parser.h"

#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

#define MOST 4096 /* bytes of a stream */

/* What was told of a stream. */
struct told {
	uint64_t hash;
	int lost;
	uint32_t random;
};

static const uint8_t leftovers[] = {0, '0', '\r', '\n', '$', 'k', 0xff};

static inline void tell(struct told *t, const void *data, size_t size)
{
	const uint8_t *bytes = (const uint8_t *)data;

	for (size_t i = 0; i < size; i++)
		t->hash = (t->hash ^ bytes[i]) * 0x100000001b3ULL;
}

static inline void tell_number(struct told *t, uint32_t number)
{
	tell(t, &number, sizeof(number));
}

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

/* Looks at the message at c->pos with c->buf's leftovers, and tells of it. */
typedef void (*look_t)(struct told *t, const struct ps_cursor *c, struct ps_message *m);

static inline void look_at(struct told *t, const struct ps_cursor *c, struct ps_message *m,
			   look_t look)
{
	const struct ps_message before = *m;
	const struct told t0 = *t;

	look(t, c, m);
	check_message(c, m);
	for (size_t i = 0; i < sizeof(leftovers); i++) {
		struct ps_message other = before;
		struct told u = t0;

		memset((uint8_t *)c->buf + c->end, leftovers[i], PS_IN_BUFFER - c->end);
		look(&u, c, &other);
		REQUIRE(u.hash == t->hash && !memcmp(&other, m, sizeof(other)));
	}
}

static inline void read_segment(struct told *t, struct ps_stream *st, const uint8_t *data,
				uint32_t size, uint8_t *window, look_t look)
{
	struct ps_reader r;
	int step;

	ps_stream_open(st, &r, size);
	step = ps_stream_step(st, &r);
	while (step == PS_STEP_LOAD || step == PS_STEP_PARSE) {
		struct ps_message m = {0};
		struct ps_cursor c = {.buf = window};

		if (step == PS_STEP_LOAD) {
			uint32_t carried = ps_stream_uncarry(st, &r, window), fresh;
			uint32_t from = r.pos + carried - r.carried;

			fresh = size - from < PS_IN_SIZE - carried ? size - from
								   : PS_IN_SIZE - carried;
			memset(window + carried, 'k', PS_IN_BUFFER - carried);
			memcpy(window + carried, data + from, fresh);
			r.base = r.pos;
			r.len = carried + fresh;
		}
		c.pos = r.pos - r.base;
		c.end = r.len;
		m.state = st->state;
		look_at(t, &c, &m, look);
		step = ps_stream_take(st, &r, &m);
		if (step == PS_STEP_PARSE)
			step = ps_stream_step(st, &r);
	}
	t->lost = step == PS_STEP_LOST;
	if (!t->lost)
		ps_stream_close(st, &r, window);
}

/* In pieces of up to `most` bytes. */
static inline struct told read_all(const uint8_t *data, uint32_t size, uint32_t most,
				   uint32_t random, look_t look)
{
	struct told t = {.hash = 0xcbf29ce484222325ULL, .random = random};
	uint8_t *window = (uint8_t *)malloc(PS_IN_BUFFER);
	struct ps_stream st;

	REQUIRE(window);
	memset(&st, 0, sizeof(st));
	for (uint32_t at = 0; at < size && !t.lost;) {
		uint32_t piece = size - at;

		t.random = t.random * 1664525 + 1013904223;
		if (most && 1 + (t.random >> 8) % most < piece)
			piece = 1 + (t.random >> 8) % most;
		read_segment(&t, &st, data + at, piece, window, look);
		at += piece;
	}
	free(window);
	return t;
}

/* The first two bytes of the input choose how the rest is cut. */
static inline void compare(const uint8_t *data, size_t size, look_t look)
{
	struct told one, other;

	if (size < 3 || size > MOST)
		return;
	one = read_all(data + 2, (uint32_t)size - 2, 0, 0, look);
	other = read_all(data + 2, (uint32_t)size - 2, 1 + data[0], data[1], look);
	/* What is never finished may be lost for being too long, in whatever it comes. */
	if (size - 2 <= PS_CARRY_SIZE)
		REQUIRE(one.lost == other.lost);
	if (!one.lost && !other.lost)
		REQUIRE(one.hash == other.hash);
}

#endif /* PRESTACK_REDIS_FUZZ_STREAM_H */
