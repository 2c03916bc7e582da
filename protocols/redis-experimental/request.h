/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requests: what each does, and where it ends. A command is a row of messages, of any number of arguments
 * and from windows that may end anywhere; what of it is still to come is in ps_message.state (commands.h).
 */
#ifndef PRESTACK_REDIS_REQUEST_H
#define PRESTACK_REDIS_REQUEST_H

#include "commands.h"

#define RD_MAX_WORD RD_MAX_NAME /* bytes of a subcommand that are looked at */

enum rd_event_kind {
	RD_EVENT_NOTHING,
	RD_EVENT_READ, /* of the key, by a command whose reply is its value, or those of several */
	RD_EVENT_WRITE, /* to the key */
	RD_EVENT_FLUSH, /* may change anything */
};

/* What a message of a request does. */
struct rd_event {
	__u32 kind; /* enum rd_event_kind */
	__u32 key;
	__u32 key_len; /* 1 to RD_MAX_KEY */
	__u32 replied; /* the command has one reply for sure */
	__u32 never_expires; /* if the reply is +OK, the key does not */
	__u32 several; /* READ: the reply is an array, in which so many elements come from this key's on */
};

/* Ends a message before `next`: of the command, m->state tells what is still to come. */
ps_inline void rd_request_whole(struct ps_message *m, struct rd_event *e, __u32 next)
{
	__u32 state = m->state;

	rd_whole(m, next);
	e->replied = !(state & RD_UNCOUNTED);
	if (state & RD_FOREIGN)
		m->flags |= PS_MESSAGE_ENDS_SERVICE;
	if (state & RD_ARGS_COUNT) {
		m->flags |= PS_MESSAGE_GOES_ON;
		return;
	}
	if (state & RD_UNCOUNTED)
		m->flags |= PS_MESSAGE_MAYBE;
	else
		m->replies = 1;
	if (state & RD_FLUSHES)
		e->kind = RD_EVENT_FLUSH;
	m->state = state & RD_STATE_FOR_GOOD;
}

/* Nothing was eaten. */
ps_inline void rd_request_not(struct ps_message *m, const struct ps_cursor *c, int got)
{
	if (got == RD_GOT_PART)
		rd_partial(m, c->pos);
}

/* The class of a command with so many arguments, on a connection in that state. */
ps_inline __u32 rd_class_here(__u32 what, __u32 args, __u32 state)
{
	__u32 verb = what & RD_CLASS_VERB;

	/* GET with another number of arguments is refused. */
	if ((verb == RD_VERB_GET && args != 1) ||
	    ((verb == RD_VERB_GET || verb == RD_VERB_MGET) && (state & RD_FOREIGN)))
		return RD_CLASS_PURE;
	/* SET with options is another thing. */
	if ((verb == RD_VERB_SET && args != 2) || (state & RD_FOREIGN))
		what &= ~RD_LASTING;
	return what;
}

/*
 * "*<n>\r\n$<len>\r\n<name>\r\n" at c->pos. Returns the position after it if arguments follow, to be looked
 * at in this message, else 0: it is told in *m.
 */
ps_inline __u32 rd_request_head(const struct ps_cursor *c, struct ps_message *m, struct rd_event *e)
{
	struct rd_line line;
	__u32 args, pos, what, name;
	int got;

	if (c->pos + 1 < c->end && ps_cursor_at(c, c->pos + 1) == '-') {
		/* A negative number of arguments is no command, and has no reply. */
		got = rd_number(c, c->pos + 2, &line);
		if (got == RD_GOT_ALL && line.value)
			rd_whole(m, line.next);
		else
			rd_request_not(m, c, got);
		return 0;
	}
	got = rd_number(c, c->pos + 1, &line);
	if (got != RD_GOT_ALL || line.value - 1 > RD_ARGS_COUNT) {
		if (got == RD_GOT_ALL && !line.value)
			rd_whole(m, line.next);
		else
			rd_request_not(m, c, got);
		return 0;
	}
	args = line.value - 1;
	pos = line.next;
	got = rd_argument(c, pos, RD_MAX_NAME, &line, &name);
	if (got != RD_GOT_ALL) {
		rd_request_not(m, c, got);
		return 0;
	}
	if (line.value > RD_MAX_NAME) {
		what = RD_CLASS_UNKNOWN | RD_UNCOUNTED;
		m->body = line.value + 2;
	} else {
		what = rd_class_here(rd_class(c, name, line.value), args, m->state);
	}
	m->state |= (what & RD_CLASS_STATE) | args;
	if (what & RD_FLUSHES)
		e->kind = RD_EVENT_FLUSH;
	if (args && !m->body)
		return line.next;
	rd_request_whole(m, e, line.next);
	return 0;
}

