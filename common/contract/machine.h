/*
 * machine.h - the machine document: what a process of ours says of itself, under
 * /machines (mr-core), /servers (mr-server) and /monitors (mr-monitor).
 *
 * A report: members that are not known are left out on reading (report.h). Everything
 * named here must be there. `formats` is what the installation's feature level is decided
 * by: nobody writes a format that a live process does not announce.
 */
#ifndef MR_CONTRACT_MACHINE_H
#define MR_CONTRACT_MACHINE_H

#include "common/contract/report.h"

enum {
	MACHINE_DOCUMENT_MAX = 512 * 1024,
	MACHINE_GROUPS_MAX = 256,
	MACHINE_TASKS_MAX = 4000, /* names that are listed; `held` counts all */
};

struct machine_doc {
	char *program; /* "mr-core", "mr-server", "mr-monitor" */
	char *hostname;
	uint32_t pid;
	char *version;
	uint32_t format_min; /* the formats of documents it reads */
	uint32_t format_max;
	uint64_t started_ms; /* times are milliseconds since 1970 */
	uint64_t heartbeat_ms;
	char *listen;        /* where its /metrics or API is; "" when nowhere */
	uint32_t cpus;       /* that it may use */
	double load;         /* of the machine, over a minute */
	double cpu_percent;  /* of this process, of one CPU; negative: not known, null */
	uint64_t rss_bytes;
	uint64_t memory_limit; /* 0: none */
	bool draining;         /* it gives up its tasks and takes none */
	bool stopping;         /* it was told to end: its node will go, and nothing is wrong */
	uint32_t max_tasks;
	uint32_t cold;    /* of max_tasks, that it has or is about to have; 0 where it is not told */
	uint32_t held;    /* tasks with an instance of this process, hot ones too */
	uint32_t running; /* those of them that it runs */
	struct report_texts groups;
	struct report_texts tasks; /* names of the tasks held */
};

/* 0 or -ENOMEM. */
int machine_doc_init(struct machine_doc *d) MR_MUST_CHECK;
void machine_doc_clear(struct machine_doc *d);
int machine_doc_parse(const char *text, size_t len, struct machine_doc *ret,
		      struct err *err) MR_MUST_CHECK;
/* One line; of groups and tasks as many as the bounds above. Check out->failed. */
void machine_doc_print(const struct machine_doc *d, struct buf *out);

#endif
