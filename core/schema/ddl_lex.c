/*
 * ddl_lex.c - a DDL statement's bytes to tokens. Pure.
 *
 * What decides: sql_mode (ANSI_QUOTES, NO_BACKSLASH_ESCAPES), and for versioned comments
 * the server:
 *
 *   "!50100 text"    executed by a server of at least that version; five or six digits.
 *                    MariaDB passes over 50700 to 99999 (they are MySQL's).
 *   "! text"         always executed
 *   "M!100100 text"  MariaDB's; to MySQL an ordinary comment
 *
 * An executed one may hold others and ordinary comments; one that is passed over ends at
 * its own end, whatever comments stand inside. Nothing here recurses.
 */
#include "core/schema/ddl_priv.h"

static bool is_word(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '_' || c == '$' || c >= 0x80;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == 0;
}

static bool starts(const struct lexer *l, char a, char b)
{
	return l->end - l->p >= 2 && l->p[0] == (uint8_t)a && l->p[1] == (uint8_t)b;
}

/* Behind the end of the comment whose text begins at l->p; comments inside are paired. */
static void pass_comment(struct lexer *l, bool nested)
{
	uint32_t depth = 1;
	while (l->p < l->end && depth) {
		if (starts(l, '*', '/')) {
			depth--;
			l->p += 2;
		} else if (nested && starts(l, '/', '*')) {
			depth++;
			l->p += 2;
		} else {
			l->p++;
		}
	}
}

/* The version behind the '!', over its digits; 0: none. */
static uint32_t comment_version(struct lexer *l)
{
	uint32_t v = 0, digits = 0;
	uint32_t most = l->mariadb || l->version >= 80000 ? 6 : 5;
	while (digits < most && l->p + digits < l->end && l->p[digits] >= '0' &&
	       l->p[digits] <= '9') {
		v = v * 10 + (uint32_t)(l->p[digits] - '0');
		digits++;
	}
	if (digits < 5)
		return 0;
	l->p += digits;
	return v;
}

static void enter_comment(struct lexer *l)
{
	l->p += 2;
	bool own = l->mariadb && l->end - l->p >= 2 && l->p[0] == 'M' && l->p[1] == '!';
	if (!own && !(l->p < l->end && *l->p == '!')) {
		pass_comment(l, false);
		return;
	}
	l->p += own ? 2 : 1;
	uint32_t v = comment_version(l);
	bool others = l->mariadb && !own && v >= 50700 && v <= 99999;
	if (v > l->version || others)
		pass_comment(l, true);
	else
		l->depth++;
}

static void skip_line(struct lexer *l)
{
	while (l->p < l->end && *l->p != '\n')
		l->p++;
}

static void skip_blank(struct lexer *l)
{
	while (l->p < l->end) {
		if (is_blank(*l->p)) {
			l->p++;
		} else if (*l->p == '#') {
			skip_line(l);
		} else if (starts(l, '-', '-') && (l->end - l->p == 2 || l->p[2] <= ' ')) {
			skip_line(l);
		} else if (starts(l, '/', '*')) {
			enter_comment(l);
		} else if (l->depth && starts(l, '*', '/')) {
			l->depth--;
			l->p += 2;
		} else {
			return;
		}
	}
}

static void skip_quoted(struct lexer *l, bool backslash)
{
	uint8_t quote = *l->p++;
	while (l->p < l->end) {
		if (*l->p == '\\' && backslash && l->end - l->p >= 2) {
			l->p += 2;
		} else if (*l->p == quote) {
			l->p++;
			if (l->p == l->end || *l->p != quote)
				return;
			l->p++; /* doubled: one of the text */
		} else {
			l->p++;
		}
	}
}

/* At a letter: does it belong to the string behind it? n'…', x'…', b'…' */
static enum token_kind string_prefix(const struct lexer *l)
{
	if (l->end - l->p < 2 || l->p[1] != '\'')
		return TOKEN_END;
	switch (l->p[0] | 0x20) {
	case 'n':
		return TOKEN_STRING;
	case 'x':
	case 'b':
		return TOKEN_BYTES;
	default:
		return TOKEN_END;
	}
}

