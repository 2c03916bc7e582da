// SPDX-License-Identifier: GPL-2.0-only
/* The toy protocol over UDP: get is answered from the cache, set invalidates, the rest flushes. */
#include <prestack/plugin.bpf.h>

#include "parser.h"

/* Answers a get from the cache, or lets the server's reply to it fill the cache. */
static __always_inline int toy_get(struct xdp_md *ctx, struct ps_scratch *s,
				   const struct toy_message *m)
{
	struct ps_hit hit;

	if (m->key_len > ps_config.max_key)
		return ps_pass(s, PS_COUNT_not_served);
	ps_key_load(PS_HOOK_XDP, TOY_KEY_AT, m->key_len);
	if (!ps_lookup(s, &hit)) {
		ps_lease_take(s, m->id);
		return ps_pass(s, PS_COUNT_misses);
	}
	s->out_len = 0;
	ps_out_bytes(s, m->id | (__u64)' ' << 32 | (__u64)'V' << 40 | (__u64)' ' << 48, TOY_KEY_AT);
	ps_out_key(s);
	ps_out_bytes(s, ' ', 1);
	if (ps_put_value(s, &hit))
		return ps_pass(s, PS_COUNT_raced);
	ps_out_bytes(s, '\n', 1);
	return ps_reply_datagram(ctx, s);
}

SEC("xdp")
int ps_datagram_request(struct xdp_md *ctx)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct toy_message m;
	struct ps_cursor c;

	if (!s)
		return XDP_PASS;
	c = ps_payload(s, PS_HOOK_XDP, 0);
	toy_parse(&c, &m);
	if (m.kind == TOY_GET)
		return toy_get(ctx, s, &m);
	if (m.kind == TOY_SET) {
		ps_key_load(PS_HOOK_XDP, TOY_KEY_AT, m.key_len);
		ps_invalidate(PS_HOOK_XDP);
		ps_count(s->pkt.service, PS_COUNT_not_served);
		return XDP_PASS;
	}
	/* What is not understood may change anything. */
	ps_flush(s->pkt.service);
	ps_count(s->pkt.service, PS_COUNT_malformed);
	return XDP_PASS;
}

SEC("tc")
int ps_datagram_reply(struct __sk_buff *skb)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_TC);
	struct toy_message m;
	struct ps_cursor c;

	if (!s)
		return PS_TC_NEXT;
	c = ps_payload(s, PS_HOOK_TC, 0);
	toy_parse(&c, &m);
	if (m.kind != TOY_VALUE)
		return PS_TC_NEXT;
	ps_key_load(PS_HOOK_TC, TOY_KEY_AT, m.key_len);
	ps_fill(skb, s, m.id, m.value, m.value_len, 0);
	return PS_TC_NEXT;
}

char LICENSE[] SEC("license") = "GPL";
