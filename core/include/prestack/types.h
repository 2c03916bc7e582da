/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Structures and limits shared by the BPF programs and the C++ loader.
 *
 * Everything that both halves touch is declared here and nowhere else. clang for BPF and the host's
 * compiler must agree on each layout, so static assertions at the end check the sizes.
 *
 * Byte order: members marked "net" hold the bytes as they travel. All others are in host order.
 *
 * Addresses have 16 bytes: an IPv6 address, or an IPv4 address mapped as ::ffff:a.b.c.d. So one
 * comparison serves both.
 */
#ifndef PRESTACK_TYPES_H
#define PRESTACK_TYPES_H

#include <prestack/addresses.h>
#include <prestack/counters.h>
#include <prestack/integers.h>

/* Limits. They size maps and scratch buffers and bound every loop in BPF code. */
#define PS_MAX_SERVICES                                                                            \
	256 /* services in one instance (power of two; an entry has a byte for it) */
#define PS_MAX_ALLOW 16 /* prefixes in a service's allow list */
#define PS_MAX_PATHS 16 /* proven reply paths of a service, of both transports */
#define PS_MAX_KEY 250 /* bytes of a key */
#define PS_KEY_WORDS 32 /* a key padded to whole 8-byte words */
#define PS_MAX_VALUE 1400 /* bytes of a value: it must fit one datagram */
#define PS_MAX_KEYS 64 /* keys looked up for one request */
#define PS_MAX_WAYS 16
#define PS_IN_SIZE 2048 /* payload bytes copied for the parser (power of two) */
#define PS_OUT_SIZE 2048 /* reply payload bytes (power of two) */
#define PS_MAX_MTU 1500 /* replies are never longer than this, whatever the interface allows */

/* Slots of a plug-in in the program arrays: index = plugin * PS_HOOK_SLOTS + slot. */
enum ps_hook_slot {
	PS_SLOT_DATAGRAM = 0,
	PS_SLOT_STREAM = 1,
	PS_HOOK_SLOTS = 2,
};
#define PS_MAX_PLUGINS 16

enum ps_transport {
	PS_TRANSPORT_UDP = 17, /* IPPROTO_UDP */
	PS_TRANSPORT_TCP = 6, /* IPPROTO_TCP */
};

/*
 * Read-only configuration. Every BPF object has one `ps_config` in .rodata, and the loader fills
 * all of them with the same bytes before it loads them. The verifier treats the members as
 * constants and removes the code that a configuration does not use.
 */
struct ps_config {
	__u64 seed[2]; /* random per load: keys of the hash */
	__u64 settle_ns; /* settle time: how long a write holds off fills of its key */
	__u32 set_mask; /* number of sets - 1 (sets are a power of two, at least PS_MAX_WAYS) */
	__u32 large_mask; /* number of sets of the large table - 1 (<= set_mask) */
	__u32 fence_mask; /* number of fences - 1 */
	__u32 ways; /* associativity: 1, 2, 4, 8 or 16 */
	__u32 small_room; /* bytes for key (padded to 8) + value in a small entry */
	__u32 large_room; /* the same in a large entry */
	__u32 max_key; /* 1..PS_MAX_KEY */
	__u32 max_value; /* 1..PS_MAX_VALUE */
	__u32 nr_services; /* 1..PS_MAX_SERVICES */
	__u32 trust_sender; /* tests only: skip the check of who sends a reply */
	__u32 pending_mask; /* number of elements of ps_pending_requests - 1 */
	__u32 nr_plugins; /* with one, tail calls become jumps */
	__u8 plugin[PS_MAX_SERVICES]; /* slot of each service's plug-in */
};

/* A prefix: an address matches if (address & mask) == addr, in both words. */
struct ps_prefix {
	__u64 addr[2]; /* net */
	__u64 mask[2]; /* net */
};

