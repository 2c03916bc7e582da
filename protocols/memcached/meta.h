/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A command as the parsers describe it, and the meta commands: mg, ms, md, ma.
 */
#ifndef PRESTACK_MEMCACHED_META_H
#define PRESTACK_MEMCACHED_META_H

#include "words.h"

#define MC_MAX_TOKENS 16 /* flags of a meta command looked at; more is MC_UNKNOWN */

enum mc_kind {
	MC_UNKNOWN, /* cannot be understood: might change anything */
	MC_INCOMPLETE, /* it goes on beyond what is there */
	MC_READ, /* changes no item */
	MC_READ_MANY, /* changes no item; names keys by all tokens from `key` on */
	MC_WRITE, /* may change the item `key` */
	MC_WRITE_MANY, /* may change the items named by all tokens from `key` on */
	MC_FLUSH, /* may change all items */
};

enum mc_replies {
	MC_REPLIES_ONE,
	MC_REPLIES_NONE,
	MC_REPLIES_MAYBE, /* one or none: depends on what the server finds */
	MC_REPLIES_LOST, /* something that cannot be told apart from other replies */
};

/* When what a command stores expires, if the reply says that it was stored. flush_all: its delay. */
enum mc_expiry {
	MC_EXPIRY_UNKNOWN,
	MC_EXPIRY_NEVER, /* flush_all: at once */
	MC_EXPIRY_RELATIVE, /* in `seconds` */
};

struct mc_command {
	__u32 kind; /* enum mc_kind */
	__u32 key; /* position of the (first) key */
	__u32 key_len; /* 1..MC_MAX_KEY for MC_WRITE */
	__u32 line_end; /* position after the line's \n, or after a binary command's key */
	__u32 next; /* position after the command and its data block; may lie beyond the end */
	__u32 replies; /* enum mc_replies */
	__u32 expiry; /* enum mc_expiry */
	__u32 seconds; /* with MC_EXPIRY_RELATIVE: 1..MC_RELATIVE_TIME */
	__u32 mark; /* the reply marks a place in the stream of replies: mn, noop */
};

ps_inline void mc_set_expiry(struct mc_command *cmd, __u32 seconds)
{
	cmd->expiry = MC_EXPIRY_UNKNOWN;
	if (seconds > MC_RELATIVE_TIME)
		return;
	cmd->expiry = seconds ? MC_EXPIRY_RELATIVE : MC_EXPIRY_NEVER;
	cmd->seconds = seconds;
}

/* An exptime or delay, the token at pos. strtol() takes more than is known for sure here. */
ps_inline void mc_parse_expiry(const struct ps_cursor *c, struct mc_command *cmd, __u32 pos,
			       __u32 len)
{
	__u32 seconds;

	cmd->expiry = MC_EXPIRY_UNKNOWN;
	if (len && ps_cursor_number(c, pos, &seconds) == len)
		mc_set_expiry(cmd, seconds);
}

/* What the flags of a meta command amount to. */
enum mc_meta {
	MC_META_EFFECT = 1, /* one that does more than ask, for mg */
	MC_META_QUIET = 2, /* q: the expected reply is left out */
	MC_META_BASE64 = 4, /* b: the key is not what it seems */
	MC_META_KEY = 8, /* k: the reply holds the key */
	MC_META_STALE = 16, /* I: the item may stay, as a stale one */
	MC_META_APPEND = 32, /* MA, MP and what is no mode of a set */
	MC_META_MALFORMED = 64, /* control bytes, or too many to tell */
};

/* A set of letters, and whether one is in it: by shifts, not by a case each, for the verifier's sake. */
#define MC_LETTER(letter) (1ULL << ((letter)&63))

ps_inline __u32 mc_is_in(__u64 set, __u8 letter)
{
	return set >> (letter & 63) & 1;
}

#define MC_META_ASKS                                                                               \
	(MC_LETTER('v') | MC_LETTER('k') | MC_LETTER('f') | MC_LETTER('s') | MC_LETTER('t') |      \
	 MC_LETTER('c') | MC_LETTER('h') | MC_LETTER('l') | MC_LETTER('q') | MC_LETTER('O') |      \
	 MC_LETTER('b'))

