/* gtid_priv.h - what a GTID set is made of; for gtid.c and gtid_text.c only. */
#ifndef MR_MODEL_GTID_PRIV_H
#define MR_MODEL_GTID_PRIV_H

#include "core/model/gtid.h"

/* Ids from first to last, both included, 1 <= first <= last <= GNO_MAX. */
struct interval {
	uint64_t first;
	uint64_t last;
};

/*
 * MySQL: the ids of one uuid and tag; intervals are sorted and neither touch nor
 * overlap, and there is at least one.
 */
struct source {
	uint8_t uuid[16];
	char tag[GTID_TAG_MAX + 1];
	struct interval *intervals;
	size_t n, cap;
};

/* MariaDB: the last id of a domain. */
struct domain {
	uint32_t domain;
	uint32_t server;
	uint64_t seq;
};

struct gtid_set {
	enum flavor flavor;
	struct source *sources; /* sorted by uuid, then tag (bytes) */
	struct domain *domains; /* sorted by domain */
	size_t n, cap;          /* of whichever the flavour has */
	size_t recent;          /* index of the entry last added to: the next is likely its */
};

/* The server's largest sequence number is one under this: ends are kept exclusive there. */
#define GNO_MAX ((uint64_t)INT64_MAX - 1)

/* Adds [first, last] of a source. 0 or -ENOMEM, the set then unchanged. */
int gtid_set_add_interval(struct gtid_set *s, const uint8_t uuid[16], const char *tag,
			  uint64_t first, uint64_t last);
/* Index of the domain, or where it belongs. */
size_t gtid_set_find_domain(const struct gtid_set *s, uint32_t domain, bool *ret_found);

#endif
