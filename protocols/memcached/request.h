/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Commands of the text protocol: what they may change, and how many replies follow.
 *
 * What memcached itself would refuse for its form or what is not known for sure is MC_UNKNOWN, and
 * counts as a write to anything. Over a stream it also means that the place in it is lost.
 */
#ifndef PRESTACK_MEMCACHED_REQUEST_H
#define PRESTACK_MEMCACHED_REQUEST_H

#include "meta.h"

#define MC_MAX_UNIQUE_DIGITS 19 /* of a cas unique; with 20 it may exceed 64 bits and be refused */
#define MC_MAX_TAIL 6 /* words after a name or key that are looked at for `noreply` */
#define MC_MINUS_DIGITS 9 /* of a negative number that fits 32 bits for sure */

/* What may stand at the end of a command, see mc_parse_tail. */
enum mc_tail {
	MC_TAIL_ANY, /* nothing that matters */
	MC_TAIL_NOREPLY, /* one or two words, of which the last may be `noreply` */
	MC_TAIL_REPLY, /* words; with `noreply` among the last it is not known what comes back */
	MC_TAIL_NONE, /* as MC_TAIL_REPLY, but any word will do that */
};

/*
 * What follows the key of by far most storage commands: " <flags> <exptime> <bytes>\r\n", short numbers
 * with one blank before each. The line is at its end then. 0: it is something else, perhaps also right.
 */
ps_inline int mc_parse_plain_storage(const struct ps_cursor *c, struct mc_command *cmd, __u32 pos)
{
	__u32 flags, seconds = 0, bytes, len;

	if ((ps_cursor_word(c, pos) & ps_low_bytes(5)) == MC_NAME5(' ', '0', ' ', '0', ' ')) {
		pos += 4;
	} else {
		if (!mc_blank_number(c, &pos, &flags) || !mc_blank_number(c, &pos, &seconds) ||
		    ps_cursor_at(c, pos) != ' ')
			return 0;
	}
	len = ps_cursor_short_number(c, pos + 1, &bytes);
	pos += 1 + len + 2;
	if (!len || bytes > MC_MAX_DATA || pos > c->end ||
	    (ps_cursor_word(c, pos - 2) & 0xffff) != MC_CRLF)
		return 0;
	mc_set_expiry(cmd, seconds);
	cmd->line_end = pos;
	cmd->next = pos + bytes + 2;
	cmd->kind = MC_WRITE;
	return 1;
}

/* "set <key>" and that, at c->pos: told without looking for the end of the line first. 0: another command. */
ps_inline int mc_parse_plain_set(const struct ps_cursor *c, struct mc_command *cmd)
{
	__u32 key = c->pos + 4, len;

	if ((ps_cursor_word(c, c->pos) & 0xffffffff) != MC_NAME4('s', 'e', 't', ' '))
		return 0;
	len = ps_cursor_token(c, key, MC_MAX_KEY + 1);
	if (!len || len > MC_MAX_KEY)
		return 0;
	cmd->key = key;
	cmd->key_len = len;
	return mc_parse_plain_storage(c, cmd, key + len);
}

/*
 * set, add, replace, append, prepend, cas: <key> <flags> <exptime> <bytes> [<cas unique>] [noreply],
 * and a data block. memcached does not read the data block of a command that it refuses for its
 * form, but takes the data for commands; so the form has to be just right here, or nothing is known.
 */
ps_inline void mc_parse_storage(const struct ps_cursor *c, struct mc_command *cmd, int has_unique)
{
	__u32 pos = cmd->key + cmd->key_len, bytes, len, value;

	if (!has_unique && mc_parse_plain_storage(c, cmd, pos))
		return;
	len = mc_token(c, &pos, cmd->line_end);
	if (!len || ps_cursor_number(c, pos, &value) != len) /* flags: 32 bits */
		return;
	pos += len;
	len = mc_token(c, &pos, cmd->line_end);
	if (!len || len > PS_MAX_DIGITS || !mc_is_number(c, pos, len, 1)) /* exptime */
		return;
	mc_parse_expiry(c, cmd, pos, len);
	pos += len;
	len = mc_token(c, &pos, cmd->line_end);
	if (!len || ps_cursor_number(c, pos, &bytes) != len || bytes > MC_MAX_DATA)
		return;
	pos += len;
	if (has_unique) {
		len = mc_token(c, &pos, cmd->line_end);
		if (!len || len > MC_MAX_UNIQUE_DIGITS || !mc_is_number(c, pos, len, 0))
			return;
		pos += len;
	}
	/* Anything may stand in noreply's place, once. */
	len = mc_token(c, &pos, cmd->line_end);
	if (mc_is_noreply(c, pos, len))
		cmd->replies = MC_REPLIES_NONE;
	if (!mc_at_line_end(c, ps_cursor_blanks(c, pos + len), cmd->line_end))
		return;
	cmd->next = cmd->line_end + bytes + 2;
	cmd->kind = MC_WRITE;
}

