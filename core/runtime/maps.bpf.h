/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The core's maps. Every BPF object declares them by including this file. The loader creates each
 * of them once and gives it to all objects (bpf_map__reuse_fd, by name). Sizes marked "loader" are
 * placeholders, which the loader replaces by the configuration.
 */
#ifndef PRESTACK_RUNTIME_MAPS_BPF_H
#define PRESTACK_RUNTIME_MAPS_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <prestack/types.h>

const volatile struct ps_config ps_config = {};

/* Two elements for each service, see struct ps_service_conf. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * PS_MAX_SERVICES);
	__type(key, __u32);
	__type(value, struct ps_service_conf);
} ps_service_conf SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, PS_MAX_SERVICES);
	__type(key, __u32);
	__type(value, struct ps_service_state);
} ps_service_state SEC(".maps");

/* (set_mask + 1) * ways / PS_INDEX_WORDS elements, at least one (loader). Mmapable: page-aligned. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ps_index_line);
} ps_index SEC(".maps");

/* Entries. The loader sets the size and the number of the elements of these two. */
struct ps_small_entry {
	struct ps_entry entry;
	__u8 data[PS_SMALL_SIZE - sizeof(struct ps_entry)];
};

struct ps_large_entry {
	struct ps_entry entry;
	__u8 data[PS_KEY_WORDS * 8 + PS_MAX_VALUE];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ps_small_entry);
} ps_small SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ps_large_entry);
} ps_large SEC(".maps");

/* fence_mask + 1 elements (loader). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ps_fence);
} ps_fences SEC(".maps");

/* pending_mask + 1 elements (loader). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ps_pending_request);
} ps_pending_requests SEC(".maps");

/* Questions: when does this entry expire? The answers come through program ps_set_expiry. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, PS_QUESTIONS_SIZE);
} ps_expiry_questions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PS_MAX_SERVICES);
	__type(key, __u32);
	__type(value, struct ps_stats);
} ps_stats SEC(".maps");

/* One program array for each hook: all programs in an array must have one type. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, PS_MAX_PLUGINS *PS_HOOK_SLOTS);
	__type(key, __u32);
	__type(value, __u32);
} ps_xdp_progs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, PS_MAX_PLUGINS *PS_HOOK_SLOTS);
	__type(key, __u32);
	__type(value, __u32);
} ps_tc_progs SEC(".maps");

#endif /* PRESTACK_RUNTIME_MAPS_BPF_H */
