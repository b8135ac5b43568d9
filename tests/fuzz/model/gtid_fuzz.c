/*
 * gtid_fuzz.c - GTID sets from any text: what is accepted formats to a text that means
 * the same. The first byte chooses the flavour.
 */
#include "core/model/gtid.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	enum flavor flavor = data[0] & 1 ? FLAVOR_MARIADB : FLAVOR_MYSQL;
	char *text = calloc(1, size);
	struct gtid_set *s = gtid_set_new(flavor);
	struct gtid_set *again = gtid_set_new(flavor);
	struct gtid one;
	struct err err = {0};
	struct buf b, c;
	if (!text || !s || !again)
		abort();
	memcpy(text, data + 1, size - 1);
	buf_init(&b);
	buf_init(&c);
	if (gtid_set_parse(s, text, &err) == 0) {
		gtid_set_format(s, &b);
		check(gtid_set_parse(again, buf_cstr(&b), &err) == 0);
		check(gtid_set_covers(s, again) && gtid_set_covers(again, s));
		gtid_set_format(again, &c);
		check(b.len == c.len && (b.len == 0 || memcmp(b.data, c.data, b.len) == 0));
		buf_clear(&b);
		gtid_set_encode(s, &b);
	} else {
		check(err.kind != NULL && gtid_set_empty(s));
	}
	if (gtid_parse(flavor, text, &one) == 0) {
		char out[GTID_TEXT_MAX];
		struct gtid two;
		gtid_format(&one, out);
		check(gtid_parse(flavor, out, &two) == 0 && gtid_equal(&one, &two));
	}
	buf_free(&b);
	buf_free(&c);
	gtid_set_free(s);
	gtid_set_free(again);
	free(text);
	return 0;
}
