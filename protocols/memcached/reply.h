/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Replies of the text protocol, line by line: which line ends a reply, and what follows it unseen.
 *
 * A reply that is counted but does not answer the command that it is counted for would release a write
 * too early. So every line that tells of trouble which the parser of commands does not foresee (an
 * unknown command, a command line that memcached understood in another way, replies dropped for lack of
 * memory, a client that is not authenticated) is MC_REPLY_UNKNOWN.
 */
#ifndef PRESTACK_MEMCACHED_REPLY_H
#define PRESTACK_MEMCACHED_REPLY_H

#include "words.h"

enum mc_reply_kind {
	MC_REPLY_UNKNOWN,
	MC_REPLY_INCOMPLETE, /* no end of line yet */
	MC_REPLY_PART, /* a line after which the reply goes on */
	MC_REPLY_END, /* the last line of a reply, or its only one */
};

struct mc_reply {
	__u32 kind; /* enum mc_reply_kind */
	__u32 next; /* position after the line */
	__u32 body; /* bytes of data that follow it, line end included */
	__u32 succeeded; /* the write did what it was asked to */
	__u32 reads; /* only a read is answered like this */
	__u32 mark; /* MN */
	__u32 error; /* CLIENT_ERROR, SERVER_ERROR */
	__u32 effect; /* nobody counts it, but it tells that something was changed: anything may have been */
	__u32 skip; /* MC_REPLY_INCOMPLETE: whatever the line holds, it is an MC_REPLY_PART */
};

/* One VALUE of a reply to get. */
struct mc_value {
	__u32 key;
	__u32 key_len;
	__u32 flags;
	__u32 data; /* position of the data block */
	__u32 data_len;
	__u32 next; /* position after the data block's \r\n; may lie beyond the end */
	__u32 unique; /* a fourth number: the reply to gets */
};

ps_inline int mc_begins_value(const struct ps_cursor *c, __u32 pos)
{
	return (ps_cursor_word(c, pos) & ps_low_bytes(6)) == MC_NAME6('V', 'A', 'L', 'U', 'E', ' ');
}

/*
 * What of a VALUE line follows its key, at pos, in the form of by far most: " <flags> <bytes>\r\n" with short
 * numbers, told without a call. 0: something else.
 */
ps_inline int mc_parse_plain_value(const struct ps_cursor *c, struct mc_value *v, __u32 pos)
{
	if (!mc_blank_number(c, &pos, &v->flags) || !mc_blank_number(c, &pos, &v->data_len))
		return 0;
	pos += 2;
	if (v->data_len > MC_MAX_DATA || pos > c->end ||
	    (ps_cursor_word(c, pos - 2) & 0xffff) != MC_CRLF)
		return 0;
	v->unique = 0;
	v->data = pos;
	v->next = pos + v->data_len + 2;
	return 1;
}

/*
 * Parses the line "VALUE <key> <flags> <bytes>[ <cas unique>]\r\n" at c->pos, all of which must be
 * there. Returns 0, or -1 if it is anything else.
 */
ps_inline int mc_parse_value_line(const struct ps_cursor *c, struct mc_value *v)
{
	__u32 pos = c->pos, digits;

	if (c->end < pos + 8)
		return -1;
	if (!mc_begins_value(c, pos))
		return -1;
	v->key = pos + 6;
	v->key_len = ps_cursor_token(c, v->key, MC_MAX_KEY + 1);
	if (!v->key_len || v->key_len > MC_MAX_KEY)
		return -1;
	pos = v->key + v->key_len;
	if (mc_parse_plain_value(c, v, pos))
		return 0;
	if (pos >= c->end || ps_cursor_at(c, pos) != ' ')
		return -1;
	digits = ps_cursor_number(c, pos + 1, &v->flags);
	if (!digits)
		return -1;
	pos += 1 + digits;
	if (ps_cursor_at(c, pos) != ' ')
		return -1;
	digits = ps_cursor_number(c, pos + 1, &v->data_len);
	if (!digits || v->data_len > MC_MAX_DATA)
		return -1;
	pos += 1 + digits;
	v->unique = ps_cursor_at(c, pos) == ' ';
	if (v->unique) {
		digits = ps_cursor_digits(c, pos + 1);
		if (!digits)
			return -1;
		pos += 1 + digits;
	}
	if (c->end < pos + 2 || (ps_cursor_word(c, pos) & 0xffff) != MC_CRLF)
		return -1;
	v->data = pos + 2;
	v->next = v->data + v->data_len + 2;
	return 0;
}

