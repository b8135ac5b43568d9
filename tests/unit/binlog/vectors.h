/*
 * vectors.h - what the tests of this room share: captured dumps (tests/vectors/capture.py
 * says how they came about), events made by hand, and steps as text.
 */
#ifndef MR_TESTS_BINLOG_VECTORS_H
#define MR_TESTS_BINLOG_VECTORS_H

#include "common/base/buf.h"
#include "core/binlog/payload.h"
#include "core/binlog/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct dump {
	uint8_t *bytes; /* malloc()ed to the exact size, so that a sanitizer sees its end */
	size_t len;
	size_t at;
};

/* tests/vectors/binlog/<server>/<scenario>.dump; fails the test when it is missing. */
struct dump dump_load(const char *server, const char *scenario);
bool dump_exists(const char *server, const char *scenario);
void dump_free(struct dump *d);
/* The next event's bytes, in memory of their own until the next call; false at the end. */
bool dump_next(struct dump *d, struct span *ret);
/* The whole file as text, zero-terminated, to be free()d. */
char *text_load(const char *server, const char *file);

extern const char *const all_servers[]; /* NULL-terminated */
enum flavor server_flavor(const char *server);

/* An event with its CRC appended when `checksum`; at out, whose size is returned. */
size_t event_make(uint8_t *out, unsigned type, unsigned flags, uint32_t timestamp,
		  uint32_t log_pos, const void *body, size_t len, bool checksum);
/* Writes the CRC of an event whose bytes were changed. */
void event_seal(uint8_t *event, size_t len);

/*
 * The steps of a dump as words, SKIP and ROWS_QUERY left out: "ROTATE BEGIN TABLE_MAP ROWS
 * COMMIT!", payloads by their events, '!' where the group ends, names of savepoints in parentheses. An error ends it
 * with "ERROR <code>"; *ret_err keeps it.
 */
void trace(const char *server, const char *scenario, struct buf *out, struct err *ret_err);

/* A stream over a dump, step by step. */
struct feed {
	struct dump dump;
	struct stream stream;
	struct payload *payload; /* made when one is met */
	bool inside;             /* the next event comes out of it */
	struct step step;
	struct err err;
};

struct feed feed_open(const char *server, const char *scenario);
/* The next event of the dump; fails the test when the stream refuses it. False at the end. */
bool feed_next(struct feed *f);
/* As far as the next step of this kind; fails where there is none. */
void feed_until(struct feed *f, enum step_kind kind);
/* Some other bytes. */
int feed_event(struct feed *f, const void *bytes, size_t len);
/* An event made by hand, ending at `pos`. */
int feed_made(struct feed *f, unsigned type, unsigned flags, uint32_t pos, const void *body,
	      size_t len);
void feed_close(struct feed *f);

#endif
