/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parsers as functions of their own: the verifier looks at each once, and the callers do not see
 * which of its many ways it took.
 */
#ifndef PRESTACK_MEMCACHED_PARSE_BPF_H
#define PRESTACK_MEMCACHED_PARSE_BPF_H

#include "parser.h"

/* The command at s->pos. Returns 0. XDP only. */
__noinline int mc_next_command(struct mc_command *cmd, __u32 binary)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct ps_cursor c;

	if (!s || !cmd)
		return 0;
	c = ps_payload(s, PS_HOOK_XDP, s->pos);
	if (binary)
		mc_parse_binary(&c, cmd);
	else
		mc_parse_command(&c, cmd);
	return 0;
}

/* The reply, or line of one, at s->pos. Returns 0. TC only. */
__noinline int mc_next_reply(struct mc_reply *r, __u32 binary)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_TC);
	struct ps_cursor c;

	if (!s || !r)
		return 0;
	c = ps_payload(s, PS_HOOK_TC, s->pos);
	if (binary)
		mc_parse_binary_reply(&c, r);
	else
		mc_parse_reply(&c, r);
	return 0;
}

#endif /* PRESTACK_MEMCACHED_PARSE_BPF_H */
