/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Following TCP connections: every byte is read in order, before it goes on (tcp/requests.bpf.h), and every reply
 * is matched to what it answers, before it leaves (tcp/replies.bpf.h). Here is what plug-ins tell of both.
 *
 * No byte reaches the server that was not read: a segment ahead of order is dropped (the client sends it
 * again) unless all of it lies within a body. Old bytes that the server may not have yet have to be
 * the same that were read. Where this cannot be kept up the flow is lost, and flushes with each payload.
 */
#ifndef PRESTACK_TCP_PLUGIN_CALLS_BPF_H
#define PRESTACK_TCP_PLUGIN_CALLS_BPF_H

#include "vmlinux.h"
#include "cache/fill.bpf.h"
#include "coherence/fence.bpf.h"
#include "runtime/scratch.bpf.h"
#include "tcp/pending_writes.bpf.h"
#include <bpf/bpf_helpers.h>
#include <prestack/stream.h>
#include <prestack/types.h>

#define PS_MAX_STEPS (1 << 18) /* messages and windows in one segment, which has less than 64 KiB */

#define PS_WINDOW_BESIDE                                                                           \
	(PS_IN_SIZE - PS_CARRY_SIZE) /* bytes of the segment, with a carry in front */

/*
 * In a request function, after the current key was loaded: this request writes that key. `expires`:
 * when the key will, if the reply says that all was done as asked (enum ps_expires, or a time).
 * `replied`: a reply to this request is sure to come.
 */
static __always_inline void ps_stream_write(struct ps_scratch *s, __u64 expires, bool replied)
{
	ps_stream_writes(s, expires, replied);
}

/* In a request function: this request may change anything. */
static __always_inline void ps_stream_flush(struct ps_scratch *s)
{
	ps_stream_flushes();
}

/* In a request function, after the current key was loaded: the reply to this request may fill it. */
static __always_inline void ps_stream_read(struct ps_scratch *s)
{
	if (s->segment.ordinal)
		ps_lease_now(s, s->segment.ordinal | PS_STREAM_REQUEST);
}

/* In a reply function: whether a message that is PARTIAL would be given again with more of it. */
static __always_inline bool ps_stream_more(const struct ps_scratch *s)
{
	return s->reader.base + s->reader.len < s->reader.total && s->reader.pos > s->reader.base;
}

/*
 * In a reply function: the message at hand holds the value of the current key, `len` bytes at
 * in[from] of the window. `expires` as for ps_fill.
 */
static __always_inline void ps_stream_fill(struct __sk_buff *skb, struct ps_scratch *s, __u32 from,
					   __u32 len, __u32 flags, __u64 expires)
{
	if (s->segment.ordinal)
		ps_fill(skb, s, s->segment.ordinal | PS_STREAM_REQUEST, from, len, flags, expires);
}

#endif /* PRESTACK_TCP_PLUGIN_CALLS_BPF_H */
