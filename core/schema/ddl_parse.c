/* ddl_parse.c - what all statements share: see ddl_priv.h. Pure. */
#include "core/schema/ddl_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

/* ------------------------------------------------------- small things */

void *ddl_alloc(struct ddl *d, size_t n)
{
	void *p = arena_zalloc(d->arena, n ? n : 1);
	if (!p)
		d->rc = -ENOMEM;
	return p;
}

struct span ddl_keep(struct ddl *d, struct span s)
{
	const uint8_t *p = (const uint8_t *)arena_strndup(d->arena, s.len ? (const char *)s.p : "",
							   s.len);
	if (!p)
		d->rc = -ENOMEM;
	return (struct span){p, p ? s.len : 0};
}

struct span ddl_printf(struct ddl *d, const char *fmt, ...)
{
	char text[128]; /* types but ENUM and SET, which are put together where they are read */
	va_list args;
	va_start(args, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(text)) {
		d->doubt = true;
		n = 0;
	}
	return ddl_keep(d, (struct span){(const uint8_t *)text, (size_t)n});
}

bool ddl_same(struct span a, struct span b)
{
	return a.len == b.len &&
	       (!a.len || !strncasecmp((const char *)a.p, (const char *)b.p, a.len));
}

bool ddl_span_is(struct span a, const char *b)
{
	return ddl_same(a, (struct span){(const uint8_t *)b, strlen(b)});
}

bool ddl_is_mysql(const struct ddl *d, uint32_t from)
{
	return d->session->flavor == FLAVOR_MYSQL && d->session->version >= from;
}

bool ddl_is_mariadb(const struct ddl *d, uint32_t from)
{
	return d->session->flavor == FLAVOR_MARIADB && d->session->version >= from;
}

/* ------------------------------------------------------- tokens */

void ddl_next(struct ddl *d)
{
	d->t = ddl_lex(&d->lexer);
}

struct token ddl_peek(const struct ddl *d)
{
	struct lexer ahead = d->lexer;
	return ddl_lex(&ahead);
}

bool ddl_token_is(const struct token *t, const char *word)
{
	return t->kind == TOKEN_WORD && ddl_span_is(t->text, word);
}

bool ddl_at(const struct ddl *d, const char *word)
{
	return ddl_token_is(&d->t, word);
}

bool ddl_at_char(const struct ddl *d, char c)
{
	return d->t.kind == TOKEN_CHAR && d->t.text.p[0] == (uint8_t)c;
}

bool ddl_at_end(const struct ddl *d)
{
	return d->t.kind == TOKEN_END;
}

bool ddl_take(struct ddl *d, const char *word)
{
	if (!ddl_at(d, word))
		return false;
	ddl_next(d);
	return true;
}

bool ddl_take_char(struct ddl *d, char c)
{
	if (!ddl_at_char(d, c))
		return false;
	ddl_next(d);
	return true;
}

bool ddl_take_if(struct ddl *d, bool exists)
{
	struct token second = ddl_peek(d);
	if (!ddl_at(d, "IF") || !ddl_token_is(&second, exists ? "EXISTS" : "NOT"))
		return false;
	ddl_next(d);
	ddl_next(d);
	if (!exists && !ddl_take(d, "EXISTS"))
		d->doubt = true;
	return true;
}

bool ddl_take_name(struct ddl *d, struct span *ret)
{
	if (d->t.kind != TOKEN_NAME && d->t.kind != TOKEN_WORD)
		return false;
	struct span s = ddl_name_text(&d->t, d->arena);
	if (!s.p) {
		d->rc = -ENOMEM;
		return false;
	}
	*ret = s;
	ddl_next(d);
	return true;
}

bool ddl_take_table(struct ddl *d, struct span *ret_db, struct span *ret_name)
{
	struct span first = d->session->db, second;
	if (ddl_take_char(d, '.')) { /* .t: of the session's database */
		if (!ddl_take_name(d, &second))
			return false;
	} else if (!ddl_take_name(d, &second)) {
		return false;
	} else if (ddl_take_char(d, '.')) {
		first = second;
		if (!ddl_take_name(d, &second))
			return false;
	}
	*ret_db = ddl_fold(d, first);
	*ret_name = ddl_fold(d, second);
	return d->rc == 0;
}

