/* seal_priv.h - what the files of this folder and its tests share. */
#ifndef MR_SEAL_PRIV_H
#define MR_SEAL_PRIV_H

#include "common/base/buf.h"
#include "common/seal/seal.h"

#include <stdint.h>

enum {
	SEAL_NONCE_SIZE = 12,
	SEAL_TAG_SIZE = 16,
};

struct seal_key {
	char id[SEAL_ID_MAX + 1];
	uint8_t bytes[SEAL_KEY_SIZE];
};

/* In memory of its own from mmap: see seal_ring_free(). */
struct seal_ring {
	size_t n;
	struct seal_key keys[SEAL_KEYS_MAX];
};

bool seal_id_valid(const char *id, size_t len);
const struct seal_key *seal_ring_find(const struct seal_ring *ring, const char *id);

/*
 * The bytes of out: nonce, ciphertext of len bytes, tag. 0, -ENOMEM, or -EIO when the
 * library refuses.
 */
int seal_gcm_encrypt(const uint8_t key[SEAL_KEY_SIZE], const uint8_t nonce[SEAL_NONCE_SIZE],
		     const struct buf *aad, const void *text, size_t len, uint8_t *out);
/* The reverse; -EBADMSG when it was changed, `out` then overwritten. */
int seal_gcm_decrypt(const uint8_t key[SEAL_KEY_SIZE], const struct buf *aad, const uint8_t *sealed,
		     size_t len, uint8_t *out);
/* The additional data. Check out->failed. */
void seal_put_aad(struct buf *out, const char *key_id, const char *cluster,
		  const struct secret_use *use);

/* A sealed text, taken apart. */
struct seal_form {
	char id[SEAL_ID_MAX + 1];
	uint8_t *bytes; /* nonce, ciphertext, tag; from malloc */
	size_t len;
};

/* 0, -ENOMEM, -ENOTSUP (of another version), -EINVAL. One text for one value: the base64
 * must be what seal_form_print() writes. */
int seal_form_parse(const char *text, struct seal_form *ret) MR_MUST_CHECK;
/* From malloc, or NULL. */
char *seal_form_print(const char *id, const uint8_t *bytes, size_t len);

#endif