/* What one flag amounts to. Only T has a time; modes other than S, E and R append, or are none. */
ps_inline __u32 mc_meta_flag(__u8 letter, __u8 second, __u32 len)
{
	__u32 flags;

	if (letter >> 6 != 1) /* no letter */
		return MC_META_EFFECT;
	flags = (mc_is_in(MC_META_ASKS, letter) ^ 1) * MC_META_EFFECT;
	flags |= mc_is_in(MC_LETTER('q'), letter) * MC_META_QUIET;
	flags |= mc_is_in(MC_LETTER('b'), letter) * MC_META_BASE64;
	flags |= mc_is_in(MC_LETTER('k'), letter) * MC_META_KEY;
	flags |= mc_is_in(MC_LETTER('I'), letter) * MC_META_STALE;
	if (letter == 'M' && (len != 2 || second >> 6 != 1 ||
			      !mc_is_in(MC_LETTER('S') | MC_LETTER('E') | MC_LETTER('R'), second)))
		flags |= MC_META_APPEND;
	return flags;
}

/* Flags from the token after the key on; the token of T goes to *ttl and *ttl_len. */
ps_inline __u32 mc_meta_flags(const struct ps_cursor *c, __u32 pos, __u32 line_end, __u32 *ttl,
			      __u32 *ttl_len)
{
	__u32 flags = 0;

	for (__u32 i = 0; i < MC_MAX_TOKENS; i++) {
		__u32 len = mc_token(c, &pos, line_end);
		__u8 letter = ps_cursor_at(c, pos);

		if (!len)
			return mc_at_line_end(c, pos, line_end) ? flags : (__u32)MC_META_MALFORMED;
		flags |= mc_meta_flag(letter, ps_cursor_at(c, pos + 1), len);
		if (letter == 'T') {
			*ttl = pos + 1;
			*ttl_len = len - 1;
		}
		pos += len;
	}
	return MC_META_MALFORMED;
}

/*
 * mg <key> <flags>*, md and ma the same; ms <key> <datalen> <flags>* and a data block, which memcached
 * reads whatever it thinks of the flags.
 */
ps_inline void mc_parse_meta(const struct ps_cursor *c, struct mc_command *cmd, __u8 verb)
{
	__u32 pos = cmd->key + cmd->key_len, ttl = 0, ttl_len = 0, bytes, len;
	__u32 flags = mc_meta_flags(c, pos, cmd->line_end, &ttl, &ttl_len);

	if (flags & MC_META_MALFORMED)
		return;
	if (verb == 's') {
		len = mc_token(c, &pos, cmd->line_end);
		if (!len || ps_cursor_number(c, pos, &bytes) != len || bytes > MC_MAX_DATA)
			return;
		cmd->next = cmd->line_end + bytes + 2;
		if (ttl)
			mc_parse_expiry(c, cmd, ttl, ttl_len);
		else
			cmd->expiry = MC_EXPIRY_NEVER;
		if (flags & (MC_META_STALE | MC_META_APPEND | MC_META_BASE64))
			cmd->expiry = MC_EXPIRY_UNKNOWN;
	}
	if (flags & MC_META_QUIET)
		cmd->replies = MC_REPLIES_MAYBE;
	cmd->kind = MC_WRITE;
	if (verb == 'g' && !(flags & MC_META_EFFECT)) {
		cmd->kind = MC_READ;
	} else if (flags & MC_META_BASE64) {
		cmd->kind = MC_FLUSH;
		cmd->expiry = MC_EXPIRY_NEVER;
	}
	/* The key comes back as it is if it was stored by the binary protocol: newlines and all. */
	if (verb == 'g' && (flags & MC_META_BASE64) && (flags & MC_META_KEY))
		cmd->replies = MC_REPLIES_LOST;
}

#endif /* PRESTACK_MEMCACHED_META_H */
