/*
 * task_priv.h - the table of the task document's keys, and what its readers share.
 *
 * For the files task*.c only. Every struct task_field says where in struct task its
 * value goes; objects have a table of their own.
 */
#ifndef MR_CONTRACT_TASK_PRIV_H
#define MR_CONTRACT_TASK_PRIV_H

#include "common/contract/task.h"

#include <jansson.h>

enum field_type {
	FIELD_STRING,  /* const char *; min, max: of its length in bytes */
	FIELD_INT,     /* int64_t (or uint64_t); min, max */
	FIELD_BOOL,    /* bool */
	FIELD_SWITCH,  /* int: 0, 1, or -1 when it is not given */
	FIELD_DURATION, /* usec_t: "30s"; min, max; without a fallback -1 when not given */
	FIELD_ENUM,    /* int: the index in choices; without a fallback -1 when not given */
	FIELD_SECRET,  /* struct secret */
	FIELD_PEM,     /* struct secret: PEM text, a reference or an absolute path */
	FIELD_STRINGS, /* const char **, and its size_t count at `count` */
	FIELD_MAP,     /* struct task_property *, count likewise: free names, scalar values */
	FIELD_START,   /* source.start */
	FIELD_LATER,   /* only "nothing" is accepted: see `refusal` */
	FIELD_OBJECT,  /* fields */
	FIELD_LIST,    /* array of `size` bytes each, count at `count`: objects of `fields`, whose
			  offsets count from the element; no secrets in them: a seal is bound to
			  its path, and an element may move */
};

struct task_field {
	const char *name;
	enum field_type type;
	size_t offset;
	size_t count;
	const char *fallback; /* STRING, ENUM: the default; LATER: JSON; NULL: "" */
	int64_t number;       /* INT, BOOL, DURATION (with a fallback, its text): the default */
	int64_t min, max;
	const char *unit;
	const char *const *choices; /* NULL at the end */
	unsigned refused;           /* ENUM: bit i: choice i is known but not done */
	const char *refusal;        /* why, and what instead */
	const struct task_field *fields; /* OBJECT, LIST; name NULL at the end */
	size_t size;                     /* LIST: of an element */
	unsigned formats;		 /* of pipe.options: bit i: of enum task_format i; 0: all */
	const char *meaning;             /* one sentence */
};

extern const struct task_field task_fields[]; /* the document; name NULL at the end */

/* Where we are in the document, for err.where. */
struct task_path {
	char text[320];
	size_t len;
};

/* Appends ".name" (no dot in front of the first), returns the length to go back to. */
size_t task_path_push(struct task_path *path, const char *name);
size_t task_path_push_index(struct task_path *path, size_t index);
void task_path_pop(struct task_path *path, size_t len);

/* ERR_TASK_INVALID at the path: "'PATH' " and the text. Returns -EINVAL. */
int task_invalid(const struct task_path *path, struct err *err, const char *fmt, ...)
	MR_PRINTF(3, 4);
/* The same for a place given as text. */
int task_invalid_at(const char *where, struct err *err, const char *fmt, ...) MR_PRINTF(3, 4);
int task_no_memory(struct err *err);

/* base: the task, or an element of a FIELD_LIST. */
static inline void *task_member(void *base, size_t offset)
{
	return (char *)base + offset;
}

static inline const void *task_member_const(const void *base, size_t offset)
{
	return (const char *)base + offset;
}

/* source.start. */
int task_parse_start(struct task *t, struct task_path *path, const json_t *value,
		     struct err *err);
/* What no single field can say: which go together, what the texts must look like. */
int task_check(struct task *t, struct err *err);
/* tables.columns and tables.rows. */
int task_check_rules(const struct task *t, struct err *err);
/* pipe.topics: the templates of topics that are no table's. */
int task_check_side_topics(const struct task *t, struct err *err);
/* Of a name that is Debezium's and no option here: what there is instead; else NULL. */
const char *task_peer_option(const char *name);
/* One of pipe.properties. */
int task_check_property(const struct task_path *path, const struct task_property *p,
			struct err *err);
/* The rows of the reference page for pipe.properties. */
void task_print_properties(struct buf *out);
/* A pattern of tables, a topic template: NULL, or what is wrong with it. */
const char *task_pattern_fault(const char *pattern);
const char *task_column_pattern_fault(const char *pattern);
const char *task_template_fault(const char *template, char reason[128]);
/*
 * "host", "host:port", "[v6]:port" into arena memory; port 0 when there is none. -EINVAL
 * when it is none of these, or -ENOMEM.
 */
int task_parse_host(struct arena *a, const char *text, size_t len, struct task_host *ret);

#endif