/*
 * The words from pos to the end of the line: is `noreply` the last of them, where memcached looks for
 * it? It looks there before it looks at anything else, but only if the number of words is right; so an
 * error is silenced, too. With control bytes in a word it cannot be told: memcached ends a line at a zero.
 */
ps_inline void mc_parse_tail(const struct ps_cursor *c, struct mc_command *cmd, __u32 pos,
			     __u32 tail)
{
	__u32 words = 0, noreply = 0;

	for (__u32 i = 0; i < MC_MAX_TAIL; i++) {
		__u32 len = mc_token(c, &pos, cmd->line_end);

		if (!len) {
			if (!mc_at_line_end(c, pos, cmd->line_end) ||
			    (words && tail == MC_TAIL_NONE) || (noreply && tail == MC_TAIL_REPLY))
				cmd->replies = MC_REPLIES_LOST;
			else if (noreply && words <= 2)
				cmd->replies = MC_REPLIES_NONE;
			return;
		}
		words++;
		noreply = mc_is_noreply(c, pos, len);
		pos += len;
	}
	/* Too many for those that know `noreply`: an error, and a reply. */
	if (tail != MC_TAIL_NOREPLY)
		cmd->replies = MC_REPLIES_LOST;
}

/* The delay of flush_all, if its first word is one. */
ps_inline void mc_parse_delay(const struct ps_cursor *c, struct mc_command *cmd)
{
	__u8 first = ps_cursor_at(c, cmd->key);
	__u32 len = cmd->key_len;

	cmd->expiry = MC_EXPIRY_NEVER;
	if (!len || (first != '-' && first != '+' && (first < '0' || first > '9')))
		return;
	if (first == '-' && len <= 1 + MC_MINUS_DIGITS && mc_is_number(c, cmd->key, len, 1))
		return;
	mc_parse_expiry(c, cmd, cmd->key, len);
}

/* Names of 8 bytes or more: told apart by their first eight. */
ps_inline void mc_parse_long_name(const struct ps_cursor *c, struct mc_command *cmd, __u64 name,
				  __u32 len, __u32 *tail)
{
	switch (name) {
	case MC_NAME8('f', 'l', 'u', 's', 'h', '_', 'a', 'l'):
		if (len != 9)
			return;
		cmd->kind = MC_FLUSH;
		mc_parse_delay(c, cmd);
		*tail = MC_TAIL_NOREPLY;
		return;
	case MC_NAME8('c', 'a', 'c', 'h', 'e', '_', 'm', 'e'): /* cache_memlimit: may evict */
		cmd->kind = MC_FLUSH;
		cmd->expiry = MC_EXPIRY_NEVER;
		cmd->replies = len == 14 ? MC_REPLIES_ONE : MC_REPLIES_LOST;
		*tail = MC_TAIL_NOREPLY;
		return;
	case MC_NAME8('s', 'h', 'u', 't', 'd', 'o', 'w', 'n'):
		/* If it is obeyed there is no reply, and nothing else. */
		cmd->kind = MC_FLUSH;
		cmd->expiry = MC_EXPIRY_NEVER;
		cmd->replies = len == 8 ? MC_REPLIES_ONE : MC_REPLIES_LOST;
		return;
	case MC_NAME8('v', 'e', 'r', 'b', 'o', 's', 'i', 't'):
		if (len != 9)
			return;
		cmd->kind = MC_READ;
		*tail = MC_TAIL_NOREPLY;
		return;
	case MC_NAME8('l', 'r', 'u', '_', 'c', 'r', 'a', 'w'):
		if (len == 11)
			cmd->kind = MC_READ;
		return;
	}
}

/*
 * Whether this may be `stats detail dump` or `stats cachedump`, which print keys as they are: one that was
 * stored by the binary protocol may hold newlines.
 */
ps_inline int mc_prints_keys(const struct ps_cursor *c, const struct mc_command *cmd)
{
	__u64 word = ps_cursor_word(c, cmd->key) & ps_low_bytes(5);

	if (!cmd->key_len)
		return !mc_at_line_end(c, cmd->key, cmd->line_end);
	return cmd->key_len > 5 && (word == MC_NAME5('d', 'e', 't', 'a', 'i') ||
				    word == MC_NAME5('c', 'a', 'c', 'h', 'e'));
}

