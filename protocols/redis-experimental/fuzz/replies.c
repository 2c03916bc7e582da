// SPDX-License-Identifier: GPL-2.0-only
/* A stream of replies, in one segment and in many: where each ends and what it tells has to be the same. */
#include "stream.h"

static void digest_reply(struct digest *d, const struct ps_cursor *c, struct ps_message *m,
			 __u32 counted, __u32 wanted)
{
	__u32 opaque = m->state & RD_OPAQUE;
	struct rd_answer a;

	rd_reply(c, m, &a, counted, wanted);
	check_message(c, m);
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
		digest_number(d, a.len);
		digest_number(d, a.several);
	}
	if (m->flags)
		digest_number(d, m->flags);
	if (!(m->state & RD_ELEMENTS) || m->state & RD_OPAQUE)
		digest_number(d, 0x100 | m->replies << 1 | !!(m->state & RD_OPAQUE));
}

static void look(struct digest *d, const struct ps_cursor *c, struct ps_message *m)
{
	digest_reply(d, c, m, 1, 0);
}

static void look_wanted(struct digest *d, const struct ps_cursor *c, struct ps_message *m)
{
	digest_reply(d, c, m, 1, !(m->state & RD_ELEMENTS) && ps_cursor_at(c, c->pos) == '*');
}

static void look_uncounted(struct digest *d, const struct ps_cursor *c, struct ps_message *m)
{
	digest_reply(d, c, m, 0, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	compare(data, size, look);
	compare(data, size, look_wanted);
	compare(data, size, look_uncounted);
	return 0;
}
