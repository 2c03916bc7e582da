/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The plug-in contract: the one header that a protocol's BPF half includes.
 *
 * A plug-in is one BPF object, protocols/<name>/plugin.bpf.c, with up to four programs. The loader
 * finds them by name. A request that none is there for passes, and flushes the service.
 *
 *   SEC("xdp") ps_datagram_request  a UDP datagram to the service's port
 *   SEC("xdp") ps_stream_request    a TCP segment to the service's port: PS_FOLLOW_REQUESTS
 *   SEC("tc")  ps_datagram_reply    a UDP datagram of the service, leaving
 *   SEC("tc")  ps_stream_reply      a TCP segment of the service, leaving: PS_FOLLOW_REPLIES
 *
 * The core has parsed Ethernet to UDP or TCP, checked lengths and checksums, found the service, and
 * copied the payload into per-CPU scratch before it tail-calls the plug-in. What the plug-in does:
 *
 *   struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);      // or PS_HOOK_TC; NULL: return XDP_PASS
 *   struct ps_cursor c = ps_payload(s, PS_HOOK_XDP, 0);  // parse with prestack/cursor.h
 *
 * On ps_datagram_request, a read:
 *   ps_key_load(hook, pos, len)     make in[pos, pos + len) the current key
 *   ps_key_scan(hook, pos)          the same for a token of unknown length, in one pass
 *   ps_key_scan_here(s, hook, pos)  the same without a call, for the one place where most keys are read
 *   ps_prefetch_pending(s, request)       before ps_lookup, may be left out: if the last look-up was a miss, what a
 *                                   lease for this one needs is fetched at the same time. UDP; else nothing
 *   ps_lookup(s, &hit)              is it cached? hit.flags and hit.value_len are known from here
 *   ps_out_*(s, ...)                render what comes before and after the value
 *   ps_put_value(s, &hit)           append the value; non-zero: forget the reply, treat it as a miss
 *   ps_reply_datagram(ctx, s, request)  send out[] back, or let the server answer; returns the verdict
 *   ps_lease_take(s, request)       on a miss: allow the server's reply to `request` to fill the key
 *   ps_expect_read(s, request)      instead: a read that fills nothing, but whose reply looks like it
 *   ps_pass(s, reason)              let the server answer; counts the reason; returns the verdict
 *   ps_pass_read(s, request, reason)  the same where no lease was taken: notes the read if nothing is noted
 *
 * On any request that can change an item, before returning XDP_PASS (ps_pass counts a read):
 *   ps_key_load + ps_invalidate(hook)  for each key it names, or
 *   ps_flush(service)               if it may change anything, or cannot be understood
 *   ps_flush_between(service, from, to)  a flush that takes effect later
 *   ps_count(service, reason)       why it was passed
 * and, if it is a datagram that the server will reply to, once for each reply:
 *   ps_expect_reply(s, request, expires)  after ps_invalidate: the reply will answer that write
 *   ps_expect_any(s, request)       it will answer something that changes several keys, or anything
 *
 * On ps_datagram_reply:
 *   ps_reply_leaves(s, request, reads_only, succeeded)  first, once for each reply
 *   ps_reply_leaves_as(s, request, flags)  the same without a call; enum ps_reply_flags
 *   ps_reply_goes_on(s, request)    instead: values, and more of this reply follows in another datagram
 *   ps_flush(service)               instead: it cannot be told what it answers
 * and then for each value in it:
 *   ps_key_load + ps_fill(skb, s, request, value_pos, value_len, flags, expires)
 *
 * `expires` is ns of CLOCK_MONOTONIC, PS_EXPIRES_NEVER, or PS_EXPIRES_UNKNOWN: not known from here.
 *
 * TCP. The core reads each direction of a connection in order and finds where messages are; a plug-in
 * says what they are, with one function per direction, at file scope:
 *
 *   static __always_inline void xx_request(struct ps_scratch *s, struct ps_message *m) {...}
 *   PS_FOLLOW_REQUESTS(xx_request)      defines ps_stream_request, or, to answer requests:
 *   static __always_inline bool xx_may_answer(__u32 state, __u64 start) {...}
 *   __noinline int xx_answer(void) {...}
 *   PS_ANSWER_REQUESTS(xx_request, xx_may_answer, xx_answer)
 *   static __always_inline void xx_reply(struct __sk_buff *skb, struct ps_scratch *s,
 *                                        struct ps_message *m) {...}
 *   PS_FOLLOW_REPLIES(xx_reply)         defines ps_stream_reply, or, where most replies are plain:
 *   static __always_inline bool xx_first(struct __sk_buff *skb, struct ps_scratch *s,
 *                                        struct ps_message *m) {...}
 *   PS_FOLLOW_PLAIN_REPLIES(xx_reply, xx_first)  xx_first is asked of a segment that begins where a reply does, with few
 *                                       calls: it tells what xx_reply would, of what is WHOLE, or is false, with
 *                                       *m untouched. Unless it tells of all that is in the window xx_reply is
 *                                       asked, too: only then it may fill
 *
 * The function looks at the message that begins at s->pos, in the window ps_payload(s, hook, s->pos)
 * of which c.end is the end, and fills in *m, which is all zeros (kind PS_MESSAGE_LOST) but for
 * `state`, see stream.h:
 *
 *   WHOLE    the head ends at `next`; `body` bytes after it are skipped unseen (value and line end).
 *            Position and length of the body are all that is needed: it need not be in the window.
 *   PARTIAL  the window ends within the head. What is before `next` is eaten (counts as read, its
 *            keys were dealt with); from there on it is given again, once there is more. Nothing
 *            eaten: next = s->pos. Of what is not eaten PS_CARRY_SIZE bytes are kept between segments;
 *            a head that may be longer has to be eaten in parts, with `state` to remember where it is.
 *   LOST     not understood. From then on each segment of the connection, in both directions,
 *            flushes the service. So a request that is understood well enough to tell where it ends is
 *            better a WHOLE with ps_stream_flush.
 *
 * What requests tell (with the current key loaded, hook PS_HOOK_XDP; only for what they eat):
 *   ps_stream_write(s, expires, replied)  it writes this key; once per key
 *   ps_stream_flush(s)                    it may change anything
 *   ps_stream_read(s)                     it reads this key: its reply may fill it
 *   ps_stream_note(s, i)                  the same, and remembers the key, the i-th of this request
 *   m->replies    1: exactly one reply is sure to come. For commands that get none (noreply): 0
 *   m->flags      GOES_ON: a message that is not the last one of its request (a name, an argument)
 *                 MAYBE with replies = 0: there may be a reply or not. From then on replies cannot be
 *                 counted, until a SYNC: a request (replies = 1) whose reply can be told from those of
 *                 MAYBE requests, and that reply. Replies to SYNC requests have to be flagged SYNC, all
 *                 of them, and no others.
 * What replies tell (hook PS_HOOK_TC):
 *   m->replies    1 for the message that ends a reply, 0 for those before it (a row of values); n for a
 *                 message that stands for n replies in a row with the same flags, none of them SYNC or ERROR
 *   m->flags      SUCCEEDED: the write did what it was asked to. SYNC: see above. ERROR: an error that
 *                 may also come for a request with replies = 0; ambiguous ones make the core LOST
 *   ps_stream_fill(skb, s, from, len, flags, expires)  the current key's value is in[from, from + len)
 *   ps_stream_noted(s, i)  if replies do not name their keys: makes the i-th key of the read that this answers
 *                 current, which its request gave with ps_stream_note(s, i). False: nothing to fill
 *   ps_stream_more(s)  the value is not all in the window, and PARTIAL (nothing eaten) would help
 *
 * Answering (docs/tcp.md): a segment that holds nothing but requests that hit, on a connection where the
 * server has answered such a request before (its reply was flagged SERVES), and nothing is under way.
 *   xx_may_answer(state, start)  whether it may be such a segment, by the connection's `state` (between
 *                         two messages) and the first eight bytes: cheap, most are not
 *   xx_answer()           at s->pos in ps_payload(s, PS_HOOK_XDP, s->pos): ps_key_load, ps_lookup, then append
 *                         the reply to out[] (ps_out_*, ps_put_value) and move s->pos behind the request:
 *                         PS_ANSWERED. Else why not, enum ps_answered. Called once per request; it
 *                         changes nothing else, since the segment may still go to the server. It gives up
 *                         (PS_ANSWERED_LONG) while s->out_len > PS_MAX_SEGMENT_REPLY. With PS_ANSWERED_MISS
 *                         it may fill in s->message as xx_request would, WHOLE, for a request that does
 *                         nothing but read the current key: if that is all of the segment, xx_request does not
 *                         see it.
 *   m->flags      of a reply: SERVES, see above. Of a request: ENDS_SERVICE, from here on nothing on this
 *                 connection is answered any more (it changes what reads mean)
 *
 * Doubt means pass. A plug-in never modifies a packet itself, keeps no state of its own between
 * packets, and has a named bound on each loop. s->user[] and s->pos are its scratch words.
 * Work done per key goes best into a global (non-static, __noinline) function that takes at most the
 * context: the verifier then looks at it once, not once per key.
 */
