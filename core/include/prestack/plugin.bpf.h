/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The plug-in contract: the one header that the BPF half of a protocol plug-in includes. What to know
 * first stands first. docs/writing-a-plugin.md builds a plug-in step by step.
 *
 *
 * 1. The rules
 *
 * A plug-in tells the core what messages mean: which key a read names, what a write may change, where the
 * value is in a reply. The core keeps the cache, orders reads against writes, and builds packets.
 *
 * - Doubt means pass. A request that is not wholly understood goes to the server.
 * - What may be a write is a write. A request that might change something invalidates the keys that it
 *   names, or flushes the service if these cannot be told. All else is a wrong answer, later.
 * - Keys are canonical. If the server takes two spellings on the wire for one key (names in DNS differ in
 *   upper and lower case), the plug-in has to make one key of them, everywhere: in reads, in writes and in
 *   replies. Otherwise a write of one spelling leaves the old value in the cache under the other. And what
 *   makes a different answer to the same name (a flag, a version) has to be part of the key.
 * - A result depends on the message alone, never on bytes behind its end: those are left over from others.
 * - A plug-in modifies no packet and keeps nothing between packets. Each of its loops has a named bound.
 *
 *
 * 2. The programs
 *
 * A plug-in is one BPF object with up to four programs. The loader finds them by name. A request that no
 * program is there for passes, and flushes the service. For TCP have both programs or none.
 *
 *   section   name                   is given                               defined by
 *   "xdp"     ps_stream_request      a TCP segment to the service's port    PS_ANSWER_REQUESTS(...)
 *   "tc"      ps_stream_reply        a TCP segment that the server sends    PS_FOLLOW_REPLIES(...)
 *   "xdp"     ps_datagram_request    a UDP datagram to the service's port   you
 *   "tc"      ps_datagram_reply      a UDP datagram that the server sends   you
 *
 * Before a program is called the core has checked lengths and checksums, found the service, and copied the
 * payload into scratch memory, whose fields for plug-ins are:
 *
 *   in[]       the payload (TCP: the window, a part of it). Parse it by ps_payload() and prestack/cursor.h
 *   pos        TCP: where in in[] the message to look at begins
 *   out[]      the reply that is being made, out_len bytes of it
 *   pkt.now    the time, in ns of CLOCK_MONOTONIC
 *   user[8]    words of the plug-in's own, for this packet
 *
 * in[] is a copy. Over UDP a plug-in may change it, to make a key canonical in place. Over TCP it may not:
 * the core compares these bytes with later retransmissions. There, change it, load the key, and change it
 * back.
 *
 *
 * 3. Functions
 *
 * "Current key": the one loaded last. `hook` is PS_HOOK_XDP in request programs, PS_HOOK_TC in reply programs.
 * `request` is the number by which a client tells its requests apart and which the reply repeats (UDP).
 * `expires` is a time in ns of CLOCK_MONOTONIC, PS_EXPIRES_NEVER, or PS_EXPIRES_UNKNOWN: not known from here.
 *
 * Everywhere:
 *   ps_scratch(hook)                 scratch memory; if NULL, return XDP_PASS or TC_ACT_UNSPEC
 *   ps_payload(s, hook, pos)         a cursor at in[pos]
 *   ps_key_load(hook, pos, len)      makes in[pos, pos + len) the current key; len <= PS_MAX_KEY
 *   ps_key_scan(hook, pos)           the same for a token of unknown length, in one pass; returns the length
 *   ps_key_scan_here(s, hook, pos)   the same without a call
 *   ps_count(service, reason)        counts, enum ps_counter
 *
 * To answer, in a request:
 *   ps_lookup(s, &hit)               whether the current key is cached; then hit.flags and hit.value_len are known
 *   ps_out_bytes(s, text, n), ps_out_key(s), ps_out_number(s, n)
 *                                    append to out[]; forms in ..._at write at a position
 *   ps_put_value(s, &hit)            appends the value. Not 0: it changed meanwhile; forget out[], it is a miss
 *
 * UDP requests. First what changes the cache, then what reply to expect, then the verdict:
 *   ps_invalidate(hook)              the request writes the current key
 *   ps_flush(service)                it may change anything, or is not understood
 *   ps_flush_between(service, a, b)  it flushes everything at some time between a and b
 *   ps_expect_reply(s, request, expires)  after ps_invalidate: there will be one reply, to that write
 *   ps_expect_any(s, request)        there will be one reply, to something that changes several keys, or anything
 *   ps_expect_read(s, request)       there will be one reply, to a read that must not fill
 *   ps_lease_take(s, request)        after a miss: the reply may fill the current key
 *   ps_prefetch_pending(s, request)  may stand before ps_lookup: fetches what a lease needs, if the last one missed
 *   ps_reply_datagram(ctx, s, request)    sends out[] to the client, or passes; returns the verdict
 *   ps_pass(s, reason)               passes a read, counts why; returns the verdict. Others return XDP_PASS
 *   ps_pass_read(s, request, reason) the same for a read that took no lease: its reply is expected, too
 *
 * UDP replies. First what the reply tells, then what it fills; the verdict is TC_ACT_UNSPEC:
 *   ps_reply_leaves(s, request, reads_only, succeeded)  reads_only: its form is that of a reply to a read, and of
 *                                    no other. succeeded: it says that a write did what it was asked to
 *   ps_reply_leaves_as(s, request, flags)  the same without a call, enum ps_reply_flags
 *   ps_reply_goes_on(s, request)     instead: values, and more of this reply comes in another datagram
 *   ps_flush(service)                instead: what it replies to cannot be told
 *   ps_fill(skb, s, request, pos, len, flags, expires)  in[pos, pos + len) is the current key's value; `flags` is
 *                                    a word that is kept with it and comes back as hit.flags
 *
 * TCP requests, in the request function (see 4), for what it consumes:
 *   ps_stream_write(s, expires, replied)  the request writes the current key; replied: it surely gets a reply
 *   ps_stream_flush(s)               it may change anything
 *   ps_stream_read(s)                its reply, which names the key, may fill the current key
 *   ps_stream_note(s, i)             the same if replies do not name keys: remembers it as the request's i-th key
 *
 * TCP replies, in the reply function:
 *   ps_stream_noted(s, i)            makes the i-th key current that the request noted. False: there is nothing
 *                                    to fill. The core knows which request the reply is to
 *   ps_stream_more(s)                the message is not all in the window, but would be if it is PARTIAL now
 *   ps_stream_fill(skb, s, pos, len, flags, expires)  as ps_fill
 *
 *
 * 4. TCP
 *
 * The core reads both directions of a connection in order, whatever segments they come in, and counts replies
 * to know what each is to. The plug-in says what the message at s->pos is, by one function per direction, which
 * the macros make programs of, at file scope:
 *
 *   static __always_inline void xx_request(struct ps_scratch *s, struct ps_message *m);
 *   static __always_inline bool xx_may_answer(__u32 state, __u64 start);
 *   __noinline int xx_answer(void);
 *   PS_ANSWER_REQUESTS(xx_request, xx_may_answer, xx_answer)   or PS_FOLLOW_REQUESTS(xx_request): answers none
 *
 *   static __always_inline void xx_reply(struct __sk_buff *skb, struct ps_scratch *s, struct ps_message *m);
 *   PS_FOLLOW_REPLIES(xx_reply)
 *
 * xx_request and xx_reply fill in *m (struct ps_message, prestack/stream.h), which is all zeros but for `state`:
 *
 *   kind WHOLE    the message's head ends at m->next. m->body bytes after it are skipped unseen: give a body
 *                 that has a length that way, with its line end.
 *   kind PARTIAL  the window ends within the head. What is before m->next is consumed. The rest is given again
 *                 with more behind it; up to PS_CARRY_SIZE bytes are kept for that between segments. Nothing
 *                 consumed: m->next = s->pos, and nothing may have been told.
 *   kind LOST     not understood. From here on each segment of this connection flushes the service. So if the
 *                 end of an odd message can be told, it is better WHOLE, with ps_stream_flush.
 *   m->state      the plug-in's own word, kept for the direction from message to message, at first 0
 *   m->replies    request: 1 if exactly one reply is sure to come, else 0. Reply: 1 for the message that ends it,
 *                 0 for those before; n for a row of n replies with the same flags (not SYNC, not ERROR)
 *   m->flags      enum ps_message_flags. Of requests:
 *     GOES_ON       more messages of this request follow (its arguments)
 *     MAYBE         with replies = 0: there may be a reply or not. Replies are not counted from here on, until SYNC
 *     SYNC          its reply cannot be taken for one to a MAYBE request; all such replies are flagged SYNC, too
 *     ENDS_SERVICE  after it reads mean something else on this connection: it is answered nothing any more
 *                 Of replies:
 *     SERVES        to a read of the kind that may be answered, and not a refusal: the client has earned it
 *     SUCCEEDED     the write did what it was asked to
 *     ERROR         of a kind that may also come for a request with replies = 0
 *
 * A body that ends by a newline, not by a length, is part of the head: the message ends where the newline is.
 * Short ones wait as PARTIAL, nothing consumed. Longer ones than PS_CARRY_SIZE are consumed in parts: say what
 * the message is when its first part is there, consume all that is in the window, and remember in m->state that
 * a newline is still to come. The message that has it is WHOLE.
 *
 * Where replies to reads and to writes look alike, do not go by their looks. Over TCP the core counts:
 * ps_stream_noted is true only for a reply to a read, and ps_stream_fill does nothing for others. Over UDP say
 * reads_only = false: then the core goes by the request's number. A reply fills in any case only what the
 * request with its number took a lease for.
 *
 * Answering. The core calls the other two functions for a segment on a connection where the server has
 * answered such a read before (SERVES) and owes nothing. All of it must be requests that hit.
 *   xx_may_answer(state, start)  whether the segment that begins with these eight bytes may be such a one. Cheap
 *   xx_answer()   the request is at s->pos: ps_key_load, ps_lookup; append the reply to out[]; move s->pos
 *                 behind the request; return PS_ANSWERED. Otherwise say why not, enum ps_answered; it is LONG while
 *                 s->out_len > PS_MAX_SEGMENT_REPLY. Change nothing else: the segment may still go to the server.
 *                 With MISS it may leave in s->message what xx_request would say, for a request that does nothing
 *                 but read the current key: if that is all of the segment, xx_request is not called for it.
 *
 *
 * 5. What it costs
 *
 * The kernel's verifier looks at a global function (not static, __noinline) once, and at inlined code once per
 * way to get there. Put work that is done per key, and loops, into global functions, with no argument but numbers
 * or the context. A call takes some nanoseconds: tell what is most frequent inline.
 *   PS_FOLLOW_PLAIN_REPLIES(xx_reply, xx_first), in place of PS_FOLLOW_REPLIES:
 *   static __always_inline bool xx_first(struct __sk_buff *skb, struct ps_scratch *s, struct ps_message *m);
 *                 is called first for a segment that begins where a reply does. It says what xx_reply would, of a
 *                 WHOLE message, or returns false with *m untouched. If its message is not all of the window
 *                 xx_reply is called as well; so it may fill only if it is.
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
