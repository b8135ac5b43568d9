/* where.c - see where.h: a scanner and a parser by recursive descent. */
#include "common/contract/where.h"

#include "common/contract/errors.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

enum token_kind {
	TOKEN_END,
	TOKEN_WORD,   /* text: as written */
	TOKEN_NAME,   /* text: without its backticks */
	TOKEN_NUMBER,
	TOKEN_STRING,
	TOKEN_BYTES,
	TOKEN_SIGN, /* sign: one of ( ) , and the operators below */
};

enum sign {
	SIGN_NONE,
	SIGN_OPEN,
	SIGN_CLOSE,
	SIGN_COMMA,
	SIGN_EQ,
	SIGN_SAME,
	SIGN_NE,
	SIGN_LT,
	SIGN_LE,
	SIGN_GT,
	SIGN_GE,
	SIGN_AND,
	SIGN_OR,
	SIGN_NOT,
};

struct token {
	enum token_kind kind;
	enum sign sign;
	struct span text;
	const char *at; /* where it begins, for messages */
};

struct parser {
	const char *text;
	const char *p;
	struct token now;
	struct arena *arena;
	unsigned depth;
	unsigned nodes;
	struct err *err;
};

/* "… at character 12" */
static int fault(struct parser *p, const char *at, const char *what)
{
	size_t n = 1;
	for (const char *c = p->text; c < at; c++)
		n += ((unsigned char)*c & 0xc0) != 0x80;
	return err_set(p->err, -EINVAL, ERR_TASK_INVALID, "%s at character %zu", what, n);
}

static int no_memory(struct parser *p)
{
	return err_set(p->err, -ENOMEM, ERR_MEMORY, "no memory for a row filter");
}

/* ---------------------------------------------------------------- tokens */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' ||
	       c == '$' || ((unsigned char)c & 0x80);
}

static int hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* MySQL's escapes in a text; \% and \_ keep their backslash: LIKE reads it. */
static char unescape(char c)
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

/* A quoted text or name; a doubled quote is one. */
static int scan_quoted(struct parser *p, struct token *t, char quote)
{
	const char *from = ++p->p;
	char *out = arena_alloc(p->arena, strlen(from) + 1);
	size_t n = 0;
	if (!out)
		return no_memory(p);
	for (;; p->p++) {
		char c = *p->p;
		if (!c)
			return fault(p, t->at, quote == '`' ? "a name without its end"
							    : "a text without its end");
		if (c == quote) {
			if (p->p[1] != quote)
				break;
			p->p++;
		} else if (c == '\\' && quote != '`' && p->p[1]) {
			c = *++p->p;
			if (c == '%' || c == '_')
				out[n++] = '\\';
			else
				c = unescape(c);
		}
		out[n++] = c;
	}
	p->p++;
	t->kind = quote == '`' ? TOKEN_NAME : TOKEN_STRING;
	t->text = (struct span){(const uint8_t *)out, n};
	return 0;
}

/* X'…' */
static int scan_bytes(struct parser *p, struct token *t)
{
	p->p += 2;
	size_t len = strcspn(p->p, "'");
	uint8_t *out = arena_alloc(p->arena, len / 2 + 1);
	if (!out)
		return no_memory(p);
	if (p->p[len] != '\'' || len % 2)
		return fault(p, t->at, "X'…' needs an even number of digits");
	for (size_t i = 0; i < len; i += 2) {
		int high = hex_digit(p->p[i]), low = hex_digit(p->p[i + 1]);
		if (high < 0 || low < 0)
			return fault(p, p->p + i, "not a hexadecimal digit");
		out[i / 2] = (uint8_t)(high << 4 | low);
	}
	p->p += len + 1;
	t->kind = TOKEN_BYTES;
	t->text = (struct span){out, len / 2};
	return 0;
}

/* digits[.digits][e[-+]digits], with its sign */
static int scan_number(struct parser *p, struct token *t)
{
	const char *c = p->p;
	c += *c == '-' || *c == '+';
	const char *digits = c;
	while (is_digit(*c))
		c++;
	size_t n = (size_t)(c - digits);
	if (*c == '.')
		for (c++; is_digit(*c); c++)
			n++;
	if (n == 0)
		return fault(p, t->at, "not a number");
	if (*c == 'e' || *c == 'E') {
		c++;
		c += *c == '-' || *c == '+';
		if (!is_digit(*c))
			return fault(p, t->at, "not a number");
		while (is_digit(*c))
			c++;
	}
	if (is_word(*c))
		return fault(p, t->at, "not a number (a name that begins with a digit needs `)");
	t->kind = TOKEN_NUMBER;
	t->text = (struct span){(const uint8_t *)p->p, (size_t)(c - p->p)};
	p->p = c;
	return 0;
}