#ifndef PRESTACK_PLUGIN_BPF_H
#define PRESTACK_PLUGIN_BPF_H

#include "vmlinux.h"
#include "cache/fill.bpf.h"
#include "cache/invalidate.bpf.h"
#include "cache/lookup.bpf.h"
#include "coherence/epoch.bpf.h"
#include "coherence/fence.bpf.h"
#include "tcp/pending_reads.bpf.h"
#include "tcp/plugin_calls.bpf.h"
#include "tcp/replies.bpf.h"
#include "tcp/requests.bpf.h"
#include "udp/pending_request.bpf.h"
#include "udp/reply.bpf.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <prestack/contract.h>
#include <prestack/types.h>

/* Read by the loader, never by a program. */
const volatile __u32 ps_contract_version = PS_CONTRACT_VERSION;

/*
 * Rendering. Each function comes in two forms. The form with _at writes at out[pos] and returns the
 * position behind it, so the position can stay in a register where nanoseconds count. The other
 * form appends.
 */

/* The low n <= 8 bytes of `text`, little endian. */
static __always_inline __u32 ps_out_bytes_at(struct ps_scratch *s, __u32 pos, __u64 text, __u32 n)
{
	__u32 at = pos;

	ps_opaque(at);
	ps_store64(s->out + (at & (PS_OUT_SIZE - 1)), text);
	return pos + n;
}

