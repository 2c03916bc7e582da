/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memcached's text protocol, as far as a cache in front of it has to understand it. Pure: compiles
 * for BPF and natively.
 *
 * Source: memcached's doc/protocol.txt and proto_text.c of 1.6. What memcached itself would refuse
 * or what is not known for sure is MC_UNKNOWN, and counts as a write to anything.
 */
#ifndef PRESTACK_MEMCACHED_PARSER_H
#define PRESTACK_MEMCACHED_PARSER_H

#include <prestack/cursor.h>

#define MC_MAX_KEY 250
#define MC_MAX_TOKENS 16 /* flags of a meta command looked at; more is MC_UNKNOWN */
#define MC_MAX_DATA (1U << 30) /* bytes of a data block; memcached's own limit is 1 GiB at most */
#define MC_MAX_UNIQUE_DIGITS 19 /* of a cas unique; with 20 it may exceed 64 bits and be refused */
#define MC_UDP_HEADER 8

enum mc_kind {
	MC_UNKNOWN, /* cannot be understood: might change anything */
	MC_INCOMPLETE, /* no end of line yet */
	MC_READ, /* changes no item */
	MC_WRITE, /* may change the item `key` */
	MC_WRITE_MANY, /* may change the items named by all tokens from `key` on */
	MC_FLUSH, /* may change all items */
};

struct mc_command {
	__u32 kind; /* enum mc_kind */
	__u32 key; /* position of the (first) key */
	__u32 key_len; /* 1..MC_MAX_KEY for MC_WRITE */
	__u32 line_end; /* position after the line's \n */
	__u32 next; /* position after the command and its data block; may lie beyond the end */
};

/* The UDP frame header, protocol.txt "UDP protocol". */
struct mc_frame {
	__u32 request; /* the client's number, echoed in the reply */
	__u32 sequence; /* this datagram's number */
	__u32 total; /* datagrams in the message */
};

/* First bytes of a token as a word, so that names can be compared at once. */
#define MC_NAME1(a) ((__u64)(a))
#define MC_NAME2(a, b) (MC_NAME1(a) | (__u64)(b) << 8)
#define MC_NAME3(a, b, c) (MC_NAME2(a, b) | (__u64)(c) << 16)
#define MC_NAME4(a, b, c, d) (MC_NAME3(a, b, c) | (__u64)(d) << 24)
#define MC_NAME5(a, b, c, d, e) (MC_NAME4(a, b, c, d) | (__u64)(e) << 32)
#define MC_NAME6(a, b, c, d, e, f) (MC_NAME5(a, b, c, d, e) | (__u64)(f) << 40)
#define MC_NAME7(a, b, c, d, e, f, g) (MC_NAME6(a, b, c, d, e, f) | (__u64)(g) << 48)
#define MC_NAME8(a, b, c, d, e, f, g, h) (MC_NAME7(a, b, c, d, e, f, g) | (__u64)(h) << 56)

#define MC_CRLF MC_NAME2('\r', '\n')

/* Reads the frame header at the cursor's start. Returns 0 if there is one. */
ps_inline int mc_parse_frame(const struct ps_cursor *c, struct mc_frame *f)
{
	__u64 w;

	if (c->end < MC_UDP_HEADER)
		return -1;
	w = ps_cursor_word(c, 0);
	f->request = (w & 0xff) << 8 | (w >> 8 & 0xff);
	f->sequence = (w >> 16 & 0xff) << 8 | (w >> 24 & 0xff);
	f->total = (w >> 32 & 0xff) << 8 | (w >> 40 & 0xff);
	return 0;
}

/*
 * Steps over blanks and returns the length of the token that follows at *pos; 0 if the line (which
 * ends at line_end) has none, if there are too many blanks, or if the token is longer than a key.
 */
ps_inline __u32 mc_token(const struct ps_cursor *c, __u32 *pos, __u32 line_end)
{
	__u32 p = ps_cursor_blanks(c, *pos), len;

	*pos = p;
	if (p >= line_end)
		return 0;
	len = ps_cursor_token(c, p, MC_MAX_KEY + 1);
	return len <= MC_MAX_KEY ? len : 0;
}

/* Whether the line is over at pos: \r\n or \n, and nothing else. */
ps_inline int mc_at_line_end(const struct ps_cursor *c, __u32 pos, __u32 line_end)
{
	if (pos + 1 == line_end)
		return 1;
	return pos + 2 == line_end && ps_cursor_at(c, pos) == '\r';
}

/* Whether a token that starts at pos is followed by a blank or the end of the line: no control bytes. */
ps_inline int mc_token_ends(const struct ps_cursor *c, __u32 pos, __u32 line_end)
{
	return ps_cursor_at(c, pos) == ' ' || mc_at_line_end(c, pos, line_end);
}

