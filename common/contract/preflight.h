/*
 * preflight.h - the preflight document: an order to any live core to check a source and a
 * pipe, or to list a source's tables, and the answer in the same node (`/preflight/<id>`).
 *
 * mr-server makes it, a core claims it by compare-and-set (pending -> taken) and writes it
 * back done; the server deletes it after reading. The task document stands in the order
 * alone: an answer does not repeat it. Members that are not known are left out on reading.
 * Strings are owned by the struct and never NULL after _init() or _parse().
 */
#ifndef MR_CONTRACT_PREFLIGHT_H
#define MR_CONTRACT_PREFLIGHT_H

#include "common/contract/report.h"

enum {
	PREFLIGHT_VERSION = 1,
	PREFLIGHT_DOCUMENT_MAX = 512 * 1024,
	PREFLIGHT_TASK_MAX = 500 * 1024,   /* of the task document: the order fits then */
	PREFLIGHT_TABLES_MAX = 256 * 1024, /* bytes of printed tables; then it is truncated */
	PREFLIGHT_CHECKS_MAX = 32,
	PREFLIGHT_TEXT_MAX = 1024, /* of a message or remedy; longer ones are cut */
};

enum preflight_type {
	PREFLIGHT_CHECK,  /* all checks */
	PREFLIGHT_TABLES, /* all databases and tables of the source, and the source checks */
};
enum preflight_state { PREFLIGHT_PENDING, PREFLIGHT_TAKEN, PREFLIGHT_DONE };
enum preflight_result {
	PREFLIGHT_OK,
	PREFLIGHT_WARNING, /* the task would run, and this should be known */
	PREFLIGHT_FAILED,  /* the task would not run */
	PREFLIGHT_SKIPPED, /* could not be asked, because of one that failed before */
};

/* The names of checks, in the order in which they are made; public. NULL at the end. */
extern const char *const preflight_names[];

struct preflight_check {
	char *name;    /* "source.grants" */
	int result;    /* enum preflight_result */
	char *field;   /* of the document: "source.host"; may be "" */
	char *code;    /* of errors.def; "" when ok */
	char *message; /* what was found, with the server's names and numbers */
	char *remedy;  /* "" when there is nothing to do */
};

struct preflight_table {
	char *db;
	char *table;
};

struct preflight_doc {
	int type;	     /* enum preflight_type */
	char *group;	     /* only cores of this group answer; "": any */
	char *by;	     /* who asked */
	uint64_t created_ms; /* times are milliseconds since 1970 */
	char *document;	     /* the task's as it is stored, JSON text; "" in an answer */
	int state;	     /* enum preflight_state */
	char *node;	     /* the core's node under /machines; "" while pending */
	uint64_t taken_ms;   /* 0 while pending */
	uint64_t done_ms;    /* 0 before */
	struct preflight_check *checks;
	size_t nchecks;
	bool has_source; /* false: null, the source was not reached */
	struct preflight_source {
		char *flavor; /* "mysql", "mariadb" */
		char *version;
		bool gtids;
		char *row_metadata; /* "FULL", "MINIMAL", "NO_LOG" */
		uint32_t server_id;
	} source;
	struct preflight_table *tables;
	size_t ntables;
	size_t tables_bytes; /* of `tables` as they are printed; not in the document */
	bool truncated;	     /* there are more tables */
};

/* A pending check of nothing. 0 or -ENOMEM. */
int preflight_doc_init(struct preflight_doc *d) MR_MUST_CHECK;
void preflight_doc_clear(struct preflight_doc *d);
int preflight_doc_parse(const char *text, size_t len, struct preflight_doc *ret,
			struct err *err) MR_MUST_CHECK;
/* One line; the task document is left out in state done. Check out->failed. */
void preflight_doc_print(const struct preflight_doc *d, struct buf *out);
const char *preflight_result_name(enum preflight_result result);
const char *preflight_state_name(enum preflight_state state);

/*
 * One more check. NULL texts are "". Messages lose control characters, which are the
 * server's that was asked. 0, -ENOMEM, or -ENOSPC when there are PREFLIGHT_CHECKS_MAX.
 */
int preflight_doc_add(struct preflight_doc *d, const char *name, enum preflight_result result,
		      const char *field, const char *code, const char *message,
		      const char *remedy) MR_MUST_CHECK;
/* The same of a failure: code, text and remedy are err's; field NULL: err.where. */
int preflight_doc_add_err(struct preflight_doc *d, const char *name, enum preflight_result result,
			  const char *field, const struct err *err) MR_MUST_CHECK;
/* One more table; when there is no room, `truncated` instead. 0 or -ENOMEM. */
int preflight_doc_add_table(struct preflight_doc *d, const char *db,
			    const char *table) MR_MUST_CHECK;
/* The first check that failed, or NULL. */
const struct preflight_check *preflight_doc_failed(const struct preflight_doc *d);
/* "checks":[…] without braces: for the API's answers. */
void preflight_doc_print_checks(const struct preflight_doc *d, struct buf *out);

#endif
