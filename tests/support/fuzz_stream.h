/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For the fuzz targets of plug-ins: the core's reader of one direction of a connection, and a digest of what
 * the plug-in says of each message. The same stream in other segments must have the same digest. What lies
 * behind a window must not matter: each message is looked at several times, with other bytes behind it.
 * The includer has included the plug-in's parser.
 */
#ifndef PRESTACK_TEST_FUZZ_STREAM_H
#define PRESTACK_TEST_FUZZ_STREAM_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <prestack/stream.h>

#ifndef REQUIRE
#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)
#endif

#define MOST_STREAM 4096 /* bytes of a stream */

/* What was said of a stream so far. */
struct digest {
	uint64_t hash;
	int lost; /* the place in the stream is */
};

static const uint8_t behind_window[] = {0, '0', '\r', '\n', '$', 'k', 0xff};

static inline void digest_bytes(struct digest *d, const void *data, size_t size)
{
	const uint8_t *bytes = (const uint8_t *)data;

	for (size_t i = 0; i < size; i++)
		d->hash = (d->hash ^ bytes[i]) * 0x100000001b3ULL;
}

static inline void digest_number(struct digest *d, uint32_t number)
{
	digest_bytes(d, &number, sizeof(number));
}

/* Parses the message at c->pos, and adds to the digest what it is. */
typedef void (*look_t)(struct digest *d, const struct ps_cursor *c, struct ps_message *m);

static inline void look_at(struct digest *d, const struct ps_cursor *c, struct ps_message *m,
			   look_t look)
{
	const struct ps_message before = *m;
	const struct digest d0 = *d;

	look(d, c, m);
	REQUIRE(m->kind <= PS_MESSAGE_PARTIAL);
	for (size_t i = 0; i < sizeof(behind_window); i++) {
		struct ps_message other = before;
		struct digest e = d0;

		memset((uint8_t *)c->buf + c->end, behind_window[i], PS_IN_BUFFER - c->end);
		look(&e, c, &other);
		REQUIRE(e.hash == d->hash && !memcmp(&other, m, sizeof(other)));
	}
}

static inline void read_segment(struct digest *d, struct ps_stream *st, const uint8_t *data,
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
		look_at(d, &c, &m, look);
		step = ps_stream_take(st, &r, &m);
		if (step == PS_STEP_PARSE)
			step = ps_stream_step(st, &r);
	}
	d->lost = step == PS_STEP_LOST;
	if (!d->lost)
		ps_stream_close(st, &r, window);
}

/*
 * How a stream is cut into segments: of `most` bytes each, or with `varies` of a random number up to that,
 * which `random` chooses. 0: in one segment.
 */
struct cuts {
	uint32_t most;
	int varies;
	uint32_t random;
};

static inline struct digest read_all(const uint8_t *data, uint32_t size, struct cuts cuts,
				     look_t look)
{
	struct digest d = {.hash = 0xcbf29ce484222325ULL};
	uint8_t *window = (uint8_t *)malloc(PS_IN_BUFFER);
	struct ps_stream st;

	REQUIRE(window);
	memset(&st, 0, sizeof(st));
	for (uint32_t at = 0; at < size && !d.lost;) {
		uint32_t piece = cuts.most ? cuts.most : size;

		cuts.random = cuts.random * 1664525 + 1013904223;
		if (cuts.most && cuts.varies)
			piece = 1 + (cuts.random >> 8) % cuts.most;
		if (piece > size - at)
			piece = size - at;
		read_segment(&d, &st, data + at, piece, window, look);
		at += piece;
	}
	free(window);
	return d;
}

#endif /* PRESTACK_TEST_FUZZ_STREAM_H */
