/*
 * err.h - how a failure travels: a negative errno as the return value, and a
 * struct err with its kind, a sentence for a person, and where it happened.
 *
 * A function either reports its error to its caller through `struct err` or logs
 * it, never both: the failure is logged once, by whoever decides what follows.
 * The kinds are listed in common/contract/errors.def, which also makes the
 * reference page.
 */
#ifndef MR_BASE_ERR_H
#define MR_BASE_ERR_H

#include <stdarg.h>
#include <stddef.h>

#define MR_MUST_CHECK __attribute__((warn_unused_result))
#define MR_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))

/* What has to happen before the same thing can succeed. */
enum err_class {
	ERR_CLASS_RETRY,    /* the world changes by itself: back off and try again */
	ERR_CLASS_OPERATOR, /* a person changes a setting, a grant, a document */
	ERR_CLASS_DATA,     /* this event, at this position, cannot be processed */
	ERR_CLASS_INTERNAL, /* a bug or an exhausted machine */
};

struct err_kind {
	const char *code; /* stable name, as documents and the API show it */
	enum err_class class;
	const char *meaning; /* one sentence for the reference page */
	const char *remedy;  /* the way out, one sentence */
};

struct err {
	const struct err_kind *kind; /* NULL while nothing failed */
	char text[1024];             /* what failed, with the thing's name; no secret, ever */
	char where[320];             /* a position in the source, a path in a document; may be empty */
};

/*
 * Fills *err (which may be NULL: then only the return value remains) and returns rc,
 * so that a failing function ends in `return err_set(err, -EINVAL, &ERR_…, "…")`.
 * An error already recorded is overwritten.
 */
int err_set(struct err *err, int rc, const struct err_kind *kind, const char *fmt, ...)
	MR_PRINTF(4, 5);
/* The same with a position or path. `where` may be NULL. */
int err_set_at(struct err *err, int rc, const struct err_kind *kind, const char *where,
	       const char *fmt, ...) MR_PRINTF(5, 6);
/* Puts "text: " in front of what is recorded: context added on the way up. */
void err_prefix(struct err *err, const char *fmt, ...) MR_PRINTF(2, 3);
/* Names the place if none is named yet. */
void err_locate(struct err *err, const char *fmt, ...) MR_PRINTF(2, 3);
void err_clear(struct err *err);
const char *err_class_name(enum err_class class);

#endif
