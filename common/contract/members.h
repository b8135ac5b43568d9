/*
 * members.h - tables of a document's members: read, printed, set up and freed by them.
 *
 * For the documents of this folder. A table gives each member its name, type, place in
 * the struct and bounds; members are printed in its order. Strings are owned.
 */
#ifndef MR_CONTRACT_MEMBERS_H
#define MR_CONTRACT_MEMBERS_H

#include "common/contract/document.h"
#include "common/contract/report.h"

enum member_type {
	MEMBER_TEXT,         /* char *; max: bytes */
	MEMBER_MESSAGE,      /* char *; cut at max bytes on reading and printing */
	MEMBER_GTID,         /* char *; report_put_gtid() */
	MEMBER_CHOICE,       /* int: the index in choices */
	MEMBER_BOOL,         /* bool */
	MEMBER_U64,          /* uint64_t up to 2^63-1, which is as far as jansson reads */
	MEMBER_U32,          /* uint32_t */
	MEMBER_I64_OR_NULL,  /* int64_t, not negative; -1: null */
	MEMBER_REAL,         /* double, not negative */
	MEMBER_REAL_OR_NULL, /* the same; negative: null */
	MEMBER_TEXTS,        /* struct report_texts; max: bytes of each, many: how many */
	MEMBER_JSON,         /* char *: an object's text of at most max bytes; "": null */
	MEMBER_POSITION,     /* struct report_position */
	MEMBER_ERROR,        /* struct report_error */
};

struct member {
	const char *name;
	enum member_type type;
	size_t offset;
	size_t max;
	size_t many;
	const char *const *choices; /* NULL at the end */
	bool optional;              /* may be missing: then it is as members_init() left it */
};

/* A document's table; `what` in messages: "control document". */
struct members {
	const char *what;
	const struct member *list;
	size_t n;
	bool strict; /* a member that is not in the table is an error, else left out */
};

/* Zeros, empty strings, nulls; REPORT's numbers that may be null are so. 0 or -ENOMEM. */
int members_init(void *base, const struct members *table) MR_MUST_CHECK;
void members_clear(void *base, const struct members *table);
/*
 * Fills what members_init() has set up. `others` (NULL at the end; may be NULL) are names
 * that the caller reads itself. Paths in errors begin with prefix.
 */
int members_read(void *base, const struct members *table, const char *const *others,
		 const char *prefix, json_t *object, struct err *err) MR_MUST_CHECK;
/* The members with commas between them, no braces. */
void members_print(const void *base, const struct members *table, struct buf *out);

/*
 * A whole document of one table: parse sets it up, reads it and clears it again on
 * failure; err is ERR_DOCUMENT_INVALID (or ERR_MEMORY). ret is untouched then: size bytes.
 */
int members_parse(const char *text, size_t len, size_t max, const struct members *table,
		  void *ret, size_t size, struct err *err) MR_MUST_CHECK;

/* A list of objects of one table, in a document's struct: an array that grows. */
struct members_list {
	const char *name;             /* of the member, as "checks" */
	const struct members *entry;  /* what each has; `what` is the document's */
	size_t size;                  /* of an entry's struct */
	size_t many;                  /* how many there may be */
};

/* Reads the list; on failure what was read is in *list and *n, for members_list_clear(). */
int members_list_read(const struct members_list *l, void **list, size_t *n, json_t *object,
		      struct err *err) MR_MUST_CHECK;
/* "name":[{…},…] */
void members_list_print(const struct members_list *l, const void *list, size_t n,
			struct buf *out);
/* One more, set up by members_init(), or NULL: no memory. The caller bounds n. */
void *members_list_add(const struct members_list *l, void **list, size_t *n);
void members_list_clear(const struct members_list *l, void **list, size_t *n);

/* "version" must be this one. */
int members_version(const struct members *table, const json_t *object, json_int_t version,
		    struct err *err) MR_MUST_CHECK;

/* ERR_DOCUMENT_INVALID at the path. */
int members_fault(const struct members *table, const char *path, struct err *err, const char *fmt,
		  ...) MR_PRINTF(4, 5);
int members_no_memory(const struct members *table, struct err *err);

#endif
