/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Translates the segments of spliced connections, those on which the kernel has answered: at
 * ingress (XDP) and egress (TC).
 *
 * Whoever answers changes the numbers while segments of the flow may be on other CPUs. `sent`
 * decides which comes first. An answer takes the place behind the server's last byte only if the
 * server has sent nothing since. And each segment of the server notes its end in `sent` before
 * anything else.
 */
#ifndef PRESTACK_TCP_SPLICE_BPF_H
#define PRESTACK_TCP_SPLICE_BPF_H

#include "vmlinux.h"
#include "packet/checksum.bpf.h"
#include "packet/headers.bpf.h"
#include "packet/uapi.bpf.h"
#include "runtime/lock.bpf.h"
#include "runtime/scratch.bpf.h"
#include "runtime/stats.bpf.h"
#include "runtime/verifier.bpf.h"
#include "tcp/flow.bpf.h"
#include "tcp/idle.bpf.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <prestack/counters.h>
#include <prestack/cursor.h>
#include <prestack/flow.h>
#include <prestack/splice.h>
#include <prestack/types.h>
#include <prestack/window.h>

#define PS_SHIFT_TRIES 8
#define PS_SENT_TRIES 16

/* Whether segments of this flow are translated. */
static __always_inline bool ps_is_spliced(const struct ps_flow *f)
{
	return ps_read_once(f->splice.in_skip) && !ps_read_once(f->ended);
}

/* Whether the kernel has answered on this flow, or may: then the client's window is kept account of. */
static __always_inline bool ps_is_watched(const struct ps_flow *f)
{
	return (ps_read_once(f->splice.known) || ps_read_once(f->splice.in_skip)) &&
	       !ps_read_once(f->ended);
}

/* Loads numbers that belong together. False: they kept changing. */
static __always_inline bool ps_shift_load(const struct ps_splice *sp, struct ps_shift *h)
{
	for (__u32 i = 0; i < PS_SHIFT_TRIES; i++) {
		__u32 turn = ps_read_once(sp->turn);

		ps_ordered();
		h->in_skip = ps_read_once(sp->in_skip);
		h->out_add = ps_read_once(sp->sent) >> 32;
		h->from = ps_read_once(sp->from);
		h->to = ps_read_once(sp->to);
		h->at = ps_read_once(sp->at);
		h->len = ps_read_once(sp->len);
		ps_ordered();
		if (!(turn & 1) && ps_read_once(sp->turn) == turn)
			return true;
	}
	return false;
}

/*
 * Advances a number that only grows, to at most `most`. If two CPUs do it at a time one value may
 * get lost, and these are only hints.
 */
static __always_inline void ps_grow(__u32 *number, __u32 value, const __u32 most)
{
	if ((__s32)(value - ps_read_once(*number)) > 0 && (__s32)(most - value) >= 0)
		*(volatile __u32 *)number = value;
}

/* Sum of the `len` bytes of options in s->options. */
static __always_inline __u32 ps_options_total(const struct ps_scratch *s, __u32 len)
{
	return ps_fold(ps_sum(s->options, len, 0, PS_OPTION_WORDS / 2));
}

/* Translates the options of a client's segment. False: they cannot be read. */
static __always_inline bool ps_options_in(struct xdp_md *ctx, struct ps_scratch *s, __u32 len,
					  const struct ps_shift *h, __u16 *check)
{
	__u32 off = s->pkt.l4 + sizeof(struct tcphdr), before;

	if (!ps_size_fits(&len, 4 * PS_OPTION_WORDS) ||
	    bpf_xdp_load_bytes(ctx, off, s->options, len))
		return false;
	before = ps_options_total(s, len);
	if (!ps_shift_options(s->options, len / 4, ps_shift_answer_end(h), -h->out_add))
		return true;
	ps_opaque(len);
	if (len > 4 * PS_OPTION_WORDS || !len || bpf_xdp_store_bytes(ctx, off, s->options, len))
		return false;
	if (!s->pkt.partial_csum)
		*check = ps_check_change(*check, before, ps_options_total(s, len));
	return true;
}

