/*
 * json_fuzz.c - MySQL's binary JSON, on any bytes: what is taken must come out as JSON
 * text that another parser reads.
 */
#include "core/binlog/json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *doc = malloc(size ? size : 1);
	struct arena arena;
	uint32_t len = 0;
	int rc = 0;
	if (!doc)
		abort();
	if (size)
		memcpy(doc, data, size);
	arena_init(&arena);
	const char *text =
		(const char *)json_binary_text((struct span){doc, size}, &arena, &len, &rc);
	if (!text && rc == 0)
		abort();
	/* jansson takes no zero byte in a name, and no double that overflows. */
	if (text && !memmem(text, len, "\\u0000", 6)) {
		json_error_t error;
		json_t *json = json_loadb(text, len, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL,
					  &error);
		if (!json)
			abort();
		json_decref(json);
	}
	arena_free(&arena);
	free(doc);
	return 0;
}
