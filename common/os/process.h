/* process.h - what this process uses: for reports and summaries. Any thread. */
#ifndef MR_OS_PROCESS_H
#define MR_OS_PROCESS_H

#include "common/base/clock.h"

/* Bytes resident now, and at most since the start; 0 when the system does not tell. */
uint64_t process_rss(void);
uint64_t process_peak_rss(void);
/* Processor time of all threads, user and system. */
usec_t process_cpu(void);

/* Processors that this process may run on. */
unsigned process_cpus(void);
/* What the control group allows this process, in bytes; 0: no limit, or not known. */
uint64_t process_memory_limit(void);

enum { PROCESS_HOSTNAME_MAX = 256 };
/* The machine's name; "localhost" when it has none. */
void process_hostname(char out[PROCESS_HOSTNAME_MAX]);

#endif
