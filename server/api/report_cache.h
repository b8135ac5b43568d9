/*
 * report_cache.h - instance documents as they were less than a second ago, for lists.
 *
 * A core rewrites them every two seconds, so a list that several people look at need not
 * ask ZooKeeper for each of them again. Bounded: one document a slot, the slot is the
 * hash of its path, and the later of two that meet there stays. Any thread. What GET of one
 * task shows is never taken from here.
 */
#ifndef MR_SERVER_API_REPORT_CACHE_H
#define MR_SERVER_API_REPORT_CACHE_H

#include "common/zk/many.h"

struct report_cache;

/* NULL: no memory; the functions below then find nothing and keep nothing. */
struct report_cache *report_cache_new(void);
void report_cache_free(struct report_cache *c);
/* Fills the outcome of a read with a copy; false: it is not there, or too old. */
bool report_cache_get(struct report_cache *c, const char *path, struct zk_read *ret);
/* Keeps a copy of what was read just now. */
void report_cache_put(struct report_cache *c, const char *path, const struct zk_read *read);

#endif
