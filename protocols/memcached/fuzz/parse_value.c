// SPDX-License-Identifier: GPL-2.0-only
/* Takes the VALUE blocks of a reply one after the other, as the plug-in does, and checks each. */
#include <stdio.h>

#include "input.h"

/* The fields found must be what the bytes say. */
static void check(const struct ps_cursor *c, const struct mc_value *v)
{
	const char *text = (const char *)c->buf + c->pos;
	unsigned long flags, bytes;
	int head = -1;

	REQUIRE(v->key == c->pos + 6 && v->key_len >= 1 && v->key_len <= MC_MAX_KEY);
	REQUIRE(v->data > v->key + v->key_len && v->data <= c->end);
	REQUIRE(v->next == v->data + v->data_len + 2 && v->next <= c->end);
	REQUIRE(!memcmp(text, "VALUE ", 6));
	REQUIRE(!memcmp(c->buf + v->next - 2, "\r\n", 2));
	for (__u32 i = 0; i < v->key_len; i++)
		REQUIRE(c->buf[v->key + i] > ' ');
	/* The numbers once more, by sscanf on a copy of the line. */
	{
		char line[PS_IN_SIZE + 1];
		size_t len = v->data - (v->key + v->key_len);

		memcpy(line, c->buf + v->key + v->key_len, len);
		line[len] = 0;
		REQUIRE(sscanf(line, " %lu %lu\r\n%n", &flags, &bytes, &head) == 2);
		REQUIRE(line[0] == ' ' && strspn(line, "0123456789 ") == len - 2);
		REQUIRE(!strcmp(line + len - 2, "\r\n"));
		REQUIRE(flags == v->flags && bytes == v->data_len);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mc_value v, other;
	struct ps_cursor c;

	if (fuzz_input(data, size, 'x', &c))
		return 0;
	for (;;) {
		int result = mc_parse_value(&c, &v);

		if (!result)
			check(&c, &v);
		for (size_t i = 0; i < sizeof(fuzz_leftover); i++) {
			fuzz_leftovers(&c, fuzz_leftover[i]);
			REQUIRE(mc_parse_value(&c, &other) == result);
			REQUIRE(result || !memcmp(&v, &other, sizeof(v)));
		}
		if (result)
			break;
		c.pos = v.next;
	}
	free((void *)c.buf);
	return 0;
}
