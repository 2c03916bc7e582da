/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The receive window of a client whose requests the kernel answers. The server must never hold a right
 * edge that the client did not give: it would send bytes that the client drops. Pure, so that it can
 * be unit-tested. docs/tcp.md explains it.
 *
 * The client gives a right edge in its own numbers. An answer of the kernel takes its bytes out of the
 * window, and the server does not know. In the server's numbers the window ends earlier by all of
 * these bytes. But a TCP stack takes an edge that moves back only from a segment that acknowledges
 * something new, or that has a higher sequence number. For the server, nothing of an answered request
 * is either. So the edge that the server may hold is noted (ps_splice.edge), and the kernel answers
 * only if the window has room for that edge and for the answer.
 *
 * This room is made while the connection is idle: acknowledgements then give the server only half of
 * the window, and it has nothing to send. The next request that goes to the server gives it all.
 */
#ifndef PRESTACK_WINDOW_H
#define PRESTACK_WINDOW_H

#include <prestack/cursor.h>
#include <prestack/splice.h>
#include <prestack/types.h>

#define PS_WSCALE_MASK 15 /* RFC 7323 allows 14 */

/* Bytes of a window, which is `window` in the client's header. */
ps_inline __u32 ps_window_bytes(const struct ps_splice *sp, __u32 window)
{
	return window << (sp->scale & PS_WSCALE_MASK);
}

/*
 * How many bytes the server may send behind the acknowledgement that `ack` of the client is to it, with
 * a window of `bytes`. What the client lacks of the last answer comes first.
 */
ps_inline __u32 ps_window_room(const struct ps_shift *h, __u32 ack, __u32 bytes)
{
	__u32 lacking = ps_shift_ack_in(h, ack) + h->out_add - ack;

	return bytes > lacking ? bytes - lacking : 0;
}

/* The window for the server's header, rounded down. If the connection is idle: half, but not 0. */
ps_inline __u32 ps_window_field(const struct ps_splice *sp, __u32 room, int idle)
{
	__u32 field = room >> (sp->scale & PS_WSCALE_MASK);

	return idle && field > 1 ? field / 2 : field;
}

/* The server gets this window with the acknowledgement `ack`, in its own numbers. */
ps_inline void ps_window_give(struct ps_splice *sp, __u32 ack, __u32 field)
{
	__u32 edge = ack + ps_window_bytes(sp, field);

	if ((__s32)(ack - sp->server_una) > 0 || (__s32)(edge - sp->edge) > 0)
		sp->edge = edge;
}

/*
 * Whether the client, which acknowledges `ack` with a window of `bytes`, has room for an answer of `len`
 * bytes, and behind it for all that the server may send.
 */
ps_inline int ps_window_allows(const struct ps_splice *sp, __u32 out_add, __u32 ack, __u32 bytes,
			       __u32 len)
{
	return len <= bytes && (__s32)(ack + bytes - (sp->edge + out_add + len)) >= 0;
}

#endif /* PRESTACK_WINDOW_H */