/* Changes what the arguments still to come are. */
ps_inline void rd_expect(struct ps_message *m, __u32 args)
{
	m->state = (m->state & ~(7U << RD_ARGS_SHIFT)) | RD_CLASS_ARGS(args);
}

/* A key of RD_ARGS_READ or RD_ARGS_WRITE was eaten: which comes next. */
ps_inline void rd_next_key(struct ps_message *m)
{
	__u32 keys = m->state >> RD_KEYS_SHIFT & 3, step = m->state >> RD_STEP_SHIFT & 3;

	if (keys == 1) {
		m->state &= ~(3U << RD_KEYS_SHIFT | 3U << RD_STEP_SHIFT);
		rd_expect(m, RD_ARGS_SKIP);
		return;
	}
	if (keys)
		m->state -= 1U << RD_KEYS_SHIFT;
	m->state |= step << RD_SKIP_SHIFT;
}

/* A subcommand, or an argument of SELECT or HELLO: what it makes of the command and the connection. */
ps_inline __u32 rd_word_class(const struct ps_cursor *c, __u32 args, __u32 pos, __u32 len)
{
	__u64 w = rd_name_word(c, pos, len, 0);

	if (len > RD_MAX_WORD) /* not looked at */
		return args == RD_ARGS_HELLO || args == RD_ARGS_SELECT
			       ? RD_CLASS_MODE
			       : RD_CLASS_UNKNOWN | RD_UNCOUNTED;
	switch (args) {
	case RD_ARGS_SELECT:
		return len == 1 && w == '0' ? RD_CLASS_PURE : RD_CLASS_MODE;
	case RD_ARGS_HELLO: /* taken as a C string */
		return (w & ps_low_bytes(5)) == RD_NAME4('A', 'U', 'T', 'H') ? RD_CLASS_MODE
									     : RD_CLASS_PURE;
	case RD_ARGS_CONFIG:
		if (len == 3 && w == RD_NAME3('G', 'E', 'T'))
			return RD_CLASS_PURE;
		if (len == 9 && w == RD_NAME8('R', 'E', 'S', 'E', 'T', 'S', 'T', 'A'))
			return RD_CLASS_PURE;
		return RD_CLASS_FLUSH;
	case RD_ARGS_SCRIPT:
		if ((len == 4 &&
		     (w == RD_NAME4('L', 'O', 'A', 'D') || w == RD_NAME4('K', 'I', 'L', 'L'))) ||
		    (len == 5 && w == RD_NAME5('F', 'L', 'U', 'S', 'H')) ||
		    (len == 6 && w == RD_NAME6('E', 'X', 'I', 'S', 'T', 'S')))
			return RD_CLASS_PURE;
		/* DEBUG: the next script's replies are the debugger's. */
		return RD_CLASS_FLUSH | RD_CLASS_REPLIES;
	}
	/* CLIENT */
	if (len > 8)
		return RD_CLASS_UNKNOWN;
	switch (w) {
	case RD_NAME2('I', 'D'):
	case RD_NAME4('I', 'N', 'F', 'O'):
	case RD_NAME4('K', 'I', 'L', 'L'):
	case RD_NAME4('L', 'I', 'S', 'T'):
	case RD_NAME7('G', 'E', 'T', 'N', 'A', 'M', 'E'):
	case RD_NAME7('S', 'E', 'T', 'N', 'A', 'M', 'E'):
	case RD_NAME7('S', 'E', 'T', 'I', 'N', 'F', 'O'):
	case RD_NAME7('U', 'N', 'B', 'L', 'O', 'C', 'K'):
	case RD_NAME8('N', 'O', '-', 'E', 'V', 'I', 'C', 'T'):
	case RD_NAME8('G', 'E', 'T', 'R', 'E', 'D', 'I', 'R'):
		return RD_CLASS_PURE;
	case RD_NAME7('C', 'A', 'C', 'H', 'I', 'N', 'G'):
	case RD_NAME8('T', 'R', 'A', 'C', 'K', 'I', 'N', 'G'):
		return RD_CLASS_MODE;
	case RD_NAME5('R', 'E', 'P', 'L', 'Y'):
		return RD_CLASS_REPLIES;
	}
	return RD_CLASS_UNKNOWN;
}

