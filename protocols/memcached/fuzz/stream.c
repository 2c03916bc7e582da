// SPDX-License-Identifier: GPL-2.0-only
/*
 * A stream of requests or replies, read by the core in one segment and in many: what each message was
 * said to be, and each key, must be the same. The first byte chooses the direction, the second how it
 * is cut.
 */
#include "../stream.h"
#include "input.h"

#include "tests/support/fuzz_stream.h"

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

static void request(struct digest *d, const struct ps_cursor *c, struct ps_message *m)
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
		digest_number(d, e.kind);
		digest_number(d, e.cmd.expiry);
		digest_bytes(d, c->buf + e.cmd.key, e.kind == MC_EVENT_FLUSH ? 0 : e.cmd.key_len);
	}
	/* How a line of keys is cut up may differ. */
	if (m->kind == PS_MESSAGE_WHOLE && (!(line | (m->state & MC_STREAM_KEYS)) || m->replies))
		digest_number(d, m->replies << 8 | m->flags);
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

static void reply(struct digest *d, const struct ps_cursor *c, struct ps_message *m)
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
		digest_number(d, a.v.data_len);
		digest_bytes(d, c->buf + a.v.key, a.v.key_len);
	}
	if (m->kind == PS_MESSAGE_WHOLE && !skips && (m->replies || m->body))
		digest_number(d, m->replies << 8 | m->flags);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct digest one, other;
	look_t look;

	if (size < 3 || size > MOST_STREAM)
		return 0;
	look = data[0] & 1 ? request : reply;
	one = read_all(data + 2, (uint32_t)size - 2, (struct cuts){0}, look);
	other = read_all(data + 2, (uint32_t)size - 2, (struct cuts){.most = data[1] + 1}, look);
	/* A line that is never finished is lost when there is too much of it, in whatever it comes. */
	if (one.lost || other.lost)
		return 0;
	REQUIRE(one.hash == other.hash);
	return 0;
}
