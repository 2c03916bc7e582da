/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The connections that are followed (flows): where they begin, which program owns them, and when
 * they end.
 *
 * A flow begins with the server's own SYN-ACK, or a valid cookie of one (tcp/syn_cookie.bpf.h), so
 * no stranger can begin one, and with the first data of the client that fits it. A connection
 * without a flow is not read: each of its payloads flushes.
 */
#ifndef PRESTACK_TCP_FLOW_BPF_H
#define PRESTACK_TCP_FLOW_BPF_H

#include "vmlinux.h"
#include "runtime/lock.bpf.h"
#include "runtime/stats.bpf.h"
#include "runtime/verifier.bpf.h"
#include <bpf/bpf_helpers.h>
#include <prestack/counters.h>
#include <prestack/flow.h>
#include <prestack/stream.h>
#include <prestack/types.h>

/* A client retransmits long before this. It guards against our own mistakes. */
#define PS_STUCK_NS 5000000000ULL

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, PS_HANDSHAKES);
	__type(key, struct ps_flow_key);
	__type(value, struct ps_handshake);
} ps_handshakes SEC(".maps");

/* Not an LRU map: if a flow were dropped, the replies to its writes would leave unnoticed. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, PS_FLOWS);
	__type(key, __u64); /* ps_flow_key.hash */
	__type(value, struct ps_flow);
} ps_flows SEC(".maps");

/*
 * Where a new flow is built, since it is too large for the stack. Members that are not set stay
 * zero. XDP only.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ps_flow);
} ps_new_flow SEC(".maps");

enum ps_own { PS_OWN_YES, PS_OWN_BUSY, PS_OWN_GONE };

static __always_inline bool ps_flow_is(const struct ps_flow *f, const struct ps_flow_key *key)
{
	const volatile __u64 *a = (const volatile __u64 *)&f->key;
	const __u64 *b = (const __u64 *)key;

	return a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3] && a[4] == b[4];
}

/* The flow with the connection's hash. Its key is compared later, by ps_flow_own. */
static __always_inline struct ps_flow *ps_flow_at(const struct ps_flow_key *key)
{
	return bpf_map_lookup_elem(&ps_flows, &key->hash);
}

/* The flow of the connection. NULL: there is none. */
static __always_inline struct ps_flow *ps_flow_find(const struct ps_flow_key *key)
{
	struct ps_flow *f = ps_flow_at(key);

	return f && ps_flow_is(f, key) ? f : NULL;
}

static __always_inline void ps_flow_free(struct ps_flow *f, const __u32 direction)
{
	ps_unlock(&f->busy[direction]);
}

/*
 * Takes one direction of a flow. An element that is reused is owned from before its deletion until
 * its new key is in place. So the owner always sees one whole key. GONE: it is the flow of another
 * connection by now.
 */
static __always_inline int ps_flow_own(struct ps_flow *f, const struct ps_flow_key *key,
				       const __u32 direction)
{
	if (__sync_val_compare_and_swap(&f->busy[direction], 0, 1))
		return PS_OWN_BUSY;
	if (ps_flow_is(f, key))
		return PS_OWN_YES;
	ps_flow_free(f, direction);
	return PS_OWN_GONE;
}

static __always_inline void ps_count_lost(__u32 service, __u32 why)
{
	ps_count(service, PS_COUNT_flows_lost);
	switch (why) {
	case PS_LOST_MESSAGE:
		return ps_count(service, PS_COUNT_lost_message);
	case PS_LOST_GAP:
		return ps_count(service, PS_COUNT_lost_gap);
	case PS_LOST_REPLY:
		return ps_count(service, PS_COUNT_lost_reply);
	case PS_LOST_BUSY:
		return ps_count(service, PS_COUNT_lost_busy);
	case PS_LOST_URGENT:
		return ps_count(service, PS_COUNT_lost_urgent);
	}
}

/* Gives up a flow for good: its position in the stream is not known any more. Counted once. */
static __always_inline void ps_flow_lose(struct ps_flow *f, __u32 service, __u32 why)
{
	if (!__sync_val_compare_and_swap(&f->lost, PS_LOST_NOT, why))
		ps_count_lost(service, why);
}

/*
 * Deletes a flow. That needs both directions; without them the flow stays and is marked as ended. A
 * separate function, since it is rare and its callers have no stack left.
 */
__noinline int ps_flow_end(struct ps_flow *f, const struct ps_flow_key *key)
{
	__u64 hash; /* Linux 6.1 accepts no key from the memory that `key` may point to */

	if (!f || !key)
		return 0;
	hash = key->hash;
	if (ps_flow_own(f, key, PS_REQUESTS) == PS_OWN_YES) {
		if (ps_flow_own(f, key, PS_REPLIES) == PS_OWN_YES) {
			if (!bpf_map_delete_elem(&ps_flows, &hash))
				return 0;
			ps_flow_free(f, PS_REPLIES);
		}
		f->lost = PS_LOST_BUSY;
		f->ended = 1;
		ps_flow_free(f, PS_REQUESTS);
	} else if (ps_flow_is(f, key)) {
		f->lost = PS_LOST_BUSY;
		f->ended = 1;
	}
	return 0;
}

/*
 * One end has sent its FIN, in order. After both FINs the flow is over. A spliced flow stays for
 * the last acknowledgements, see ps_flow_last_ack.
 */
