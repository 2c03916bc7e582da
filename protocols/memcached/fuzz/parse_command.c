// SPDX-License-Identifier: GPL-2.0-only
/* Follows a stream of commands as the plug-in does, and checks each result. */
#include "input.h"

static void check(const struct ps_cursor *c, const struct mc_command *cmd)
{
	REQUIRE(cmd->kind <= MC_FLUSH);
	if (cmd->kind == MC_INCOMPLETE)
		REQUIRE(!memchr(c->buf + c->pos, '\n', c->end - c->pos));
	if (cmd->kind == MC_UNKNOWN || cmd->kind == MC_INCOMPLETE)
		return;
	/* The line is the one up to the first newline, and there is progress. */
	REQUIRE(cmd->line_end > c->pos && cmd->line_end <= c->end);
	REQUIRE(memchr(c->buf + c->pos, '\n', c->end - c->pos) == c->buf + cmd->line_end - 1);
	REQUIRE(cmd->next >= cmd->line_end);
	REQUIRE(cmd->next == cmd->line_end || cmd->next >= cmd->line_end + 2);
	REQUIRE(cmd->next - cmd->line_end <= MC_MAX_DATA + 2);
	/* Only a storage command has data; its key is not known in base64. */
	if (cmd->next != cmd->line_end)
		REQUIRE(cmd->kind == MC_WRITE || cmd->kind == MC_FLUSH);
	REQUIRE(cmd->replies <= MC_REPLIES_LOST && cmd->expiry <= MC_EXPIRY_RELATIVE);
	if (cmd->expiry == MC_EXPIRY_RELATIVE)
		REQUIRE(cmd->seconds >= 1 && cmd->seconds <= MC_RELATIVE_TIME);
	if (cmd->kind != MC_WRITE)
		return;
	REQUIRE(cmd->key_len >= 1 && cmd->key_len <= MC_MAX_KEY);
	REQUIRE(cmd->key > c->pos && cmd->key + cmd->key_len < cmd->line_end);
	/* A key is a whole word: blanks around it, nothing below in it. */
	REQUIRE(c->buf[cmd->key - 1] == ' ');
	for (__u32 i = 0; i < cmd->key_len; i++)
		REQUIRE(c->buf[cmd->key + i] > ' ');
	REQUIRE(memchr(" \r\n", c->buf[cmd->key + cmd->key_len], 3));
}

static int same(const struct mc_command *a, const struct mc_command *b)
{
	if (a->kind != b->kind)
		return 0;
	if (a->kind == MC_UNKNOWN || a->kind == MC_INCOMPLETE)
		return 1;
	return a->key == b->key && a->key_len == b->key_len && a->line_end == b->line_end &&
	       a->next == b->next && a->replies == b->replies && a->expiry == b->expiry &&
	       a->seconds == b->seconds && a->mark == b->mark;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mc_command cmd, other;
	struct ps_cursor c;

	if (fuzz_input(data, size, 'x', &c))
		return 0;
	while (c.pos < c.end) {
		mc_parse_command(&c, &cmd);
		check(&c, &cmd);
		for (size_t i = 0; i < sizeof(fuzz_leftover); i++) {
			/* Of what lies before the command, too. */
			fuzz_leftovers(&c, fuzz_leftover[i]);
			mc_parse_command(&c, &other);
			REQUIRE(same(&cmd, &other));
		}
		if (cmd.kind == MC_UNKNOWN || cmd.kind == MC_INCOMPLETE)
			break;
		REQUIRE(cmd.next > c.pos);
		c.pos = cmd.next;
	}
	free((void *)c.buf);
	return 0;
}