/* Whether the token at pos is `len` digits, with a minus before them if that is allowed. */
ps_inline int mc_is_number(const struct ps_cursor *c, __u32 pos, __u32 len, int minus)
{
	if (minus && ps_cursor_at(c, pos) == '-') {
		pos++;
		len--;
	}
	return len && ps_cursor_digits(c, pos) == len;
}

/*
 * set, add, replace, append, prepend, cas: <key> <flags> <exptime> <bytes> [<cas unique>] [noreply],
 * and a data block. memcached does not read the data block of a command that it refuses for its
 * form, but takes the data for commands; so the form has to be just right here, or nothing is known.
 */
ps_inline void mc_parse_storage(const struct ps_cursor *c, struct mc_command *cmd, int has_unique)
{
	__u32 pos = cmd->key + cmd->key_len, bytes, len, value;

	len = mc_token(c, &pos, cmd->line_end);
	if (!len || ps_cursor_number(c, pos, &value) != len) /* flags: 32 bits */
		return;
	pos += len;
	len = mc_token(c, &pos, cmd->line_end);
	if (!len || len > PS_MAX_DIGITS || !mc_is_number(c, pos, len, 1)) /* exptime */
		return;
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
	pos += mc_token(c, &pos, cmd->line_end);
	if (!mc_at_line_end(c, ps_cursor_blanks(c, pos), cmd->line_end))
		return;
	cmd->next = cmd->line_end + bytes + 2;
	cmd->kind = MC_WRITE;
}

/* ms: <key> <datalen> <flags>* and a data block. */
ps_inline void mc_parse_meta_set(const struct ps_cursor *c, struct mc_command *cmd)
{
	__u32 pos = cmd->key + cmd->key_len, bytes, len;

	len = mc_token(c, &pos, cmd->line_end);
	if (!len || ps_cursor_number(c, pos, &bytes) != len || bytes > MC_MAX_DATA)
		return;
	cmd->next = cmd->line_end + bytes + 2;
	cmd->kind = MC_WRITE;
}

/*
 * Flags of a meta command, from the token after the key on. Returns 0 if all of them are among those
 * that only ask (for mg), 1 if one may change the item, 2 if the key is not what it seems (b: base64)
 * or there are too many to tell.
 */
ps_inline __u32 mc_meta_flags(const struct ps_cursor *c, __u32 pos, __u32 line_end)
{
	__u32 effect = 0;

	for (__u32 i = 0; i < MC_MAX_TOKENS; i++) {
		__u32 len = mc_token(c, &pos, line_end);

		if (!len)
			return mc_at_line_end(c, pos, line_end) ? effect : 2;
		switch (ps_cursor_at(c, pos)) {
		case 'v':
		case 'k':
		case 'f':
		case 's':
		case 't':
		case 'c':
		case 'h':
		case 'l':
		case 'q':
		case 'O':
			break;
		case 'b':
			return 2;
		default:
			effect = 1;
		}
		pos += len;
	}
	return 2;
}

ps_inline void mc_parse_meta(const struct ps_cursor *c, struct mc_command *cmd, __u8 verb)
{
	__u32 effect = mc_meta_flags(c, cmd->key + cmd->key_len, cmd->line_end);

	if (effect == 2)
		return;
	if (verb == 's')
		mc_parse_meta_set(c, cmd);
	else
		cmd->kind = verb == 'g' && !effect ? MC_READ : MC_WRITE;
}

/* Names of 8 bytes or more: told apart by their first eight. */
ps_inline __u32 mc_long_name(__u64 name, __u32 len)
{
	switch (name) {
	case MC_NAME8('f', 'l', 'u', 's', 'h', '_', 'a', 'l'):
		return len == 9 ? MC_FLUSH : MC_UNKNOWN;
	case MC_NAME8('s', 'h', 'u', 't', 'd', 'o', 'w', 'n'):
	case MC_NAME8('c', 'a', 'c', 'h', 'e', '_', 'm', 'e'): /* cache_memlimit: may evict */
		return MC_FLUSH;
	case MC_NAME8('v', 'e', 'r', 'b', 'o', 's', 'i', 't'):
		return len == 9 ? MC_READ : MC_UNKNOWN;
	case MC_NAME8('l', 'r', 'u', '_', 'c', 'r', 'a', 'w'):
		return len == 11 ? MC_READ : MC_UNKNOWN;
	}
	return MC_UNKNOWN;
}

/*
 * Parses the command that starts at c->pos. Looks at nothing beyond c->end. On MC_UNKNOWN and
 * MC_INCOMPLETE only `kind` means anything.
 */
