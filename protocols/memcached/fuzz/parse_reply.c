// SPDX-License-Identifier: GPL-2.0-only
/* Follows a stream of replies, text or binary, and checks each. */
#include "input.h"

static void parse(const struct ps_cursor *c, struct mc_reply *r, int binary)
{
	memset(r, 0, sizeof(*r));
	if (binary)
		mc_parse_binary_reply(c, r);
	else
		mc_parse_reply(c, r);
}

static int same(const struct mc_reply *a, const struct mc_reply *b)
{
	if (a->kind != b->kind || a->skip != b->skip)
		return 0;
	if (a->kind == MC_REPLY_UNKNOWN || a->kind == MC_REPLY_INCOMPLETE)
		return 1;
	return !memcmp(a, b, sizeof(*a));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mc_reply r, other;
	struct ps_cursor c;
	int binary;

	if (fuzz_input(data, size, 'x', &c))
		return 0;
	binary = c.pos < c.end && c.buf[c.pos] == MC_BINARY_REPLY;
	while (c.pos < c.end) {
		parse(&c, &r, binary);
		REQUIRE(r.kind <= MC_REPLY_END);
		for (size_t i = 0; i < sizeof(fuzz_leftover); i++) {
			fuzz_leftovers(&c, fuzz_leftover[i]);
			parse(&c, &other, binary);
			REQUIRE(same(&r, &other));
		}
		if (r.kind == MC_REPLY_UNKNOWN || r.kind == MC_REPLY_INCOMPLETE)
			break;
		REQUIRE(r.next > c.pos && r.next <= c.end && r.body <= MC_MAX_DATA + 2);
		if (!binary)
			REQUIRE(c.buf[r.next - 1] == '\n');
		c.pos = r.next + r.body;
	}
	free((void *)c.buf);
	return 0;
}