/* The same with its data block, all of which must be there; a reply to gets is something else. */
ps_inline int mc_parse_value(const struct ps_cursor *c, struct mc_value *v)
{
	if (mc_parse_value_line(c, v) || v->unique || v->next > c->end ||
	    (ps_cursor_word(c, v->next - 2) & 0xffff) != MC_CRLF)
		return -1;
	return 0;
}

/* CLIENT_ERROR: those that come after a command was read to its end, as the parser of commands read it. */
ps_inline int mc_known_client_error(const struct ps_cursor *c, __u32 pos)
{
	__u64 text = ps_cursor_word(c, pos);

	switch (text & ps_low_bytes(5)) {
	case MC_NAME5('b', 'a', 'd', ' ', 'd'): /* bad data chunk */
	case MC_NAME5('b', 'a', 'd', ' ', 't'): /* bad token in command line format */
	case MC_NAME5('c', 'a', 'n', 'n',
		      'o'): /* cannot increment or decrement non-numeric value */
	case MC_NAME5('i', 'n', 'v', 'a', 'l'): /* invalid exptime, delta, flag, mode */
		return 1;
	}
	return 0;
}

/* SERVER_ERROR: those that drop no other reply. */
ps_inline int mc_known_server_error(const struct ps_cursor *c, __u32 pos)
{
	/* object too large for cache; out of memory storing object */
	if (ps_cursor_word(c, pos) == MC_NAME8('o', 'b', 'j', 'e', 'c', 't', ' ', 't'))
		return 1;
	return ps_cursor_word(c, pos) == MC_NAME8('o', 'u', 't', ' ', 'o', 'f', ' ', 'm') &&
	       ps_cursor_word(c, pos + 8) == MC_NAME8('e', 'm', 'o', 'r', 'y', ' ', 's', 't');
}

/* A first word of 8 bytes or more, told by its first eight. */
ps_inline void mc_parse_long_reply(const struct ps_cursor *c, struct mc_reply *r, __u64 name,
				   __u32 len)
{
	__u32 end = c->pos + len;
	int good = 0;

	switch (name) {
	case MC_NAME8('N', 'O', 'T', '_', 'S', 'T', 'O', 'R'):
		good = len == 10 && end + 2 == r->next;
		break;
	case MC_NAME8('N', 'O', 'T', '_', 'F', 'O', 'U', 'N'):
		good = len == 9 && end + 2 == r->next;
		break;
	case MC_NAME8('N', 'O', 'T', 'S', 'T', 'A', 'R', 'T'):
	case MC_NAME8('B', 'A', 'D', 'C', 'L', 'A', 'S', 'S'):
	case MC_NAME8('M', 'E', 'M', 'L', 'I', 'M', 'I', 'T'):
	case MC_NAME8('W', 'A', 'T', 'C', 'H', 'E', 'R', '_'):
		good = 1;
		break;
	case MC_NAME8('C', 'L', 'I', 'E', 'N', 'T', '_', 'E'):
		r->error = 1;
		good = mc_known_client_error(c, end + 1);
		break;
	case MC_NAME8('S', 'E', 'R', 'V', 'E', 'R', '_', 'E'):
		r->error = 1;
		good = mc_known_server_error(c, end + 1);
		break;
	}
	if (good)
		r->kind = MC_REPLY_END;
}

/* Lines that begin a longer answer, or stand alone, by the first word alone. */
ps_inline void mc_parse_open_line(struct mc_reply *r, __u64 name)
{
	switch (name) {
	case MC_NAME4('S', 'T', 'A', 'T'):
		r->kind = MC_REPLY_PART;
		r->reads = 1;
		return;
	case MC_NAME7('V', 'E', 'R', 'S', 'I', 'O', 'N'):
	case MC_NAME2('M', 'E'):
	case MC_NAME2('E', 'N'):
		r->reads = 1;
		break;
	case MC_NAME2('H', 'D'):
		r->succeeded = 1;
		break;
	case MC_NAME2('N', 'F'):
	case MC_NAME2('N', 'S'):
	case MC_NAME2('E', 'X'):
	case MC_NAME4('B', 'U', 'S', 'Y'):
	case MC_NAME4('S', 'A', 'M', 'E'):
	case MC_NAME7('N', 'O', 'S', 'P', 'A', 'R', 'E'):
		break;
	default:
		return;
	}
	r->kind = MC_REPLY_END;
}