static __always_inline void ps_out_bytes(struct ps_scratch *s, __u64 text, __u32 n)
{
	s->out_len = ps_out_bytes_at(s, s->out_len, text, n);
}

/* The current key. */
static __always_inline __u32 ps_out_key_at(struct ps_scratch *s, __u32 pos)
{
	__u32 len = s->key.len;

	for (__u32 i = 0; i < PS_KEY_WORDS; i++) {
		if (i * 8 >= len)
			break;
		ps_out_bytes_at(s, pos + i * 8, s->key.word[i], 8);
	}
	/*
	 * Read again, so that the verifier sees one length here and not one for each turn of the
	 * loop.
	 */
	return pos + ps_read_once(s->key.len);
}

static __always_inline void ps_out_key(struct ps_scratch *s)
{
	s->out_len = ps_out_key_at(s, s->out_len);
}

/* A decimal number. */
static __always_inline __u32 ps_out_number_at(struct ps_scratch *s, __u32 pos, __u32 value)
{
	__u64 low = 0, high = 0;
	__u32 digits = 0;

	/*
	 * Digits come from the low end and are shifted in: at most ten, of which eight fit a word.
	 */
	for (__u32 i = 0; i < PS_MAX_DIGITS; i++) {
		/* value / 10 by a multiplication, which the compiler does not use for BPF. */
		__u32 tenth = ((__u64)value * 0xcccccccdULL) >> 35;

		high = high << 8 | low >> 56;
		low = low << 8 | ('0' + value - tenth * 10);
		digits++;
		value = tenth;
		if (!value)
			break;
	}
	ps_out_bytes_at(s, pos, low, 8);
	if (digits > 8)
		ps_out_bytes_at(s, pos + 8, high, 8);
	return pos + digits;
}

static __always_inline void ps_out_number(struct ps_scratch *s, __u32 value)
{
	s->out_len = ps_out_number_at(s, s->out_len, value);
}

#endif /* PRESTACK_PLUGIN_BPF_H */
