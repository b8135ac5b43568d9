/* ring_fuzz.c - key rings from any bytes: what is accepted has keys of valid, distinct IDs. */
#include "common/seal/seal_priv.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seal_ring *ring;
	struct err err = {0};
	if (seal_ring_parse("ring", (const char *)data, size, &ring, &err) < 0) {
		check(err.kind != NULL && err.text[0]);
		return 0;
	}
	size_t n = seal_ring_count(ring);
	check(n > 0 && n <= SEAL_KEYS_MAX);
	for (size_t i = 0; i < n; i++) {
		const char *id = seal_ring_id(ring, i);
		check(seal_id_valid(id, strlen(id)));
		check(seal_ring_find(ring, id) == &ring->keys[i]);
	}
	seal_ring_free(ring);
	return 0;
}
