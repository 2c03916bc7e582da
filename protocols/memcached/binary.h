/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The binary protocol: a header of 24 bytes, extras, key, value. Source: proto_bin.c of 1.6.18, which
 * closes the connection after a request whose lengths do not fit its opcode, and loses its place after
 * an opcode that it does not know: both are MC_UNKNOWN.
 *
 * A reply repeats the opcode of its request, so that the replies to quiet requests, which may or may not
 * come, can be told from those that are sure to come.
 */
#ifndef PRESTACK_MEMCACHED_BINARY_H
#define PRESTACK_MEMCACHED_BINARY_H

#include "meta.h"
#include "reply.h"

#define MC_BINARY_REQUEST 0x80 /* first byte of a request, and of no text command */
#define MC_BINARY_REPLY 0x81 /* the same for replies */
#define MC_BINARY_HEAD 24

enum mc_opcode {
	MC_OP_GET = 0x00,
	MC_OP_SET = 0x01,
	MC_OP_ADD = 0x02,
	MC_OP_REPLACE = 0x03,
	MC_OP_DELETE = 0x04,
	MC_OP_INCREMENT = 0x05,
	MC_OP_DECREMENT = 0x06,
	MC_OP_QUIT = 0x07,
	MC_OP_FLUSH = 0x08,
	MC_OP_GETQ = 0x09,
	MC_OP_NOOP = 0x0a,
	MC_OP_VERSION = 0x0b,
	MC_OP_GETK = 0x0c,
	MC_OP_GETKQ = 0x0d,
	MC_OP_APPEND = 0x0e,
	MC_OP_PREPEND = 0x0f,
	MC_OP_STAT = 0x10,
	MC_OP_SETQ = 0x11,
	MC_OP_ADDQ = 0x12,
	MC_OP_REPLACEQ = 0x13,
	MC_OP_DELETEQ = 0x14,
	MC_OP_INCREMENTQ = 0x15,
	MC_OP_DECREMENTQ = 0x16,
	MC_OP_QUITQ = 0x17,
	MC_OP_FLUSHQ = 0x18,
	MC_OP_APPENDQ = 0x19,
	MC_OP_PREPENDQ = 0x1a,
	MC_OP_TOUCH = 0x1c,
	MC_OP_GAT = 0x1d,
	MC_OP_GATQ = 0x1e,
	MC_OP_SASL_MECHS = 0x20,
	MC_OP_SASL_AUTH = 0x21,
	MC_OP_SASL_STEP = 0x22,
	MC_OP_GATK = 0x23,
	MC_OP_GATKQ = 0x24,
};

enum mc_status {
	MC_STATUS_NOT_FOUND = 1,
	MC_STATUS_EXISTS = 2,
	MC_STATUS_NOT_STORED = 5,
	MC_STATUS_NO_NUMBER = 6,
};

/* Numbers in network order at pos. */
ps_inline __u32 mc_be16(const struct ps_cursor *c, __u32 pos)
{
	return (__u32)ps_cursor_at(c, pos) << 8 | ps_cursor_at(c, pos + 1);
}

ps_inline __u32 mc_be32(const struct ps_cursor *c, __u32 pos)
{
	return mc_be16(c, pos) << 16 | mc_be16(c, pos + 2);
}

/* Whether this opcode's request may go without a reply. */
ps_inline int mc_is_quiet(__u32 opcode)
{
	return opcode == MC_OP_GETQ || opcode == MC_OP_GETKQ ||
	       (opcode >= MC_OP_SETQ && opcode <= MC_OP_PREPENDQ) || opcode == MC_OP_GATQ ||
	       opcode == MC_OP_GATKQ;
}

/* The exptime in the extras at pos. There are no negative ones here. */
ps_inline void mc_binary_expiry(const struct ps_cursor *c, struct mc_command *cmd, __u32 pos)
{
	__u32 seconds = mc_be32(c, pos);

	if (seconds > MC_RELATIVE_TIME)
		return;
	cmd->expiry = seconds ? MC_EXPIRY_RELATIVE : MC_EXPIRY_NEVER;
	cmd->seconds = seconds;
}

/*
 * What kind of command it is; MC_UNKNOWN if the lengths are not just right. `value` bytes follow key and
 * extras, of which there are `extras`.
 */
ps_inline __u32 mc_binary_kind(__u32 opcode, __u32 extras, __u32 key, __u32 value)
{
	switch (opcode) {
	case MC_OP_GET:
	case MC_OP_GETQ:
	case MC_OP_GETK:
	case MC_OP_GETKQ:
		return !extras && key && !value ? MC_READ : MC_UNKNOWN;
	case MC_OP_STAT:
		return !extras && !value ? MC_READ : MC_UNKNOWN;
	case MC_OP_SASL_AUTH:
	case MC_OP_SASL_STEP:
		return !extras && key ? MC_READ : MC_UNKNOWN;
	case MC_OP_NOOP:
	case MC_OP_VERSION:
	case MC_OP_QUIT:
	case MC_OP_QUITQ:
	case MC_OP_SASL_MECHS:
		return !extras && !key && !value ? MC_READ : MC_UNKNOWN;
	case MC_OP_SET:
	case MC_OP_SETQ:
	case MC_OP_ADD:
	case MC_OP_ADDQ:
	case MC_OP_REPLACE:
	case MC_OP_REPLACEQ:
		return extras == 8 && key ? MC_WRITE : MC_UNKNOWN;
	case MC_OP_APPEND:
	case MC_OP_APPENDQ:
	case MC_OP_PREPEND:
	case MC_OP_PREPENDQ:
		return !extras && key ? MC_WRITE : MC_UNKNOWN;
	case MC_OP_DELETE:
	case MC_OP_DELETEQ:
		return !extras && key && !value ? MC_WRITE : MC_UNKNOWN;
	case MC_OP_INCREMENT:
	case MC_OP_INCREMENTQ:
	case MC_OP_DECREMENT:
	case MC_OP_DECREMENTQ:
		return extras == 20 && key && !value ? MC_WRITE : MC_UNKNOWN;
	case MC_OP_TOUCH:
	case MC_OP_GAT:
	case MC_OP_GATQ:
	case MC_OP_GATK:
	case MC_OP_GATKQ:
		return extras == 4 && key && !value ? MC_WRITE : MC_UNKNOWN;
	case MC_OP_FLUSH:
	case MC_OP_FLUSHQ:
		return (!extras || extras == 4) && !key && !value ? MC_FLUSH : MC_UNKNOWN;
	}
	return MC_UNKNOWN;
}