struct token ddl_lex(struct lexer *l)
{
	skip_blank(l);
	struct token t = {.text = {.p = l->p}};
	if (l->p == l->end)
		return t;
	uint8_t c = *l->p;
	if (c == '`' || (c == '"' && l->ansi_quotes)) {
		t.kind = TOKEN_NAME;
		skip_quoted(l, false);
	} else if (c == '\'' || c == '"') {
		t.kind = TOKEN_STRING;
		skip_quoted(l, l->backslash_escapes);
	} else if (string_prefix(l)) {
		t.kind = string_prefix(l);
		l->p++;
		skip_quoted(l, l->backslash_escapes);
	} else if (is_word(c)) {
		t.kind = TOKEN_WORD;
		while (l->p < l->end && is_word(*l->p))
			l->p++;
	} else {
		t.kind = TOKEN_CHAR;
		l->p++;
	}
	t.text.len = (size_t)(l->p - t.text.p);
	return t;
}

/* ------------------------------------------------------- what tokens say */

static uint8_t unescape(uint8_t c)
{
	switch (c) {
	case '0':
		return 0;
	case 'b':
		return '\b';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	case 'Z':
		return 26;
	default:
		return c;
	}
}

static struct span unquote(struct span s, bool backslash, struct arena *arena)
{
	uint8_t *out = arena_alloc(arena, s.len + 1), quote = s.p[0];
	const uint8_t *p = s.p + 1, *end = s.p + s.len;
	size_t n = 0;
	if (!out)
		return (struct span){0};
	while (p < end) {
		if (*p == '\\' && backslash && end - p >= 2) {
			if (p[1] == '%' || p[1] == '_')
				out[n++] = '\\'; /* kept for LIKE */
			out[n++] = unescape(p[1]);
			p += 2;
		} else if (*p == quote) {
			if (end - p < 2)
				break; /* the end */
			out[n++] = quote;
			p += 2;
		} else {
			out[n++] = *p++;
		}
	}
	return (struct span){out, n};
}

struct span ddl_name_text(const struct token *t, struct arena *arena)
{
	if (t->kind == TOKEN_NAME)
		return unquote(t->text, false, arena);
	return (struct span){(const uint8_t *)arena_strndup(arena, t->text.p, t->text.len),
			     t->text.len};
}

static int digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Digits to bytes, `bits` each (4 or 1), filled with zeros at the left. */
static struct span digits_text(struct span s, unsigned bits, struct arena *arena)
{
	size_t nbytes = (s.len * bits + 7) / 8;
	uint8_t *out = arena_zalloc(arena, nbytes + 1);
	if (!out)
		return (struct span){0};
	for (size_t i = 0; i < s.len; i++) {
		int v = digit(s.p[s.len - 1 - i]);
		if (v < 0 || v >= 1 << bits)
			return (struct span){0};
		out[nbytes - 1 - i * bits / 8] |= (uint8_t)(v << (i * bits % 8));
	}
	return (struct span){out, nbytes};
}

struct span ddl_string_text(const struct lexer *l, const struct token *t, struct arena *arena)
{
	struct span s = t->text;
	if (t->kind == TOKEN_STRING) {
		if (s.p[0] != '\'' && s.p[0] != '"')
			s = (struct span){s.p + 1, s.len - 1}; /* n'…' */
		return unquote(s, l->backslash_escapes, arena);
	}
	if (t->kind == TOKEN_BYTES && s.len >= 3)
		return digits_text((struct span){s.p + 2, s.len - 3},
				   (s.p[0] | 0x20) == 'x' ? 4 : 1, arena);
	if (t->kind == TOKEN_WORD && s.len > 2 && s.p[0] == '0' && (s.p[1] == 'x' || s.p[1] == 'b'))
		return digits_text((struct span){s.p + 2, s.len - 2}, s.p[1] == 'x' ? 4 : 1,
				   arena);
	return (struct span){0};
}
