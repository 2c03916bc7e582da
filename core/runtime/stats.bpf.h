/* SPDX-License-Identifier: GPL-2.0-only */
/* Counting, per service and CPU. The counters are listed in PS_COUNTERS, prestack/counters.h. */
#ifndef PRESTACK_RUNTIME_STATS_BPF_H
#define PRESTACK_RUNTIME_STATS_BPF_H

#include "vmlinux.h"
#include "runtime/maps.bpf.h"
#include <bpf/bpf_helpers.h>
#include <prestack/counters.h>

/* The counters of a service on this CPU. */
static __always_inline struct ps_stats *ps_stats_of(__u32 service)
{
	return bpf_map_lookup_elem(&ps_stats, &service);
}

/* Adds one to `counter`, enum ps_counter. */
static __always_inline void ps_count(__u32 service, __u32 counter)
{
	struct ps_stats *st = ps_stats_of(service);

	if (st && counter < PS_NR_COUNTERS)
		st->count[counter]++;
}

#endif /* PRESTACK_RUNTIME_STATS_BPF_H */