/* Arguments from pos on, of which at least one is to come. */
ps_inline void rd_request_arguments(const struct ps_cursor *c, struct ps_message *m,
				    struct rd_event *e, __u32 pos)
{
	__u32 args = m->state >> RD_ARGS_SHIFT & 7, skip = m->state >> RD_SKIP_SHIFT & 3;
	struct rd_line line;
	__u32 data, row;
	int got;

	if (args != RD_ARGS_SKIP && !skip) {
		__u32 key = args == RD_ARGS_READ || args == RD_ARGS_WRITE;

		got = rd_argument(c, pos, key ? RD_MAX_KEY : RD_MAX_WORD, &line, &data);
		if (got != RD_GOT_ALL) {
			if (pos != c->pos) /* the name was eaten */
				rd_request_whole(m, e, pos);
			else
				rd_request_not(m, c, got);
			return;
		}
		m->state--;
		if (line.next == data)
			m->body = line.value + 2;
		if (!key) {
			__u32 what = rd_word_class(c, args, data, line.value);

			m->state |= what & RD_CLASS_STATE;
			if (what & RD_FLUSHES)
				e->kind = RD_EVENT_FLUSH;
			if (args != RD_ARGS_HELLO)
				rd_expect(m, RD_ARGS_SKIP);
		} else {
			if (line.value && !m->body) {
				e->kind = args == RD_ARGS_READ ? RD_EVENT_READ : RD_EVENT_WRITE;
				e->key = data;
				e->key_len = line.value;
				e->never_expires = !!(m->state & RD_LASTING);
				if (!(m->state >> RD_KEYS_SHIFT & 3))
					e->several = (m->state & RD_ARGS_COUNT) + 1;
			}
			rd_next_key(m);
		}
		pos = line.next;
		if (m->body || !(m->state & RD_ARGS_COUNT)) {
			rd_request_whole(m, e, pos);
			return;
		}
	}
	/* What does not matter, up to the next that does. */
	row = RD_ROW;
	if ((m->state >> RD_ARGS_SHIFT & 7) != RD_ARGS_SKIP)
		row = m->state >> RD_SKIP_SHIFT & 3;
	for (__u32 i = 0; i < RD_ROW; i++) {
		if (i >= row || !(m->state & RD_ARGS_COUNT))
			break;
		got = rd_bulk(c, pos, &line);
		if (got != RD_GOT_ALL) {
			if (pos != c->pos)
				break;
			rd_request_not(m, c, got);
			return;
		}
		m->state--;
		if (m->state >> RD_SKIP_SHIFT & 3)
			m->state -= 1U << RD_SKIP_SHIFT;
		pos = line.next;
		if (pos + line.value + 2 > c->end) {
			m->body = line.value + 2;
			break;
		}
		pos += line.value + 2;
	}
	rd_request_whole(m, e, pos);
}

/* A line of words, as people type them. */
ps_inline void rd_request_inline(const struct ps_cursor *c, struct ps_message *m,
				 struct rd_event *e)
{
	__u32 end = ps_cursor_line(c, c->pos), pos = ps_cursor_blanks(c, c->pos);
	__u32 len, what, args, arg;
	__u8 next;