/* Names of less than 8 bytes that need no key. False: none of them. */
ps_inline int mc_parse_keyless(const struct ps_cursor *c, struct mc_command *cmd, __u64 name,
			       __u32 *tail)
{
	switch (name) {
	case MC_NAME2('m', 'n'):
		cmd->mark = 1;
		break;
	case MC_NAME5('s', 't', 'a', 't', 's'):
		if (mc_prints_keys(c, cmd))
			cmd->replies = MC_REPLIES_LOST;
		break;
	case MC_NAME7('v', 'e', 'r', 's', 'i', 'o', 'n'):
		break;
	case MC_NAME4('q', 'u', 'i', 't'):
		cmd->replies = MC_REPLIES_NONE;
		break;
	case MC_NAME3('l', 'r', 'u'):
	case MC_NAME5('w', 'a', 't', 'c', 'h'):
		*tail = MC_TAIL_REPLY;
		break;
	case MC_NAME5('s', 'l', 'a', 'b', 's'): /* reassign evicts */
		cmd->kind = MC_FLUSH;
		cmd->expiry = MC_EXPIRY_NEVER;
		*tail = MC_TAIL_REPLY;
		return 1;
	default:
		return 0;
	}
	cmd->kind = MC_READ;
	return 1;
}

/* All others, which name a key. */
ps_inline void mc_parse_keyed(const struct ps_cursor *c, struct mc_command *cmd, __u64 name,
			      __u32 *tail)
{
	switch (name) {
	case MC_NAME3('g', 'e', 't'):
	case MC_NAME4('g', 'e', 't', 's'):
	case MC_NAME4('b', 'g', 'e', 't'):
		cmd->kind = MC_READ_MANY;
		return;
	case MC_NAME2('m', 'e'):
		cmd->kind = MC_READ;
		*tail = MC_TAIL_NONE; /* with `b` it prints the key as it is */
		return;
	case MC_NAME6('a', 'p', 'p', 'e', 'n', 'd'):
	case MC_NAME7('p', 'r', 'e', 'p', 'e', 'n', 'd'):
		mc_parse_storage(c, cmd, 0);
		cmd->expiry = MC_EXPIRY_UNKNOWN; /* that of the item as it was */
		return;
	case MC_NAME3('s', 'e', 't'):
	case MC_NAME3('a', 'd', 'd'):
	case MC_NAME7('r', 'e', 'p', 'l', 'a', 'c', 'e'):
	case MC_NAME3('c', 'a', 's'):
		mc_parse_storage(c, cmd, name == MC_NAME3('c', 'a', 's'));
		return;
	case MC_NAME6('d', 'e', 'l', 'e', 't', 'e'):
	case MC_NAME4('i', 'n', 'c', 'r'):
	case MC_NAME4('d', 'e', 'c', 'r'):
	case MC_NAME5('t', 'o', 'u', 'c', 'h'):
		cmd->kind = MC_WRITE;
		*tail = MC_TAIL_NOREPLY;
		return;
	case MC_NAME3('g', 'a', 't'):
	case MC_NAME4('g', 'a', 't', 's'):
		/* The first token is the new exptime, keys follow. */
		cmd->key += cmd->key_len;
		cmd->key_len = 0;
		cmd->kind = MC_WRITE_MANY;
		return;
	case MC_NAME2('m', 'g'):
	case MC_NAME2('m', 's'):
	case MC_NAME2('m', 'd'):
	case MC_NAME2('m', 'a'):
		mc_parse_meta(c, cmd, name >> 8);
		return;
	}
}

/*
 * Parses the command that starts at c->pos. Looks at nothing beyond c->end. On MC_UNKNOWN and
 * MC_INCOMPLETE only `kind` means anything.
 */
ps_inline void mc_parse_command(const struct ps_cursor *c, struct mc_command *cmd)
{
	__u32 pos = c->pos, len, name_at = pos, tail = MC_TAIL_ANY;
	__u64 name;

	cmd->kind = MC_INCOMPLETE;
	cmd->replies = MC_REPLIES_ONE;
	cmd->expiry = MC_EXPIRY_UNKNOWN;
	cmd->seconds = cmd->mark = 0;
	if (mc_parse_plain_set(c, cmd))
		return;
	cmd->key = cmd->key_len = 0;
	cmd->line_end = cmd->next = ps_cursor_line(c, pos);
	if (!cmd->line_end)
		return;
	cmd->kind = MC_UNKNOWN;
	len = ps_cursor_token(c, pos, 16);
	if (!len)
		return;
	name = ps_cursor_word(c, name_at) & ps_low_bytes(len);
	pos += len;
	if (!mc_token_ends(c, pos, cmd->line_end))
		return;
	cmd->key = pos;
	cmd->key_len = mc_token(c, &cmd->key, cmd->line_end);
	if (cmd->key_len && !mc_token_ends(c, cmd->key + cmd->key_len, cmd->line_end))
		return;
	if (len >= 8)
		mc_parse_long_name(c, cmd, name, len, &tail);
	else if (mc_parse_keyless(c, cmd, name, &tail))
		;
	else if (cmd->key_len) {
		mc_parse_keyed(c, cmd, name, &tail);
		pos = cmd->key + cmd->key_len;
	}
	if (tail != MC_TAIL_ANY)
		mc_parse_tail(c, cmd, pos, tail);
}

#endif /* PRESTACK_MEMCACHED_REQUEST_H */
