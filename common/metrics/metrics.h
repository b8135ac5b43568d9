/*
 * metrics.h - Prometheus' text format (0.0.4), written into a struct buf.
 *
 *   struct metrics m;
 *   metrics_begin(&m, &answer->body);
 *   metrics_standard(&m, "mr-core", connected);
 *   metrics_family(&m, "mr_task_lag_seconds", METRICS_GAUGE, "How far behind a task is.");
 *   metrics_value(&m, 0.25, "task", "copy_item", NULL);
 *
 * Names begin with mr_, units are base units (seconds, bytes), counters end in _total. A
 * family is written once, with all its values behind it. Label values may be any bytes:
 * what is not UTF-8 is replaced. No value here may be a secret. Any thread.
 */
#ifndef MR_METRICS_METRICS_H
#define MR_METRICS_METRICS_H

#include "common/base/buf.h"
#include "common/base/clock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum metrics_type { METRICS_COUNTER, METRICS_GAUGE, METRICS_HISTOGRAM };

struct metrics {
	struct buf *out;
	const char *name; /* of the family at hand */
};

void metrics_begin(struct metrics *m, struct buf *out);
/* `name` and `help` are constants; help is one sentence. */
void metrics_family(struct metrics *m, const char *name, enum metrics_type type, const char *help);
/* Pairs of label and value, then NULL. */
void metrics_value(struct metrics *m, double value, ...) __attribute__((sentinel));
/* The same with all digits of a count. */
void metrics_count(struct metrics *m, uint64_t value, ...) __attribute__((sentinel));

/* A family with one value. */
void metrics_gauge(struct metrics *m, const char *name, const char *help, double value);
void metrics_counter(struct metrics *m, const char *name, const char *help, uint64_t value);

/*
 * mr_build_info, mr_zookeeper_connected, and process_*: cpu seconds, resident memory, open
 * and possible descriptors, start time. Every daemon's page begins with them.
 */
void metrics_standard(struct metrics *m, const char *program, bool zookeeper_connected);

enum { METRICS_BUCKETS_MAX = 20 };

/* Durations, counted by any thread; all zero but `bounds` and `n` at the start. */
struct metrics_histogram {
	const double *bounds; /* seconds, rising; +Inf is ours */
	size_t n;             /* at most METRICS_BUCKETS_MAX */
	_Atomic uint64_t counts[METRICS_BUCKETS_MAX + 1];
	_Atomic uint64_t sum_usec;
};

void metrics_observe(struct metrics_histogram *h, usec_t duration);
/* Its buckets, sum and count, behind metrics_family(…, METRICS_HISTOGRAM, …). */
void metrics_histogram(struct metrics *m, const struct metrics_histogram *h, const char *label,
		       const char *value);

#endif
