/*
 * form.c - the text form of a sealed secret, and the additional data. Pure.
 *
 * The text:
 *   sealed:v1:ID:BASE64     base64 of RFC 4648 section 4, padded, of
 *     offset  size
 *     0       12            nonce
 *     12      n             ciphertext, as long as the secret
 *     12 + n  16            GCM tag
 *
 * The additional data: seven strings, each as four bytes of length (big endian) and its
 * bytes, so that no two lists of strings give the same bytes:
 *   "mr-sealed-v1", key ID, cluster, task uid, field, host, user; the first is a
 *   constant that no other use of the keys will have.
 */
#include "common/seal/seal_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

static const char prefix[] = SECRET_SEALED_PREFIX;
static const char version[] = "v1:";

static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/*
 * Strict, unlike EVP_DecodeBlock(): no blanks, padding just where it belongs, and no bits
 * left over. The number of bytes, or -1.
 */
static ssize_t decode(const char *text, size_t len, uint8_t *out)
{
	if (len == 0 || len % 4 != 0)
		return -1;
	size_t padding = text[len - 1] != '=' ? 0 : text[len - 2] != '=' ? 1 : 2;
	size_t digits = len - padding, n = 0;
	uint32_t bits = 0;
	unsigned count = 0;
	for (size_t i = 0; i < digits; i++) {
		int d = digit(text[i]);
		if (d < 0)
			return -1;
		bits = bits << 6 | (uint32_t)d;
		count += 6;
		if (count >= 8) {
			count -= 8;
			out[n++] = (uint8_t)(bits >> count);
		}
	}
	return bits & ((1u << count) - 1) ? -1 : (ssize_t)n;
}

int seal_form_parse(const char *text, struct seal_form *ret)
{
	struct seal_form form = {0};
	if (strlen(text) > SECRET_SEALED_MAX || strncmp(text, prefix, strlen(prefix)) != 0)
		return -EINVAL;
	text += strlen(prefix);
	if (strncmp(text, version, strlen(version)) != 0) {
		size_t n = text[0] == 'v' ? strspn(text + 1, "0123456789") : 0;
		return n > 0 && text[n + 1] == ':' ? -ENOTSUP : -EINVAL;
	}
	text += strlen(version);
	const char *colon = strchr(text, ':');
	if (!colon || !seal_id_valid(text, (size_t)(colon - text)))
		return -EINVAL;
	memcpy(form.id, text, (size_t)(colon - text));
	size_t len = strlen(colon + 1);
	form.bytes = malloc(len / 4 * 3 + 1);
	if (!form.bytes)
		return -ENOMEM;
	ssize_t n = decode(colon + 1, len, form.bytes);
	if (n < SEAL_NONCE_SIZE + SEAL_TAG_SIZE ||
	    n > SEAL_NONCE_SIZE + SECRET_MAX + SEAL_TAG_SIZE) {
		free(form.bytes);
		return -EINVAL;
	}
	form.len = (size_t)n;
	*ret = form;
	return 0;
}

char *seal_form_print(const char *id, const uint8_t *bytes, size_t len)
{
	size_t head = strlen(prefix) + strlen(version) + strlen(id) + 1;
	char *text = malloc(head + (len + 2) / 3 * 4 + 1);
	if (!text)
		return NULL;
	char *p = stpcpy(stpcpy(stpcpy(text, prefix), version), id);
	*p++ = ':';
	EVP_EncodeBlock((unsigned char *)p, bytes, (int)len);
	return text;
}

static void put_string(struct buf *out, const char *text)
{
	size_t len = strlen(text ? text : "");
	uint8_t size[4] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
			   (uint8_t)len};
	buf_put(out, size, sizeof(size));
	buf_put(out, text ? text : "", len);
}

void seal_put_aad(struct buf *out, const char *key_id, const char *cluster,
		  const struct secret_use *use)
{
	put_string(out, "mr-sealed-v1");
	put_string(out, key_id);
	put_string(out, cluster);
	put_string(out, use->uid);
	put_string(out, use->field);
	put_string(out, use->host);
	put_string(out, use->user);
}