/* Parses the request that starts at c->pos, as mc_parse_command does for text. */
ps_inline void mc_parse_binary(const struct ps_cursor *c, struct mc_command *cmd)
{
	__u32 pos = c->pos, opcode, key, extras, body;

	cmd->kind = MC_INCOMPLETE;
	cmd->replies = MC_REPLIES_ONE;
	cmd->expiry = MC_EXPIRY_UNKNOWN;
	cmd->seconds = cmd->mark = 0;
	if (pos < c->end && ps_cursor_at(c, pos) != MC_BINARY_REQUEST)
		cmd->kind = MC_UNKNOWN;
	if (pos + MC_BINARY_HEAD > c->end || cmd->kind == MC_UNKNOWN)
		return;
	opcode = ps_cursor_at(c, pos + 1);
	key = mc_be16(c, pos + 2);
	extras = ps_cursor_at(c, pos + 4);
	body = mc_be32(c, pos + 8);
	cmd->kind = MC_UNKNOWN;
	if (key > MC_MAX_KEY || body > MC_MAX_DATA || key + extras > body)
		return;
	cmd->kind = mc_binary_kind(opcode, extras, key, body - key - extras);
	if (cmd->kind == MC_UNKNOWN)
		return;
	cmd->key = pos + MC_BINARY_HEAD + extras;
	cmd->key_len = key;
	cmd->line_end = cmd->key + key;
	cmd->next = pos + MC_BINARY_HEAD + body;
	if (cmd->line_end > c->end) {
		cmd->kind = MC_INCOMPLETE;
		return;
	}
	if (mc_is_quiet(opcode))
		cmd->replies = opcode == MC_OP_QUITQ ? MC_REPLIES_NONE : MC_REPLIES_MAYBE;
	cmd->mark = opcode == MC_OP_NOOP;
	if (extras == 8)
		mc_binary_expiry(c, cmd, pos + MC_BINARY_HEAD + 4);
	else if (cmd->kind == MC_FLUSH && extras)
		mc_binary_expiry(c, cmd, pos + MC_BINARY_HEAD);
	else if (cmd->kind == MC_FLUSH)
		cmd->expiry = MC_EXPIRY_NEVER;
}

/*
 * Whether a reply to a quiet request tells that the item was changed: touched, or dropped since the new one
 * was too large. If it was not found, is there already, or is no number, nothing was.
 */
ps_inline int mc_tells_of_change(__u32 opcode, __u32 status)
{
	if (opcode == MC_OP_GETQ || opcode == MC_OP_GETKQ)
		return 0;
	return status != MC_STATUS_NOT_FOUND && status != MC_STATUS_EXISTS &&
	       status != MC_STATUS_NOT_STORED && status != MC_STATUS_NO_NUMBER;
}

/*
 * Parses the reply that starts at c->pos: its head, the rest is its body. One to a quiet request does not
 * count: MC_REPLY_PART. `stat` is answered by many, the last of which is empty.
 */
ps_inline void mc_parse_binary_reply(const struct ps_cursor *c, struct mc_reply *r)
{
	__u32 pos = c->pos, opcode, status, key;

	r->kind = MC_REPLY_INCOMPLETE;
	r->body = r->succeeded = r->reads = r->mark = r->error = r->effect = r->skip = 0;
	r->next = pos + MC_BINARY_HEAD;
	if (pos < c->end && ps_cursor_at(c, pos) != MC_BINARY_REPLY)
		r->kind = MC_REPLY_UNKNOWN;
	if (r->next > c->end || r->kind == MC_REPLY_UNKNOWN)
		return;
	opcode = ps_cursor_at(c, pos + 1);
	key = mc_be16(c, pos + 2);
	status = mc_be16(c, pos + 6);
	r->body = mc_be32(c, pos + 8);
	r->kind = MC_REPLY_UNKNOWN;
	if (r->body > MC_MAX_DATA)
		return;
	r->kind = MC_REPLY_END;
	switch (opcode) {
	case MC_OP_NOOP:
		r->mark = 1;
		r->reads = 1;
		break;
	case MC_OP_STAT:
		if (!status && (key || r->body))
			r->kind = MC_REPLY_PART;
		r->reads = 1;
		break;
	case MC_OP_GET:
	case MC_OP_GETQ:
	case MC_OP_GETK:
	case MC_OP_GETKQ:
	case MC_OP_VERSION:
		r->reads = 1;
		break;
	default:
		r->succeeded = !status;
	}
	if (mc_is_quiet(opcode)) {
		r->kind = MC_REPLY_PART;
		r->effect = mc_tells_of_change(opcode, status);
	}
}

#endif /* PRESTACK_MEMCACHED_BINARY_H */