/* Lines of one word. */
ps_inline void mc_parse_closed_line(struct mc_reply *r, __u64 name)
{
	switch (name) {
	case MC_NAME3('E', 'N', 'D'):
	case MC_NAME5('R', 'E', 'S', 'E', 'T'):
		r->reads = 1;
		break;
	case MC_NAME2('M', 'N'):
		r->reads = r->mark = 1;
		break;
	case MC_NAME6('S', 'T', 'O', 'R', 'E', 'D'):
		r->succeeded = 1;
		break;
	case MC_NAME2('O', 'K'):
	case MC_NAME6('E', 'X', 'I', 'S', 'T', 'S'):
	case MC_NAME7('D', 'E', 'L', 'E', 'T', 'E', 'D'):
	case MC_NAME7('T', 'O', 'U', 'C', 'H', 'E', 'D'):
		break;
	default:
		return;
	}
	r->kind = MC_REPLY_END;
}

/* Lines of `lru_crawler metadump` and of `watch`; keys in them are encoded. */
ps_inline int mc_is_log_line(__u64 name)
{
	return (name & ps_low_bytes(4)) == MC_NAME4('k', 'e', 'y', '=') ||
	       (name & ps_low_bytes(3)) == MC_NAME3('t', 's', '=') ||
	       name == MC_NAME8('s', 'k', 'i', 'p', 'p', 'e', 'd', '=');
}

/* VALUE and VA: the data block is in r->body. */
ps_inline void mc_parse_data_line(const struct ps_cursor *c, struct mc_reply *r, __u64 name)
{
	struct mc_value v;
	__u32 bytes;

	if (name == MC_NAME2('V', 'A')) {
		if (!ps_cursor_number(c, c->pos + 3, &bytes) || bytes > MC_MAX_DATA)
			return;
		r->body = bytes + 2;
		r->kind = MC_REPLY_END;
		return;
	}
	if (mc_parse_value_line(c, &v) || v.data != r->next)
		return;
	r->body = v.data_len + 2;
	r->reads = 1;
	r->kind = MC_REPLY_PART;
}

/* The two lines that by far most replies end with, told by one word. 0: another line. */
ps_inline int mc_parse_plain_reply(const struct ps_cursor *c, struct mc_reply *r)
{
	__u64 line = ps_cursor_word(c, c->pos);
	__u32 len;

	if (line == MC_NAME8('S', 'T', 'O', 'R', 'E', 'D', '\r', '\n'))
		len = 8;
	else if ((line & ps_low_bytes(5)) == MC_NAME5('E', 'N', 'D', '\r', '\n'))
		len = 5;
	else
		return 0;
	if (c->pos + len > c->end)
		return 0;
	r->kind = MC_REPLY_END;
	r->next = c->pos + len;
	r->succeeded = len == 8;
	r->reads = len == 5;
	r->skip = 0;
	return 1;
}

/* Parses the line that starts at c->pos. Looks at nothing beyond c->end. */
ps_inline void mc_parse_reply(const struct ps_cursor *c, struct mc_reply *r)
{
	__u32 len, end;
	__u64 name;

	r->kind = MC_REPLY_INCOMPLETE;
	r->body = r->succeeded = r->reads = r->mark = r->error = r->effect = 0;
	if (mc_parse_plain_reply(c, r))
		return;
	r->next = ps_cursor_line(c, c->pos);
	len = ps_cursor_token(c, c->pos, 16);
	end = c->pos + len;
	name = ps_cursor_word(c, c->pos) & ps_low_bytes(len);
	r->skip = mc_is_log_line(name);
	if (!r->next)
		return;
	r->kind = MC_REPLY_UNKNOWN;
	if (r->skip) {
		r->kind = MC_REPLY_PART;
		r->reads = 1;
		return;
	}
	/* All else ends with \r\n: at `end`, or after the blank that is there. */
	if (!len || ps_cursor_at(c, r->next - 2) != '\r')
		return;
	if (len >= 8) {
		/* A number of incr or decr may be that long. */
		if (ps_cursor_digits(c, c->pos) != r->next - 2 - c->pos)
			mc_parse_long_reply(c, r, name, len);
		else
			r->kind = MC_REPLY_END;
		return;
	}
	if (end + 2 == r->next) {
		mc_parse_closed_line(r, name);
		if (ps_cursor_digits(c, c->pos) == len)
			r->kind = MC_REPLY_END;
	} else if (ps_cursor_at(c, end) != ' ') {
		return;
	}
	if (name == MC_NAME5('V', 'A', 'L', 'U', 'E') || name == MC_NAME2('V', 'A'))
		mc_parse_data_line(c, r, name);
	else if (r->kind == MC_REPLY_UNKNOWN)
		mc_parse_open_line(r, name);
}

#endif /* PRESTACK_MEMCACHED_REPLY_H */
