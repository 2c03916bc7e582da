/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Per-CPU scratch memory: what the dispatcher found out about a packet, a copy of its payload, and
 * the reply under construction. It carries state over a tail call, and keeps buffers off the stack
 * of 512 bytes. Each hook has its own element.
 *
 * The contents are valid for one packet on one hook: the XDP and TC programs of a CPU run one after
 * the other, with bottom halves off.
 */
#ifndef PRESTACK_RUNTIME_SCRATCH_BPF_H
#define PRESTACK_RUNTIME_SCRATCH_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <prestack/cursor.h>
#include <prestack/splice.h>
#include <prestack/stream.h>
#include <prestack/types.h>

enum ps_hook { PS_HOOK_XDP = 0, PS_HOOK_TC = 1, PS_HOOKS = 2 };

/* A packet as the dispatcher parsed it. The client is the far end, on both hooks. */
struct ps_packet {
	union {
		struct {
			__u64 client[2]; /* net; v4-mapped for IPv4 */
			__u64 local[2]; /* net: the server's address */
			__u16 client_port; /* net */
			__u16 local_port; /* net */
		};
		struct ps_flow_key flow; /* TCP: the connection; complete after ps_name_flow */
	};
	__u64 mac; /* the server's Ethernet address, as in struct ps_path */
	__u64 now; /* the time by ps_now when the dispatcher saw the packet */
	__u32 ifindex;
	__u32 vlan; /* as in struct ps_path */
	__u32 l3; /* offset of the IP header in the frame */
	__u32 l4; /* offset of the UDP or TCP header */
	__u32 payload; /* offset of the payload */
	__u32 payload_len;
	__u8 service;
	__u8 transport; /* enum ps_transport */
	__u8 ipv6;
	__u8 partial_csum; /* the transport checksum holds only the sum of the pseudo header */
	__u8 odd_header; /* IP options or extension headers */
	__u8 due; /* XDP: a delayed flush may happen at any moment */
	__u8 reserved[2];
};

/* A key, padded with zeros to whole words, and its hash. */
struct ps_key {
	__u64 word[PS_KEY_WORDS];
	__u64 hash;
	__u32 len;
	__u32 reserved;
};

/* TCP: the current segment. While it is read, pkt.payload_len is the length of the window. */
struct ps_segment {
	__u32 seq; /* host order, as all numbers here but tsval and check */
	__u32 ack;
	__u32 flags; /* TCPHDR_* */
	__u32 check; /* net: the checksum */
	__u32 len; /* bytes of payload */
	__u32 fresh; /* offset in the frame of the first byte not read yet */
	__u32 loaded; /* the payload is in in[] already */
	__u32 window; /* as the header has it, in host order */
	__u32 stamped; /* the options begin with two no-ops and timestamps */
	__u32 plain; /* and there are no others */
	__u32 tsval; /* the sender's timestamp, net */
	__u32 serves; /* the service answers over TCP */
	__u32 ordinal; /* ordinal of the current request or reply; 0: not known */
	__u32 wrote; /* enum ps_written: what the current request writes */
	__u32 wrote_at; /* ps_flow.pushed after its first write, or a place that is popped */
	__u32 missed; /* it is one request, in `message`, for the current key, not cached */
	__u32 begun; /* a request begins in it */
	__u32 step; /* enum ps_step: what comes next */
};

/* The last write that ps_invalidate saw: what ps_write_done needs when its reply leaves. */
struct ps_write {
	__u64 hash; /* of the key */
	__u32 cohort;
	/* TCP: it is still to be put into the flow's ring, see ps_stream_writes. */
	__u32 pending;
	__u32 replied;
	__u32 reserved;
	__u64 expires;
};

/* TCP: the request within which the current segment begins, and what it has written so far. */
struct ps_partial_request {
	__u64 hash; /* as the partial_ members of ps_flow */
	__u32 cohort;
	__u32 at;
	__u32 wrote;
	__u32 present; /* the segment begins within a request */
};

/* What was found of a server's address, and of a link, in one generation of ps_ports; 0: nothing. */
#define PS_KNOWN_ADDRESSES 16 /* power of two */
struct ps_known_address {
	__u64 addr[2]; /* net */
	__u16 port; /* net */
	__u8 transport;
	__u8 reserved;
	__u32 generation;
	__s32 service;
	__u32 reserved2;
};

