/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DNS messages over UDP (RFC 1035, RFC 6891). Pure: compiles for BPF and natively.
 *
 * A message has a header of twelve bytes, one question (a name, a type, a class) and records. What a server
 * answers depends on the question, on some bits of the header, and on whether the query has an OPT record
 * (EDNS) and what that says.
 */
#ifndef PRESTACK_DNS_PARSER_H
#define PRESTACK_DNS_PARSER_H

#include <prestack/cursor.h>

#define DNS_HEADER 12
#define DNS_COUNTS_AT 4
#define DNS_MAX_LABEL 63
/* The reverse name of an IPv6 address has 34. Names of more are left to the server. */
#define DNS_MAX_LABELS 40
#define DNS_TAIL 4 /* type and class, after the name */
#define DNS_OPT_LEN 11 /* an OPT record without options */
#define DNS_KEY_AT (DNS_HEADER - 1)
#define DNS_MAX_NAME (PS_MAX_KEY - 1 - DNS_TAIL)
#define DNS_MAX_COUNT 31 /* records in one section, see dns_word */

#define DNS_RESPONSE 0x8000
#define DNS_OPCODE 0x7800
#define DNS_TRUNCATED 0x0200
#define DNS_RECURSION 0x0100 /* RD: the server repeats it */
#define DNS_RESERVED 0x0040
#define DNS_AUTHENTIC 0x0020 /* AD: in a query it changes nothing here */
#define DNS_UNCHECKED 0x0010 /* CD: some servers repeat it */
#define DNS_RCODE 0x000f
#define DNS_NXDOMAIN 3

#define DNS_CLASS_IN 1
#define DNS_TYPE_OPT 41
#define DNS_FIRST_META_TYPE 128 /* ANY, AXFR and their like */
#define DNS_EDNS_SIZE 1232 /* what nearly everybody asks for since the flag day of 2020 */
#define DNS_POINTER_TO_QUESTION 0xc00c
#define DNS_DNSSEC_OK 0x8000

enum dns_kind {
	DNS_IS_OTHER, /* not a query, nor a reply to one: may change anything */
	DNS_IS_READ, /* of a form that is left to the server */
	DNS_IS_SERVED, /* a query that may be answered, or a reply that may fill */
};

/* What of the message makes a different answer, besides the question: the first byte of the key. */
enum dns_variant {
	DNS_HAS_EDNS = 1,
	DNS_HAS_DNSSEC_OK = 2,
	DNS_HAS_RECURSION = 4,
	DNS_HAS_UNCHECKED = 8,
};

struct dns_message {
	__u32 kind; /* enum dns_kind */
	__u32 id; /* as its two bytes lie in memory */
	__u32 variant; /* enum dns_variant; of what is SERVED, as all below */
	__u32 name_len; /* the name stands behind the header */
	__u32 value; /* reply: position of what follows the question, up to the end */
	__u32 word; /* reply: dns_word */
};

ps_inline __u32 dns_u16(const struct ps_cursor *c, __u32 pos)
{
	return (__u32)ps_cursor_at(c, pos) << 8 | ps_cursor_at(c, pos + 1);
}

/* See dns_name. */
ps_inline __u32 dns_scan_name(const __u8 *buf, __u32 end)
{
	const struct ps_cursor c = {.buf = buf, .pos = 0, .end = end, .hook = 0};
	__u32 pos = DNS_HEADER;

	for (__u32 i = 0; i < DNS_MAX_LABELS; i++) {
		__u32 len;

		if (pos >= end)
			return 0;
		len = ps_cursor_at(&c, pos);
		if (len > DNS_MAX_LABEL)
			return 0;
		pos += len + 1;
		if (!len)
			return pos - DNS_HEADER;
	}
	return 0;
}

#ifdef __bpf__
__u32 dns_hook_name(__u32 hook);
#endif

/* Length of the name behind the header, with its end; 0 if it is not whole, or compressed. */
ps_inline __u32 dns_name(const struct ps_cursor *c)
{
#ifdef __bpf__
	return dns_hook_name(c->hook);
#else
	return dns_scan_name(c->buf, c->end);
#endif
}

/* ASCII letters of a word in lower case. A label's length is no letter: it is at most 63. */
ps_inline __u64 dns_lower(__u64 w)
{
	__u64 low = w & PS_ONES * 0x7f;
	__u64 from_a = low + PS_ONES * (0x80 - 'A'), after_z = low + PS_ONES * (0x80 - 'Z' - 1);
	__u64 capitals = from_a & ~after_z & ~w & PS_ONES * 0x80;

	return w | capitals >> 2;
}

/*
 * Makes the key canonical: bytes of `buf` from DNS_KEY_AT on become the variant and the name in lower case;
 * type and class follow already. The question as it was is copied to the same place in `copy`.
 */