static int scan_sign(struct parser *p, struct token *t)
{
	static const struct {
		const char *text;
		enum sign sign;
	} signs[] = {
		{"<=>", SIGN_SAME}, {"<=", SIGN_LE}, {"<>", SIGN_NE}, {"!=", SIGN_NE},
		{">=", SIGN_GE},    {"&&", SIGN_AND}, {"||", SIGN_OR}, {"<", SIGN_LT},
		{">", SIGN_GT},	    {"=", SIGN_EQ},   {"!", SIGN_NOT}, {"(", SIGN_OPEN},
		{")", SIGN_CLOSE},  {",", SIGN_COMMA},
	};
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		size_t n = strlen(signs[i].text);
		if (strncmp(p->p, signs[i].text, n) == 0) {
			t->kind = TOKEN_SIGN;
			t->sign = signs[i].sign;
			p->p += n;
			return 0;
		}
	}
	return fault(p, p->p, "a sign that has no meaning here");
}

static int next(struct parser *p)
{
	while (*p->p == ' ' || *p->p == '\t' || *p->p == '\n' || *p->p == '\r')
		p->p++;
	struct token t = {.at = p->p};
	int rc = 0;
	char c = *p->p;
	if (!c)
		t.kind = TOKEN_END;
	else if (c == '\'' || c == '"' || c == '`')
		rc = scan_quoted(p, &t, c);
	else if ((c == 'x' || c == 'X') && p->p[1] == '\'')
		rc = scan_bytes(p, &t);
	else if (is_digit(c) || ((c == '-' || c == '+' || c == '.') && p->p[1]))
		rc = scan_number(p, &t);
	else if (is_word(c)) {
		t.kind = TOKEN_WORD;
		t.text.p = (const uint8_t *)p->p;
		while (is_word(*p->p))
			p->p++;
		t.text.len = (size_t)(p->p - t.at);
	} else
		rc = scan_sign(p, &t);
	if (rc == 0)
		p->now = t;
	return rc;
}

static bool word_is(const struct token *t, const char *word)
{
	return t->kind == TOKEN_WORD && t->text.len == strlen(word) &&
	       strncasecmp((const char *)t->text.p, word, t->text.len) == 0;
}

static bool at_word(const struct parser *p, const char *word)
{
	return word_is(&p->now, word);
}

static bool at_sign(const struct parser *p, enum sign sign)
{
	return p->now.kind == TOKEN_SIGN && p->now.sign == sign;
}

static int expect_word(struct parser *p, const char *word, const char *what)
{
	return at_word(p, word) ? next(p) : fault(p, p->now.at, what);
}

static int expect_sign(struct parser *p, enum sign sign, const char *what)
{
	return at_sign(p, sign) ? next(p) : fault(p, p->now.at, what);
}

/* ---------------------------------------------------------------- nodes */

static int node_new(struct parser *p, enum where_kind kind, struct where_node **ret)
{
	if (++p->nodes > WHERE_NODES_MAX)
		return fault(p, p->now.at, "too many conditions");
	struct where_node *n = arena_zalloc(p->arena, sizeof(*n));
	if (!n)
		return no_memory(p);
	n->kind = kind;
	*ret = n;
	return 0;
}

static bool is_reserved(const struct token *t)
{
	static const char *const words[] = {"AND", "OR", "NOT", "IN", "BETWEEN", "LIKE", "IS", "XOR",
					    "DIV", "MOD", "REGEXP", "RLIKE", "CASE", "SELECT"};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (word_is(t, words[i]))
			return true;
	return false;
}

