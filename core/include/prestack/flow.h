/* SPDX-License-Identifier: GPL-2.0-only */
/* TCP connections that are followed: what is kept of each. Pure structures. */
#ifndef PRESTACK_FLOW_H
#define PRESTACK_FLOW_H

#include <prestack/splice.h>
#include <prestack/stream.h>

#define PS_FLOWS 65536 /* connections followed at a time: a placeholder, the loader knows better */
#define PS_HANDSHAKES 16384 /* handshakes remembered at a time */
#define PS_RING 32 /* writes of one connection whose replies have not left */

ps_inline __u64 ps_flow_mix(__u64 h, __u64 w)
{
	h = (h ^ w) * 0x9e3779b97f4a7c15ULL;
	return h ^ (h >> 32);
}

/*
 * Map ps_flows is looked up for each packet, and a short key is compared fast. Programs and loaders that share a map
 * make the same hash. Whose hash is that of another connection is not followed: who finds a flow compares the rest.
 */
ps_inline __u64 ps_flow_hash(const struct ps_flow_key *key)
{
	__u64 h = ps_flow_mix(0, key->client[0]);

	h = ps_flow_mix(h, key->client[1]);
	h = ps_flow_mix(h, key->local[0]);
	h = ps_flow_mix(h, key->local[1]);
	return ps_flow_mix(h, (__u64)key->client_port << 16 | key->local_port);
}

enum ps_handshake_state {
	PS_HANDSHAKE_OPEN, /* its first data makes it a flow */
	PS_HANDSHAKE_OVER, /* never again */
	PS_HANDSHAKE_DATA, /* data came with the SYN: over, unless the server leaves it */
};

/* What a SYN-ACK of the server has told. Map ps_handshakes. */
struct ps_handshake {
	__u32 client; /* sequence number of the client's first byte */
	__u32 server; /* and of the server's */
	__u32 state; /* enum ps_handshake_state */
	__u32 reserved;
	__u64 stuck_since; /* when a segment was ahead of order first, ns; 0 = none was */
};

/* A write whose reply has not left. */
struct ps_pending_write {
	__u64 hash; /* of its key; 0: it may have changed anything */
	__u64 expires; /* of the key, if the reply says that all was done as asked */
	__u32 cohort; /* as ps_invalidate left it */
	__u32 ordinal; /* it is done when this many replies have left */
	__u32 replied; /* that is its own reply */
	__u32 reserved;
};

enum ps_direction { PS_REQUESTS, PS_REPLIES, PS_DIRECTIONS };

/* enum ps_flow_lost: why a flow is not followed any more; 0 = it is. */
enum ps_lost {
	PS_LOST_NOT,
	PS_LOST_MESSAGE, /* the plug-in does not understand a message, or it is too long */
	PS_LOST_GAP, /* bytes were not seen, or may not be the same that were read */
	PS_LOST_REPLY, /* a reply that nobody asked for */
	PS_LOST_BUSY, /* two CPUs at a time */
	PS_LOST_URGENT, /* out-of-band data: the server reads other bytes than these */
	PS_LOST_TABLES, /* taken over by a loader with other tables than it refers to */
};

/*
 * Map ps_flows. Elements are recycled while programs may still look at them: whoever uses one owns it
 * first, and then compares the key. Programs that own requests and that own replies run at the same
 * time; each writes its own part.
 */
struct ps_flow {
	struct ps_flow_key key;
	__u32 busy[PS_DIRECTIONS]; /* a program owns this direction */
	__u32 lost; /* enum ps_lost */
	__u32 closed; /* bits 1 << enum ps_direction: its FIN was seen */
	__u32 origin[PS_DIRECTIONS]; /* first sequence numbers */
	__u32 acked; /* by the server, in the client's count; any program */
	__u32 ended; /* the ports may be another connection's by now: nothing is translated */

	/* Requests. Ordinals count requests with a sure reply, from 1 on. */
	__u64 stuck_since; /* when a segment was ahead of order first, ns; 0 = all went on since */
	__u32 requests; /* with a sure reply, so far */
	__u32 pushed; /* writes put into the ring, so far */
	__u32 noreply_ordinal; /* reply that settles the last request without a sure reply */
	__u32 overflow_ordinal; /* reply that settles the last write for which the ring had no room */
	__u32 maybes; /* requests that may be replied to or not, so far */
	__u32 syncs; /* SYNC requests, so far */
	__u32 sync_ordinal; /* of the last one */
	__u32 sync_maybes; /* `maybes` before it */
	__u64 partial_hash; /* of the write of the request that is not all there */
	__u32 partial_cohort;
	__u32 partial_at; /* `pushed` after the first one; 0: not in the ring */
	__u32 partial_wrote; /* enum ps_written */
	__u32 mid_request; /* the last message is not the end of its request */

	/* Replies. */
	__u32 replies; /* that have left, so far */
	__u32 popped; /* writes taken from the ring, so far */
	__u32 syncs_seen; /* SYNC replies, so far */
	__u32 maybes_answered; /* of `maybes` */
	__u64 sender; /* cookie of the server's socket, once that is known to be the one; 0: not yet */

	/* Of these just a few bytes are used for most packets: the first ones, or one element. */
	struct ps_splice splice;
	struct ps_stream in; /* requests */
	struct ps_stream out; /* replies */
	struct ps_records records; /* requests */
	struct ps_pending_write ring[PS_RING];
};

/* What a request that goes on in the next segment does. */
enum ps_written {
	PS_WRITES_NOTHING, /* nothing that is written */
	PS_WRITES_KEY, /* writes one key */
	PS_WRITES_KEYS, /* writes several */
	PS_WRITES_ANYTHING, /* may change anything */
};

PS_STATIC_ASSERT(sizeof(struct ps_message) == 24, "ps_message");
PS_STATIC_ASSERT(sizeof(struct ps_stream) == 24 + PS_CARRY_SIZE + 8, "ps_stream");
PS_STATIC_ASSERT(sizeof(struct ps_records) == 8 + 16 * PS_RECORDS, "ps_records");
PS_STATIC_ASSERT(sizeof(struct ps_handshake) == 24, "ps_handshake");
PS_STATIC_ASSERT(sizeof(struct ps_pending_write) == 32, "ps_pending_write");
PS_STATIC_ASSERT(sizeof(struct ps_flow) % 8 == 0, "ps_flow");

#endif /* PRESTACK_FLOW_H */