enum ps_service_flags {
	PS_SERVICE_UDP = 1, /* answer datagrams */
	PS_SERVICE_TCP = 2, /* answer stream requests */
	PS_SERVICE_SERVER_KNOWN = 4, /* server_uid is valid */
	PS_SERVICE_NO_XDP_TX = 8, /* XDP_TX does not work here: replies go out through TC */
	PS_SERVICE_WAIT = 16, /* older connections are still open: serve nothing yet */
	PS_SERVICE_DRAIN = 32, /* prestack is being stopped: serve nothing, but translate TCP */
	PS_SERVICE_AMBIGUOUS =
		64, /* it is unknown who gets its requests; only `status` reads this */
	PS_SERVICE_TWIN =
		128, /* its server is another service's, which serves; only `status` reads this */
};

/*
 * What user space tells the kernel about a service. Map ps_service_conf has two elements for each
 * service, 2*i and 2*i+1. The loader writes the one that is not in use, and then stores its number
 * in ps_service_state.conf. So a packet never sees half an update.
 */
struct ps_service_conf {
	__u32 flags; /* enum ps_service_flags */
	__u32 server_uid; /* owner of the server's sockets */
	__u32 mtu; /* least MTU of the interfaces served, at most PS_MAX_MTU */
	__u32 nr_allow; /* used elements of allow[] */
	struct ps_prefix allow[PS_MAX_ALLOW];
};

/*
 * A path on which the server itself was seen to reply. Only requests that arrive on such a path are
 * answered from the cache. The egress hook writes paths, and the ingress hook reads them.
 */
struct ps_path {
	__u64 addr[2]; /* net: the server's address */
	__u32 ifindex;
	__u32 vlan; /* outer VLAN id << 16 | inner VLAN id, each + 1; 0 = no tag */
	__u64 mac; /* the server's Ethernet address, first byte lowest; transport << 48 */
	__u32 epoch; /* valid while equal to the service's epoch; 0 = never */
	__u32 busy; /* a writer owns this path */
};

#define PS_MAX_SOCKETS 8 /* sockets of a service's server that are known at one time */

/*
 * What the kernel knows of a service. User space maps ps_service_state into its memory, and may add
 * to `epoch`.
 */
struct ps_service_state {
	__u32 epoch; /* an entry of another epoch is not served; starts at 1 */
	__u32 conf; /* ps_service_conf in use, 0 or 1, and its flags << PS_CONF_FLAGS */
	__u64 settle_until; /* ns of CLOCK_MONOTONIC: no lease is given before it */
	__u64 alive_until; /* ns of CLOCK_MONOTONIC: nothing is served after it. User space moves it on */
	__u64 dead; /* delayed flush: from << 32 | to, ns of CLOCK_MONOTONIC >> PS_DEAD_SHIFT; 0: none */
	__u32 next_socket; /* element of socket[] for the next new cookie; wraps around */
	__u32 reserved[7];
	struct ps_path path[PS_MAX_PATHS];
	__u64 socket[PS_MAX_SOCKETS]; /* cookies of the server's sockets; a new one is a restart */
};
#define PS_DEAD_SHIFT 27 /* 0.13 s */
#define PS_CONF_FLAGS 1 /* the flags are kept here too, since most packets need nothing else */

/* Values of an expiry time that are not times. */
enum ps_expires {
	PS_EXPIRES_NEVER = 0,
	PS_EXPIRES_UNKNOWN = 1, /* not known yet; as a time long past, so it is not served */
};

/*
 * A cache entry: one map element. The key follows the header, padded with zeros to whole 8-byte
 * words, and then the value. Only writers take `lock`. Readers copy, and then check that `seq` has
 * not changed.
 */
