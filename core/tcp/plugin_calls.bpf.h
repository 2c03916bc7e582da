/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What plug-ins call while the core follows a TCP connection. Each byte of a request is read in
 * order before it goes on (tcp/requests.bpf.h). Each reply is matched to its request before it
 * leaves (tcp/replies.bpf.h).
 *
 * No byte reaches the server that was not read. A segment ahead of order is dropped, and the client
 * sends it again; only if all of it lies within a body it may pass. Old bytes that the server may
 * not have yet must be the same as those that were read. Where this cannot be kept up the flow is
 * lost, and each of its payloads flushes.
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

#define PS_MAX_STEPS                                                                               \
	(1 << 18) /* most messages and windows in a segment, which has less than 64 KiB */

#define PS_WINDOW_BESIDE                                                                           \
	(PS_IN_SIZE - PS_CARRY_SIZE) /* bytes of the segment that fit the window behind a carry */

/*
 * In a request function, with the current key loaded: this request writes that key. `expires`: when
 * the key will expire if the reply says that the write succeeded (a time, or enum ps_expires).
 * `replied`: the request surely gets a reply.
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

/* In a request function, with the current key loaded: the reply to this request may fill it. */
static __always_inline void ps_stream_read(struct ps_scratch *s)
{
	if (s->segment.ordinal)
		ps_lease_now(s, s->segment.ordinal | PS_STREAM_REQUEST);
}

/*
 * In a reply function: whether a PARTIAL message would be given again with more of it in the
 * window.
 */
static __always_inline bool ps_stream_more(const struct ps_scratch *s)
{
	return s->reader.base + s->reader.len < s->reader.total && s->reader.pos > s->reader.base;
}

/*
 * In a reply function: the current message holds the value of the current key, `len` bytes at
 * in[from] of the window. `expires` as for ps_fill.
 */
static __always_inline void ps_stream_fill(struct __sk_buff *skb, struct ps_scratch *s, __u32 from,
					   __u32 len, __u32 flags, __u64 expires)
{
	if (s->segment.ordinal)
		ps_fill(skb, s, s->segment.ordinal | PS_STREAM_REQUEST, from, len, flags, expires);
}

#endif /* PRESTACK_TCP_PLUGIN_CALLS_BPF_H */
