// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whatever the bytes are: positions stay within the message, leftovers behind its end change nothing, and a
 * key is the same however its letters are spelled. The first byte of the input chooses the direction.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "parser.h"

struct result {
	struct dns_message message;
	__u8 key[PS_MAX_KEY + 16];
};

static void check(int good)
{
	if (!good)
		abort();
}

static struct result parse(const uint8_t *data, size_t size, int is_query, int leftover)
{
	static __u8 buf[PS_IN_BUFFER], copy[PS_IN_BUFFER];
	const struct ps_cursor c = {.buf = buf, .end = size};
	struct result r;

	memset(buf, leftover, sizeof(buf));
	memset(&r, 0, sizeof(r));
	memcpy(buf, data, size);
	if (is_query)
		dns_parse_query(&c, &r.message);
	else
		dns_parse_reply(&c, &r.message);
	if (r.message.kind != DNS_IS_SERVED)
		return r;
	check(DNS_HEADER + r.message.name_len + DNS_TAIL <= size && r.message.value <= size);
	check(dns_key_len(&r.message) <= PS_MAX_KEY);
	dns_make_key(buf, copy, r.message.name_len, r.message.variant);
	memcpy(r.key, buf + DNS_KEY_AT, dns_key_len(&r.message));
	check(!memcmp(copy + DNS_HEADER, data + DNS_HEADER, r.message.name_len + DNS_TAIL));
	check(!memcmp(buf + DNS_HEADER + r.message.name_len, data + DNS_HEADER + r.message.name_len,
		      size - DNS_HEADER - r.message.name_len));
	for (__u32 i = 0; i < r.message.name_len; i++) {
		uint8_t was = data[DNS_HEADER + i];

		check(r.key[1 + i] == (was >= 'A' && was <= 'Z' ? was + 'a' - 'A' : was));
	}
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct result r, again;

	if (size < 1 || size > PS_IN_SIZE)
		return 0;
	r = parse(data + 1, size - 1, data[0] & 1, 0);
	again = parse(data + 1, size - 1, data[0] & 1, 0xff);
	if (size - 1 < DNS_HEADER) { /* the id is a leftover, too */
		check(r.message.kind == DNS_IS_OTHER && again.message.kind == DNS_IS_OTHER);
		return 0;
	}
	check(r.message.kind == again.message.kind && r.message.id == again.message.id);
	if (r.message.kind == DNS_IS_SERVED)
		check(!memcmp(&r, &again, sizeof(r)));
	return 0;
}
