// SPDX-License-Identifier: GPL-2.0-only
/* Follows a stream of binary requests and checks each. */
#include "input.h"

static int same(const struct mc_command *a, const struct mc_command *b)
{
	if (a->kind != b->kind)
		return 0;
	if (a->kind == MC_UNKNOWN || a->kind == MC_INCOMPLETE)
		return 1;
	return !memcmp(a, b, sizeof(*a));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mc_command cmd, other;
	struct ps_cursor c;

	if (fuzz_input(data, size, 'x', &c))
		return 0;
	while (c.pos < c.end) {
		memset(&cmd, 0, sizeof(cmd));
		mc_parse_binary(&c, &cmd);
		for (size_t i = 0; i < sizeof(fuzz_leftover); i++) {
			memset(&other, 0, sizeof(other));
			fuzz_leftovers(&c, fuzz_leftover[i]);
			mc_parse_binary(&c, &other);
			REQUIRE(same(&cmd, &other));
		}
		if (cmd.kind == MC_UNKNOWN || cmd.kind == MC_INCOMPLETE)
			break;
		REQUIRE(cmd.kind == MC_READ || cmd.kind == MC_WRITE || cmd.kind == MC_FLUSH);
		REQUIRE(cmd.line_end <= c.end && cmd.next >= cmd.line_end);
		REQUIRE(cmd.line_end >= c.pos + MC_BINARY_HEAD && cmd.key_len <= MC_MAX_KEY);
		REQUIRE(cmd.key >= c.pos + MC_BINARY_HEAD && cmd.key + cmd.key_len == cmd.line_end);
		if (cmd.kind == MC_WRITE)
			REQUIRE(cmd.key_len);
		c.pos = cmd.next;
	}
	free((void *)c.buf);
	return 0;
}
