/*
 * json_patch.c - see json_patch.h.
 *
 * A vector of diffs (MySQL sql-common/json_diff.cc; tried on 8.0.15 and 9.7), until its end:
 *
 *   1     operation: 0 replace, 1 insert, 2 remove
 *   n, …  path, length-encoded: $ and legs .name, ."name" (a JSON string), [index]
 *   n, …  not for remove: the value, length-encoded, in binary form (json.c)
 *
 * A diff is applied to the text: the value that its path leads to is found by stepping over
 * what stands before it, and the text is joined anew around it. No tree is built; a document
 * costs its length for each of its diffs, and the servers write few, or the whole document.
 */
#include "core/binlog/json_patch.h"

#include "common/base/cursor.h"
#include "common/base/json.h"
#include "core/binlog/json.h"

#include <errno.h>
#include <stdbool.h>

enum operation { REPLACE, INSERT, REMOVE };

struct diff {
	enum operation op;
	struct span path;
	struct span value; /* binary */
};

/* 1: a diff; 0: there are no more; -EBADMSG. */
static int next_diff(struct cursor *c, struct diff *ret)
{
	if (cursor_left(c) == 0)
		return 0;
	struct diff d = {.op = cursor_u8(c)};
	d.path = cursor_span(c, (size_t)cursor_lenenc(c));
	if (d.op != REMOVE)
		d.value = cursor_span(c, (size_t)cursor_lenenc(c));
	if (c->failed || d.op > REMOVE || d.path.len == 0 || d.path.p[0] != '$')
		return -EBADMSG;
	*ret = d;
	return 1;
}

/* ---------------------------------------------------------------- text */

static uint8_t at(const struct span *s, size_t i)
{
	return i < s->len ? s->p[i] : 0;
}

/* The place behind the string that begins at i; 0: it does not end. */
static size_t skip_string(const struct span *s, size_t i)
{
	if (at(s, i) != '"')
		return 0;
	for (i++; i < s->len; i++) {
		if (s->p[i] == '\\')
			i++;
		else if (s->p[i] == '"')
			return i + 1;
	}
	return 0;
}

/* The place behind the value that begins at i; 0: there is none. */
static size_t skip_value(const struct span *s, size_t i)
{
	size_t depth = 0;
	do {
		uint8_t c = at(s, i);
		if (c == '"') {
			i = skip_string(s, i);
			if (i == 0)
				return 0;
		} else if (c == '{' || c == '[') {
			depth++;
			i++;
		} else if (c == '}' || c == ']') {
			if (depth == 0)
				return 0;
			depth--;
			i++;
		} else if (c == ',' || c == ':') {
			if (depth == 0)
				return 0;
			i++;
		} else {
			size_t start = i;
			while (i < s->len && s->p[i] != ',' && s->p[i] != '}' && s->p[i] != ']' &&
			       s->p[i] != ':')
				i++;
			if (i == start)
				return 0;
		}
	} while (depth > 0);
	return i;
}

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits of \uXXXX at i; -1: they are none. */
static int32_t take_unit(const struct span *s, size_t i)
{
	int32_t v = 0;
	for (size_t k = 0; k < 4; k++) {
		int digit = hex_value(at(s, i + k));
		if (digit < 0)
			return -1;
		v = v << 4 | digit;
	}
	return v;
}

static size_t put_utf8(uint8_t *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (uint8_t)(0xc0 | c >> 6);
		out[1] = (uint8_t)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (uint8_t)(0xe0 | c >> 12);
		out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		out[2] = (uint8_t)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | c >> 18);
	out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
	out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	out[3] = (uint8_t)(0x80 | (c & 0x3f));
	return 4;
}

/* The text of the string between its quotes; `out` has room for as many bytes as it has. */
static int unescape(const struct span *s, uint8_t *out, size_t *ret_len)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	size_t n = 0;
	for (size_t i = 0; i < s->len;) {
		if (s->p[i] != '\\') {
			out[n++] = s->p[i++];
			continue;
		}
		const char *simple = at(s, i + 1) ? strchr(from, s->p[i + 1]) : NULL;
		if (simple) {
			out[n++] = (uint8_t)to[simple - from];
			i += 2;
			continue;
		}
		int32_t unit = at(s, i + 1) == 'u' ? take_unit(s, i + 2) : -1;
		if (unit < 0)
			return -EBADMSG;
		i += 6;
		if (unit >= 0xd800 && unit < 0xdc00 && at(s, i) == '\\' && at(s, i + 1) == 'u') {
			int32_t low = take_unit(s, i + 2);
			if (low < 0xdc00 || low > 0xdfff)
				return -EBADMSG;
			unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
			i += 6;
		}
		n += put_utf8(out + n, (uint32_t)unit);
	}
	*ret_len = n;
	return 0;
}

