/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What Redis's commands do, as far as a cache has to know it: how a name is found in command_table.h.
 * command_class.h says what the words of that table mean.
 */
#ifndef PRESTACK_REDIS_COMMANDS_H
#define PRESTACK_REDIS_COMMANDS_H

#include "command_class.h"
#include "command_table.h"
#include "resp.h"

/* Where a name is looked for: the generator has found RD_TABLE_FACTOR such that no two share a place. */
ps_inline __u32 rd_command_place(__u64 w0, __u64 w1, __u64 w2)
{
	return (__u32)(((w0 + (w1 << 1) + (w2 << 2)) * RD_TABLE_FACTOR) >> (64 - RD_TABLE_BITS));
}

/* The class of the command whose name is at pos. */
ps_inline __u32 rd_class(const struct ps_cursor *c, __u32 pos, __u32 len)
{
	__u64 w0 = rd_name_word(c, pos, len, 0), w1 = rd_name_word(c, pos, len, 1);
	__u64 w2 = rd_name_word(c, pos, len, 2);
	__u32 place = rd_command_place(w0, w1, w2);
	const struct rd_command *command;

	ps_opaque(place);
	command = &rd_commands[rd_places[place & ((1U << RD_TABLE_BITS) - 1)]];
	if (w0 == command->name[0] && w1 == command->name[1] && w2 == command->name[2])
		return command->what;
	/*
	 * The server looks names up by a hash of all their bytes but compares them as C strings: by chance
	 * it finds one that is followed by a zero and anything.
	 */
	if (ps_bytes_below(w0 | ~ps_low_bytes(len), 1) ||
	    (len > 8 && ps_bytes_below(w1 | ~ps_low_bytes(len - 8), 1)) ||
	    (len > 16 && ps_bytes_below(w2 | ~ps_low_bytes(len - 16), 1)))
		return RD_CLASS_UNKNOWN | RD_UNCOUNTED;
	return RD_CLASS_UNKNOWN;
}

#endif /* PRESTACK_REDIS_COMMANDS_H */
