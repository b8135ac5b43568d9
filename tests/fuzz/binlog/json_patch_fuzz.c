/*
 * json_patch_fuzz.c - JSON diffs on any document: what comes out is a document.
 *
 * Input: 2 bytes length of a document in binary form, the document, the diffs.
 */
#include "core/binlog/json.h"
#include "core/binlog/json_patch.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_json(struct span text)
{
	json_error_t error;
	/* jansson takes no zero byte in a name, no name twice, and no double that overflows. */
	if (memmem(text.p, text.len, "\\u0000", 6))
		return;
	json_t *json = json_loadb((const char *)text.p, text.len,
				  JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, &error);
	if (!json)
		abort();
	json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	size_t n = load_le16(data);
	if (n > size - 2)
		n = size - 2;
	uint8_t *doc = malloc(n + 1), *diffs = malloc(size - 2 - n + 1);
	struct span in = {diffs, size - 2 - n}, out;
	struct arena arena;
	uint32_t len = 0;
	int rc = 0;
	if (!doc || !diffs)
		abort();
	memcpy(doc, data + 2, n);
	memcpy(diffs, data + 2 + n, in.len);
	arena_init(&arena);
	const uint8_t *text = json_binary_text((struct span){doc, n}, &arena, &len, &rc);
	if (text && json_patch((struct span){text, len}, in, &arena, &out) == 0)
		check_json(out);
	if (json_diff_text(in, &arena, &out) == 0)
		check_json(out);
	arena_free(&arena);
	free(doc);
	free(diffs);
	return 0;
}
