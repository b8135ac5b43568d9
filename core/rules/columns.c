/*
 * columns.c - column rules: the definition that the envelope is to see, and the values.
 * See rules_priv.h. Pure.
 *
 * A value is changed where it lies, in the images that the reader has filled. What is
 * hashed or masked is a VARCHAR from then on, whatever it was.
 */
#include "core/rules/rules_priv.h"

#include "common/contract/errors.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* ---------------------------------------------------------------- hashes */

enum { HASH_BYTES = 32 };

struct hmac {
	EVP_MAC *mac;
	EVP_MAC_CTX *ctx; /* keyed; a value's hash begins by taking the key again */
};

struct hmac *hmac_new(const char *key, size_t len)
{
	struct hmac *h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	h->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	h->ctx = h->mac ? EVP_MAC_CTX_new(h->mac) : NULL;
	if (!h->ctx || !EVP_MAC_init(h->ctx, (const unsigned char *)key, len, params)) {
		hmac_free(h);
		return NULL;
	}
	return h;
}

void hmac_free(struct hmac *h)
{
	if (!h)
		return;
	EVP_MAC_CTX_free(h->ctx);
	EVP_MAC_free(h->mac);
	free(h);
}

static int hmac_hex(struct hmac *h, struct span text, uint8_t out[2 * HASH_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t hash[HASH_BYTES];
	size_t n;
	if (!EVP_MAC_init(h->ctx, NULL, 0, NULL) || !EVP_MAC_update(h->ctx, text.p, text.len) ||
	    !EVP_MAC_final(h->ctx, hash, &n, sizeof(hash)) || n != sizeof(hash))
		return -EIO;
	for (size_t i = 0; i < n; i++) {
		out[2 * i] = (uint8_t)digits[hash[i] >> 4];
		out[2 * i + 1] = (uint8_t)digits[hash[i] & 15];
	}
	return 0;
}

/* ---------------------------------------------------------------- the definition */

static bool name_in_list(const char *list, struct span name)
{
	/* "a,b" and "db.table:a,b;…": a name too many is only a rule refused too many. */
	for (const char *p = list; *p;) {
		size_t n = strcspn(p, ",;:");
		if (n == name.len && strncasecmp(p, (const char *)name.p, n) == 0)
			return true;
		p += n;
		p += *p != 0;
	}
	return false;
}

/* Is the column part of the messages' key? */
static bool is_key(const struct task *task, const struct table *table, uint32_t column)
{
	if (task->pipe.key == TASK_KEY_COLUMNS &&
	    name_in_list(task->pipe.key_columns, table->columns[column].name))
		return true;
	if (task->pipe.key != TASK_KEY_PRIMARY && task->pipe.key != TASK_KEY_COLUMNS)
		return false;
	for (uint32_t i = 0; i < table->nkey; i++)
		if (table->key[i] == column)
			return true;
	return false;
}

static bool is_text_or_bytes(const struct column *c)
{
	enum filter_class class = filter_class_of(c);
	return (class == FILTER_TEXT || class == FILTER_BYTES) && c->type != COLUMN_ENUM &&
	       c->type != COLUMN_SET;
}

static int check_rule(const struct task *task, size_t rule, const struct table *table,
		      uint32_t column, struct err *err)
{
	const struct task_column_rule *r = &task->tables.columns[rule];
	const struct column *c = &table->columns[column];
	char where[48];
	snprintf(where, sizeof(where), "tables.columns[%zu]", rule);
	if (r->action != TASK_COLUMN_HASH && is_key(task, table, column))
		return err_set_at(err, -EINVAL, ERR_TASK_INVALID, where,
				  "'%s' is for column %.*s of %.*s.%.*s, which is part of the "
				  "messages' key: only hash keeps rows apart there; or set pipe.key",
				  where, (int)c->name.len, (const char *)c->name.p,
				  (int)table->db.len, (const char *)table->db.p,
				  (int)table->name.len, (const char *)table->name.p);
	if (r->action == TASK_COLUMN_TRUNCATE && !is_text_or_bytes(c))
		return err_set_at(err, -EINVAL, ERR_TASK_INVALID, where,
				  "'%s' would truncate column %.*s of %.*s.%.*s, which is neither "
				  "text nor bytes: use mask, hash, null or drop",
				  where, (int)c->name.len, (const char *)c->name.p,
				  (int)table->db.len, (const char *)table->db.p,
				  (int)table->name.len, (const char *)table->name.p);
	return 0;
}

static struct span literal(const char *text)
{
	return (struct span){(const uint8_t *)text, strlen(text)};
}

/*
 * Without its DEFAULT: Debezium's form has that in place of NULL, and its schema has the
 * text that a rule may have cut.
 */
static void change_column(struct column *c, const struct task_column_rule *r)
{
	c->default_kind = DEFAULT_NOT_KNOWN;
	c->default_text = (struct span){0};
	switch (r->action) {
	case TASK_COLUMN_HASH:
	case TASK_COLUMN_MASK:
		*c = (struct column){
			.name = c->name,
			.type = COLUMN_VARCHAR,
			.nullable = c->nullable,
			.charset = CHARSET_UTF8,
			.charset_name = literal("utf8mb4"),
			.max_bytes = 4 * 256,
			.meta = 4 * 256,
			.column_type = literal("varchar(256)"),
		};
		break;
	case TASK_COLUMN_TRUNCATE:
		/* Characters are counted in UTF-8, so that is what the value is from then on. */
		if (c->charset != CHARSET_BINARY) {
			c->charset = CHARSET_UTF8;
			c->charset_name = literal("utf8mb4");
			c->collation = 0;
		}
		break;
	case TASK_COLUMN_DROP:
		c->hidden = true;
		break;
	case TASK_COLUMN_NULL:
		c->nullable = true;
		break;
	}
}

/* The first rule for a column; SIZE_MAX: none. Marks the rules that matched. */
static size_t find_rule(const struct task *task, const struct table *table, uint32_t column,
			bool *matched)
{
	const struct column *c = &table->columns[column];
	size_t found = SIZE_MAX;
	for (size_t i = 0; i < task->tables.ncolumns && !c->hidden; i++) {
		const char *match = task->tables.columns[i].match;
		if (!task_column_pattern_table(match, table->db, table->name) ||
		    !task_column_pattern_matches(match, c->name))
			continue;
		matched[i] = true;
		if (found == SIZE_MAX)
			found = i;
	}
	return found;
}

/*
 * A rule that names a column which is not there protects nothing: a slip, or a column that
 * was renamed. Whoever wrote it believes that something is hidden.
 */
static int check_unmatched(const struct task *task, const struct table *table,
			   const bool *matched, struct err *err)
{
	for (size_t i = 0; i < task->tables.ncolumns; i++) {
		const char *match = task->tables.columns[i].match;
		if (matched[i] || task_column_pattern_wild(match) ||
		    !task_column_pattern_table(match, table->db, table->name))
			continue;
		char where[48];
		snprintf(where, sizeof(where), "tables.columns[%zu].match", i);
		return err_set_at(err, -EINVAL, ERR_TASK_INVALID, where,
				  "'%s' is %s, but table %.*s.%.*s has no such column: correct the "
				  "rule, or let its column have a * if it may be missing",
				  where, match, (int)table->db.len, (const char *)table->db.p,
				  (int)table->name.len, (const char *)table->name.p);
	}
	return 0;
}

int columns_bind(const struct task *task, const struct table *table, struct arena *arena,
		 struct columns *ret, struct table *ret_table, struct err *err)
{
	struct columns all = {0};
	size_t nmatched = task->tables.ncolumns;
	struct table changed = *table;
	bool *matched = arena_zalloc(arena, nmatched + 1);
	changed.columns = arena_alloc(arena, table->ncolumns * sizeof(*changed.columns));
	all.rules = arena_alloc(arena, table->ncolumns * sizeof(*all.rules));
	if (!matched || !changed.columns || !all.rules)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for column rules");
	for (uint32_t i = 0; i < table->ncolumns; i++) {
		changed.columns[i] = table->columns[i];
		size_t found = find_rule(task, table, i, matched);
		if (found == SIZE_MAX)
			continue;
		int rc = check_rule(task, found, table, i, err);
		if (rc < 0)
			return rc;
		const struct task_column_rule *r = &task->tables.columns[found];
		change_column(&changed.columns[i], r);
		all.rules[all.nrules++] = (struct column_rule){.index = i, .rule = r};
	}
	int rc = check_unmatched(task, table, matched, err);
	if (rc < 0)
		return rc;
	*ret = all;
	if (all.nrules)
		*ret_table = changed;
	return 0;
}

/* ---------------------------------------------------------------- values */

static int hash_value(struct hmac *hmac, struct buf *scratch, const struct column *c,
		      struct value *v, struct arena *arena)
{
	buf_clear(scratch);
	int rc = text_put(scratch, c, v);
	uint8_t *hex = arena_alloc(arena, 2 * HASH_BYTES);
	if (rc < 0)
		return rc;
	if (scratch->failed || !hex)
		return -ENOMEM;
	rc = hmac_hex(hmac, (struct span){scratch->data, scratch->len}, hex);
	if (rc < 0)
		return rc;
	*v = (struct value){.kind = VALUE_STRING, .len = 2 * HASH_BYTES, .p = hex};
	return 0;
}

static int truncate_value(const struct task_column_rule *r, const struct column *c,
			  struct value *v, struct arena *arena)
{
	struct span utf8;
	if (v->kind == VALUE_BYTES) {
		if (v->len > (uint64_t)r->length)
			v->len = (uint32_t)r->length;
		return 0;
	}
	int rc = text_utf8(c, v, arena, &utf8);
	if (rc < 0)
		return rc;
	v->p = utf8.p;
	v->len = (uint32_t)text_prefix(utf8, (uint64_t)r->length);
	return 0;
}

static int change_value(const struct column_rule *r, struct hmac *hmac, struct buf *scratch,
			const struct column *c, struct value *v, struct arena *arena)
{
	const struct task_column_rule *rule = r->rule;
	switch ((enum task_column_action)rule->action) {
	case TASK_COLUMN_HASH:
		return hash_value(hmac, scratch, c, v, arena);
	case TASK_COLUMN_MASK:
		*v = (struct value){.kind = VALUE_STRING,
				    .len = (uint32_t)strlen(rule->with),
				    .p = (const uint8_t *)rule->with};
		return 0;
	case TASK_COLUMN_TRUNCATE:
		return truncate_value(rule, c, v, arena);
	case TASK_COLUMN_DROP:
	case TASK_COLUMN_NULL:
		*v = (struct value){.kind = VALUE_NULL};
		return 0;
	}
	return -EINVAL;
}

int columns_apply(const struct columns *all, struct hmac *hmac, struct buf *scratch,
		  const struct table *table, struct value *values, struct arena *arena,
		  struct err *err)
{
	for (uint32_t i = 0; i < all->nrules; i++) {
		const struct column_rule *r = &all->rules[i];
		const struct column *c = &table->columns[r->index];
		struct value *v = &values[r->index];
		if (value_is_absent(v)) { /* what changed in a document is not told either */
			v->kind = VALUE_ABSENT;
			continue;
		}
		if (v->kind == VALUE_NULL)
			continue;
		int rc = change_value(r, hmac, scratch, c, v, arena);
		if (rc == -ENOMEM)
			return err_set(err, rc, ERR_MEMORY, "no memory for column rules");
		if (rc < 0)
			return err_set(err, -EBADMSG, ERR_VALUE_INVALID,
				       "a column rule cannot read column %.*s: its value is not valid "
				       "in its type",
				       (int)c->name.len, (const char *)c->name.p);
	}
	return 0;
}