ps_inline void mc_parse_command(const struct ps_cursor *c, struct mc_command *cmd)
{
	__u32 pos = c->pos, len, name_at = pos;
	__u64 name;

	cmd->kind = MC_INCOMPLETE;
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
	if (len >= 8) {
		cmd->kind = mc_long_name(name, len);
		return;
	}
	cmd->key = pos;
	cmd->key_len = mc_token(c, &cmd->key, cmd->line_end);
	if (cmd->key_len && !mc_token_ends(c, cmd->key + cmd->key_len, cmd->line_end))
		return;
	switch (name) {
	case MC_NAME5('s', 't', 'a', 't', 's'):
	case MC_NAME7('v', 'e', 'r', 's', 'i', 'o', 'n'):
	case MC_NAME4('q', 'u', 'i', 't'):
	case MC_NAME3('l', 'r', 'u'):
	case MC_NAME5('w', 'a', 't', 'c', 'h'):
	case MC_NAME2('m', 'n'):
		cmd->kind = MC_READ;
		return;
	case MC_NAME5('s', 'l', 'a', 'b', 's'): /* reassign evicts */
		cmd->kind = MC_FLUSH;
		return;
	}
	/* All others name a key. */
	if (!cmd->key_len)
		return;
	switch (name) {
	case MC_NAME3('g', 'e', 't'):
	case MC_NAME4('g', 'e', 't', 's'):
	case MC_NAME4('b', 'g', 'e', 't'):
	case MC_NAME2('m', 'e'):
		cmd->kind = MC_READ;
		return;
	case MC_NAME3('s', 'e', 't'):
	case MC_NAME3('a', 'd', 'd'):
	case MC_NAME7('r', 'e', 'p', 'l', 'a', 'c', 'e'):
	case MC_NAME6('a', 'p', 'p', 'e', 'n', 'd'):
	case MC_NAME7('p', 'r', 'e', 'p', 'e', 'n', 'd'):
	case MC_NAME3('c', 'a', 's'):
		mc_parse_storage(c, cmd, name == MC_NAME3('c', 'a', 's'));
		return;
	case MC_NAME6('d', 'e', 'l', 'e', 't', 'e'):
	case MC_NAME4('i', 'n', 'c', 'r'):
	case MC_NAME4('d', 'e', 'c', 'r'):
	case MC_NAME5('t', 'o', 'u', 'c', 'h'):
		cmd->kind = MC_WRITE;
		return;
	case MC_NAME3('g', 'a', 't'):
	case MC_NAME4('g', 'a', 't', 's'):
		/* The first token is the new exptime, keys follow. */
		cmd->key += cmd->key_len;
		cmd->key_len = 0;
		cmd->kind = MC_WRITE_MANY;
		return;
	case MC_NAME2('m', 'g'):
		mc_parse_meta(c, cmd, 'g');
		return;
	case MC_NAME2('m', 's'):
		mc_parse_meta(c, cmd, 's');
		return;
	case MC_NAME2('m', 'd'):
		mc_parse_meta(c, cmd, 'd');
		return;
	case MC_NAME2('m', 'a'):
		mc_parse_meta(c, cmd, 'a');
		return;
	}
}

/* One VALUE of a reply to get. */
struct mc_value {
	__u32 key;
	__u32 key_len;
	__u32 flags;
	__u32 data; /* position of the data block */
	__u32 data_len;
	__u32 next; /* position after the data block's \r\n */
};

/*
 * Parses "VALUE <key> <flags> <bytes>\r\n<data>\r\n" at c->pos, all of which must be there. Returns 0,
 * or -1 if it is anything else; a fourth number (the reply to gets) is something else.
 */
ps_inline int mc_parse_value(const struct ps_cursor *c, struct mc_value *v)
{
	__u32 pos = c->pos, digits;

	if (c->end < pos + 8)
		return -1;
	if ((ps_cursor_word(c, pos) & ps_low_bytes(6)) != MC_NAME6('V', 'A', 'L', 'U', 'E', ' '))
		return -1;
	v->key = pos + 6;
	v->key_len = ps_cursor_token(c, v->key, MC_MAX_KEY + 1);
	if (!v->key_len || v->key_len > MC_MAX_KEY)
		return -1;
	pos = v->key + v->key_len;
	if (pos >= c->end || ps_cursor_at(c, pos) != ' ')
		return -1;
	digits = ps_cursor_number(c, pos + 1, &v->flags);
	if (!digits)
		return -1;
	pos += 1 + digits;
	if (ps_cursor_at(c, pos) != ' ')
		return -1;
	digits = ps_cursor_number(c, pos + 1, &v->data_len);
	if (!digits)
		return -1;
	pos += 1 + digits;
	if (c->end < pos + 4 || (ps_cursor_word(c, pos) & 0xffff) != MC_CRLF)
		return -1;
	v->data = pos + 2;
	if (v->data_len > c->end - v->data - 2)
		return -1;
	pos = v->data + v->data_len;
	if ((ps_cursor_word(c, pos) & 0xffff) != MC_CRLF)
		return -1;
	v->next = pos + 2;
	return 0;
}

#endif /* PRESTACK_MEMCACHED_PARSER_H */
