/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Times of memcached and times of the kernel. memcached's clock ticks once a second, by a timer that
 * drifts: now and then one tick counts for two. So what is to happen in N seconds of memcached happens
 * more than N - 2 and at most N seconds from when it was asked for.
 */
#ifndef PRESTACK_MEMCACHED_EXPIRY_BPF_H
#define PRESTACK_MEMCACHED_EXPIRY_BPF_H

#include <prestack/plugin.bpf.h>

#include "meta.h"

/* A VALUE does not tell when it expires. */
#define MC_FILL_EXPIRES PS_EXPIRES_UNKNOWN

#define MC_SECOND 1000000000ULL
#define MC_TICKS 2 /* s that something may happen earlier than asked for */
#define MC_FLUSH_EARLY 3 /* s that a delayed flush may happen before its delay is over */
#define MC_FLUSH_LATE                                                                              \
	4 /* and after: the server may execute the command that long after it arrived */
#define MC_FOREVER (~0ULL >> 1)

/* When what this command stores expires, if it does: a time before the server's. */
static __always_inline __u64 mc_expires(const struct ps_scratch *s, const struct mc_command *cmd)
{
	if (cmd->expiry == MC_EXPIRY_NEVER)
		return PS_EXPIRES_NEVER;
	if (cmd->expiry != MC_EXPIRY_RELATIVE || cmd->seconds <= MC_TICKS)
		return PS_EXPIRES_UNKNOWN;
	return s->pkt.now + (cmd->seconds - MC_TICKS) * MC_SECOND;
}

/*
 * A flush_all that takes effect later; one that does so now is for the caller. A time of day cannot be
 * followed: nothing is served any more.
 */
static __always_inline void mc_flush_later(const struct ps_scratch *s, const struct mc_command *cmd)
{
	__u64 now = s->pkt.now, early;

	if (cmd->expiry == MC_EXPIRY_UNKNOWN)
		return ps_flush_between(s->pkt.service, now, MC_FOREVER);
	if (cmd->expiry != MC_EXPIRY_RELATIVE)
		return;
	early = cmd->seconds < MC_FLUSH_EARLY ? cmd->seconds : MC_FLUSH_EARLY;
	ps_flush_between(s->pkt.service, now + (cmd->seconds - early) * MC_SECOND,
			 now + (cmd->seconds + MC_FLUSH_LATE) * MC_SECOND);
}

#endif /* PRESTACK_MEMCACHED_EXPIRY_BPF_H */
