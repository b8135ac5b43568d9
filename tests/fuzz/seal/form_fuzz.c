/*
 * form_fuzz.c - sealed texts from any bytes: one that is well formed is the only text of
 * its bytes, and none opens but what was sealed.
 */
#include "common/os/file.h"
#include "common/seal/seal_priv.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char vector[] = "sealed:v1:k1:ZGVmZ2hpamtsbW5vK3qwBwuQ8IC2eLOFY9kwQ8/pP2NByQ==";

static void check(bool holds)
{
	if (!holds)
		abort();
}

static struct seal_ring *ring(void)
{
	static const char line[] =
		"k1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
	static struct seal_ring *one;
	struct err err;
	if (!one)
		check(seal_ring_parse("ring", line, sizeof(line) - 1, &one, &err) == 0);
	return one;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct secret_use use = {.uid = "uid-1",
				       .field = "source.password",
				       .host = "db1:3306",
				       .user = "repl"};
	char *text = malloc(size + 1), *opened;
	struct seal_form form;
	struct err err = {0};
	size_t len;
	check(text != NULL);
	memcpy(text, data, size);
	text[size] = 0;
	if (seal_form_parse(text, &form) == 0) {
		char *again = seal_form_print(form.id, form.bytes, form.len);
		check(again && strcmp(again, text) == 0);
		free(again);
		free(form.bytes);
	}
	if (seal_open(ring(), "cluster-1", &use, text, &opened, &len, &err) == 0) {
		check(strcmp(text, vector) == 0 && len == 6);
		file_free_wiped(opened, len);
	} else {
		check(err.kind != NULL && err.text[0]);
	}
	(void)seal_is_old(ring(), text);
	free(text);
	return 0;
}