struct ps_entry {
#ifdef __bpf__
	struct bpf_spin_lock lock;
#else
	__u32 lock;
#endif
	__u32 seq; /* odd while a filler owns the entry; every change of the entry changes it */
	__u32 epoch; /* the service's epoch when it was filled; 0 = dead */
	__u32 flags; /* the plug-in's own word, returned with every hit (client flags) */
	__u64 expires; /* ns of CLOCK_MONOTONIC after which it is not served, or enum ps_expires */
	__u16 value_len;
	__u8 key_len;
	__u8 service;
	__u8 used; /* second chance: a hit sets it, a search for a victim clears it */
	__u8 reserved;
	__u16 questioned_at; /* when user space was asked for an unknown expiry, ns >> PS_QUESTION_SHIFT */
};
#define PS_QUESTION_SHIFT 20 /* 1.05 ms */
#define PS_QUESTION_TIME 95 /* in that unit: how long the entry waits for the answer */

/*
 * The index has one 4-byte word for each way, and PS_INDEX_WORDS of them (one cache line) in a map
 * element. A word is the tag (30 bits of the hash) << PS_CLASS_BITS | class; 0 is empty. It is only
 * a hint: the key in the entry decides.
 */
#define PS_INDEX_WORDS 16
struct ps_index_line {
	__u32 word[PS_INDEX_WORDS];
};
enum ps_class {
	PS_CLASS_NONE = 0,
	PS_CLASS_SMALL = 1, /* element set * ways + way of ps_small */
	PS_CLASS_LARGE = 2, /* element (set & large_mask) * ways + way of ps_large */
};
#define PS_CLASS_BITS 2 /* the lowest ones of an index word */
#define PS_CLASS_MASK 3U

/* Small entries are two cache lines; what does not fit goes to a large one. */
#define PS_SMALL_SIZE 128

/* A fence orders writes against fills, for all keys that hash to it. See docs/coherence.md. */
struct ps_fence {
	__u64 lease; /* the reply that may fill: hash of client, request, key, generation, epoch; 0: none */
	__u64 hold; /* writes under way, see PS_HOLD_COUNT. One word, so that all of it changes at once */
	__u64 expiry_tag; /* hash of `expiry` and of the key, generation and epoch that it is valid for */
	__u32 expiry; /* when that key expires: ns of CLOCK_MONOTONIC >> PS_EXPIRY_SHIFT; 0: never */
	__u32 generation; /* counts writes that arrive and replies to writes that leave */
};
#define PS_EXPIRY_SHIFT 28 /* 0.27 s */

/*
 * ps_fence.hold = until << PS_HOLD_UNTIL | cohort << PS_HOLD_COHORT | count.
 *
 * `count` writes of this cohort have arrived whose replies have not left. While count is not 0 and
 * `until` is not over, no lease is given. The largest count means "this many or more", and it stays
 * until the time is over. The first write after that starts the next cohort. So a reply that never
 * came is not counted for ever.
 */
#define PS_HOLD_COUNT 0xfffULL
#define PS_HOLD_COHORT 12
#define PS_HOLD_UNTIL 24
#define PS_HOLD_SHIFT 20 /* `until` is in units of 1.05 ms of CLOCK_MONOTONIC */
#define PS_COHORTS 0xfff
#define PS_COHORT_MASK 0xfffULL /* of hold >> PS_HOLD_COHORT */

/* In place of a cohort: the reply to this write changes no count. */
#define PS_COHORT_NONE 0xffffffffU

/*
 * A request over UDP that has gone to the server and whose reply has not left. Map
 * ps_pending_requests has one request in an element, and its element is hash & pending_mask.
 */
struct ps_pending_request {
	__u32 lock; /* ps_lock */
	__u16 kind; /* enum ps_pending_kind; 0 = free */
	__u16 nr_displaced; /* requests of `displaced` that are not answered */
	__u64 requester; /* hash of client, server and request number */
	__u64 key; /* hash of the key written */
	__u64 expires; /* of the written key, if the reply says that the write succeeded */
	__u64 since; /* ns of CLOCK_MONOTONIC */
	__u64 tainted_until; /* a request found no room here: no lease is given before this time */
	__u64 displaced; /* requester of the last unanswered write that lost its place here, or found none */
	__u32 cohort; /* of the write, as ps_invalidate left it */
	__u16 count; /* unanswered requests of this client with this number; 0: the element is free */
	__u16 serial; /* tells this read from earlier ones with the same number; never 0 */
};
#define PS_PENDING_NS 1000000000ULL /* how long an unanswered request keeps its place */