	if (!end) {
		rd_partial(m, c->pos);
		return;
	}
	len = ps_cursor_token(c, pos, RD_MAX_NAME + 1);
	next = ps_cursor_at(c, pos + len);
	if (!len) {
		/* No word, no command; other blanks and control bytes are not taken apart. */
		if (pos + 1 == end || (pos + 2 == end && next == '\r'))
			rd_whole(m, end);
		return;
	}
	what = RD_CLASS_UNKNOWN | RD_UNCOUNTED;
	if (len <= RD_MAX_NAME &&
	    (next == ' ' || pos + len + 1 == end || (next == '\r' && pos + len + 2 == end)))
		what = rd_class(c, pos, len);
	args = what >> RD_ARGS_SHIFT & 7;
	/* Keys may be quoted: none is looked for. */
	if (args == RD_ARGS_WRITE)
		what = RD_CLASS_FLUSH;
	if (args >= RD_ARGS_SELECT) {
		arg = ps_cursor_blanks(c, pos + len);
		len = ps_cursor_token(c, arg, RD_MAX_WORD + 1);
		what = RD_CLASS_UNKNOWN | RD_UNCOUNTED;
		/* HELLO's are more than one. */
		if (args != RD_ARGS_HELLO && len && len <= RD_MAX_WORD)
			what = rd_word_class(c, args, arg, len);
	}
	/* It may be a quoted name. */
	if ((what & RD_CLASS_UNKNOWN) == RD_CLASS_UNKNOWN)
		what |= RD_UNCOUNTED;
	m->state |= what & RD_CLASS_STATE;
	rd_request_whole(m, e, end);
}

/* The request at c->pos, or the part of it that is there. *m is zeros, but for its state. */
ps_inline void rd_request(const struct ps_cursor *c, struct ps_message *m, struct rd_event *e)
{
	__u32 pos = c->pos;

	e->kind = RD_EVENT_NOTHING;
	e->key = e->key_len = e->replied = e->never_expires = e->several = 0;
	m->state |= RD_STREAM;
	if (!(m->state & RD_ARGS_COUNT)) {
		if (ps_cursor_at(c, pos) != '*') {
			rd_request_inline(c, m, e);
			return;
		}
		pos = rd_request_head(c, m, e);
		if (!pos)
			return;
	}
	rd_request_arguments(c, m, e, pos);
}

/* A request that may be answered. */
struct rd_read {
	__u32 verb; /* enum rd_verb; NONE: it may not */
	__u32 keys; /* how many, up to PS_MAX_KEYS */
	__u32 first; /* position of the first one, for rd_read_key */
};

/* Whether a request may begin one that may be answered, by its first eight bytes. */
ps_inline int rd_may_answer(__u32 state, __u64 start)
{
	__u32 lead;

	if ((state & ~RD_STREAM) || (start & 0xff) != '*')
		return 0;
	/* "*2\r\n$3\r\n" or "*10\r\n$4\r" */
	lead = start >> 16 & 0xff;
	return (lead == '\r' ? start >> 32 & 0xff : start >> 40 & 0xff) == '$';
}

/* The beginning of the request at c->pos, if all of that is there. */
ps_inline void rd_read(const struct ps_cursor *c, struct rd_read *r)
{
	struct rd_line line;
	__u32 name;
	__u64 w;

	r->verb = RD_VERB_NONE;
	if (c->pos >= c->end || ps_cursor_at(c, c->pos) != '*' ||
	    rd_number(c, c->pos + 1, &line) != RD_GOT_ALL)
		return;
	r->keys = line.value - 1;
	if (r->keys - 1 >= PS_MAX_KEYS ||
	    rd_argument(c, line.next, RD_MAX_NAME, &line, &name) != RD_GOT_ALL || line.value > 6)
		return;
	r->first = line.next;
	w = rd_name_word(c, name, line.value, 0);
	if (line.value == 3 && w == RD_NAME3('G', 'E', 'T') && r->keys == 1)
		r->verb = RD_VERB_GET;
	else if (line.value == 4 && w == RD_NAME4('M', 'G', 'E', 'T'))
		r->verb = RD_VERB_MGET;
	else if (line.value == 6 && w == RD_NAME6('S', 'T', 'R', 'L', 'E', 'N') && r->keys == 1)
		r->verb = RD_VERB_STRLEN;
	else if (line.value == 6 && w == RD_NAME6('E', 'X', 'I', 'S', 'T', 'S'))
		r->verb = RD_VERB_EXISTS;
}

/*
 * The key at pos, one that may be in the cache. Returns the position after it: of the next one, or of what
 * follows the request. 0: it is not all there, or something else.
 */
ps_inline __u32 rd_read_key(const struct ps_cursor *c, __u32 pos, __u32 *key, __u32 *len)
{
	struct rd_line line;

	if (rd_argument(c, pos, RD_MAX_KEY, &line, key) != RD_GOT_ALL || !line.value ||
	    line.value > RD_MAX_KEY)
		return 0;
	*len = line.value;
	return line.next;
}

#endif /* PRESTACK_REDIS_REQUEST_H */
