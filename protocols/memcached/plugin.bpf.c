// SPDX-License-Identifier: GPL-2.0-only
/*
 * The programs of memcached's plug-in: both protocols, over UDP (datagram.bpf.h, meta.bpf.h) and
 * TCP (stream.bpf.h).
 */
#include <prestack/plugin.bpf.h>

#include "datagram.bpf.h"
#include "meta.bpf.h"
#include "stream.bpf.h"

SEC("xdp")
int ps_datagram_request(struct xdp_md *ctx)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct mc_frame frame;
	struct ps_cursor c;
	__u64 start;

	if (!s)
		return XDP_PASS;
	c = ps_payload(s, PS_HOOK_XDP, 0);
	if (mc_parse_frame(&c, &frame))
		return ps_pass(s, PS_COUNT_malformed);
	s->user[MC_REQUEST] = frame.request;
	s->user[MC_NOTED] = 0;
	s->pos = MC_UDP_HEADER;
	start = ps_cursor_word(&c, MC_UDP_HEADER) & 0xffffffff;
	if (c.end > MC_UDP_HEADER + 4 && frame.total == 1 && !frame.sequence) {
		if (start == MC_NAME4('g', 'e', 't', ' '))
			return mc_get(ctx, s);
		if ((start & 0xffffff) == MC_NAME3('m', 'g', ' '))
			return mc_meta_get(ctx, s);
	}
	return mc_observe(s);
}

SEC("tc")
int ps_datagram_reply(struct __sk_buff *skb)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_TC);
	struct mc_frame frame;
	struct ps_cursor c;

	if (!s)
		return TC_ACT_UNSPEC;
	c = ps_payload(s, PS_HOOK_TC, 0);
	if (mc_parse_frame(&c, &frame)) {
		ps_flush(s->pkt.service);
		return TC_ACT_UNSPEC;
	}
	mc_reply_leaves(frame.request, frame.sequence, frame.total);
	/* A value spread over several datagrams is never cached. */
	if (frame.total != 1 || frame.sequence) {
		ps_count(s->pkt.service, PS_COUNT_nofill_shape);
		return TC_ACT_UNSPEC;
	}
	if (!mc_begins_value(&c, MC_UDP_HEADER))
		return TC_ACT_UNSPEC;
	s->user[MC_REQUEST] = frame.request;
	s->pos = MC_UDP_HEADER;
	for (__u32 i = 0; i < MC_MAX_VALUES; i++) {
		if (mc_fill_one(skb) != MC_STEP_MORE)
			break;
	}
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "GPL";