/* ---------------------------------------------------------------- paths */

struct leg {
	bool member;
	struct span name; /* unescaped, in the arena */
	uint64_t index;
};

/* 1: a leg; 0: the path is at its end; -errno. */
static int next_leg(struct span path, size_t *i, struct arena *arena, struct leg *ret)
{
	if (*i == path.len)
		return 0;
	struct leg leg = {.member = at(&path, *i) == '.'};
	if (!leg.member && at(&path, *i) != '[')
		return -EBADMSG;
	size_t from = ++*i, end;
	if (!leg.member) {
		for (; at(&path, *i) >= '0' && at(&path, *i) <= '9' && *i - from < 10; ++*i)
			leg.index = leg.index * 10 + (uint64_t)(path.p[*i] - '0');
		if (*i == from || at(&path, *i) != ']')
			return -EBADMSG;
		++*i;
		*ret = leg;
		return 1;
	}
	if (at(&path, from) == '"') {
		end = skip_string(&path, from);
		if (end == 0)
			return -EBADMSG;
		struct span inner = {path.p + from + 1, end - from - 2};
		uint8_t *name = arena_alloc(arena, inner.len + 1);
		if (!name)
			return -ENOMEM;
		int rc = unescape(&inner, name, &leg.name.len);
		if (rc < 0)
			return rc;
		leg.name.p = name;
	} else {
		for (end = from; end < path.len && path.p[end] != '.' && path.p[end] != '[';)
			end++;
		leg.name = (struct span){path.p + from, end - from};
	}
	*i = end;
	*ret = leg;
	return 1;
}

/* ---------------------------------------------------------------- finding */

/* Where in the document something is, or would be inserted. */
struct place {
	bool found;
	size_t start; /* of the element: a member's key, a cell's value; else where it goes */
	size_t value; /* of its value */
	size_t end;
	bool first;  /* nothing stands before it in its object or array */
	bool last;   /* nothing stands behind it */
};

/* The servers' order of keys: shorter ones first, then by their bytes. */
static int key_order(struct span a, struct span b)
{
	if (a.len != b.len)
		return a.len < b.len ? -1 : 1;
	return a.len ? memcmp(a.p, b.p, a.len) : 0;
}

/* One element of the object or array whose first begins at i: its value and its end. */
static int step_over(const struct span *doc, size_t i, bool object, size_t *ret_value,
		     size_t *ret_end)
{
	size_t value = i;
	if (object) {
		value = skip_string(doc, i);
		if (value == 0 || at(doc, value) != ':')
			return -ENOENT;
		value++;
	}
	size_t end = skip_value(doc, value);
	if (end == 0)
		return -ENOENT;
	*ret_value = value;
	*ret_end = end;
	return 0;
}

/* The key of the member that begins at i against a name: < 0, 0, > 0; *ret_rc on failure. */
static int compare_key(const struct span *doc, size_t i, size_t value, struct span name,
		       struct arena *arena, int *ret_rc)
{
	struct span inner = {doc->p + i + 1, value - i - 3}; /* "key": */
	*ret_rc = 0;
	if (!inner.len || !memchr(inner.p, '\\', inner.len))
		return key_order(inner, name);
	struct span key = {.p = arena_alloc(arena, inner.len + 1)};
	*ret_rc = key.p ? unescape(&inner, (uint8_t *)(uintptr_t)key.p, &key.len) : -ENOMEM;
	return *ret_rc < 0 ? 0 : key_order(key, name);
}

/* The leg's element of the object or array at `start`. 0 or -errno. */
static int find_element(const struct span *doc, size_t start, const struct leg *leg,
			struct arena *arena, struct place *ret)
{
	uint8_t open = leg->member ? '{' : '[', close = leg->member ? '}' : ']';
	if (at(doc, start) != open)
		return -ENOENT;
	struct place p = {.start = start + 1, .first = true};
	uint64_t n = 0;
	while (at(doc, p.start) != close) {
		int rc = step_over(doc, p.start, leg->member, &p.value, &p.end);
		if (rc < 0)
			return rc;
		int order = leg->member ? compare_key(doc, p.start, p.value, leg->name, arena, &rc)
			    : n == leg->index ? 0
					      : -1;
		if (rc < 0)
			return rc;
		p.last = at(doc, p.end) == close;
		p.found = order == 0;
		if (order >= 0)
			break; /* here, or it would stand in front of this one */
		n++;
		p.first = false;
		p.start = p.end;
		if (p.last)
			break;
		if (at(doc, p.end) != ',')
			return -ENOENT;
		p.start = p.end + 1;
	}
	*ret = p;
	return 0;
}

