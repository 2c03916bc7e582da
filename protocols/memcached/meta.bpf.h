/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `mg`, answered from the cache: "mg <key> <flags>*\r\n" with the flags v k f s t q and O(opaque),
 * each once. The answer is "VA <bytes> <flags>*\r\n<data>\r\n", or "HD <flags>*\r\n" without v, the flags in
 * the order asked. It is exact since no entry is servable whose item may be stale, may have had its token
 * given out or may have a key in base64: W, X, Z and b are never due.
 */
#ifndef PRESTACK_MEMCACHED_META_BPF_H
#define PRESTACK_MEMCACHED_META_BPF_H

#include "datagram.bpf.h"

#define MC_MAX_ANSWERED 7 /* flags that are answered from the cache */
#define MC_MAX_OPAQUE 32 /* the O included */
#define MC_MAX_REPLY 1392 /* bytes after the frame header in one datagram of memcached's */
#define MC_META_ROOM 400 /* bytes of an answer without its data, at most */

/* Whether this flag is answered from the cache. */
static __always_inline bool mc_meta_known(__u8 flag)
{
	switch (flag) {
	case 'v':
	case 'k':
	case 'f':
	case 's':
	case 't':
	case 'q':
	case 'O':
		return true;
	}
	return false;
}

#define MC_FLAG(letter) (1ULL << ((letter)&63))

#define MC_FLAG_NONE 1ULL /* none of them was asked for, which is fine, too */

/* Flags from s->pos to the end of the line, as a set of MC_FLAG; 0: something else. */
__noinline __u64 mc_meta_scan(void)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct ps_cursor c;
	__u64 flags = MC_FLAG_NONE;
	__u32 pos;

	if (!s)
		return 0;
	c = mc_cursor(s, PS_HOOK_XDP);
	pos = c.pos;
	for (__u32 i = 0; i <= MC_MAX_ANSWERED; i++) {
		__u32 start = ps_cursor_word(&c, pos);
		__u8 flag = start >> 8;

		if ((start & 0xffff) == MC_CRLF && pos + 2 <= c.end) {
			s->user[MC_META_END] = pos + 2;
			return flags;
		}
		if ((start & 0xff) != ' ' || !mc_meta_known(flag) || (flags & MC_FLAG(flag)))
			return 0;
		flags |= MC_FLAG(flag);
		pos++;
		if (flag == 'O') {
			__u32 len = ps_cursor_token(&c, pos, MC_MAX_OPAQUE + 1);

			if (len > MC_MAX_OPAQUE)
				return 0;
			pos += len;
		} else {
			pos++;
		}
	}
	return 0;
}

/* Appends what is answered to the flag at s->pos, and moves s->pos behind it. Returns 1 if there was one. */
__noinline int mc_meta_put(void)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	__u32 pos, len = 1, from;
	struct ps_cursor c;
	__u8 flag;

	if (!s)
		return 0;
	c = mc_cursor(s, PS_HOOK_XDP);
	pos = s->out_len;
	from = c.pos + 1;
	flag = ps_cursor_at(&c, from);
	if (ps_cursor_at(&c, c.pos) != ' ')
		return 0;
	if (flag != 'q')
		pos = ps_out_bytes_at(s, pos, MC_NAME2(' ', flag), 2);
	switch (flag) {
	case 'k':
		pos = ps_out_key_at(s, pos);
		break;
	case 'f':
		pos = ps_out_number_at(s, pos, s->user[MC_META_FLAGS]);
		break;
	case 's':
		pos = ps_out_number_at(s, pos, s->user[MC_META_LEN]);
		break;
	case 't':
		pos = ps_out_bytes_at(s, pos, MC_NAME2('-', '1'), 2);
		break;
	case 'v':
		pos -= 2;
		break;
	case 'O':
		len = ps_cursor_token(&c, from, MC_MAX_OPAQUE);
		for (__u32 i = 0; i < MC_MAX_OPAQUE; i += 8) {
			if (i >= len)
				break;
			ps_out_bytes_at(s, pos - 1 + i, ps_cursor_word(&c, from + i), 8);
		}
		pos += len - 1;
		break;
	}
	s->out_len = pos;
	s->pos = from + len;
	return 1;
}

