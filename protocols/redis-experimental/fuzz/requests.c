// SPDX-License-Identifier: GPL-2.0-only
/*
 * A stream of requests, in one segment and in many: what each command does has to be the same. And what may
 * be answered from the cache is what a read is said to be.
 */
#include "stream.h"

/* The request at c->pos by the functions that answer, against what rd_request said. */
static void check_read(const struct ps_cursor *c, const struct ps_message *m,
		       const struct rd_event *e)
{
	__u32 pos, key = 0, len = 0;
	struct rd_read r;

	rd_read(c, &r);
	if (r.verb == RD_VERB_NONE)
		return;
	REQUIRE(r.keys >= 1 && r.keys <= PS_MAX_KEYS && r.first <= c->end);
	REQUIRE(c->end - c->pos < 8 || rd_may_answer(RD_STREAM, ps_cursor_word(c, c->pos)));
	REQUIRE(e->kind == RD_EVENT_NOTHING || e->kind == RD_EVENT_READ);
	pos = r.first;
	for (__u32 i = 0; i < r.keys && pos; i++) {
		pos = rd_read_key(c, pos, &key, &len);
		if (pos)
			REQUIRE(pos <= c->end && key + len + 2 == pos && len >= 1 &&
				len <= RD_MAX_KEY);
	}
	/* As a whole in the window, so in few messages, and with nothing else in it. */
	if (!pos || r.keys > (r.verb == RD_VERB_MGET ? 1 : RD_ROW))
		return;
	REQUIRE(m->kind == PS_MESSAGE_WHOLE && m->next == pos && m->replies && !m->body);
	if (r.verb == RD_VERB_GET || r.verb == RD_VERB_MGET)
		REQUIRE(e->kind == RD_EVENT_READ && e->key == key && e->key_len == len);
}

static void look(struct digest *d, const struct ps_cursor *c, struct ps_message *m)
{
	__u32 plain = !(m->state & ~RD_STREAM);
	struct rd_event e;

	rd_request(c, m, &e);
	check_message(c, m);
	if (plain)
		check_read(c, m, &e);
	if (m->kind != PS_MESSAGE_WHOLE)
		return;
	REQUIRE(!(m->flags & PS_MESSAGE_GOES_ON) == !(m->state & RD_ARGS_COUNT));
	if (e.kind == RD_EVENT_READ || e.kind == RD_EVENT_WRITE) {
		REQUIRE(e.key_len >= 1 && e.key_len <= RD_MAX_KEY);
		REQUIRE(e.key > c->pos && e.key + e.key_len + 2 <= m->next);
		digest_number(d, e.kind << 8 | e.replied << 1 | e.never_expires);
		digest_number(d, e.several);
		digest_bytes(d, c->buf + e.key, e.key_len);
	}
	if (m->flags & PS_MESSAGE_GOES_ON) {
		REQUIRE(!m->replies && !(m->flags & PS_MESSAGE_MAYBE));
		return;
	}
	/* What flushes says so at its end, too. */
	digest_number(d, 0x1000000 | (e.kind == RD_EVENT_FLUSH) << 16 | m->replies << 8 | m->flags);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	compare(data, size, look);
	return 0;
}
