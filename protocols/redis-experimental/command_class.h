/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The class of a command: one word that says what the command does to the cache. Its bits lie where the
 * state of a request has them, so that a class starts a state. command_table.h has one for each command.
 */
#ifndef PRESTACK_REDIS_COMMAND_CLASS_H
#define PRESTACK_REDIS_COMMAND_CLASS_H

#include "resp.h"

/* What the arguments still to come are. Three bits of the state. */
enum rd_args {
	RD_ARGS_SKIP, /* nothing that matters */
	RD_ARGS_READ, /* keys that are read and may be cached */
	RD_ARGS_WRITE, /* keys that are written, with others between them */
	RD_ARGS_SELECT, /* a database */
	RD_ARGS_HELLO, /* what HELLO takes, perhaps AUTH */
	/* A subcommand: */
	RD_ARGS_CLIENT,
	RD_ARGS_CONFIG,
	RD_ARGS_SCRIPT,
};

/* Bits of ps_message.state in the direction of requests. The class of a command has the same places. */
#define RD_ARGS_COUNT 0x3ffffU /* arguments of the command still to come; 0: between two commands */
#define RD_ARGS_SHIFT 18 /* enum rd_args */
#define RD_STEP_SHIFT 21 /* 2 bits: WRITE: arguments between two keys */
#define RD_SKIP_SHIFT 23 /* 2 bits: WRITE: arguments before the next key */
#define RD_KEYS_SHIFT 25 /* 2 bits: READ, WRITE: how many keys; 0: to the end */
#define RD_FLUSHES (1U << 27) /* may change anything */
#define RD_LASTING (1U << 28) /* WRITE: if the reply is +OK, the keys do not expire */
#define RD_UNCOUNTED (1U << 29) /* for good: nobody knows how many replies come */
#define RD_FOREIGN (1U << 30) /* for good: what is read here is not what others read */
#define RD_STREAM (1U << 31) /* a request was seen */

#define RD_STATE_FOR_GOOD (RD_UNCOUNTED | RD_FOREIGN | RD_STREAM)
/* What a class puts into the state. */
#define RD_CLASS_STATE (~(RD_ARGS_COUNT | RD_STREAM))

/* Low bits of a class: commands that are looked at more closely. */
enum rd_verb {
	RD_VERB_NONE,
	RD_VERB_GET,
	RD_VERB_MGET,
	RD_VERB_STRLEN,
	RD_VERB_EXISTS,
	RD_VERB_SET,
};
#define RD_CLASS_VERB 7U

#define RD_CLASS_ARGS(args) ((__u32)(args) << RD_ARGS_SHIFT)
/* Changes nothing, and has one reply. */
#define RD_CLASS_PURE 0U
/* Key arguments `first`, first + step, ...: `keys` of them, or all (0). first - 1, step - 1, keys <= 3 */
#define RD_CLASS_WRITE(first, keys, step)                                                          \
	(RD_CLASS_ARGS(RD_ARGS_WRITE) | ((first)-1U) << RD_SKIP_SHIFT |                            \
	 (__u32)(keys) << RD_KEYS_SHIFT | ((step)-1U) << RD_STEP_SHIFT)
/* The first `keys` arguments, or all (0), are keys whose values are the reply. */
#define RD_CLASS_READ(keys) (RD_CLASS_ARGS(RD_ARGS_READ) | (__u32)(keys) << RD_KEYS_SHIFT)
#define RD_CLASS_FLUSH RD_FLUSHES
/* Makes the connection another one: database, user, transaction, tracking. */
#define RD_CLASS_MODE RD_FOREIGN
/* And it is not known how many replies it has. */
#define RD_CLASS_REPLIES (RD_FOREIGN | RD_UNCOUNTED)
/* A server may have renamed any command, so an unknown one may do anything. */
#define RD_CLASS_UNKNOWN (RD_FLUSHES | RD_FOREIGN)

struct rd_command {
	__u64 name[RD_NAME_WORDS]; /* upper case, zeros behind it */
	__u32 what; /* its class */
	__u32 reserved;
};

#endif /* PRESTACK_REDIS_COMMAND_CLASS_H */