/*
 * Appends the answer to the mg at s->pos to out[], and moves s->pos behind it: MC_STEP_DONE. MC_STEP_MORE:
 * it is for the server, for the reason in user[MC_MISSED]. MC_STEP_STOP: it is not to be answered from
 * here, or no mg.
 */
__noinline int mc_meta_answer(void)
{
	struct ps_scratch *s = ps_scratch(PS_HOOK_XDP);
	struct ps_hit hit;
	__u32 len, start;
	__u64 flags;

	if (!s)
		return MC_STEP_STOP;
	len = ps_key_scan(PS_HOOK_XDP, s->pos);
	if (!len || len > ps_config.max_key)
		return MC_STEP_STOP;
	s->pos += len;
	flags = mc_meta_scan();
	if (!flags)
		return MC_STEP_STOP;
	s->user[MC_MISSED] = PS_COUNT_misses;
	if (!ps_lookup(s, &hit))
		return MC_STEP_MORE;
	/* How much time is left is counted by the server's ticks. */
	if ((flags & MC_FLAG('t')) && hit.expires != PS_EXPIRES_NEVER)
		return MC_STEP_STOP;
	if (hit.value_len > PS_MAX_VALUE)
		return MC_STEP_STOP;
	s->user[MC_META_FLAGS] = hit.flags;
	s->user[MC_META_LEN] = hit.value_len;
	start = s->out_len;
	if (flags & MC_FLAG('v')) {
		ps_out_bytes(s, MC_NAME3('V', 'A', ' '), 3);
		ps_out_number(s, hit.value_len);
	} else {
		ps_out_bytes(s, MC_NAME2('H', 'D'), 2);
	}
	for (__u32 i = 0; i < MC_MAX_ANSWERED; i++) {
		if (!mc_meta_put())
			break;
	}
	ps_out_bytes(s, MC_CRLF, 2);
	/* A value that is not asked for is copied, too, to know that the entry was the same all the time. */
	len = ps_read_once(s->out_len);
	if (len - start > MC_META_ROOM)
		return MC_STEP_STOP;
	s->user[MC_MISSED] = PS_COUNT_raced;
	if (ps_put_value_at(s, len, &hit))
		return MC_STEP_MORE;
	s->pos = s->user[MC_META_END];
	if (flags & MC_FLAG('v'))
		s->out_len = ps_out_bytes_at(s, len + hit.value_len, MC_CRLF, 2);
	return MC_STEP_DONE;
}

/* A datagram that begins with "mg ". */
static __always_inline int mc_meta_get(struct xdp_md *ctx, struct ps_scratch *s)
{
	int step;

	mc_reply_begin(s);
	s->pos = MC_UDP_HEADER + 3;
	step = mc_meta_answer();
	/* Behind the line another command, which may be a write. */
	if (step != MC_STEP_STOP && s->user[MC_META_END] != s->pkt.payload_len)
		step = MC_STEP_STOP;
	switch (step) {
	case MC_STEP_DONE:
		/* More would be several datagrams. */
		if (s->out_len > MC_UDP_HEADER + MC_MAX_REPLY)
			break;
		return ps_reply_datagram(ctx, s, s->user[MC_REQUEST]);
	case MC_STEP_MORE:
		/* The reply does not tell what is needed for a fill: the key and all flags. */
		return ps_pass_read(s, s->user[MC_REQUEST], s->user[MC_MISSED]);
	}
	s->pos = MC_UDP_HEADER;
	return mc_observe(s);
}

#endif /* PRESTACK_MEMCACHED_META_BPF_H */
