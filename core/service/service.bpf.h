/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Services: who may be answered, and on which paths.
 *
 * A path is (interface, Ethernet address, VLAN tags, server address, transport). It is proven once
 * the server's own socket was seen to reply on it, in the current epoch. Several cases are never
 * proven: an address that the server does not listen on; a frame for another host, let in by a
 * promiscuous interface; a tag that the driver hides; a reply that would leave by another
 * interface.
 */
#ifndef PRESTACK_SERVICE_SERVICE_BPF_H
#define PRESTACK_SERVICE_SERVICE_BPF_H

#include "vmlinux.h"
#include "packet/headers.bpf.h"
#include "runtime/clock.bpf.h"
#include "runtime/maps.bpf.h"
#include "runtime/scratch.bpf.h"
#include "runtime/verifier.bpf.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <prestack/counters.h>
#include <prestack/types.h>

/*
 * The index of a service's program in the program arrays. With one plug-in it is a constant, and the
 * tail call becomes a jump.
 */
static __always_inline __u32 ps_program_of(__u32 service, __u32 slot)
{
	if (ps_config.nr_plugins == 1)
		return slot;
	return ps_config.plugin[service & (PS_MAX_SERVICES - 1)] * PS_HOOK_SLOTS + slot;
}

static __always_inline struct ps_service_state *ps_state_of(__u32 service)
{
	return bpf_map_lookup_elem(&ps_service_state, &service);
}

/* The configuration in use. Never NULL for a service < PS_MAX_SERVICES. */
static __always_inline struct ps_service_conf *ps_conf_of(__u32 service,
							  const struct ps_service_state *state)
{
	__u32 i = service * 2 + (*(volatile __u32 *)&state->conf & 1);

	return bpf_map_lookup_elem(&ps_service_conf, &i);
}

/* The flags of the configuration, enum ps_service_flags, without a look-up. */
static __always_inline __u32 ps_flags_of(const struct ps_service_state *state)
{
	return ps_read_once(state->conf) >> PS_CONF_FLAGS;
}

/* Whether replies of the service have to leave through TC. */
static __always_inline bool ps_leaves_through_tc(__u32 service)
{
	const struct ps_service_state *state = ps_state_of(service);

	return !state || ps_flags_of(state) & PS_SERVICE_NO_XDP_TX;
}

/*
 * Whether a prefix of `allow` contains the client. An IPv6 packet cannot come from a v4-mapped
 * address.
 */
static __always_inline bool ps_client_allowed(const struct ps_service_conf *conf,
					      const struct ps_packet *p)
{
	if (p->ipv6 && !p->client[0] && (__u32)p->client[1] == bpf_htonl(PS_V4_MAPPED))
		return false;
	for (__u32 i = 0; i < PS_MAX_ALLOW; i++) {
		const struct ps_prefix *f = &conf->allow[i];

		if (i >= conf->nr_allow)
			break;
		if ((p->client[0] & f->mask[0]) == f->addr[0] &&
		    (p->client[1] & f->mask[1]) == f->addr[1])
			return true;
	}
	return false;
}

static __always_inline bool ps_path_is(const struct ps_path *path, const struct ps_packet *p)
{
	return path->addr[1] == p->local[1] && path->addr[0] == p->local[0] &&
	       path->mac == p->mac && path->ifindex == p->ifindex && path->vlan == p->vlan;
}

static __always_inline bool ps_path_proven(const struct ps_service_state *state,
					   const struct ps_packet *p)
{
	for (__u32 i = 0; i < PS_MAX_PATHS; i++) {
		const struct ps_path *path = &state->path[i];

		if (path->epoch == state->epoch && ps_path_is(path, p))
			return true;
	}
	return false;
}

/*
 * Notes that the server replied on the packet's path. A path of an old epoch is free for reuse. If
 * none is free, this path stays unproven, and nothing is served on it.
 */
static __always_inline void ps_path_prove(struct ps_service_state *state, const struct ps_packet *p)
{
	__u32 epoch = state->epoch;

	for (__u32 i = 0; i < PS_MAX_PATHS; i++) {
		struct ps_path *path = &state->path[i];

		if (path->epoch == epoch && !ps_path_is(path, p))
			continue;
		if (__sync_val_compare_and_swap(&path->busy, 0, 1))
			continue;
		if (path->epoch != epoch) {
			path->addr[0] = p->local[0];
			path->addr[1] = p->local[1];
			path->mac = p->mac;
			path->ifindex = p->ifindex;
			path->vlan = p->vlan;
			/*
			 * The exchange makes the address visible before the epoch that makes it
			 * valid.
			 */
			__sync_lock_test_and_set(&path->epoch, epoch);
		}
		__sync_lock_test_and_set(&path->busy, 0);
		return;
	}
}

/*
 * Why no request of this service may be answered from the cache now, enum ps_counter; 0: it may.
 * `due`: what ps_flush_due returned for this packet.
 */
static __always_inline __u32 ps_refusal(const struct ps_service_conf *conf,
					const struct ps_service_state *state,
					const struct ps_packet *p, bool due)
{
	if (!ps_client_allowed(conf, p))
		return PS_COUNT_not_allowed;
	if (conf->flags & PS_SERVICE_WAIT)
		return PS_COUNT_waiting;
	if (conf->flags & PS_SERVICE_DRAIN)
		return PS_COUNT_draining;
	if (!ps_path_proven(state, p))
		return PS_COUNT_path_unproven;
	if (ps_may_be_over(ps_read_once(state->alive_until), p->now))
		return PS_COUNT_unwatched;
	return due ? PS_COUNT_flush_due : 0;
}

#endif /* PRESTACK_SERVICE_SERVICE_BPF_H */