struct ps_known_link {
	struct ps_link_key key;
	struct ps_link at;
	__u32 generation;
	__u32 reserved;
};

/* Keys for the maps of addresses. */
struct ps_wanted {
	struct ps_address at;
	struct ps_local_prefix prefix;
	__u32 reserved;
};

struct ps_scratch {
	struct ps_packet pkt;
	struct ps_known_address known[PS_KNOWN_ADDRESSES];
	struct ps_known_link link;
	struct ps_wanted wanted;
	__u64 tick; /* the kept time of this CPU, see ps_now */
	__u64 tick_now;
	__u64 woke; /* the tick in which user space was last woken for questions */
	struct ps_write write;
	struct ps_key key;
	struct ps_segment segment;
	struct ps_partial_request partial;
	struct ps_reader reader; /* TCP: the position in the segment */
	struct ps_message message; /* TCP: what the plug-in says of the message at `pos` */
	__u64 requester; /* ps_requester_hash for `requester_number`; 0: not computed yet */
	__u64 sender; /* TC: cookie of the server's socket for this flow; 0: not known */
	__u64 in_sum; /* one's complement sum of the payload, XDP only */
	__u32 pos; /* the plug-in's position in in[] */
	__u32 out_len; /* bytes of out[] in use */
	__u32 noted; /* XDP: enum ps_noted, whether this request is noted as pending */
	__u32 serial; /* serial of the read that this is, or answers; 0: it is not noted */
	__u32 missing; /* the last key looked up was not cached */
	__u32 requester_number;
	__u64 user[8]; /* for the plug-in */
	__u32 options[PS_OPTION_MASK + 1]; /* TCP: options of the segment being translated */
	__u8 head[PS_HANDOVER_HEAD + 8]; /* TCP: headers of a segment to be sent */
	__u8 in[PS_IN_BUFFER];
	__u8 out[PS_OUT_SIZE + PS_MAX_VALUE + 64];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PS_HOOKS);
	__type(key, __u32);
	__type(value, struct ps_scratch);
} ps_scratch_map SEC(".maps");

static __always_inline struct ps_scratch *ps_scratch(__u32 hook)
{
	return bpf_map_lookup_elem(&ps_scratch_map, &hook);
}

/* Prepares s->message, before the plug-in looks at a message of a stream in that state. */
static __always_inline void ps_message_begin(struct ps_scratch *s, __u32 state)
{
	__builtin_memset(&s->message, 0, sizeof(s->message));
	s->message.state = state;
}

/* The scanning loops of cursor.h, over the payload of the hook's packet. */
__noinline __u32 ps_hook_token(__u32 hook, __u32 pos, __u32 max)
{
	struct ps_scratch *s = ps_scratch(hook);

	return s ? ps_scan_token(s->in, s->pkt.payload_len, pos, max) : 0;
}

__noinline __u32 ps_hook_line(__u32 hook, __u32 pos)
{
	struct ps_scratch *s = ps_scratch(hook);

	return s ? ps_scan_line(s->in, s->pkt.payload_len, pos) : 0;
}

__noinline __u32 ps_hook_blanks(__u32 hook, __u32 pos)
{
	struct ps_scratch *s = ps_scratch(hook);

	return s ? ps_scan_blanks(s->in, s->pkt.payload_len, pos) : 0;
}

__noinline __u32 ps_hook_digits(__u32 hook, __u32 pos)
{
	struct ps_scratch *s = ps_scratch(hook);

	return s ? ps_scan_digits(s->in, s->pkt.payload_len, pos) : 0;
}

__noinline __u64 ps_hook_number(__u32 hook, __u32 pos)
{
	struct ps_scratch *s = ps_scratch(hook);

	return s ? ps_scan_number(s->in, s->pkt.payload_len, pos) : 0;
}

/* A cursor over the payload that the dispatcher copied, from its byte `skip` on. */
static __always_inline struct ps_cursor ps_payload(struct ps_scratch *s, __u32 hook, __u32 skip)
{
	struct ps_cursor c = {.buf = s->in, .pos = skip, .hook = hook};

	c.end = s->pkt.payload_len;
	return c;
}

#endif /* PRESTACK_RUNTIME_SCRATCH_BPF_H */
