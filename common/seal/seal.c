/* seal.c - one secret sealed and opened. See seal.h. */
#include "common/seal/seal_priv.h"

#include "common/contract/errors.h"
#include "common/os/random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *field_of(const struct secret_use *use)
{
	return use->field && use->field[0] ? use->field : "(no field)";
}

static int no_memory(struct err *err)
{
	return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a sealed secret");
}

static bool is_bound(const char *cluster, const struct secret_use *use)
{
	return cluster && cluster[0] && use->uid && use->uid[0] && use->field && use->field[0];
}

int seal_secret(const struct seal_ring *ring, const char *cluster, const struct secret_use *use,
		const char *text, size_t len, char **ret_sealed, struct err *err)
{
	if (!is_bound(cluster, use))
		return err_set_at(err, -EINVAL, ERR_INTERNAL, use->field,
				  "'%s' cannot be sealed before the cluster, the task's uid and "
				  "the field are known",
				  field_of(use));
	if (len > SECRET_MAX)
		return err_set_at(err, -EFBIG, ERR_TASK_INVALID, use->field,
				  "'%s' is larger than %d bytes", use->field, SECRET_MAX);
	const struct seal_key *key = &ring->keys[ring->n - 1];
	size_t size = SEAL_NONCE_SIZE + len + SEAL_TAG_SIZE;
	uint8_t nonce[SEAL_NONCE_SIZE], *bytes = malloc(size);
	char *sealed = NULL;
	struct buf aad;
	buf_init(&aad);
	seal_put_aad(&aad, key->id, cluster, use);
	int rc = !bytes || aad.failed ? -ENOMEM : 0;
	if (rc == 0) {
		/* 96 random bits: sound for some 2^32 secrets under one key. */
		random_bytes(nonce, sizeof(nonce));
		rc = seal_gcm_encrypt(key->bytes, nonce, &aad, text, len, bytes);
	}
	if (rc == 0) {
		sealed = seal_form_print(key->id, bytes, size);
		rc = sealed ? 0 : -ENOMEM;
	}
	buf_free(&aad);
	free(bytes);
	if (rc == -ENOMEM)
		return no_memory(err);
	if (rc < 0)
		return err_set_at(err, rc, ERR_INTERNAL, use->field,
				  "'%s': libcrypto refuses to seal with the key '%s'", use->field,
				  key->id);
	*ret_sealed = sealed;
	return 0;
}

static int read_form(const struct secret_use *use, const char *sealed, struct seal_form *form,
		     struct err *err)
{
	int rc = seal_form_parse(sealed, form);
	if (rc == -ENOMEM)
		return no_memory(err);
	if (rc == -ENOTSUP)
		return err_set_at(err, rc, ERR_SECRET_SEALED, use->field,
				  "'%s' was sealed by software of another version", field_of(use));
	if (rc < 0)
		return err_set_at(err, rc, ERR_SECRET_SEALED, use->field,
				  "'%s' begins with '%s' and is not a sealed secret (a secret may "
				  "not begin so)",
				  field_of(use), SECRET_SEALED_PREFIX);
	return 0;
}

static int open_form(const struct seal_ring *ring, const char *cluster,
		     const struct secret_use *use, const struct seal_form *form, char **ret_text,
		     size_t *ret_len, struct err *err)
{
	const struct seal_key *key = seal_ring_find(ring, form->id);
	if (!key)
		return err_set_at(err, -ENOKEY, ERR_SECRET_SEALED, use->field,
				  "'%s' is sealed with the key '%s', which is not in the key ring",
				  field_of(use), form->id);
	size_t len = form->len - SEAL_NONCE_SIZE - SEAL_TAG_SIZE;
	char *text = malloc(len + 1);
	struct buf aad;
	buf_init(&aad);
	seal_put_aad(&aad, key->id, cluster, use);
	int rc = !text || aad.failed ? -ENOMEM
				     : seal_gcm_decrypt(key->bytes, &aad, form->bytes, form->len,
							(uint8_t *)text);
	buf_free(&aad);
	if (rc == 0) {
		text[len] = 0;
		*ret_text = text;
		*ret_len = len;
		return 0;
	}
	free(text); /* nothing was written to it, or it was overwritten */
	if (rc == -ENOMEM)
		return no_memory(err);
	return err_set_at(err, rc, ERR_SECRET_SEALED, use->field,
			  "'%s', sealed with the key '%s', does not open: it was sealed for another "
			  "cluster, task, field, host or user, or was changed",
			  field_of(use), form->id);
}

int seal_open(const struct seal_ring *ring, const char *cluster, const struct secret_use *use,
	      const char *sealed, char **ret_text, size_t *ret_len, struct err *err)
{
	struct seal_form form;
	int rc = read_form(use, sealed, &form, err);
	if (rc < 0)
		return rc;
	rc = open_form(ring, cluster, use, &form, ret_text, ret_len, err);
	free(form.bytes);
	return rc;
}

int seal_open_for(void *ctx, const struct secret_use *use, const char *sealed, char **ret_text,
		  size_t *ret_len, struct err *err)
{
	const struct seal_opener *opener = ctx;
	return seal_open(opener->ring, opener->cluster, use, sealed, ret_text, ret_len, err);
}

bool seal_is_old(const struct seal_ring *ring, const char *sealed)
{
	struct seal_form form;
	if (seal_form_parse(sealed, &form) < 0)
		return false;
	free(form.bytes);
	return strcmp(form.id, seal_ring_newest(ring)) != 0;
}