static __always_inline void ps_flow_fin(struct ps_flow *f, const struct ps_flow_key *key,
					const __u32 direction)
{
	__u32 mine = 1 << direction, both = (1 << PS_DIRECTIONS) - 1;

	if ((__sync_fetch_and_or(&f->closed, mine) | mine) == both &&
	    !ps_read_once(f->splice.in_skip))
		ps_flow_end(f, key);
}

/*
 * Both ends have closed the flow, and the client acknowledges with `ack`, in its numbers. If that
 * covers all, and the server has acknowledged all, nothing follows. Otherwise the client may have
 * to acknowledge once more. Then user space deletes the flow when its socket is gone.
 */
static __always_inline void ps_flow_last_ack(struct ps_flow *f, const struct ps_flow_key *key,
					     __u32 ack)
{
	__u64 sent = ps_read_once(f->splice.sent);
	__u32 both = (1 << PS_DIRECTIONS) - 1;

	if (ps_read_once(f->closed) == both && ack == (__u32)sent + (__u32)(sent >> 32) &&
	    ps_read_once(f->acked) == f->in.next + 1)
		ps_flow_end(f, key);
}

/*
 * The server acknowledges. Any CPU may run this. The number only grows, and is not stored into a
 * reused flow.
 */
static __always_inline void ps_flow_acked(struct ps_flow *f, const struct ps_flow_key *key,
					  __u32 ack)
{
	__u32 old = ps_read_once(f->acked);

	ps_ordered();
	if (ps_seq_diff(ack, old) > 0 && ps_flow_is(f, key))
		__sync_val_compare_and_swap(&f->acked, old, ack);
}

/* Whether a SYN-ACK with these numbers began this flow, and not one that comes after it. */
static __always_inline bool ps_flow_began_with(const struct ps_flow *f, __u32 client, __u32 server)
{
	return f->origin[PS_REQUESTS] == client && f->origin[PS_REPLIES] == server;
}

/*
 * The server's SYN-ACK leaves. What comes with these numbers is a new connection, whatever was
 * known of these ports. A retransmitted SYN-ACK changes nothing.
 */
static __always_inline void ps_handshake_seen(const struct ps_flow_key *key, __u32 client,
					      __u32 server)
{
	struct ps_handshake new = {.client = client, .server = server}, *h;
	struct ps_flow *f = ps_flow_find(key);

	if (f && !ps_flow_began_with(f, client, server))
		ps_flow_end(f, key);
	h = bpf_map_lookup_elem(&ps_handshakes, key);
	if (h && h->client == client && h->server == server)
		return;
	/* The server has taken the data that came with the SYN, and it was not read here. */
	if (h && h->state == PS_HANDSHAKE_DATA && h->client != client)
		new.state = PS_HANDSHAKE_OVER;
	bpf_map_update_elem(&ps_handshakes, key, &new, BPF_ANY);
}

/* A SYN with data has arrived. The server decides whether it takes the data. */
static __always_inline void ps_handshake_data(const struct ps_flow_key *key, __u32 seq)
{
	struct ps_handshake new = {.client = seq + 1, .state = PS_HANDSHAKE_DATA};

	bpf_map_update_elem(&ps_handshakes, key, &new, BPF_ANY);
}

/* What to do with a segment that has data but no flow. */
enum ps_begin {
	PS_BEGIN_UNKNOWN, /* the connection is not followed */
	PS_BEGIN_AHEAD, /* the first data is still to come */
	PS_BEGIN_REFUSED, /* there is no room for another flow */
	PS_BEGIN_FLOW, /* *flow is the new flow, and its requests are owned */
};

/*
 * A flow begins only with the client's first byte, and only if the client has seen the server's
 * SYN-ACK.
 */
static __always_inline int ps_flow_begin(const struct ps_flow_key *key, __u32 seq, __u32 ack,
					 __u32 len, __u64 now, struct ps_flow **flow)
{
	struct ps_handshake *h = bpf_map_lookup_elem(&ps_handshakes, key);
	struct ps_flow *new, *f;
	__u32 zero = 0;
	__s32 gap;

	if (!h || !len || h->state != PS_HANDSHAKE_OPEN)
		return PS_BEGIN_UNKNOWN;
	gap = ps_seq_diff(seq, h->client);
	if (gap < 0 || (gap && ack != h->server))
		return PS_BEGIN_UNKNOWN;
	if (gap) {
		if (!h->stuck_since)
			h->stuck_since = now;
		if (now - h->stuck_since < PS_STUCK_NS)
			return PS_BEGIN_AHEAD;
	}
	/* There is only one chance: later segments must not wait for a first one. */
	h->state = PS_HANDSHAKE_OVER;
	new = bpf_map_lookup_elem(&ps_new_flow, &zero);
	if (gap || ack != h->server || !new)
		return PS_BEGIN_UNKNOWN;
	new->key = *key;
	new->busy[PS_REQUESTS] = 1;
	new->busy[PS_REPLIES] = 1;
	new->origin[PS_REQUESTS] = new->in.next = new->acked = h->client;
	new->origin[PS_REPLIES] = new->out.next = h->server;
	new->splice.sent = h->server;
	if (bpf_map_update_elem(&ps_flows, &key->hash, new, BPF_NOEXIST))
		return PS_BEGIN_REFUSED;
	f = ps_flow_at(key);
	if (!f)
		return PS_BEGIN_UNKNOWN;
	ps_flow_free(f, PS_REPLIES);
	*flow = f;
	return PS_BEGIN_FLOW;
}

#endif /* PRESTACK_TCP_FLOW_BPF_H */
