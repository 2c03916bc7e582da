/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The toy protocol. One message per datagram; pure: compiles for BPF and natively.
 *
 *   request  "<id> G <key>\n"           reply  "<id> V <key> <value>\n" or "<id> N\n"
 *   request  "<id> S <key> <value>\n"   reply  "<id> OK\n"
 *   request  "<id> L <seconds>\n"       reply  "<id> OK\n"
 *
 * <id> is four lower-case hexadecimal digits that the client chooses and the reply repeats. A key is
 * 1 to 250 bytes above 0x20. A value is all that stands before the datagram's last byte, which is
 * the \n: it may be empty, and hold any bytes.
 */
#ifndef PRESTACK_TOY_PARSER_H
#define PRESTACK_TOY_PARSER_H

#include <prestack/cursor.h>

#define TOY_MAX_KEY 250
#define TOY_ID_LEN 4
#define TOY_KEY_AT 7 /* "<id> G " */
#define TOY_SAYS_NONE ((__u64)' ' | (__u64)'N' << 8 | (__u64)'\n' << 16)
#define TOY_SAYS_OK (((__u64)' ' | (__u64)'O' << 8 | (__u64)'K' << 16 | (__u64)'\n' << 24))

enum toy_kind { TOY_UNKNOWN, TOY_GET, TOY_SET, TOY_LATER, TOY_VALUE, TOY_NONE, TOY_OK };

/* Positions count from the start of the payload. When it is TOY_UNKNOWN, `kind` and `id` alone count. */
struct toy_message {
	__u32 kind; /* enum toy_kind */
	__u32 id; /* the four digits as they stand, first one lowest */
	__u32 key_len; /* the key stands at TOY_KEY_AT */
	__u32 value; /* TOY_SET and TOY_VALUE */
	__u32 value_len;
};

ps_inline int toy_is_id(const struct ps_cursor *c)
{
	for (__u32 i = 0; i < TOY_ID_LEN; i++) {
		__u8 digit = ps_cursor_at(c, i);

		if ((digit < '0' || digit > '9') && (digit < 'a' || digit > 'f'))
			return 0;
	}
	return 1;
}

/* Parses the message that the whole payload is. */
ps_inline void toy_parse(const struct ps_cursor *c, struct toy_message *m)
{
	__u64 start = ps_cursor_word(c, 0);
	__u32 key_end;
	__u8 verb;

	m->kind = TOY_UNKNOWN;
	m->id = start;
	if (c->end == TOY_ID_LEN + 3 && toy_is_id(c) &&
	    (start >> 32 & ps_low_bytes(3)) == TOY_SAYS_NONE)
		m->kind = TOY_NONE;
	if (c->end == TOY_ID_LEN + 4 && toy_is_id(c) && start >> 32 == TOY_SAYS_OK)
		m->kind = TOY_OK;
	if (c->end < TOY_KEY_AT + 2 || ps_cursor_at(c, c->end - 1) != '\n')
		return;
	verb = start >> 40;
	if (!toy_is_id(c) || (__u8)(start >> 32) != ' ' || (__u8)(start >> 48) != ' ')
		return;
	m->key_len = ps_cursor_token(c, TOY_KEY_AT, TOY_MAX_KEY + 1);
	if (!m->key_len || m->key_len > TOY_MAX_KEY)
		return;
	key_end = TOY_KEY_AT + m->key_len;
	if (verb == 'G' || verb == 'L') {
		if (key_end + 1 == c->end)
			m->kind = verb == 'G' ? TOY_GET : TOY_LATER;
		return;
	}
	if (ps_cursor_at(c, key_end) != ' ' || (verb != 'S' && verb != 'V'))
		return;
	m->value = key_end + 1;
	m->value_len = c->end - 1 - m->value;
	m->kind = verb == 'S' ? TOY_SET : TOY_VALUE;
}

#endif /* PRESTACK_TOY_PARSER_H */