static int operand(struct parser *p, bool columns, struct where_operand *ret)
{
	const struct token t = p->now;
	struct where_operand o = {.text = t.text};
	if (t.kind == TOKEN_NUMBER) {
		o.kind = WHERE_NUMBER;
	} else if (t.kind == TOKEN_STRING) {
		o.kind = WHERE_STRING;
	} else if (t.kind == TOKEN_BYTES) {
		o.kind = WHERE_BYTES;
	} else if (word_is(&t, "NULL")) {
		o.kind = WHERE_NULL;
	} else if (word_is(&t, "TRUE") || word_is(&t, "FALSE")) {
		o.kind = WHERE_NUMBER;
		o.text = (struct span){(const uint8_t *)(word_is(&t, "TRUE") ? "1" : "0"), 1};
	} else if (t.kind == TOKEN_NAME || (t.kind == TOKEN_WORD && !is_reserved(&t))) {
		if (!columns)
			return fault(p, t.at, "a number or a text is needed, not a column,");
		o.kind = WHERE_COLUMN;
	} else {
		return fault(p, t.at, columns ? "a column, a number or a text is needed"
					      : "a number or a text is needed");
	}
	int rc = next(p);
	if (rc == 0 && o.kind == WHERE_COLUMN && at_sign(p, SIGN_OPEN))
		return fault(p, t.at, "functions cannot be called:");
	if (rc == 0)
		*ret = o;
	return rc;
}

static int list(struct parser *p, struct where_node *n)
{
	enum { LIST_MAX = 10000 };
	uint32_t cap = 8;
	int rc = expect_sign(p, SIGN_OPEN, "'(' is needed behind IN");
	n->list = arena_alloc(p->arena, cap * sizeof(*n->list));
	if (!n->list)
		return no_memory(p);
	while (rc == 0) {
		if (n->nlist == LIST_MAX)
			return fault(p, p->now.at, "a list of over 10000 values");
		if (n->nlist == cap) {
			struct where_operand *more =
				arena_alloc(p->arena, 2 * cap * sizeof(*more));
			if (!more)
				return no_memory(p);
			memcpy(more, n->list, cap * sizeof(*more));
			n->list = more;
			cap *= 2;
		}
		rc = operand(p, false, &n->list[n->nlist]);
		if (rc < 0)
			return rc;
		n->nlist++;
		if (!at_sign(p, SIGN_COMMA))
			return expect_sign(p, SIGN_CLOSE, "',' or ')' is needed");
		rc = next(p);
	}
	return rc;
}

static int between(struct parser *p, struct where_node *n)
{
	n->list = arena_zalloc(p->arena, 2 * sizeof(*n->list));
	if (!n->list)
		return no_memory(p);
	n->nlist = 2;
	int rc = operand(p, false, &n->list[0]);
	if (rc == 0)
		rc = expect_word(p, "AND", "AND is needed behind BETWEEN and a value");
	return rc < 0 ? rc : operand(p, false, &n->list[1]);
}

static bool comparison(const struct parser *p, enum where_kind *ret)
{
	static const enum where_kind kinds[] = {
		[SIGN_EQ] = WHERE_EQ, [SIGN_SAME] = WHERE_SAME, [SIGN_NE] = WHERE_NE,
		[SIGN_LT] = WHERE_LT, [SIGN_LE] = WHERE_LE,	[SIGN_GT] = WHERE_GT,
		[SIGN_GE] = WHERE_GE,
	};
	if (p->now.kind != TOKEN_SIGN || p->now.sign < SIGN_EQ || p->now.sign > SIGN_GE)
		return false;
	*ret = kinds[p->now.sign];
	return true;
}

static int test(struct parser *p, struct where_node **ret)
{
	struct where_node *n;
	int rc = node_new(p, WHERE_TRUE, &n);
	if (rc == 0)
		rc = operand(p, true, &n->a);
	if (rc < 0)
		return rc;
	*ret = n;
	if (comparison(p, &n->kind)) {
		rc = next(p);
		return rc < 0 ? rc : operand(p, true, &n->b);
	}
	if (at_word(p, "IS")) {
		n->kind = WHERE_IS_NULL;
		rc = next(p);
		if (rc == 0 && at_word(p, "NOT")) {
			n->negated = true;
			rc = next(p);
		}
		return rc < 0 ? rc : expect_word(p, "NULL", "NULL is needed behind IS");
	}
	if (at_word(p, "NOT")) {
		n->negated = true;
		rc = next(p);
		if (rc < 0)
			return rc;
	}
	if (at_word(p, "IN")) {
		n->kind = WHERE_IN;
		rc = next(p);
		return rc < 0 ? rc : list(p, n);
	}
	if (at_word(p, "BETWEEN")) {
		n->kind = WHERE_BETWEEN;
		rc = next(p);
		return rc < 0 ? rc : between(p, n);
	}
	if (at_word(p, "LIKE")) {
		n->kind = WHERE_LIKE;
		rc = next(p);
		return rc < 0 ? rc : operand(p, false, &n->b);
	}
	if (n->negated)
		return fault(p, p->now.at, "IN, BETWEEN or LIKE is needed behind NOT");
	return 0;
}

