/* SPDX-License-Identifier: GPL-2.0-only */
/* What chaos.bpf.c and chaos.cpp share. */
#ifndef PRESTACK_TEST_CHAOS_TYPES_H
#define PRESTACK_TEST_CHAOS_TYPES_H

enum chaos_way {
	CHAOS_TO_SERVER,
	CHAOS_TO_CLIENT,
	CHAOS_WAYS,
};

/* What can happen to a packet; each has a probability. Also the index of its counter. */
enum chaos_act {
	CHAOS_DROP,
	CHAOS_DUPLICATE, /* a copy goes at once, or by a detour */
	CHAOS_DELAY, /* by the long detour */
	CHAOS_REORDER, /* by the short one: some later packets overtake it */
	CHAOS_ACTS,
};

enum chaos_count {
	CHAOS_COUNT_SEEN = CHAOS_ACTS, /* packets that anything could have happened to */
	CHAOS_COUNT_BACK, /* that came back from a detour */
	CHAOS_COUNTS,
};

enum chaos_detour {
	CHAOS_LONG,
	CHAOS_SHORT,
	CHAOS_DETOURS,
};

/* Probabilities are numbers out of this. */
#define CHAOS_CERTAIN 1000

#endif
