/* statement.c - see statement.h. */
#include "core/binlog/statement.h"

#include <string.h>

/* Tokens: a word, a quoted thing, or one other character. */
struct lexer {
	const uint8_t *p;
	const uint8_t *end;
	bool backslash_escapes;
};

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_QUOTED, TOKEN_CHAR };

struct token {
	enum token_kind kind;
	struct span text;
};

static bool is_space(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_word(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '_' || c == '$' || c >= 0x80;
}

static void skip_line(struct lexer *l)
{
	while (l->p < l->end && *l->p != '\n')
		l->p++;
}

/* At "/" "*": over a comment, or into a versioned one: / *!50000 or / *M!100100. */
static void skip_comment(struct lexer *l)
{
	const uint8_t *p = l->p + 2;
	if (p < l->end && (*p == 'M' || *p == 'm') && p + 1 < l->end && p[1] == '!')
		p++;
	if (p < l->end && *p == '!') {
		p++;
		while (p < l->end && *p >= '0' && *p <= '9')
			p++;
		l->p = p;
		return;
	}
	while (l->end - p >= 2 && !(p[0] == '*' && p[1] == '/'))
		p++;
	l->p = l->end - p >= 2 ? p + 2 : l->end;
}

static void skip_blank(struct lexer *l)
{
	while (l->p < l->end) {
		size_t left = (size_t)(l->end - l->p);
		if (is_space(*l->p) || *l->p == 0)
			l->p++;
		else if (*l->p == '#')
			skip_line(l);
		else if (left >= 2 && l->p[0] == '-' && l->p[1] == '-' &&
			 (left == 2 || l->p[2] <= ' '))
			skip_line(l);
		else if (left >= 2 && l->p[0] == '/' && l->p[1] == '*')
			skip_comment(l);
		else if (left >= 2 && l->p[0] == '*' && l->p[1] == '/')
			l->p += 2; /* the end of a versioned comment */
		else
			return;
	}
}

static void skip_quoted(struct lexer *l)
{
	uint8_t quote = *l->p++;
	while (l->p < l->end) {
		if (*l->p == '\\' && quote != '`' && l->backslash_escapes && l->end - l->p >= 2) {
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

static struct token next(struct lexer *l)
{
	skip_blank(l);
	struct token t = {.text = {.p = l->p}};
	if (l->p == l->end)
		return t;
	if (*l->p == '`' || *l->p == '\'' || *l->p == '"') {
		t.kind = TOKEN_QUOTED;
		skip_quoted(l);
	} else if (is_word(*l->p)) {
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

/* upper: in capitals */
static bool is(const struct token *t, const char *upper)
{
	size_t n = strlen(upper);
	if (t->kind != TOKEN_WORD || t->text.len != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		uint8_t c = t->text.p[i];
		if (c >= 'a' && c <= 'z')
			c = (uint8_t)(c - 'a' + 'A');
		if (c != (uint8_t)upper[i])
			return false;
	}
	return true;
}

static bool is_one_of(const struct token *t, const char *const *list)
{
	for (; *list; list++)
		if (is(t, *list))
			return true;
	return false;
}

static const char *const definition_verbs[] = {
	"CREATE", "ALTER",    "DROP",  "TRUNCATE", "RENAME",  "GRANT",     "REVOKE", "ANALYZE",
	"CHECK",  "OPTIMIZE", "FLUSH", "REPAIR",   "INSTALL", "UNINSTALL", "IMPORT", NULL,
};

static const char *const change_verbs[] = {
	"INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD",    "WITH",    "SELECT", "DO",
	"CALL",   "MERGE",  "VALUES", "TABLE",   "HANDLER", "EXECUTE", NULL,
};

/*
 * CREATE …: does the statement itself fill the table? Row format never logs CREATE TABLE
 * … SELECT as it was written, but as the table's columns; so a SELECT that stands
 * outside quotes (it is a reserved word) means statement format. VALUES and TABLE may
 * stand for SELECT; partitions have VALUES IN and VALUES LESS THAN. Temporary tables
 * hold no rows that anyone replicates.
 */
static enum statement_kind classify_create(struct lexer *l)
{
	struct token t = next(l), last = {0}, before_last = {0};
	if (is(&t, "OR")) {
		(void)next(l); /* REPLACE */
		t = next(l);
	}
	if (!is(&t, "TABLE"))
		return STATEMENT_DEFINITION; /* other objects; TEMPORARY TABLE */
	while ((t = next(l)).kind != TOKEN_END) {
		bool qualified = last.kind == TOKEN_CHAR && last.text.p[0] == '.';
		if (is(&last, "VALUES") && !is(&t, "IN") && !is(&t, "LESS"))
			return STATEMENT_CHANGE;
		if (!qualified && (is(&t, "SELECT") || is(&t, "TABLE")))
			return STATEMENT_CHANGE; /* behind a point they are names */
		before_last = last;
		last = t;
	}
	if (is(&before_last, "START") && is(&last, "TRANSACTION"))
		return STATEMENT_DEFINITION_OPENS;
	return STATEMENT_DEFINITION;
}

/* DELETE: exactly FROM `db`.`table`? */
static enum statement_kind classify_delete(struct lexer *l)
{
	struct token from = next(l), db = next(l), dot = next(l), table = next(l), end = next(l);
	if (is(&from, "FROM") && db.kind == TOKEN_QUOTED && dot.kind == TOKEN_CHAR &&
	    dot.text.p[0] == '.' && table.kind == TOKEN_QUOTED && end.kind == TOKEN_END)
		return STATEMENT_EMPTIED;
	return STATEMENT_CHANGE;
}

static enum statement_kind classify_xa(struct lexer *l, struct span *ret_name)
{
	struct token t = next(l);
	*ret_name = (struct span){l->p, (size_t)(l->end - l->p)};
	if (is(&t, "START") || is(&t, "BEGIN"))
		return STATEMENT_XA_START;
	if (is(&t, "END"))
		return STATEMENT_XA_END;
	if (is(&t, "COMMIT"))
		return STATEMENT_XA_COMMIT;
	if (is(&t, "ROLLBACK"))
		return STATEMENT_XA_ROLLBACK;
	return STATEMENT_OTHER;
}

/* ROLLBACK [WORK] [TO [SAVEPOINT] name] */
static enum statement_kind classify_rollback(struct lexer *l, struct span *ret_name)
{
	struct token t = next(l);
	if (is(&t, "WORK"))
		t = next(l);
	if (!is(&t, "TO"))
		return STATEMENT_ROLLBACK;
	t = next(l);
	if (is(&t, "SAVEPOINT"))
		t = next(l);
	*ret_name = t.text;
	return STATEMENT_ROLLBACK_TO;
}

struct statement statement_classify(struct span text, bool backslash_escapes)
{
	struct lexer l = {text.p, text.p + text.len, backslash_escapes};
	struct statement s = {.kind = STATEMENT_OTHER};
	struct token t = next(&l);
	while (t.kind == TOKEN_CHAR && (t.text.p[0] == '(' || t.text.p[0] == ';'))
		t = next(&l);
	s.verb = t.text;
	if (t.kind == TOKEN_END) {
		s.kind = STATEMENT_EMPTY;
	} else if (is(&t, "BEGIN")) {
		s.kind = STATEMENT_BEGIN;
	} else if (is(&t, "START")) {
		t = next(&l);
		if (is(&t, "TRANSACTION"))
			s.kind = STATEMENT_BEGIN;
	} else if (is(&t, "COMMIT")) {
		s.kind = STATEMENT_COMMIT;
	} else if (is(&t, "ROLLBACK")) {
		s.kind = classify_rollback(&l, &s.name);
	} else if (is(&t, "SAVEPOINT")) {
		s.kind = STATEMENT_SAVEPOINT;
		s.name = next(&l).text;
	} else if (is(&t, "RELEASE")) {
		s.kind = STATEMENT_RELEASE;
		(void)next(&l); /* SAVEPOINT */
		s.name = next(&l).text;
	} else if (is(&t, "XA")) {
		s.kind = classify_xa(&l, &s.name);
	} else if (is(&t, "CREATE")) {
		s.kind = classify_create(&l);
	} else if (is(&t, "DELETE")) {
		s.kind = classify_delete(&l);
	} else if (is_one_of(&t, change_verbs)) {
		s.kind = STATEMENT_CHANGE;
	} else if (is_one_of(&t, definition_verbs)) {
		s.kind = STATEMENT_DEFINITION;
	}
	return s;
}

int statement_unquote(struct span name, char *out, size_t size)
{
	const uint8_t *p = name.p, *end = name.p + name.len;
	size_t n = 0;
	uint8_t quote = 0;
	if (name.len >= 2 && (*p == '`' || *p == '"') && end[-1] == *p) {
		quote = *p++;
		end--;
	}
	while (p < end) {
		if (n + 1 >= size)
			return -1;
		out[n++] = (char)*p;
		p += quote && *p == quote && end - p >= 2 ? 2 : 1;
	}
	if (n >= size)
		return -1;
	out[n] = 0;
	return (int)n;
}
