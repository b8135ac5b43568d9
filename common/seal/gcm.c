/* gcm.c - AES-256-GCM of libcrypto over byte strings. Any thread; nothing is kept. */
#include "common/seal/seal_priv.h"

#include <errno.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

/* The library's queue of errors is the thread's: leave none behind. */
static int finish(EVP_CIPHER_CTX *ctx, int rc)
{
	EVP_CIPHER_CTX_free(ctx); /* overwrites the key schedule */
	if (rc < 0)
		ERR_clear_error();
	return rc;
}

int seal_gcm_encrypt(const uint8_t key[SEAL_KEY_SIZE], const uint8_t nonce[SEAL_NONCE_SIZE],
		     const struct buf *aad, const void *text, size_t len, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t *cipher = out + SEAL_NONCE_SIZE;
	int n;
	if (!ctx)
		return finish(ctx, -ENOMEM);
	memcpy(out, nonce, SEAL_NONCE_SIZE);
	/* The nonce of 12 bytes is the library's default for GCM. */
	if (EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce) != 1 ||
	    EVP_EncryptUpdate(ctx, NULL, &n, aad->data, (int)aad->len) != 1 ||
	    EVP_EncryptUpdate(ctx, cipher, &n, text, (int)len) != 1 ||
	    EVP_EncryptFinal_ex(ctx, cipher + len, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, SEAL_TAG_SIZE, cipher + len) != 1)
		return finish(ctx, -EIO);
	return finish(ctx, 0);
}

int seal_gcm_decrypt(const uint8_t key[SEAL_KEY_SIZE], const struct buf *aad, const uint8_t *sealed,
		     size_t len, uint8_t *out)
{
	if (len < SEAL_NONCE_SIZE + SEAL_TAG_SIZE)
		return -EBADMSG;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	const uint8_t *cipher = sealed + SEAL_NONCE_SIZE;
	size_t text = len - SEAL_NONCE_SIZE - SEAL_TAG_SIZE;
	uint8_t tag[SEAL_TAG_SIZE], rest[16];
	int n, rc = -EIO;
	if (!ctx)
		return finish(ctx, -ENOMEM);
	memcpy(tag, cipher + text, sizeof(tag));
	if (EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, sealed) == 1 &&
	    EVP_DecryptUpdate(ctx, NULL, &n, aad->data, (int)aad->len) == 1 &&
	    EVP_DecryptUpdate(ctx, out, &n, cipher, (int)text) == 1 &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, SEAL_TAG_SIZE, tag) == 1)
		rc = EVP_DecryptFinal_ex(ctx, rest, &n) == 1 ? 0 : -EBADMSG;
	/* What did not prove to be ours is nobody's to see. */
	if (rc < 0)
		explicit_bzero(out, text);
	return finish(ctx, rc);
}