/*
 * The numbers of an answer long ago would soon look like later ones. Sets them to the present, if all
 * that both ends had sent before has arrived. This is looked at with every segment of the client,
 * bare acknowledgements too, and also on a lost flow: so 2 GiB can never pass in between, neither of
 * replies nor of requests.
 */
__noinline int ps_splice_rebase(struct ps_flow *f)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct ps_splice *sp;

	if (!s || !f || ps_flow_own(f, &s->pkt.flow, PS_REQUESTS) != PS_OWN_YES)
		return 0;
	sp = &f->splice;
	if (ps_shift_is_over(sp)) {
		sp->turn++;
		ps_ordered();
		sp->at = ps_read_once(sp->server_una);
		sp->len = 0;
		sp->from = sp->to = ps_read_once(f->acked);
		ps_ordered();
		sp->turn++;
	}
	ps_flow_free(f, PS_REQUESTS);
	return 0;
}

/*
 * The window that goes to the server with the current segment, whose acknowledgement in the server's
 * numbers is `ack`. Notes what both tell.
 */
static __always_inline __u16 ps_window_in(struct ps_flow *f, const struct ps_scratch *s,
					  const struct ps_shift *h, __u32 ack)
{
	const struct ps_segment *g = &s->segment;
	struct ps_splice *sp = &f->splice;
	__u32 sent = ps_read_once(sp->sent), field;
	bool idle = !g->len && !(g->flags & (TCPHDR_FIN | TCPHDR_RST)) && g->serves &&
		    !ps_read_once(f->lost) && !ps_read_once(sp->refused) &&
		    ps_nothing_outstanding(f, g);

	field = ps_window_field(sp, ps_window_room(h, g->ack, ps_window_bytes(sp, g->window)),
				idle);
	/* A segment that acknowledges more than was sent is not believed by the server either. */
	if ((__s32)(sent - ack) >= 0)
		ps_window_give(sp, ack, field);
	ps_grow(&sp->client_ack, g->ack, sent + h->out_add);
	ps_grow(&sp->server_una, ack, sent);
	return bpf_htons(field);
}

/*
 * Translates the current segment of the client, which goes to the server. Its checksum was checked
 * before, so pkt.partial_csum is set. Returns the verdict.
 */
__noinline int ps_translate_in(struct xdp_md *ctx)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	__u32 seq, ack, l4, options;
	__u16 check, window;
	void *data, *end;
	struct tcphdr *tcp;
	struct ps_shift h;
	struct ps_flow *f;

	f = s ? ps_flow_find(&s->pkt.flow) : NULL;
	if (!f || !ps_is_watched(f))
		return XDP_PASS;
	if (!ps_shift_load(&f->splice, &h))
		return XDP_DROP;
	seq = bpf_htonl(ps_shift_seq_in(&h, s->segment.seq));
	ack = s->segment.ack;
	window = bpf_htons(s->segment.window);
	if (s->segment.flags & TCPHDR_ACK) {
		ack = ps_shift_ack_in(&h, ack);
		window = ps_window_in(f, s, &h, ack);
	}
	ack = bpf_htonl(ack);
	check = s->segment.check;
	l4 = s->pkt.l4 & PS_L4_MASK;
	options = s->pkt.payload - s->pkt.l4 - sizeof(*tcp);
	/*
	 * Nearly all have only no-ops and timestamps: nothing to translate. Nor is there before the
	 * first answer.
	 */
	if (options && !s->segment.plain && h.in_skip &&
	    !ps_options_in(ctx, s, options, &h, &check))
		return XDP_DROP;
	if (!s->pkt.partial_csum)
		check = ps_check_change(check,
					(__u64)bpf_htonl(s->segment.seq) +
						bpf_htonl(s->segment.ack) +
						bpf_htons(s->segment.window),
					(__u64)seq + ack + window);
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	tcp = data + l4;
	if ((void *)(tcp + 1) > end)
		return XDP_DROP;
	tcp->seq = seq;
	tcp->ack_seq = ack;
	tcp->window = window;
	tcp->check = check;
	if (!h.in_skip)
		return XDP_PASS;
	ps_count(s->pkt.service, PS_COUNT_translations);
	if (ps_shift_is_far(&f->splice, ps_read_once(f->splice.sent), ps_read_once(f->acked)))
		ps_splice_rebase(f);
	return XDP_PASS;
}

