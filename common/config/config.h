/*
 * config.h - a daemon's configuration file: `[section]`, `key = value`, `;` comments.
 *
 * Each daemon has one table of keys, which feeds the parser, the sample file and the
 * reference page. Everything is checked when the file is read: what is handed out
 * afterwards is typed and within its bounds, defaults included. Main thread, at start
 * and at a reload; a loaded config is read-only and may be shared.
 *
 * Syntax: a comment begins with ';' or '#' at the line's start, or with ';' or '#'
 * behind white space; a value that needs these, or spaces at its ends, stands in double
 * quotes (\" and \\ inside). An empty value is an empty text or list; of other types it
 * means the default. A section or key that the table does not have, one given twice, and a
 * line that is neither are errors, with `file:line` in err.where.
 */
#ifndef MR_CONFIG_CONFIG_H
#define MR_CONFIG_CONFIG_H

#include "common/base/buf.h"
#include "common/base/clock.h"

enum config_type {
	CONFIG_STRING,
	CONFIG_INT,
	CONFIG_BOOL,     /* yes, no, true, false, on, off, 1, 0 */
	CONFIG_DURATION, /* "10s", "500ms", "1m", "2h", "7d"; bounds in microseconds */
	CONFIG_BYTES,    /* "16M", "4096", "1G": powers of 1024 */
	CONFIG_LIST,     /* comma separated */
	CONFIG_ENUM,     /* one of `choices` */
};

struct config_key {
	const char *section; /* "channel.*": any section with that beginning; "" of the table's
				first keys: they stand in front of any section */
	const char *name;
	enum config_type type;
	const char *fallback; /* the default, as the file would spell it; NULL: none */
	int64_t min, max;     /* INT, DURATION (usec), BYTES; STRING, LIST: of the length.
				 Both 0: unbounded */
	const char *unit;     /* for the reference; may be NULL */
	bool reloadable;      /* takes effect on SIGHUP */
	const char *meaning;  /* one sentence */
	const char *const *choices; /* ENUM: NULL at the end */
};

struct config;

/*
 * Reads and checks the file. `keys` (n of them) must outlive the config. On failure err
 * is of kind ERR_CONFIG_INVALID and names the nearest known section or key.
 */
int config_load(const char *path, const struct config_key *keys, size_t n, struct config **ret,
		struct err *err) MR_MUST_CHECK;
/* The same from text; `name` stands for the path in messages. */
int config_parse(const char *name, const char *text, size_t len, const struct config_key *keys,
		 size_t n, struct config **ret, struct err *err) MR_MUST_CHECK;
/* All defaults, no file. */
int config_defaults(const struct config_key *keys, size_t n, struct config **ret,
		    struct err *err) MR_MUST_CHECK;
void config_free(struct config *c);

/*
 * The value of a key of the table, or its default ("" for a string that has none). Asking
 * for a key that the table does not have, or as another type, is a bug and aborts. Strings
 * live as long as the config.
 */
const char *config_string(const struct config *c, const char *section, const char *name);
int64_t config_int(const struct config *c, const char *section, const char *name);
bool config_bool(const struct config *c, const char *section, const char *name);
usec_t config_duration(const struct config *c, const char *section, const char *name);
uint64_t config_bytes(const struct config *c, const char *section, const char *name);
/* The index in `choices`. */
int config_enum(const struct config *c, const char *section, const char *name);
/* NULL-terminated; *ret_n (may be NULL) says how many. */
const char *const *config_list(const struct config *c, const char *section, const char *name,
			       size_t *ret_n);
/* False: the default is in force. */
bool config_given(const struct config *c, const char *section, const char *name);
/* The i-th section of the file that begins with `prefix`, or NULL. */
const char *config_section(const struct config *c, const char *prefix, size_t i);

/* A file that shows every key with its default, commented out. */
void config_print_sample(const struct config_key *keys, size_t n, const char *program,
			 struct buf *out);
/* The reference page, Markdown. */
void config_print_reference(const struct config_key *keys, size_t n, const char *program,
			    struct buf *out);

/* The scalars by themselves: 0 or -EINVAL (not understood), -ERANGE (too large). */
int config_parse_duration(const char *text, usec_t *ret);
int config_parse_bytes(const char *text, uint64_t *ret);

#endif
