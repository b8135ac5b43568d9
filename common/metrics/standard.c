/* standard.c - what every daemon's page begins with: its version and its process. */
#include "common/metrics/metrics.h"

#include "common/os/process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* Entries of /proc/self/fd without ".", ".." and the one that reads it. */
static unsigned open_descriptors(void)
{
	unsigned n = 0;
	DIR *dir = opendir("/proc/self/fd");
	if (!dir)
		return 0;
	for (const struct dirent *e; (e = readdir(dir)) != NULL;)
		n += e->d_name[0] != '.';
	closedir(dir);
	return n ? n - 1 : 0;
}

/*
 * Seconds since 1970. Field 22 of /proc/self/stat is the start in ticks since boot; the
 * name in front of it stands in parentheses and may hold anything.
 */
static double start_time(void)
{
	char text[1024];
	FILE *f = fopen("/proc/self/stat", "re");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
	if (f)
		fclose(f);
	text[n] = 0;
	char *p = strrchr(text, ')');
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	if (!p)
		return 0;
	double since_boot = strtod(p, NULL) / (double)sysconf(_SC_CLK_TCK);
	double boot = (double)(clock_wall() - clock_boot()) / (double)USEC_PER_SEC;
	return boot + since_boot;
}

void metrics_standard(struct metrics *m, const char *program, bool zookeeper_connected)
{
	struct rlimit files;
	metrics_family(m, "mr_build_info", METRICS_GAUGE, "The program and its version; always 1.");
	metrics_count(m, 1, "program", program, "version", MR_VERSION, NULL);
	metrics_gauge(m, "mr_zookeeper_connected", "Whether the ZooKeeper session is connected.",
		      zookeeper_connected);
	metrics_family(m, "process_cpu_seconds_total", METRICS_COUNTER,
		       "Processor time of the process, user and system.");
	metrics_value(m, (double)process_cpu() / (double)USEC_PER_SEC, NULL);
	metrics_gauge(m, "process_resident_memory_bytes", "Memory that is resident.",
		      (double)process_rss());
	metrics_gauge(m, "process_open_fds", "Open file descriptors.", open_descriptors());
	if (getrlimit(RLIMIT_NOFILE, &files) == 0)
		metrics_gauge(m, "process_max_fds", "File descriptors that may be open.",
			      (double)files.rlim_cur);
	metrics_gauge(m, "process_start_time_seconds", "When the process started, since 1970.",
		      start_time());
}
