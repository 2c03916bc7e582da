/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether a connection is idle: every request is answered, and no byte is under way. */
#ifndef PRESTACK_TCP_IDLE_BPF_H
#define PRESTACK_TCP_IDLE_BPF_H

#include "vmlinux.h"
#include "runtime/scratch.bpf.h"
#include "runtime/verifier.bpf.h"
#include <bpf/bpf_helpers.h>
#include <prestack/flow.h>
#include <prestack/stream.h>

/* Whether replies can be counted: no request is under way that may or may not get a reply. */
static __always_inline bool ps_replies_exact(const struct ps_flow *f)
{
	return ps_read_once(f->maybes) == ps_read_once(f->maybes_answered);
}

/*
 * Whether nothing is outstanding: all requests before this segment are read and answered, the
 * client has acknowledged all replies, and this segment comes next.
 */
static __always_inline bool ps_nothing_outstanding(const struct ps_flow *f,
						   const struct ps_segment *g)
{
	__u64 sent = ps_read_once(f->splice.sent);

	return g->seq == f->in.next && ps_stream_at_boundary(&f->in) && !f->mid_request &&
	       f->in.ahead_from == f->in.ahead_to &&
	       ps_read_once(f->acked) ==
		       f->in.next && /* the server has acknowledged all requests */
	       g->ack == (__u32)sent + (__u32)(sent >> 32) && /* and the client all replies */
	       ps_read_once(f->out.next) == (__u32)sent &&
	       !ps_read_once(f->out.skip) && !ps_read_once(f->out.carry_len) &&
	       ps_replies_exact(f) && ps_read_once(f->replies) == f->requests &&
	       ps_seq_diff(f->noreply_ordinal, f->requests) <= 0;
}

#endif /* PRESTACK_TCP_IDLE_BPF_H */