/* A segment of the server ends before `next`: no answer may come before that any more. */
static __always_inline void ps_sent_up_to(struct ps_splice *sp, __u32 next)
{
	for (__u32 i = 0; i < PS_SENT_TRIES; i++) {
		__u64 old = ps_read_once(sp->sent);

		if ((__s32)(next - (__u32)old) <= 0)
			return;
		if (__sync_val_compare_and_swap(&sp->sent, old, (old & ~0xffffffffULL) | next) ==
		    old)
			return;
	}
}

/* A segment of the server was seen leaving, of any kind. */
static __always_inline void ps_splice_note_server(struct ps_flow *f, const struct ps_segment *g)
{
	f->splice.window = g->window;
	if (g->stamped)
		f->splice.tsval = g->tsval;
	if (g->len || (g->flags & TCPHDR_FIN))
		ps_sent_up_to(&f->splice, g->seq + g->len + !!(g->flags & TCPHDR_FIN));
}

/* Translates the options of a server's segment. */
static __always_inline bool ps_options_out(struct __sk_buff *skb, struct ps_scratch *s, __u32 len,
					   const struct ps_shift *h)
{
	__u32 off = s->pkt.l4 + sizeof(struct tcphdr), before;

	if (!ps_size_fits(&len, 4 * PS_OPTION_WORDS) ||
	    bpf_skb_load_bytes(skb, off, s->options, len))
		return false;
	before = ps_options_total(s, len);
	if (!ps_shift_options(s->options, len / 4, h->to - h->in_skip, h->in_skip))
		return true;
	ps_opaque(len);
	if (len > 4 * PS_OPTION_WORDS || !len || bpf_skb_store_bytes(skb, off, s->options, len, 0))
		return false;
	return !bpf_l4_csum_replace(skb, s->pkt.l4 + PS_TCP_CHECK, before, ps_options_total(s, len),
				    4);
}

/* Translates the current segment of the server, which leaves. Returns the verdict. */
__noinline int ps_translate_out(struct __sk_buff *skb)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_TC);
	__u32 numbers[2], before[2], options, l4;
	const struct ps_segment *g;
	struct ps_shift h;
	struct ps_flow *f;

	f = s && skb ? ps_flow_find(&s->pkt.flow) : NULL;
	if (!f || !ps_is_spliced(f))
		return TC_ACT_UNSPEC;
	g = &s->segment;
	if (!ps_shift_load(&f->splice, &h))
		return TC_ACT_SHOT;
	/*
	 * A retransmission with bytes from before the last answer and from behind it. The answer
	 * lies between them, so one segment cannot hold both.
	 */
	if (g->len && (__s32)(g->seq - h.at) < 0 && (__s32)(g->seq + g->len - h.at) > 0 && h.len)
		return TC_ACT_SHOT;
	l4 = s->pkt.l4;
	before[0] = bpf_htonl(g->seq);
	before[1] = bpf_htonl(g->ack);
	numbers[0] = bpf_htonl(ps_shift_seq_out(&h, g->seq));
	numbers[1] = before[1];
	if (g->flags & TCPHDR_ACK)
		numbers[1] =
			bpf_htonl(ps_shift_ack_out(&h, g->ack, ps_read_once(f->splice.client_ack),
						   !g->len && !(g->flags & TCPHDR_FIN)));
	options = s->pkt.payload - l4 - sizeof(struct tcphdr);
	if (options && !g->plain && !ps_options_out(skb, s, options, &h))
		return TC_ACT_SHOT;
	if (bpf_l4_csum_replace(skb, l4 + PS_TCP_CHECK, before[0], numbers[0], 4) ||
	    bpf_l4_csum_replace(skb, l4 + PS_TCP_CHECK, before[1], numbers[1], 4) ||
	    bpf_skb_store_bytes(skb, l4 + PS_TCP_SEQ, numbers, sizeof(numbers), 0))
		return TC_ACT_SHOT;
	ps_count(s->pkt.service, PS_COUNT_translations);
	return TC_ACT_UNSPEC;
}

#endif /* PRESTACK_TCP_SPLICE_BPF_H */
