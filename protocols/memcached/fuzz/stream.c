// SPDX-License-Identifier: GPL-2.0-only
/*
 * A stream of requests or replies, read by the core in one segment and in many: what each message was
 * said to be, and each key, must be the same. The first byte chooses the direction, the second how it
 * is cut.
 */
#include "../stream.h"
#include "input.h"

#define MOST 4096

/* What was told of a stream: a hash, and how far it got. */
struct told {
	uint64_t hash;
	uint32_t messages;
	int lost;
};

static void tell(struct told *t, const void *data, size_t size)
{
	const uint8_t *bytes = (const uint8_t *)data;

	for (size_t i = 0; i < size; i++)
		t->hash = (t->hash ^ bytes[i]) * 0x100000001b3ULL;
}

static void tell_number(struct told *t, uint32_t number)
{
	tell(t, &number, sizeof(number));
}

static void require_same(const struct ps_message *a, const struct ps_message *b)
{
	REQUIRE(a->kind == b->kind && a->next == b->next && a->body == b->body);
	REQUIRE(a->replies == b->replies && a->flags == b->flags && a->state == b->state);
}

/* What is told of plain messages by themselves is what is told of them as of any. */
static void require_plain_set(const struct ps_cursor *c, const struct ps_message *before,
			      const struct ps_message *m, const struct mc_event *e)
{
	struct ps_message plain = *before;
	struct mc_command cmd;

	memset(&cmd, 0, sizeof(cmd));
	if (!mc_stream_is_set(c, before) ||
	    !mc_stream_plain_set(c, &plain, ps_cursor_token(c, c->pos + 4, MC_MAX_KEY + 1), &cmd))
		return;
	require_same(&plain, m);
	REQUIRE(e->kind == MC_EVENT_WRITE && e->cmd.key == cmd.key);
	REQUIRE(e->cmd.key_len == cmd.key_len && e->cmd.replies == cmd.replies);
	REQUIRE(e->cmd.expiry == cmd.expiry && e->cmd.seconds == cmd.seconds);
}

static void request(struct told *t, const struct ps_cursor *c, struct ps_message *m)
{
	const struct ps_message before = *m;
	struct mc_event e;
	__u32 line;

	memset(&e, 0, sizeof(e));
	line = m->state & MC_STREAM_KEYS;
	mc_stream_request(c, m, &e);
	require_plain_set(c, &before, m, &e);
	if (e.kind) {
		REQUIRE(m->kind == PS_MESSAGE_WHOLE);
		tell_number(t, e.kind);
		tell_number(t, e.cmd.expiry);
		tell(t, c->buf + e.cmd.key, e.kind == MC_EVENT_FLUSH ? 0 : e.cmd.key_len);
	}
	/* How a line of keys is cut up may differ. */
	if (m->kind == PS_MESSAGE_WHOLE && (!(line | (m->state & MC_STREAM_KEYS)) || m->replies))
		tell_number(t, m->replies << 8 | m->flags);
}

/* A row is what the replies in it are told to be, one by one. */
static void require_row(const struct ps_cursor *c, const struct ps_message *first)
{
	struct ps_message row = *first, last = *first;
	struct ps_cursor at = *c;

	mc_stream_row(c, &row);
	for (__u32 i = 1; i < row.replies; i++) {
		struct ps_message m = {.state = first->state};
		struct mc_answer a;

		at.pos = last.next;
		mc_stream_reply(&at, &m, &a);
		REQUIRE(m.kind == PS_MESSAGE_WHOLE && m.replies == 1 && !m.body);
		REQUIRE(m.flags == first->flags && m.state == first->state);
		REQUIRE(!a.value && !a.effect);
		last = m;
	}
	REQUIRE(row.next == last.next && row.flags == first->flags && row.next <= c->end);
}

/* A value and END, told as one message, are what they are told to be one by one. */
static void require_plain_value(const struct ps_cursor *c, const struct ps_message *before)
{
	struct ps_message plain = *before, m = *before, end = {.state = before->state};
	struct ps_cursor at = *c;
	struct mc_answer a, none;
	struct mc_value v;

	if (!mc_stream_is_value(c, before) ||
	    !mc_stream_plain_value(c, &plain, ps_cursor_token(c, c->pos + 6, MC_MAX_KEY + 1), &v))
		return;
	mc_stream_reply(c, &m, &a);
	REQUIRE(m.kind == PS_MESSAGE_WHOLE && !m.replies && m.flags == plain.flags);
	REQUIRE(m.next == v.data && m.body == v.data_len + 2 && a.value && !a.effect);
	REQUIRE(!memcmp(&a.v, &v, sizeof(v)) && v.next <= c->end);
	REQUIRE(!memcmp(c->buf + v.next - 2, "\r\n", 2));
	at.pos = v.next;
	mc_stream_reply(&at, &end, &none);
	REQUIRE(!none.value && !none.effect && end.next == c->end);
	require_same(&plain, &end);
}

static void reply(struct told *t, const struct ps_cursor *c, struct ps_message *m)
{
	struct ps_message plain = *m;
	__u32 skips = m->state & MC_STREAM_SKIPS, is_plain = mc_stream_plain_reply(c, &plain);
	struct mc_answer a;

	memset(&a, 0, sizeof(a));
	require_plain_value(c, m);
	mc_stream_reply(c, m, &a);
	if (is_plain) {
		require_same(&plain, m);
		REQUIRE(!a.value && !a.effect);
		if (plain.flags & PS_MESSAGE_SUCCEEDED)
			require_row(c, &plain);
	}
	if (a.value) {
		tell_number(t, a.v.data_len);
		tell(t, c->buf + a.v.key, a.v.key_len);
	}
	if (m->kind == PS_MESSAGE_WHOLE && !skips && (m->replies || m->body))
		tell_number(t, m->replies << 8 | m->flags);
}

static void read_segment(struct told *t, struct ps_stream *st, const uint8_t *data, uint32_t size,
			 int requests, uint8_t *window)
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
		if (requests)
			request(t, &c, &m);
		else
			reply(t, &c, &m);
		t->messages++;
		step = ps_stream_take(st, &r, &m);
		if (step == PS_STEP_PARSE)
			step = ps_stream_step(st, &r);
	}
	t->lost = step == PS_STEP_LOST;
	if (!t->lost)
		ps_stream_close(st, &r, window);
}

static struct told read_all(const uint8_t *data, uint32_t size, int requests, uint32_t piece)
{
	struct told t = {.hash = 0xcbf29ce484222325ULL};
	uint8_t *window = (uint8_t *)malloc(PS_IN_BUFFER);
	struct ps_stream st;

	REQUIRE(window);
	memset(&st, 0, sizeof(st));
	for (uint32_t at = 0; at < size && !t.lost; at += piece)
		read_segment(&t, &st, data + at, size - at < piece ? size - at : piece, requests,
			     window);
	free(window);
	return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct told one, other;
	uint32_t piece;
	int requests;

	if (size < 3 || size > MOST)
		return 0;
	requests = data[0] & 1;
	piece = data[1] + 1;
	one = read_all(data + 2, (uint32_t)size - 2, requests, MOST);
	other = read_all(data + 2, (uint32_t)size - 2, requests, piece);
	/* A line that is never finished is lost when there is too much of it, in whatever it comes. */
	if (one.lost || other.lost)
		return 0;
	REQUIRE(one.hash == other.hash);
	return 0;
}
