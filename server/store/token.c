/* token.c - see token.h. */
#include "server/store/token.h"

#include "common/contract/errors.h"
#include "common/contract/members.h"
#include "common/os/random.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stddef.h>
#include <stdio.h>

enum { SECRET_BYTES = 32 };

static const char prefix[] = "mrt_";
static const char hash_prefix[] = "sha256:";

const char *const token_roles[] = {"viewer", "operator", "admin", NULL};

#define AT(name) #name, .offset = offsetof(struct token_doc, name)

/* clang-format off */
static const struct member list[] = {
	{AT(id), .type = MEMBER_TEXT, .max = TOKEN_ID_LEN},
	{AT(name), .type = MEMBER_TEXT, .max = TOKEN_NAME_MAX, .optional = true},
	{AT(role), .type = MEMBER_CHOICE, .choices = token_roles},
	{AT(hash), .type = MEMBER_TEXT, .max = 80},
	{AT(created_ms), .type = MEMBER_U64},
	{AT(expires_ms), .type = MEMBER_U64, .optional = true},
	{AT(by), .type = MEMBER_TEXT, .max = 264, .optional = true},
};
/* clang-format on */
/* A member that is not known may be a restriction: then the token is none of ours. */
static const struct members members = {"token document", list, sizeof(list) / sizeof(list[0]),
				       true};
static const char *const others[] = {"version", NULL};

int token_role_parse(const char *name, int *ret)
{
	for (int i = 0; token_roles[i]; i++) {
		if (strcmp(token_roles[i], name) == 0) {
			*ret = i;
			return 0;
		}
	}
	return -EINVAL;
}

int token_doc_init(struct token_doc *d)
{
	*d = (struct token_doc){.role = TOKEN_VIEWER};
	return members_init(d, &members);
}

void token_doc_clear(struct token_doc *d)
{
	members_clear(d, &members);
}

static int check(const struct token_doc *d, struct err *err)
{
	unsigned char hash[TOKEN_HASH_SIZE];
	if (!token_id_valid(d->id))
		return members_fault(&members, "id", err, "must be %d hexadecimal digits",
				     TOKEN_ID_LEN);
	if (!token_hash_parse(d->hash, hash))
		return members_fault(&members, "hash", err,
				     "must be sha256: and 64 hexadecimal digits");
	return 0;
}

int token_doc_parse(const char *text, size_t len, struct token_doc *ret, struct err *err)
{
	struct token_doc d;
	json_t *tree = document_parse(text, len, TOKEN_DOCUMENT_MAX, "the token document",
				      ERR_TOKEN_INVALID, err);
	if (!tree)
		return -EINVAL;
	int rc = token_doc_init(&d) < 0 ? members_no_memory(&members, err) : 0;
	if (rc == 0)
		rc = members_version(&members, tree, TOKEN_VERSION, err);
	if (rc == 0)
		rc = members_read(&d, &members, others, "", tree, err);
	if (rc == 0)
		rc = check(&d, err);
	if (rc < 0)
		token_doc_clear(&d);
	else
		*ret = d;
	json_decref(tree);
	return rc;
}

void token_doc_print(const struct token_doc *d, struct buf *out)
{
	buf_printf(out, "{\"version\":%d,", TOKEN_VERSION);
	members_print(d, &members, out);
	buf_putc(out, '}');
}

/* 43 characters and no padding: 32 bytes are ten groups of three, and two. */
static void put_base64url(const unsigned char bytes[SECRET_BYTES], char out[TOKEN_SECRET_LEN + 1])
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t n = 0;
	for (size_t i = 0; i < SECRET_BYTES; i += 3) {
		unsigned v = (unsigned)bytes[i] << 16;
		if (i + 1 < SECRET_BYTES)
			v |= (unsigned)bytes[i + 1] << 8;
		if (i + 2 < SECRET_BYTES)
			v |= bytes[i + 2];
		for (int shift = 18; shift >= 0 && n < TOKEN_SECRET_LEN; shift -= 6)
			out[n++] = digits[v >> shift & 63];
	}
	out[n] = 0;
}

static void hash_of(const char *secret, unsigned char out[TOKEN_HASH_SIZE])
{
	/* It fails only without memory: then the hash is one that nothing has. */
	if (EVP_Digest(secret, strlen(secret), out, NULL, EVP_sha256(), NULL) != 1)
		random_bytes(out, TOKEN_HASH_SIZE);
}

int token_mint(struct token_doc *d, char ret_text[TOKEN_TEXT_SIZE])
{
	char id[TOKEN_ID_LEN + 1], secret[TOKEN_SECRET_LEN + 1];
	char hash[sizeof(hash_prefix) + 2 * TOKEN_HASH_SIZE];
	unsigned char bytes[SECRET_BYTES], digest[TOKEN_HASH_SIZE];
	random_hex(id, TOKEN_ID_LEN / 2);
	random_bytes(bytes, sizeof(bytes));
	put_base64url(bytes, secret);
	hash_of(secret, digest);
	char *p = hash + snprintf(hash, sizeof(hash), "%s", hash_prefix);
	for (size_t i = 0; i < sizeof(digest); i++)
		p += sprintf(p, "%02x", digest[i]);
	int rc = report_set(&d->id, id);
	if (rc == 0)
		rc = report_set(&d->hash, hash);
	if (rc == 0)
		snprintf(ret_text, TOKEN_TEXT_SIZE, "%s%s_%s", prefix, id, secret);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	OPENSSL_cleanse(secret, sizeof(secret));
	return rc;
}

bool token_id_valid(const char *id)
{
	return strlen(id) == TOKEN_ID_LEN && strspn(id, "0123456789abcdef") == TOKEN_ID_LEN;
}

bool token_split(const char *text, char ret_id[TOKEN_ID_LEN + 1], const char **ret_secret)
{
	size_t n = sizeof(prefix) - 1;
	if (strlen(text) != TOKEN_TEXT_SIZE - 1 || strncmp(text, prefix, n) != 0 ||
	    text[n + TOKEN_ID_LEN] != '_')
		return false;
	memcpy(ret_id, text + n, TOKEN_ID_LEN);
	ret_id[TOKEN_ID_LEN] = 0;
	*ret_secret = text + n + TOKEN_ID_LEN + 1;
	return token_id_valid(ret_id);
}

bool token_hash_parse(const char *hash, unsigned char ret[TOKEN_HASH_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	size_t n = sizeof(hash_prefix) - 1;
	if (strncmp(hash, hash_prefix, n) != 0 || strlen(hash + n) != 2 * TOKEN_HASH_SIZE ||
	    strspn(hash + n, digits) != 2 * TOKEN_HASH_SIZE)
		return false;
	for (size_t i = 0; i < TOKEN_HASH_SIZE; i++)
		ret[i] = (unsigned char)((strchr(digits, hash[n + 2 * i]) - digits) << 4 |
					 (strchr(digits, hash[n + 2 * i + 1]) - digits));
	return true;
}

bool token_matches(const unsigned char hash[TOKEN_HASH_SIZE], const char *secret)
{
	unsigned char given[TOKEN_HASH_SIZE];
	hash_of(secret, given);
	bool same = CRYPTO_memcmp(hash, given, sizeof(given)) == 0;
	OPENSSL_cleanse(given, sizeof(given));
	return same;
}
