// SPDX-License-Identifier: GPL-2.0-only
/*
 * DNS over UDP: what the server has answered is answered again for at most DNS_LIFETIME. Zones change where
 * no packet tells of it (a reload, a transfer), so that time is all that bounds the age of an answer.
 */
#include <prestack/plugin.bpf.h>

#include "parser.h"

#define DNS_LIFETIME 1000000000ULL /* ns */

__noinline __u32 dns_hook_name(__u32 hook)
{
	struct ps_scratch *s = ps_scratch(hook);

	return s ? dns_scan_name(s->in, s->pkt.payload_len) : 0;
}

/* Makes the key of the message current. From here on in[] holds that key, and out[] the question. */
__noinline int dns_load_key(__u32 hook, __u32 name_len, __u32 variant)
{
	struct ps_scratch *s = ps_scratch(hook);

	if (!s || name_len > DNS_MAX_NAME)
		return 0;
	dns_make_key(s->in, s->out, name_len, variant);
	ps_key_load(hook, DNS_KEY_AT, 1 + name_len + DNS_TAIL);
	return 0;
}

/* The header of a reply to `id`, before the question that is in out[] already. */
static __always_inline void dns_out_header(struct ps_scratch *s, __u32 id, __u32 word)
{
	__u64 answers = word >> 16 & DNS_MAX_COUNT, authority = word >> 21 & DNS_MAX_COUNT;
	__u64 extra = word >> 26 & DNS_MAX_COUNT;
	/* Counts are two bytes each, the low one last; there is one question. */
	__u64 counts = authority << 8 | extra << 24;

	ps_store64(s->out, id | (__u64)(word & 0xffff) << 16 | 1ULL << 40 | answers << 56);
	ps_store64(s->out + 8, counts | (ps_load64(s->out + 8) & ~ps_low_bytes(4)));
}

static __always_inline int dns_answer(struct xdp_md *ctx, struct ps_scratch *s,
				      const struct dns_message *m)
{
	struct ps_hit hit;

	if (dns_key_len(m) > ps_config.max_key)
		return ps_pass_read(s, m->id, PS_COUNT_not_served);
	dns_load_key(PS_HOOK_XDP, m->name_len, m->variant);
	if (!ps_lookup(s, &hit)) {
		ps_lease_take(s, m->id);
		return ps_pass(s, PS_COUNT_misses);
	}
	dns_out_header(s, m->id, hit.flags);
	s->out_len = DNS_HEADER + m->name_len + DNS_TAIL;
	if (ps_put_value(s, &hit))
		return ps_pass_read(s, m->id, PS_COUNT_raced);
	return ps_reply_datagram(ctx, s, m->id);
}

SEC("xdp")
int ps_datagram_request(struct xdp_md *ctx)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct dns_message m = {};
	struct ps_cursor c;

	if (!s)
		return XDP_PASS;
	c = ps_payload(s, PS_HOOK_XDP, 0);
	dns_parse_query(&c, &m);
	switch (m.kind) {
	case DNS_IS_SERVED:
		return dns_answer(ctx, s, &m);
	case DNS_IS_READ:
		return ps_pass_read(s, m.id, PS_COUNT_not_served);
	}
	/* An update or a notification, or nothing that is known. */
	ps_flush(s->pkt.service);
	ps_expect_any(s, m.id);
	ps_count(s->pkt.service, PS_COUNT_not_served);
	return XDP_PASS;
}

SEC("tc")
int ps_datagram_reply(struct __sk_buff *skb)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_TC);
	struct dns_message m = {};
	struct ps_cursor c;

	if (!s)
		return TC_ACT_UNSPEC;
	c = ps_payload(s, PS_HOOK_TC, 0);
	dns_parse_reply(&c, &m);
	ps_reply_leaves(s, m.id, m.kind != DNS_IS_OTHER, false);
	if (m.kind != DNS_IS_SERVED)
		return TC_ACT_UNSPEC;
	dns_load_key(PS_HOOK_TC, m.name_len, m.variant);
	ps_fill(skb, s, m.id, m.value, c.end - m.value, m.word, s->pkt.now + DNS_LIFETIME);
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "GPL";
