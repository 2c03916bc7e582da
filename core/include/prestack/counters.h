/* SPDX-License-Identifier: GPL-2.0-only */
/* The counters: their names, groups and meanings, once for BPF and C++. */
#ifndef PRESTACK_COUNTERS_H
#define PRESTACK_COUNTERS_H

#include <prestack/integers.h>

/*
 * Counters, for each service and CPU (map ps_stats). All names come from this one table:
 * X(identifier, group, what it counts).
 */
#define PS_COUNTERS(X)                                                                             \
	X(requests, TOTAL, "read requests seen")                                                   \
	X(hits, TOTAL, "read requests answered in the kernel")                                     \
	X(misses, TOTAL, "read requests passed since a key was not in the cache")                  \
	X(fills, TOTAL, "values taken from the server's replies")                                  \
	X(invalidations, TOTAL, "entries removed by a write")                                      \
	X(evictions, TOTAL, "live entries replaced by another key")                                \
	X(writes, TOTAL, "write commands seen")                                                    \
	X(replies, TOTAL, "replies matched to the writes that they answer")                        \
	X(questions, TOTAL, "expiry times asked of user space")                                    \
	X(restarts, TOTAL, "replies of a server's socket that was not known before")               \
	X(syn_cookies, TOTAL, "connections that began with a SYN cookie")                          \
	X(flows, TOTAL, "connections followed from their beginning")                               \
	X(flows_lost, TOTAL, "connections whose position was lost")                                \
	X(flows_unknown, TOTAL, "segments of connections that are not followed")                   \
	X(lost_message, TOTAL, "of the connections lost: a message that is not understood")        \
	X(lost_gap, TOTAL, "of these: bytes that were not seen, or came again as others")          \
	X(lost_reply, TOTAL, "of these: a reply that nobody asked for")                            \
	X(lost_busy, TOTAL, "of these: two CPUs with segments of one direction")                   \
	X(lost_urgent, TOTAL, "of these: urgent data")                                             \
	X(flows_refused, TOTAL, "connections that found no room in the table of flows")            \
	X(flows_spliced, TOTAL, "connections on which the kernel has answered")                    \
	X(stream_hits, TOTAL, "of the hits, those over TCP")                                       \
	X(stream_acks, TOTAL, "of these, with the acknowledgement handed on to the server")        \
	X(replays, TOTAL, "answers over TCP that were sent again")                                 \
	X(translations, TOTAL, "TCP segments whose numbers were translated")                       \
	X(icmp_errors, TOTAL, "ICMP errors about TCP segments whose numbers were translated")      \
	X(flushes, TOTAL, "epoch changes caused by traffic")                                       \
	X(nat, TOTAL, "replies that left by another address or port than the server's own")        \
	X(handovers, TOTAL, "hits sent through TC since the frame could not grow at XDP")          \
	X(not_allowed, PASS, "the client is in no prefix of `allow`")                              \
	X(path_unproven, PASS, "the server was not yet seen to answer on this path")               \
	X(fragment, PASS, "an IP fragment")                                                        \
	X(bad_header, PASS, "IP or transport header truncated or inconsistent")                    \
	X(bad_checksum, PASS, "IP or UDP checksum wrong")                                          \
	X(too_long, PASS, "request longer than the parser's buffer")                               \
	X(malformed, PASS, "the plug-in could not parse the request")                              \
	X(not_served, PASS, "a command or form that is not served from the cache")                 \
	X(reply_too_long, PASS, "the reply would not fit the MTU")                                 \
	X(raced, PASS, "an entry changed while it was read")                                       \
	X(no_room, PASS, "the frame could not grow and the reply could not be handed over")        \
	X(transport_off, PASS, "this transport is not enabled for the service")                    \
	X(waiting, PASS, "connections older than the attachment are still open")                   \
	X(unwatched, PASS, "user space does not vouch for the service at the moment")              \
	X(flush_due, PASS, "a delayed flush may happen at any moment")                             \
	X(draining, PASS, "prestack is being stopped")                                             \
	X(unearned, PASS, "over TCP: the server has not answered a read of this client yet")       \
	X(outstanding, PASS, "over TCP: requests before it are not answered, or not in order")     \
	X(odd_segment, PASS, "over TCP: options or flags that are left to the server")             \
	X(no_window, PASS,                                                                         \
	  "over TCP: the client's window has no room beside what the server may send")             \
	X(turn_of_server, PASS, "over TCP: left to the server, so that it knows of the client")    \
	X(no_program, PASS, "the plug-in has no program for this transport")                       \
	X(stream, PASS, "a stream segment, observed for writes only")                              \
	X(nofill_lease, NOFILL, "the reply does not answer the request that holds the lease")      \
	X(nofill_sender, NOFILL, "the reply was not sent by the server's own socket")              \
	X(nofill_size, NOFILL, "key or value beyond the limits")                                   \
	X(nofill_busy, NOFILL, "another filler owns the entry")                                    \
	X(nofill_raced, NOFILL, "a write arrived while the entry was filled")                      \
	X(nofill_shape, NOFILL, "a reply of a kind that is never cached")                          \
	X(nofill_expiry_pending, NOFILL, "the entry is there and its expiry is being asked for")   \
	X(reply_lost, DROP, "a rewritten request could not be sent")                               \
	X(handover_lost, DROP, "a reply handed over to TC was overtaken")                          \
	X(out_of_order, DROP, "a segment ahead of what was read, the client sends it again")

enum ps_counter {
#define X(name, group, text) PS_COUNT_##name,
	PS_COUNTERS(X)
#undef X
		PS_NR_COUNTERS,
};

struct ps_stats {
	__u64 count[PS_NR_COUNTERS];
};

#endif /* PRESTACK_COUNTERS_H */
