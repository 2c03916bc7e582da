// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading a stream in order: whatever segments it comes in, twice, overlapping or too early, the same
 * messages are found as in one piece. The messages are the toy protocol's.
 *
 * Input: number of schedule bytes, the first sequence number, the schedule, the stream.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <prestack/stream.h>

#include "tests/toy/stream.h"

#define MOST_STREAM (PS_IN_SIZE - 1)
#define MOST_MESSAGES (MOST_STREAM + 1)

struct found {
	uint32_t end; /* position after the head, or after the part of it that was eaten */
	uint32_t body;
	uint32_t verb;
	uint32_t whole;
};

struct list {
	uint32_t count;
	uint32_t lost;
	struct found found[MOST_MESSAGES];
};

static void check(int good)
{
	if (!good)
		abort();
}

static void note(struct list *l, uint32_t end, const struct toy_head *h, const struct ps_message *m)
{
	check(l->count < MOST_MESSAGES);
	l->found[l->count++] = (struct found){
		.end = end, .body = m->body, .verb = h->verb, .whole = m->kind == PS_MESSAGE_WHOLE};
}

/* The messages of the whole stream, without any of the machinery. */
static void read_whole(const uint8_t *stream, uint32_t size, struct list *l, uint8_t *is_body)
{
	static __u8 buf[PS_IN_BUFFER];
	uint32_t pos = 0, state = 0;

	memset(buf, 0xa5, sizeof(buf));
	memcpy(buf, stream, size);
	while (pos < size) {
		const struct ps_cursor c = {.buf = buf, .pos = pos, .end = size};
		struct ps_message m = {.state = state};
		struct toy_head h;

		toy_parse_head(&c, &h, &m);
		if (m.kind == PS_MESSAGE_LOST) {
			l->lost = 1;
			return;
		}
		if (m.next == pos)
			return;
		state = m.state;
		note(l, m.next, &h, &m);
		for (pos = m.next; pos < size && pos < m.next + m.body; pos++)
			is_body[pos] = 1;
	}
}

/* The core's half of the work, as tcp_request.bpf.h does it. */
struct follower {
	struct ps_stream st;
	struct ps_records records;
	struct list list;
	const uint8_t *stream;
	uint32_t first; /* sequence number of stream[0] */
};

static void follow(struct follower *f, uint32_t at, uint32_t len)
{
	static __u8 window[PS_IN_BUFFER];
	uint32_t old, fresh, begin = f->st.next;
	struct ps_reader r;
	int step;

	if (ps_stream_accept(&f->st, f->first + at, len, &old) != PS_ACCEPT_READ)
		return;
	fresh = at + old;
	ps_stream_open(&f->st, &r, len - old);
	for (step = PS_STEP_PARSE; step == PS_STEP_PARSE;) {
		struct ps_cursor c = {.buf = window};
		struct ps_message m = {0};
		struct toy_head h;

		step = ps_stream_step(&f->st, &r);
		if (step == PS_STEP_DONE)
			break;
		if (step == PS_STEP_LOAD) {
			uint32_t n, left = r.total - r.pos, most;

			/* Leftovers must not matter. */
			memset(window, 0x5a, sizeof(window));
			r.base = r.pos;
			n = ps_stream_uncarry(&f->st, &r, window);
			most = n ? PS_IN_SIZE - PS_CARRY_SIZE : PS_IN_SIZE;
			left -= n;
			if (left > most)
				left = most;
			memcpy(window + n,
			       f->stream + fresh + (r.pos > r.carried ? r.pos - r.carried : 0),
			       left);
			r.len = n + left;
		}
		m.state = f->st.state;
		c.pos = r.pos - r.base;
		c.end = r.len;
		toy_parse_head(&c, &h, &m);
		if (m.kind != PS_MESSAGE_LOST && m.next > c.pos) {
			/* Position of the window's start in the stream. */
			uint32_t base = begin - f->first - r.carried + r.base;

			note(&f->list, base + m.next, &h, &m);
		}
		step = ps_stream_take(&f->st, &r, &m);
	}
	if (step != PS_STEP_DONE) {
		f->list.lost = 1;
		return;
	}
	ps_stream_close(&f->st, &r, window);
	ps_records_note(&f->records, &f->st, &r, begin, 1);
}

/* A record that vouches for any bytes is one of a body. */
static void check_records(const struct follower *f, const uint8_t *is_body, uint32_t size)
{
	for (uint32_t i = 0; i < PS_RECORDS; i++) {
		const struct ps_record *r = &f->records.record[i];

		if (r->hash)
			continue;
		for (uint32_t seq = r->from; seq != r->to && seq - f->first < size; seq++)
			check(is_body[seq - f->first]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct follower f;
	static struct list whole;
	static uint8_t is_body[MOST_STREAM + 1];
	uint32_t steps, total, next;
	const uint8_t *schedule;

	if (size < 5)
		return 0;
	steps = data[0];
	memset(&f, 0, sizeof(f));
	memset(&whole, 0, sizeof(whole));
	memset(is_body, 0, sizeof(is_body));
	memcpy(&f.first, data + 1, 4);
	if (size < 5 + 2 * steps || size - 5 - 2 * steps > MOST_STREAM)
		return 0;
	schedule = data + 5;
	f.stream = schedule + 2 * steps;
	total = size - 5 - 2 * steps;
	if (!total)
		return 0;
	f.st.next = f.first;
	read_whole(f.stream, total, &whole, is_body);

	for (uint32_t i = 0; i < steps && !f.list.lost; i++) {
		/* From some bytes before what is next to some after it. */
		int32_t at = (int32_t)(f.st.next - f.first) + (int8_t)schedule[2 * i];
		uint32_t len = 1 + schedule[2 * i + 1];

		if (at < 0)
			at = 0;
		if ((uint32_t)at >= total)
			continue;
		follow(&f, at, len < total - at ? len : total - at);
	}
	/* The rest, in one piece. */
	next = f.st.next - f.first;
	if (!f.list.lost && next < total)
		follow(&f, next, total - next);

	check(f.list.lost == whole.lost && f.list.count == whole.count);
	check(!memcmp(f.list.found, whole.found, whole.count * sizeof(whole.found[0])));
	if (!whole.lost)
		check(f.st.next - f.first == total);
	check_records(&f, is_body, total);
	return 0;
}
