/* SPDX-License-Identifier: GPL-2.0-only */
/* What the server's socket knows of its client, which the kernel needs to answer in its place. TC egress. */
#ifndef PRESTACK_TCP_PEER_BPF_H
#define PRESTACK_TCP_PEER_BPF_H

#include "vmlinux.h"
#include "packet/headers.bpf.h"
#include "runtime/lock.bpf.h"
#include "runtime/maps.bpf.h"
#include "runtime/scratch.bpf.h"
#include "tcp/flow.bpf.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <prestack/flow.h>
#include <prestack/splice.h>

/* Notes these on the flow. Called when the server has answered a read of this client. */
__noinline int ps_peer_learn(struct __sk_buff *skb)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_TC);
	struct ps_flow *f = s && skb ? ps_flow_find(&s->pkt.flow) : NULL;
	struct ps_splice *sp;
	struct tcp_sock *tcp;
	struct bpf_sock *sk;

	if (!f)
		return 0;
	sp = &f->splice;

	/* In tests no packet comes from a server's socket. */
	if (ps_config.trust_sender) {
		sp->mss = PS_MAX_SEGMENT_REPLY - PS_STAMP_LEN;
		sp->scale = 7;
	} else {
		sk = skb->sk;
		if (!sk)
			return 0;
		sk = bpf_sk_fullsock(sk);
		if (!sk)
			return 0;
		tcp = bpf_skc_to_tcp_sock(sk);
		if (!tcp)
			return 0;
		sp->mss = tcp->mss_cache;
		sp->scale = BPF_CORE_READ_BITFIELD(tcp, rx_opt.snd_wscale);
	}
	sp->timestamps = s->segment.stamped;
	/* Nobody has acknowledged this segment yet. The acknowledgement that does tells the window. */
	sp->client_ack = sp->server_una = sp->edge = s->segment.seq;
	ps_ordered();
	*(volatile __u32 *)&sp->known = 1;
	return 0;
}

#endif /* PRESTACK_TCP_PEER_BPF_H */
