/* SPDX-License-Identifier: GPL-2.0-only */
/* Counters with reasons, per service and CPU; the table of names is PS_COUNTERS in types.h. */
#ifndef PRESTACK_RUNTIME_STATS_BPF_H
#define PRESTACK_RUNTIME_STATS_BPF_H

#include "vmlinux.h"
#include "runtime/maps.bpf.h"
#include <bpf/bpf_helpers.h>
#include <prestack/counters.h>

/* Counters of a service on this CPU. */
static __always_inline struct ps_stats *ps_stats_of(__u32 service)
{
	return bpf_map_lookup_elem(&ps_stats, &service);
}

/* Adds one. `counter` is an enum ps_counter, known at compile time or bounded here. */
static __always_inline void ps_count(__u32 service, __u32 counter)
{
	struct ps_stats *st = ps_stats_of(service);

	if (st && counter < PS_NR_COUNTERS)
		st->count[counter]++;
}

#endif /* PRESTACK_RUNTIME_STATS_BPF_H */
