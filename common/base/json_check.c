/*
 * json_check.c - is a text a JSON object? See json.h.
 *
 * One pass, no memory, and no deeper than DEPTH_MAX: what nests more is taken for no object,
 * which its caller then quotes. Text is held to RFC 8259, but for UTF-8, which is not looked at.
 */
#include "common/base/json.h"

#include <string.h>

enum { DEPTH_MAX = 64 };

struct text {
	const uint8_t *p, *end;
	unsigned depth;
};

static bool take(struct text *t, uint8_t c)
{
	if (t->p == t->end || *t->p != c)
		return false;
	t->p++;
	return true;
}

static void skip_space(struct text *t)
{
	while (t->p < t->end && (*t->p == ' ' || *t->p == '\t' || *t->p == '\n' || *t->p == '\r'))
		t->p++;
}

static bool take_word(struct text *t, const char *word)
{
	size_t n = strlen(word);
	if ((size_t)(t->end - t->p) < n || memcmp(t->p, word, n) != 0)
		return false;
	t->p += n;
	return true;
}

static bool is_digit(const struct text *t)
{
	return t->p < t->end && *t->p >= '0' && *t->p <= '9';
}

static bool take_digits(struct text *t)
{
	if (!is_digit(t))
		return false;
	while (is_digit(t))
		t->p++;
	return true;
}

static bool take_number(struct text *t)
{
	(void)take(t, '-');
	if (!take(t, '0') && !take_digits(t))
		return false;
	if (take(t, '.') && !take_digits(t))
		return false;
	if (take(t, 'e') || take(t, 'E')) {
		if (!take(t, '+'))
			(void)take(t, '-');
		return take_digits(t);
	}
	return true;
}

static bool take_escape(struct text *t)
{
	if (t->p == t->end)
		return false;
	uint8_t c = *t->p++;
	if (c != 'u')
		return c && strchr("\"\\/bfnrt", c);
	for (int i = 0; i < 4; i++, t->p++)
		if (t->p == t->end || !*t->p || !strchr("0123456789abcdefABCDEF", *t->p))
			return false;
	return true;
}

static bool take_string(struct text *t)
{
	if (!take(t, '"'))
		return false;
	while (t->p < t->end) {
		uint8_t c = *t->p++;
		if (c == '"')
			return true;
		if (c < 0x20 || (c == '\\' && !take_escape(t)))
			return false;
	}
	return false;
}

static bool take_value(struct text *t);

/* Behind the opening bracket: members or elements, and the closing one. */
static bool take_list(struct text *t, bool object, uint8_t close)
{
	if (++t->depth > DEPTH_MAX)
		return false;
	skip_space(t);
	bool empty = take(t, close);
	while (!empty) {
		skip_space(t);
		if (object) {
			if (!take_string(t))
				return false;
			skip_space(t);
			if (!take(t, ':'))
				return false;
		}
		if (!take_value(t))
			return false;
		skip_space(t);
		if (take(t, close))
			break;
		if (!take(t, ','))
			return false;
	}
	t->depth--;
	return true;
}

static bool take_value(struct text *t)
{
	skip_space(t);
	if (t->p == t->end)
		return false;
	switch (*t->p) {
	case '{':
		t->p++;
		return take_list(t, true, '}');
	case '[':
		t->p++;
		return take_list(t, false, ']');
	case '"':
		return take_string(t);
	case 't':
		return take_word(t, "true");
	case 'f':
		return take_word(t, "false");
	case 'n':
		return take_word(t, "null");
	default:
		return take_number(t);
	}
}

bool json_text_is_object(const void *text, size_t len)
{
	struct text t = {.p = text, .end = (const uint8_t *)text + len};
	return len && *t.p == '{' && take_value(&t) && t.p == t.end;
}
