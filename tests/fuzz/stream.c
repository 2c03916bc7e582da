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

/* The core's half of the work, as core/tcp/requests.bpf.h does it. */
struct follower {
	struct ps_stream st;
	struct ps_records records;
	struct list list;
	const uint8_t *stream;
	uint32_t first; /* sequence number of stream[0] */
	uint32_t brief; /* a segment that begins with a message is looked at as one message first */
};

/* The message at the cursor, whose window begins at `base` of the stream. */
static struct ps_message look(struct follower *f, const struct ps_cursor *c, uint32_t base)
{
	struct ps_message m = {.state = f->st.state};
	struct toy_head h;

	toy_parse_head(c, &h, &m);
	if (m.kind != PS_MESSAGE_LOST && m.next > c->pos)
		note(&f->list, base + m.next, &h, &m);
	return m;
}

/*
 * The first message of a segment, as ps_read_first takes it; the bytes are in the window. Returns enum
 * ps_step: ALONE, or what the message came to by ps_stream_take.
 */
static int take_first(struct follower *f, struct ps_reader *r, const __u8 *window, uint32_t len)
{
	const struct ps_cursor c = {.buf = window, .end = len};
	const struct ps_message m = look(f, &c, f->st.next - f->first);

	if (!ps_message_fills(&m, len)) {
		ps_stream_open_window(&f->st, r, len);
		return ps_stream_take(&f->st, r, &m);
	}
	ps_stream_take_all(&f->st, &m, len);
	ps_records_note_all(&f->records, &f->st, &m, 1);
	return PS_STEP_SINGLE;
}

static void follow(struct follower *f, uint32_t at, uint32_t len)
{
	static __u8 window[PS_IN_BUFFER];
	uint32_t old, fresh, begin = f->st.next;
	int step = PS_STEP_PARSE;
	struct ps_reader r;

	if (ps_stream_accept(&f->st, f->first + at, len, &old) != PS_ACCEPT_READ)
		return;
	fresh = at + old;
	if (f->brief && !old && len <= PS_IN_SIZE && ps_stream_at_boundary(&f->st)) {
		memset(window, 0x5a, sizeof(window));
		memcpy(window, f->stream + fresh, len);
		step = take_first(f, &r, window, len);
		if (step == PS_STEP_SINGLE)
			return;
	} else {
		ps_stream_open(&f->st, &r, len - old);
	}
	while (step == PS_STEP_PARSE) {
		struct ps_cursor c = {.buf = window};
		struct ps_message m;

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
		c.pos = r.pos - r.base;
		c.end = r.len;
		m = look(f, &c, begin - f->first - r.carried + r.base);
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

/* Reads the stream by the schedule, and then what is left of it in one piece. */
static void follow_all(struct follower *f, const uint8_t *schedule, uint32_t steps, uint32_t total)
{
	uint32_t next;

	for (uint32_t i = 0; i < steps && !f->list.lost; i++) {
		/* From some bytes before what is next to some after it. */
		int32_t at = (int32_t)(f->st.next - f->first) + (int8_t)schedule[2 * i];
		uint32_t len = 1 + schedule[2 * i + 1];

		if (at < 0)
			at = 0;
		if ((uint32_t)at >= total)
			continue;
		follow(f, at, len < total - at ? len : total - at);
	}
	next = f->st.next - f->first;
	if (!f->list.lost && next < total)
		follow(f, next, total - next);
}

/* Both ways to read a segment leave the same behind. */
static void check_same(const struct follower *a, const struct follower *b)
{
	check(a->st.next == b->st.next && a->st.skip == b->st.skip && a->st.state == b->st.state);
	check(a->st.carry_len == b->st.carry_len &&
	      !memcmp(a->st.carry, b->st.carry, a->st.carry_len));
	check(!memcmp(&a->records, &b->records, sizeof(a->records)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct follower ways[2];
	static struct list whole;
	static uint8_t is_body[MOST_STREAM + 1];
	const uint8_t *schedule;
	uint32_t steps, total;

	if (size < 5)
		return 0;
	steps = data[0];
	if (size < 5 + 2 * steps || size - 5 - 2 * steps > MOST_STREAM)
		return 0;
	schedule = data + 5;
	total = size - 5 - 2 * steps;
	if (!total)
		return 0;
	memset(&whole, 0, sizeof(whole));
	memset(is_body, 0, sizeof(is_body));
	read_whole(schedule + 2 * steps, total, &whole, is_body);

	for (uint32_t brief = 0; brief < 2; brief++) {
		struct follower *f = &ways[brief];

		memset(f, 0, sizeof(*f));
		memcpy(&f->first, data + 1, 4);
		f->stream = schedule + 2 * steps;
		f->st.next = f->first;
		f->brief = brief;
		follow_all(f, schedule, steps, total);

		check(f->list.lost == whole.lost && f->list.count == whole.count);
		check(!memcmp(f->list.found, whole.found, whole.count * sizeof(whole.found[0])));
		if (!whole.lost)
			check(f->st.next - f->first == total);
		check_records(f, is_body, total);
	}
	if (!whole.lost)
		check_same(&ways[0], &ways[1]);
	return 0;
}
