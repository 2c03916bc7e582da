// SPDX-License-Identifier: GPL-2.0-only
/* A stream of replies, in one segment and in many: where each ends and what it tells has to be the same. */
#include "stream.h"

static void tell_reply(struct told *t, const struct ps_cursor *c, struct ps_message *m,
		       __u32 counted, __u32 wanted)
{
	__u32 opaque = m->state & RD_OPAQUE;
	struct rd_answer a;

	rd_reply(c, m, &a, counted, wanted);
	if (!counted)
		REQUIRE(m->kind != PS_MESSAGE_LOST);
	if (m->kind != PS_MESSAGE_WHOLE || opaque)
		return;
	if (a.value) {
		/* It is what the message ends with, or something small comes after it. */
		REQUIRE((a.data == m->next && a.len + 2 == m->body) ||
			(a.several && a.data + a.len + 2 <= m->next));
		REQUIRE(m->flags & PS_MESSAGE_SERVES);
		REQUIRE(a.several || m->replies);
		tell_number(t, a.len);
		tell_number(t, a.several);
	}
	if (m->flags)
		tell_number(t, m->flags);
	if (!(m->state & RD_ELEMENTS) || m->state & RD_OPAQUE)
		tell_number(t, 0x100 | m->replies << 1 | !!(m->state & RD_OPAQUE));
}

static void look(struct told *t, const struct ps_cursor *c, struct ps_message *m)
{
	tell_reply(t, c, m, 1, 0);
}

static void look_wanted(struct told *t, const struct ps_cursor *c, struct ps_message *m)
{
	tell_reply(t, c, m, 1, !(m->state & RD_ELEMENTS) && ps_cursor_at(c, c->pos) == '*');
}

static void look_uncounted(struct told *t, const struct ps_cursor *c, struct ps_message *m)
{
	tell_reply(t, c, m, 0, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	compare(data, size, look);
	compare(data, size, look_wanted);
	compare(data, size, look_uncounted);
	return 0;
}