enum ps_pending_kind {
	PS_PENDING_NOTHING = 0,
	PS_PENDING_READ,
	PS_PENDING_WRITE, /* of one key */
	PS_PENDING_ANY, /* may change anything */
};

/*
 * Size of ring buffer ps_expiry_questions in bytes. It holds some 4600 short questions. It needs
 * room for many, since user space reads it only every few milliseconds.
 */
#define PS_QUESTIONS_SIZE (1 << 18)

/*
 * A question to user space, through ring buffer ps_expiry_questions: when does this entry expire?
 * For a key of at most PS_BRIEF_KEY bytes only the first PS_BRIEF_QUESTION bytes are sent.
 */
struct ps_expiry_question {
	__u32 table; /* enum ps_class */
	__u32 index; /* element of that class's table */
	__u32 seq; /* the entry's; if it has changed, the entry is gone */
	__u8 service;
	__u8 key_len;
	__u16 reserved;
	__u64 key[PS_KEY_WORDS]; /* the bytes after key_len mean nothing */
};
#define PS_BRIEF_KEY 32
#define PS_BRIEF_QUESTION (16 + PS_BRIEF_KEY)

/* The answers of user space, as the frame that program ps_set_expiry is test-run with. */
#define PS_MAX_EXPIRY_ANSWERS 32
struct ps_expiry_answer {
	__u32 table;
	__u32 index;
	__u32 seq;
	__u32 taken; /* out: 1 if the entry was still the one of the question */
	__u64 expires; /* ns of CLOCK_MONOTONIC, or PS_EXPIRES_NEVER */
};
struct ps_expiry_answers {
	__u64 ethernet[2]; /* room for the header that every frame has */
	__u32 count;
	__u32 reserved;
	struct ps_expiry_answer answer[PS_MAX_EXPIRY_ANSWERS];
};

/*
 * Hashes of keys that the server says have changed, as the frame that program ps_invalidations is
 * test-run with. It fits one page together with what the kernel puts around a frame.
 */
#define PS_MAX_INVALIDATIONS 256
struct ps_invalidations {
	__u64 ethernet[2]; /* room for the header that every frame has */
	__u32 count;
	__u32 service; /* of all of them; it is part of the hash */
	__u64 hash[PS_MAX_INVALIDATIONS];
};

/* A TCP connection. */
struct ps_flow_key {
	__u64 client[2]; /* net */
	__u64 local[2]; /* net */
	__u16 client_port; /* net */
	__u16 local_port; /* net */
	__u32 scope; /* where these addresses are unique, see ps_find_scope */
	__u64 hash; /* of all members above, see ps_flow_hash: the key of map ps_flows */
};

/*
 * A reply that waits for ps_tc_ingress, because the frame could not become the reply at XDP. Its
 * element of map ps_handover is ticket % PS_HANDOVER_SLOTS.
 */
#define PS_HANDOVER_SLOTS 256
#define PS_HANDOVER_HEAD 128 /* room for the headers */
struct ps_handover {
	__u32 ticket; /* 0 while the slot is written; then the number in the metadata */
	__u16 head; /* bytes of headers */
	__u16 len; /* bytes of payload after them */
	__u32 service;
	__u32 ack_len; /* TCP: bytes of `ack`, which the frame becomes after the reply is sent; 0: drop it */
	__u8 ack[PS_HANDOVER_HEAD]; /* an acknowledgement for the server */
	__u8 frame[PS_HANDOVER_HEAD + PS_OUT_SIZE];
};

