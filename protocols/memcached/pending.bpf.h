/* SPDX-License-Identifier: GPL-2.0-only */
/* What the core does not have yet: it goes with asked.bpf.h's arrival. */
#ifndef PRESTACK_MEMCACHED_PENDING_BPF_H
#define PRESTACK_MEMCACHED_PENDING_BPF_H

#ifndef PRESTACK_ASKED_BPF_H
#define PS_ASKING_NOT 0
#define mc_asking(s) PS_ASKING_NOT
static __always_inline void ps_expect_read(struct ps_scratch *s, __u32 request) {}
static __always_inline void ps_expect_reply(struct ps_scratch *s, __u32 request, __u64 expires) {}
static __always_inline void ps_expect_any(struct ps_scratch *s, __u32 request) {}
static __always_inline void ps_reply_goes_on(struct ps_scratch *s, __u32 request) {}
static __always_inline void ps_reply_leaves(struct ps_scratch *s, __u32 request, bool reads,
					    bool as_asked)
{
}
static __always_inline void ps_flush_between(__u32 service, __u64 from, __u64 to) {}
#define mc_fill(skb, s, request, from, len, flags) ps_fill(skb, s, request, from, len, flags)
#else
#define mc_asking(s) ((s)->asked)
#define mc_fill(skb, s, request, from, len, flags)                                                 \
	ps_fill(skb, s, request, from, len, flags, MC_FILL_EXPIRES)
#endif

#endif /* PRESTACK_MEMCACHED_PENDING_BPF_H */
