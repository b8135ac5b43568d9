/*
 * position.h - the position document: where a successor resumes (design.md, section 5).
 *
 * JSON to struct and back, strictly: a key that is unknown, missing, of another type or
 * given twice is an error, because a position that is half understood loses rows. GTIDs
 * are text here; core/progress/position_doc.h turns them into sets.
 */
#ifndef MR_CONTRACT_POSITION_H
#define MR_CONTRACT_POSITION_H

#include "common/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	POSITION_VERSION = 1,
	POSITION_DOCUMENT_MAX = 512 * 1024,
};

/* An XA group that is prepared and not yet decided. */
struct position_prepared {
	char *xid;  /* X'gtrid',X'bqual',format */
	char *gtid; /* of the group with its rows; "" when that has none */
	char *before; /* the GTID position in front of it; "" where it is not needed */
	char *file;   /* of the group's first event */
	uint64_t pos;
};

/* Frees its strings. */
void position_prepared_clear(struct position_prepared *p);

/* Owns its strings; never NULL after position_doc_parse() or position_doc_init(). */
struct position_doc {
	char *uid;
	uint64_t reset; /* times that a person set the position */
	uint64_t seq;   /* +1 for each commit, across epochs */
	uint64_t epoch;
	char *delivery;     /* "at_least_once", "exactly_once" */
	char *pipe_cluster; /* "" when the pipe has none */
	char *flavor;       /* "mysql", "mariadb" */
	char *source;       /* server uuid, or server_id and domain */
	char *file;
	uint64_t pos;
	char *gtid; /* executed set */
	/* Optional, in the document only when true: `start` is a time that the stream has
	 * not reached yet, and earlier transactions are still to be left out. */
	bool before_start;
	bool has_partial;
	struct {
		char *gtid;
		char *file;
		uint64_t pos;
		uint64_t rows;
		uint32_t crc;
		uint64_t revision;
	} partial;
	struct position_prepared *prepared;
	size_t nprepared;
	char *snapshot; /* its JSON text as it came; "" when there is none */
	uint64_t ts_ms; /* when it was written, milliseconds since 1970 */
	char *instance;
};

/* Empty strings and zeros. 0 or -ENOMEM. */
int position_doc_init(struct position_doc *d) MR_MUST_CHECK;
void position_doc_clear(struct position_doc *d);
/* Replaces a member string by a copy. 0 or -ENOMEM, the member then unchanged. */
int position_doc_set(char **member, const char *text) MR_MUST_CHECK;

/* -EINVAL and ERR_STATE_INVALID; err.where is the key's path, or line and column. */
int position_doc_parse(const char *text, size_t len, struct position_doc *ret,
		       struct err *err) MR_MUST_CHECK;
/* One line of JSON. Check out->failed. */
void position_doc_print(const struct position_doc *d, struct buf *out);

#endif