ps_inline void dns_make_key(__u8 *buf, __u8 *copy, __u32 name_len, __u32 variant)
{
	buf[DNS_KEY_AT] = variant;
	for (__u32 i = 0; i < PS_KEY_WORDS; i++) {
		__u32 done = i * 8, at = DNS_HEADER + done;
		__u64 name = done < name_len ? ps_low_bytes(name_len - done) : 0, w;

		if (done >= name_len + DNS_TAIL)
			break;
		w = ps_load64(buf + at);
		ps_store64(copy + at, w);
		ps_store64(buf + at, (w & ~name) | (dns_lower(w) & name));
	}
}

ps_inline __u32 dns_key_len(const struct dns_message *m)
{
	return 1 + m->name_len + DNS_TAIL;
}

/* An OPT record without options, of version 0, at `pos`, which ends the message. Adds to m->variant. */
ps_inline int dns_is_plain_opt(const struct ps_cursor *c, __u32 pos, struct dns_message *m)
{
	__u32 flags = dns_u16(c, pos + 7);

	if (pos + DNS_OPT_LEN != c->end || ps_cursor_at(c, pos) ||
	    dns_u16(c, pos + 1) != DNS_TYPE_OPT || dns_u16(c, pos + 5) ||
	    (flags & ~DNS_DNSSEC_OK) || dns_u16(c, pos + 9))
		return 0;
	m->variant |= DNS_HAS_EDNS | (flags ? DNS_HAS_DNSSEC_OK : 0);
	return 1;
}

/* The question, and the bits that both directions have. Returns the position behind it; 0: not served. */
ps_inline __u32 dns_parse_question(const struct ps_cursor *c, __u32 flags, struct dns_message *m)
{
	__u32 end, type;

	m->variant = (flags & DNS_RECURSION ? DNS_HAS_RECURSION : 0) |
		     (flags & DNS_UNCHECKED ? DNS_HAS_UNCHECKED : 0);
	m->name_len = dns_name(c);
	end = DNS_HEADER + m->name_len + DNS_TAIL;
	if (!m->name_len || m->name_len > DNS_MAX_NAME || end > c->end ||
	    dns_u16(c, DNS_COUNTS_AT) != 1)
		return 0;
	type = dns_u16(c, end - DNS_TAIL);
	if (type >= DNS_FIRST_META_TYPE || type == DNS_TYPE_OPT ||
	    dns_u16(c, end - 2) != DNS_CLASS_IN)
		return 0;
	return end;
}

ps_inline void dns_parse_query(const struct ps_cursor *c, struct dns_message *m)
{
	__u32 flags = dns_u16(c, 2), records = dns_u16(c, DNS_COUNTS_AT + 6), end;

	m->kind = DNS_IS_OTHER;
	m->id = ps_cursor_word(c, 0) & 0xffff;
	if (c->end < DNS_HEADER || (flags & (DNS_RESPONSE | DNS_OPCODE)))
		return;
	m->kind = DNS_IS_READ;
	if (flags & ~(DNS_RECURSION | DNS_AUTHENTIC | DNS_UNCHECKED))
		return;
	end = dns_parse_question(c, flags, m);
	if (!end || dns_u16(c, DNS_COUNTS_AT + 2) || dns_u16(c, DNS_COUNTS_AT + 4))
		return;
	/* Another size may make another answer, so one is enough: then all answers of a key are the same. */
	if (records == 1 && (!dns_is_plain_opt(c, end, m) || dns_u16(c, end + 3) != DNS_EDNS_SIZE))
		return;
	if (records > 1 || (!records && end != c->end))
		return;
	m->kind = DNS_IS_SERVED;
}

ps_inline void dns_parse_reply(const struct ps_cursor *c, struct dns_message *m)
{
	__u32 flags = dns_u16(c, 2), answers = dns_u16(c, DNS_COUNTS_AT + 2);
	__u32 authority = dns_u16(c, DNS_COUNTS_AT + 4), extra = dns_u16(c, DNS_COUNTS_AT + 6), end;

	m->kind = DNS_IS_OTHER;
	m->id = ps_cursor_word(c, 0) & 0xffff;
	if (c->end < DNS_HEADER || !(flags & DNS_RESPONSE) || (flags & DNS_OPCODE))
		return;
	m->kind = DNS_IS_READ;
	if ((flags & (DNS_TRUNCATED | DNS_RESERVED)) ||
	    ((flags & DNS_RCODE) && (flags & DNS_RCODE) != DNS_NXDOMAIN) ||
	    answers > DNS_MAX_COUNT || authority > DNS_MAX_COUNT || extra > DNS_MAX_COUNT)
		return;
	end = dns_parse_question(c, flags, m);
	/* The first record's name is "as in the question", in whatever spelling that is. */
	if (!end || (answers && (end + 2 > c->end || dns_u16(c, end) != DNS_POINTER_TO_QUESTION)))
		return;
	if (extra && c->end - end >= DNS_OPT_LEN)
		dns_is_plain_opt(c, c->end - DNS_OPT_LEN, m);
	m->value = end;
	/* The flags as they lie in memory, and the counts. */
	m->word = (__u32)(ps_cursor_word(c, 2) & 0xffff) | answers << 16 | authority << 21 |
		  extra << 26;
	m->kind = DNS_IS_SERVED;
}

#endif /* PRESTACK_DNS_PARSER_H */
