/* SPDX-License-Identifier: GPL-2.0-only */
/* The state of a TCP connection that is followed. Structures only, no access to maps. */
#ifndef PRESTACK_FLOW_H
#define PRESTACK_FLOW_H

#include <prestack/splice.h>
#include <prestack/stream.h>

#define PS_FLOWS 65536 /* connections followed at a time; the loader sets the real number */
#define PS_HANDSHAKES 16384 /* handshakes remembered at a time */
#define PS_RING 32 /* writes of one connection whose replies have not left */

ps_inline __u64 ps_flow_mix(__u64 h, __u64 w)
{
	h = (h ^ w) * 0x9e3779b97f4a7c15ULL;
	return h ^ (h >> 32);
}

/*
 * Map ps_flows is searched for each packet, and a short key is compared fast, so its key is this
 * hash. All programs and loaders that share the map must compute the same hash. Two connections may
 * have one hash: whoever finds a flow compares its whole key, and the second connection is not
 * followed.
 */
ps_inline __u64 ps_flow_hash(const struct ps_flow_key *key)
{
	__u64 h = ps_flow_mix(0, key->client[0]);

	h = ps_flow_mix(h, key->client[1]);
	h = ps_flow_mix(h, key->local[0]);
	h = ps_flow_mix(h, key->local[1]);
	return ps_flow_mix(h, (__u64)key->scope << 32 | (__u32)key->client_port << 16 |
				      key->local_port);
}

#define PS_ORDINAL_FAR (1U << 30)

/*
 * The ordinal of a reply that left long ago, moved along with the number of requests so far: with 2^31
 * requests more it would look like one that is still to come. Far fewer replies than PS_ORDINAL_FAR can be
 * outstanding.
 */
ps_inline __u32 ps_ordinal_keep(__u32 ordinal, __u32 requests)
{
	return (__s32)(requests - ordinal) > (__s32)PS_ORDINAL_FAR ? requests - PS_ORDINAL_FAR / 2
								   : ordinal;
}

enum ps_handshake_state {
	PS_HANDSHAKE_OPEN, /* the first data makes it a flow */
	PS_HANDSHAKE_OVER, /* its first data has come, or is not followed */
	PS_HANDSHAKE_DATA, /* data came with the SYN; as OVER, unless the server ignores that data */
};

/* What a SYN-ACK of the server said. Map ps_handshakes. */
struct ps_handshake {
	__u32 client; /* sequence number of the client's first byte */
	__u32 server; /* and of the server's */
	__u32 state; /* enum ps_handshake_state */
	__u32 reserved;
	__u64 stuck_since; /* since when segments are ahead of order, ns; 0: none was */
};

/* A write whose reply has not left. */
struct ps_pending_write {
	__u64 hash; /* of its key; 0: it may have changed anything */
	__u64 expires; /* of the key, if the reply says that the write succeeded */
	__u32 cohort; /* as ps_invalidate left it */
	__u32 ordinal; /* the write is done when this many replies have left */
	__u32 replied; /* the last of them is its own reply */
	__u32 reserved;
};

enum ps_direction { PS_REQUESTS, PS_REPLIES, PS_DIRECTIONS };

/* Why a flow is not followed any more; 0: it is followed. */
enum ps_lost {
	PS_LOST_NOT,
	PS_LOST_MESSAGE, /* the plug-in does not understand a message, or it is too long */
	PS_LOST_GAP, /* bytes were not seen, or may differ from those that were read */
	PS_LOST_REPLY, /* a reply to no known request */
	PS_LOST_BUSY, /* two CPUs had segments of one direction at the same time */
	PS_LOST_URGENT, /* out-of-band data: the server reads other bytes than prestack does */
	PS_LOST_TABLES, /* a loader took it over whose tables are not those that it refers to */
};

/*
 * Map ps_flows. An element may be reused for another connection while a program still looks at it.
 * So a program first owns a direction of the flow, and then compares the key. The program that owns
 * requests and the one that owns replies run at the same time, and each writes only its own part.
 */
struct ps_flow {
	struct ps_flow_key key;
	__u32 busy[PS_DIRECTIONS]; /* a program owns this direction */
	__u32 lost; /* enum ps_lost */
	__u32 closed; /* bits 1 << enum ps_direction: the FIN of that direction was seen */
	__u32 origin[PS_DIRECTIONS]; /* first sequence numbers */
	__u32 acked; /* what the server has acknowledged, in the client's numbers; any program */
	__u32 ended; /* the ports may belong to another connection by now: nothing is translated */

	/* Requests. An ordinal is the number of a request that surely gets a reply, from 1 on. */
	__u64 stuck_since; /* since when segments are ahead of order, ns; 0: they are in order */
	__u32 requests; /* requests so far that surely get a reply */
	__u32 pushed; /* writes put into the ring so far */
	__u32 noreply_ordinal; /* ordinal of the reply after the last request that gets none */
	__u32 overflow_ordinal; /* ordinal of the reply to the last write that found the ring full */
	__u32 maybes; /* requests so far that may or may not get a reply */
	__u32 syncs; /* SYNC requests so far */
	__u32 sync_ordinal; /* of the last one */
	__u32 sync_maybes; /* `maybes` at that time */
	__u64 partial_hash; /* of the key that the incomplete request writes */
	__u32 partial_cohort;
	__u32 partial_at; /* `pushed` after its first write, or a place that is popped */
	__u32 partial_wrote; /* enum ps_written */
	__u32 mid_request; /* the last message read does not end its request */

	/* Replies. */
	__u32 replies; /* replies that have left so far */
	__u32 popped; /* writes taken from the ring so far */
	__u32 syncs_seen; /* SYNC replies so far */
	__u32 maybes_answered; /* how many of `maybes` are known to be answered or never will be */
	__u64 sender; /* cookie of the server's socket, once it was checked; 0: not yet */

	/* Most packets use few bytes of these: the first ones, or one element. */
	struct ps_splice splice;
	struct ps_stream in; /* requests */
	struct ps_stream out; /* replies */
	struct ps_records records; /* requests */
	struct ps_pending_write ring[PS_RING];
};

/* What a request writes. */
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