/* The metadata in front of a frame that was handed over, for ps_tc_ingress. */
struct ps_handover_mark {
	__u32 magic; /* low half of seed[1] */
	__u32 ticket; /* slot = ticket % PS_HANDOVER_SLOTS */
};

/*
 * The frame that program ps_scan is test-run with, and its result (`prestack stats`). A program of
 * type syscall would be the natural choice, but Linux 6.1 does not let those use maps with locks.
 */
struct ps_scan {
	__u64 ethernet[2]; /* room for the header that every frame has */
	__u64 entries; /* live entries */
	__u64 bytes; /* their keys and values */
	__u64 small_entries;
	__u64 large_entries;
};

/* The same for program ps_count_flows: how many connections are followed. */
struct ps_flow_count {
	__u64 ethernet[2]; /* room for the header that every frame has */
	__u64 flows;
	__u64 spliced; /* of these, those whose segments are translated */
	__u32 lose; /* in: if not 0, stop following all of them, for this reason (enum ps_lost) */
	__u32 reserved;
};

/*
 * The version of what a new loader takes over from one that was killed: flows, handshakes, and the
 * tables that they refer to. Raise it with every change in the meaning of their elements, since
 * their sizes do not show that.
 */
#define PS_LAYOUT 5

#ifdef __cplusplus
#define PS_STATIC_ASSERT static_assert
#else
#define PS_STATIC_ASSERT _Static_assert
#endif
PS_STATIC_ASSERT(sizeof(struct ps_config) == 8 * 9 + PS_MAX_SERVICES, "ps_config");
PS_STATIC_ASSERT(sizeof(struct ps_address) == 24, "ps_address");
PS_STATIC_ASSERT(sizeof(struct ps_local_prefix) == 20, "ps_local_prefix");
PS_STATIC_ASSERT(sizeof(struct ps_ports) == 8 + 8 * PS_PORT_WORDS, "ps_ports");
PS_STATIC_ASSERT(sizeof(struct ps_prefix) == 32, "ps_prefix");
PS_STATIC_ASSERT(sizeof(struct ps_service_conf) == 16 + 32 * PS_MAX_ALLOW, "ps_service_conf");
PS_STATIC_ASSERT(sizeof(struct ps_path) == 40, "ps_path");
PS_STATIC_ASSERT(sizeof(struct ps_service_state) == 64 + 40 * PS_MAX_PATHS + 8 * PS_MAX_SOCKETS,
		 "ps_service_state");
PS_STATIC_ASSERT(sizeof(struct ps_entry) == 32, "ps_entry");
PS_STATIC_ASSERT(sizeof(struct ps_index_line) == 64, "ps_index_line");
PS_STATIC_ASSERT(sizeof(struct ps_fence) == 32, "ps_fence");
PS_STATIC_ASSERT(sizeof(struct ps_pending_request) == 64, "ps_pending_requests");
PS_STATIC_ASSERT(sizeof(struct ps_expiry_question) == 16 + 8 * PS_KEY_WORDS, "ps_expiry_question");
PS_STATIC_ASSERT(sizeof(struct ps_expiry_answer) == 24, "ps_expiry_answer");
PS_STATIC_ASSERT(sizeof(struct ps_expiry_answers) == 24 + 24 * PS_MAX_EXPIRY_ANSWERS,
		 "ps_expiry_answers");
PS_STATIC_ASSERT(sizeof(struct ps_invalidations) == 24 + 8 * PS_MAX_INVALIDATIONS,
		 "ps_invalidations");
PS_STATIC_ASSERT(sizeof(struct ps_flow_key) == 48, "ps_flow_key");
PS_STATIC_ASSERT(sizeof(struct ps_handover) == 16 + 2 * PS_HANDOVER_HEAD + PS_OUT_SIZE,
		 "ps_handover");

#endif /* PRESTACK_TYPES_H */
