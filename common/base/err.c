/* err.c - see err.h. Pure: no allocation, no log. */
#include "common/base/err.h"

#include <stdio.h>
#include <string.h>

static void err_fill(struct err *err, const struct err_kind *kind, const char *where,
		     const char *fmt, va_list ap)
{
	if (!err)
		return;
	char text[sizeof(err->text)]; /* fmt's arguments may point into *err itself */
	vsnprintf(text, sizeof(text), fmt, ap);
	char place[sizeof(err->where)];
	snprintf(place, sizeof(place), "%s", where ? where : "");
	err->kind = kind;
	memcpy(err->text, text, sizeof(text));
	memcpy(err->where, place, sizeof(place));
}

int err_set(struct err *err, int rc, const struct err_kind *kind, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	err_fill(err, kind, NULL, fmt, ap);
	va_end(ap);
	return rc;
}

int err_set_at(struct err *err, int rc, const struct err_kind *kind, const char *where,
	       const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	err_fill(err, kind, where, fmt, ap);
	va_end(ap);
	return rc;
}

void err_prefix(struct err *err, const char *fmt, ...)
{
	if (!err || !err->kind)
		return;
	char old[sizeof(err->text)];
	memcpy(old, err->text, sizeof(old));
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(err->text) - 3)
		return;
	snprintf(err->text + n, sizeof(err->text) - (size_t)n, ": %s", old);
}

void err_locate(struct err *err, const char *fmt, ...)
{
	if (!err || !err->kind || err->where[0])
		return;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(err->where, sizeof(err->where), fmt, ap);
	va_end(ap);
}

void err_clear(struct err *err)
{
	if (err) {
		err->kind = NULL;
		err->text[0] = err->where[0] = 0;
	}
}

const char *err_class_name(enum err_class class)
{
	switch (class) {
	case ERR_CLASS_RETRY:
		return "retry";
	case ERR_CLASS_OPERATOR:
		return "operator";
	case ERR_CLASS_DATA:
		return "data";
	case ERR_CLASS_INTERNAL:
		return "internal";
	}
	return "?";
}