static int disjunction(struct parser *p, struct where_node **ret);

static int negation(struct parser *p, struct where_node **ret);

/*
 * NOT or '!' and what it denies. To MySQL !a = 1 is (!a) = 1, which nobody means: behind '!'
 * there is a column alone, parentheses, or another '!'.
 */
static int denial(struct parser *p, struct where_node **ret)
{
	bool sign = at_sign(p, SIGN_NOT);
	const char *at = p->now.at;
	int rc = node_new(p, WHERE_NOT, ret);
	if (rc == 0)
		rc = next(p);
	bool group = at_sign(p, SIGN_OPEN);
	if (rc == 0)
		rc = negation(p, &(*ret)->left);
	if (rc == 0 && sign && !group && (*ret)->left->kind != WHERE_TRUE &&
	    (*ret)->left->kind != WHERE_NOT)
		rc = fault(p, at, "'!' denies only what is next to it: write NOT, or parentheses "
				  "behind it,");
	return rc;
}

static int negation(struct parser *p, struct where_node **ret)
{
	int rc;
	if (++p->depth > WHERE_DEPTH_MAX)
		return fault(p, p->now.at, "too deep");
	if (at_word(p, "NOT") || at_sign(p, SIGN_NOT)) {
		rc = denial(p, ret);
	} else if (at_sign(p, SIGN_OPEN)) {
		rc = next(p);
		if (rc == 0)
			rc = disjunction(p, ret);
		if (rc == 0)
			rc = expect_sign(p, SIGN_CLOSE, "')' is needed");
	} else {
		rc = test(p, ret);
	}
	p->depth--;
	return rc;
}

static int pair(struct parser *p, enum where_kind kind, struct where_node *left,
		struct where_node *right, struct where_node **ret)
{
	int rc = node_new(p, kind, ret);
	if (rc == 0) {
		(*ret)->left = left;
		(*ret)->right = right;
	}
	return rc;
}

static int conjunction(struct parser *p, struct where_node **ret)
{
	struct where_node *left, *right;
	int rc = negation(p, &left);
	while (rc == 0 && (at_word(p, "AND") || at_sign(p, SIGN_AND))) {
		rc = next(p);
		if (rc == 0)
			rc = negation(p, &right);
		if (rc == 0)
			rc = pair(p, WHERE_AND, left, right, &left);
	}
	if (rc == 0)
		*ret = left;
	return rc;
}

static int disjunction(struct parser *p, struct where_node **ret)
{
	struct where_node *left, *right;
	int rc = conjunction(p, &left);
	while (rc == 0 && (at_word(p, "OR") || at_sign(p, SIGN_OR))) {
		rc = next(p);
		if (rc == 0)
			rc = conjunction(p, &right);
		if (rc == 0)
			rc = pair(p, WHERE_OR, left, right, &left);
	}
	if (rc == 0)
		*ret = left;
	return rc;
}

int where_parse(const char *text, struct arena *arena, struct where_node **ret, struct err *err)
{
	struct parser p = {.text = text, .p = text, .arena = arena, .err = err};
	struct where_node *n;
	if (strlen(text) > WHERE_TEXT_MAX)
		return fault(&p, text, "a condition of over 16384 bytes");
	int rc = next(&p);
	if (rc == 0 && p.now.kind == TOKEN_END)
		rc = fault(&p, text, "an empty condition");
	if (rc == 0)
		rc = disjunction(&p, &n);
	if (rc == 0 && p.now.kind != TOKEN_END)
		rc = fault(&p, p.now.at, "AND, OR or the end is needed");
	if (rc == 0)
		*ret = n;
	return rc;
}
