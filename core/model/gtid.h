/*
 * gtid.h - global transaction ids and sets of them, of both flavours.
 *
 * MySQL: `uuid[:tag]:interval[:interval]…`, comma separated; a set is sorted
 * intervals for each uuid and tag. MariaDB: `domain-server-sequence`, at most one
 * a domain; a "set" is the last GTID of each domain.
 * Pure. A set owns its memory; a single id is a plain value.
 */
#ifndef MR_MODEL_GTID_H
#define MR_MODEL_GTID_H

#include "common/base/buf.h"
#include "common/base/bytes.h"

enum flavor {
	FLAVOR_MYSQL,
	FLAVOR_MARIADB,
};

const char *flavor_name(enum flavor flavor); /* "mysql", "mariadb" */

enum {
	GTID_TAG_MAX = 32,
	/* uuid (36) + ':' + tag (32) + ':' + 20 digits + zero, rounded up */
	GTID_TEXT_MAX = 96,
};

struct gtid {
	enum {
		GTID_NONE, /* anonymous, or none known */
		GTID_MYSQL,
		GTID_MARIADB,
	} kind;
	union {
		struct {
			uint8_t uuid[16];
			char tag[GTID_TAG_MAX + 1]; /* "" when untagged */
			uint64_t gno;               /* from 1 */
		} my;
		struct {
			uint32_t domain;
			uint32_t server;
			uint64_t seq;
		} maria;
	};
};

/* Text with a zero byte into out[GTID_TEXT_MAX]; "" for GTID_NONE. Returns its length. */
size_t gtid_format(const struct gtid *g, char *out);
/* One id. 0 or -EINVAL. */
int gtid_parse(enum flavor flavor, const char *text, struct gtid *ret);
bool gtid_equal(const struct gtid *a, const struct gtid *b);

struct gtid_set; /* opaque */

/* NULL when there is no memory. */
struct gtid_set *gtid_set_new(enum flavor flavor);
void gtid_set_free(struct gtid_set *s);
enum flavor gtid_set_flavor(const struct gtid_set *s);
/* Adds what text names (spaces and newlines between entries are allowed). -EINVAL says
 * in err which part is wrong; the set is then unchanged. */
int gtid_set_parse(struct gtid_set *s, const char *text, struct err *err) MR_MUST_CHECK;
/* Adds one id; the common case (the successor of the last one) allocates nothing.
 * MariaDB: replaces the domain's entry. GTID_NONE is ignored. 0, -ENOMEM, or -EINVAL for
 * an id of the other flavour or with a number no server gives. */
int gtid_set_add(struct gtid_set *s, const struct gtid *g) MR_MUST_CHECK;
/* Takes an id out; MariaDB: its whole domain. 0 (also when it was not there) or -ENOMEM. */
int gtid_set_remove(struct gtid_set *s, const struct gtid *g) MR_MUST_CHECK;
bool gtid_set_has(const struct gtid_set *s, const struct gtid *g);
/* MySQL: every id of sub is in s. MariaDB: each domain of sub is in s at or beyond it. */
bool gtid_set_covers(const struct gtid_set *s, const struct gtid_set *sub);
bool gtid_set_empty(const struct gtid_set *s);
int gtid_set_copy(struct gtid_set *dst, const struct gtid_set *src) MR_MUST_CHECK;
/* Canonical text, as the servers print it (MySQL lower-case, sorted, comma without newline). */
void gtid_set_format(const struct gtid_set *s, struct buf *out);
/*
 * The body of COM_BINLOG_DUMP_GTID's set (MySQL only). Without tags: 8-byte count of
 * uuids, then uuid, 8-byte count of intervals, and per interval start and end
 * (exclusive), 8 bytes each, little-endian. With any tag: byte 0 = 1, 6-byte count,
 * byte 7 = 1, then per entry uuid, tag length << 1 (one byte), tag, intervals as above.
 */
void gtid_set_encode(const struct gtid_set *s, struct buf *out);

#endif
