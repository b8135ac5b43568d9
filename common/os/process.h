/* process.h - what this process uses: for reports and summaries. Any thread. */
#ifndef MR_OS_PROCESS_H
#define MR_OS_PROCESS_H

#include "common/base/clock.h"

#include <stddef.h>

/* Bytes resident now, and at most since the start; 0 when the system does not tell. */
uint64_t process_rss(void);
uint64_t process_peak_rss(void);
/* Processor time of all threads, user and system. */
usec_t process_cpu(void);

/* Processors that this process may run on. */
unsigned process_cpus(void);
/* What the control group allows this process, in bytes; 0: no limit, or not known. */
uint64_t process_memory_limit(void);

/*
 * The C library's heap, for a process whose threads get and free buffers of a megabyte all the
 * time: what is free at an arena's end stays up to `keep` bytes, which otherwise is given back to
 * the system and faulted in again, page by page; what is larger than `alone` gets a mapping of
 * its own, and goes with it. Before the first thread.
 */
void process_heap_keep(size_t keep, size_t alone);
/* Gives back what is kept. Takes each arena's lock for some milliseconds. */
void process_heap_trim(void);

enum { PROCESS_HOSTNAME_MAX = 256 };
/* The machine's name; "localhost" when it has none. */
void process_hostname(char out[PROCESS_HOSTNAME_MAX]);

#endif