/* The place that a path leads to; all but its last leg must be there. */
static int find(const struct span *doc, struct span path, struct arena *arena, struct place *ret,
		struct leg *ret_last)
{
	struct place place = {.found = true, .end = doc->len, .first = true, .last = true};
	struct leg leg;
	size_t i = 1;
	int rc;
	*ret_last = (struct leg){0};
	while ((rc = next_leg(path, &i, arena, &leg)) > 0) {
		if (!place.found)
			return -ENOENT;
		rc = find_element(doc, place.value, &leg, arena, &place);
		if (rc < 0)
			return rc;
		*ret_last = leg;
	}
	if (rc == 0)
		*ret = place;
	return rc;
}

/* ---------------------------------------------------------------- changing */

/* A buffer whose memory is the arena's: what it outgrows is lost until the reset. */
static int grow_in_arena(struct buf *b, size_t need)
{
	size_t cap = b->cap * 2 < b->len + need ? b->len + need : b->cap * 2;
	uint8_t *p = arena_alloc(b->owner, cap);
	if (!p)
		return -ENOMEM;
	if (b->len)
		memcpy(p, b->data, b->len);
	b->data = p;
	b->cap = cap;
	return 0;
}

static struct buf arena_buf(struct arena *arena)
{
	return (struct buf){.grow = grow_in_arena, .owner = arena};
}

static int put_insert(struct buf *out, const struct span *doc, const struct place *p,
		      const struct leg *leg, struct span value)
{
	/* `start` is the element it goes in front of, or the end of the last one. */
	bool at_end = at(doc, p->start) == '}' || at(doc, p->start) == ']';
	buf_put(out, doc->p, p->start);
	if (at_end && !p->first)
		buf_putc(out, ',');
	if (leg->member) {
		json_put_string(out, leg->name.p, leg->name.len);
		buf_putc(out, ':');
	}
	int rc = json_binary_put(value, out);
	if (!at_end)
		buf_putc(out, ',');
	buf_put(out, doc->p + p->start, doc->len - p->start);
	return rc;
}

static int put_changed(struct buf *out, const struct span *doc, const struct diff *d,
		       const struct place *p, const struct leg *leg)
{
	size_t from = p->start, to = p->end;
	int rc;
	switch (d->op) {
	case REPLACE:
		if (!p->found)
			return -ENOENT;
		buf_put(out, doc->p, p->value);
		rc = json_binary_put(d->value, out);
		buf_put(out, doc->p + p->end, doc->len - p->end);
		return rc;
	case REMOVE:
		if (!p->found || p->end == doc->len)
			return -ENOENT;
		/* With it goes one comma: the one behind it, or that in front of the last. */
		if (!p->last)
			to++;
		else if (!p->first)
			from--;
		buf_put(out, doc->p, from);
		buf_put(out, doc->p + to, doc->len - to);
		return 0;
	case INSERT:
		/* A member that is there already is a diff of another document. */
		if ((p->found && leg->member) || p->end == doc->len)
			return -ENOENT;
		return put_insert(out, doc, p, leg, d->value);
	}
	return -EBADMSG;
}

int json_patch(struct span document, struct span diffs, struct arena *arena, struct span *ret)
{
	struct cursor c = cursor_of(diffs.p, diffs.len);
	struct diff d;
	int rc;
	while ((rc = next_diff(&c, &d)) > 0) {
		struct place place;
		struct leg last;
		struct buf out = arena_buf(arena);
		rc = find(&document, d.path, arena, &place, &last);
		if (rc == 0)
			rc = put_changed(&out, &document, &d, &place, &last);
		if (rc == 0 && out.failed)
			rc = -ENOMEM;
		if (rc < 0)
			return rc;
		document = (struct span){out.data, out.len};
	}
	if (rc == 0)
		*ret = document;
	return rc;
}

int json_diff_text(struct span diffs, struct arena *arena, struct span *ret)
{
	static const char *const names[] = {"replace", "insert", "remove"};
	struct cursor c = cursor_of(diffs.p, diffs.len);
	struct buf out = arena_buf(arena);
	struct diff d;
	int rc;
	buf_putc(&out, '[');
	while ((rc = next_diff(&c, &d)) > 0) {
		buf_printf(&out, "%s{\"op\":\"%s\",\"path\":", out.len > 1 ? "," : "", names[d.op]);
		json_put_string(&out, d.path.p, d.path.len);
		if (d.op != REMOVE) {
			buf_lit(&out, ",\"value\":");
			rc = json_binary_put(d.value, &out);
			if (rc < 0)
				return rc;
		}
		buf_putc(&out, '}');
	}
	buf_putc(&out, ']');
	if (rc == 0 && out.failed)
		rc = -ENOMEM;
	if (rc == 0)
		*ret = (struct span){out.data, out.len};
	return rc;
}