bool ddl_take_number(struct ddl *d, uint64_t *ret)
{
	uint64_t v = 0;
	if (d->t.kind != TOKEN_WORD || d->t.text.len > 18)
		return false;
	for (size_t i = 0; i < d->t.text.len; i++) {
		uint8_t c = d->t.text.p[i];
		if (c < '0' || c > '9')
			return false;
		v = v * 10 + (uint64_t)(c - '0');
	}
	*ret = v;
	ddl_next(d);
	return true;
}

bool ddl_take_text(struct ddl *d, struct span *ret)
{
	struct span s = ddl_string_text(&d->lexer, &d->t, d->arena);
	if (!s.p)
		return false;
	*ret = s;
	ddl_next(d);
	return true;
}

void ddl_skip(struct ddl *d)
{
	uint32_t depth = 0;
	do {
		if (ddl_at_char(d, '('))
			depth++;
		else if (ddl_at_char(d, ')') && depth)
			depth--;
		ddl_next(d);
	} while (depth && !ddl_at_end(d));
}

void ddl_skip_item(struct ddl *d)
{
	while (!ddl_at_end(d) && !ddl_at_char(d, ',') && !ddl_at_char(d, ')'))
		ddl_skip(d);
}

bool ddl_take_charset_name(struct ddl *d, struct span *ret)
{
	return d->t.kind == TOKEN_STRING ? ddl_take_text(d, ret) : ddl_take_name(d, ret);
}

bool ddl_take_charset_words(struct ddl *d)
{
	if (ddl_take(d, "CHARSET"))
		return true;
	struct token second = ddl_peek(d);
	if (!(ddl_at(d, "CHARACTER") || ddl_at(d, "CHAR")) || !ddl_token_is(&second, "SET"))
		return false;
	ddl_next(d);
	ddl_next(d);
	return true;
}

/* ------------------------------------------------------- names */

/*
 * In lower case as utf8_general_ci has it: ASCII, Latin-1, Latin Extended-A, Greek and
 * Cyrillic; a letter beyond makes doubt of it.
 */
static size_t fold_two(uint32_t c, uint8_t *out, bool *doubt)
{
	if ((c >= 0xc0 && c <= 0xde && c != 0xd7) || (c >= 0x391 && c <= 0x3a9) ||
	    (c >= 0x410 && c <= 0x42f))
		c += 0x20;
	else if (c >= 0x400 && c <= 0x40f)
		c += 0x50;
	else if (!((c >= 0xdf && c <= 0xff) || (c >= 0x3b1 && c <= 0x3c9) ||
		   (c >= 0x430 && c <= 0x45f) || c == 0xd7 || (c >= 0x5d0 && c <= 0x6ff)))
		*doubt = true;
	out[0] = (uint8_t)(0xc0 | c >> 6);
	out[1] = (uint8_t)(0x80 | (c & 0x3f));
	return 2;
}

struct span ddl_fold(struct ddl *d, struct span name)
{
	struct span s = ddl_keep(d, name);
	if (d->session->lower_case_names != 1 || !s.p)
		return s;
	uint8_t *p = (uint8_t *)(uintptr_t)s.p; /* ours: just made */
	for (size_t i = 0; i < s.len;) {
		if (p[i] < 0x80) {
			p[i] = (uint8_t)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] | 0x20 : p[i]);
			i++;
		} else if (p[i] < 0xe0 && i + 1 < s.len) {
			uint32_t c = (uint32_t)(p[i] & 0x1f) << 6 | (p[i + 1] & 0x3f);
			i += fold_two(c, p + i, &d->doubt);
		} else {
			/* Three bytes: ideographs, kana and hangul have no case. */
			d->doubt |= p[i] < 0xe3 || p[i] > 0xed;
			i += 3;
		}
	}
	return s;
}

bool ddl_database_charset(struct ddl *d, struct span db, struct span *charset,
			  struct span *collation)
{
	int rc = d->lookup->database ? d->lookup->database(d->lookup->ctx, db, charset, collation)
				     : -EAGAIN;
	if (rc && rc != -EAGAIN && rc != -ENOENT)
		d->rc = rc;
	return rc == 0 && charset->len;
}
