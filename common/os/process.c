/* process.c - see process.h. */
#include "common/os/process.h"

#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The beginning of a file of the kernel's, with a zero byte. False: it cannot be read. */
static bool read_start(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, text, size - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	return n > 0;
}

uint64_t process_rss(void)
{
	/* "size resident shared …" in pages */
	char text[128];
	unsigned long long pages;
	if (!read_start("/proc/self/statm", text, sizeof(text)) ||
	    sscanf(text, "%*u %llu", &pages) != 1)
		return 0;
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t process_peak_rss(void)
{
	/*
	 * Not getrusage(): its ru_maxrss lasts over exec, so that a large program which
	 * started us counts. "VmHWM:\t   12345 kB" is of this program's memory alone.
	 */
	char text[4096];
	if (!read_start("/proc/self/status", text, sizeof(text)))
		return 0;
	const char *line = strstr(text, "\nVmHWM:");
	unsigned long long kib;
	if (!line || sscanf(line, "\nVmHWM: %llu", &kib) != 1)
		return 0;
	return kib * 1024;
}

usec_t process_cpu(void)
{
	return clock_read_usec(CLOCK_PROCESS_CPUTIME_ID);
}

unsigned process_cpus(void)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		return (unsigned)CPU_COUNT(&set);
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	return n > 0 ? (unsigned)n : 1;
}

uint64_t process_memory_limit(void)
{
	/* "0::/system.slice/mr-core.service\n": the group below the mount of version 2. */
	char group[2048], path[PATH_MAX], text[64];
	if (!read_start("/proc/self/cgroup", group, sizeof(group)) || strncmp(group, "0::/", 4) != 0)
		return 0;
	group[strcspn(group, "\n")] = 0;
	/* The tightest one counts, from the process's own group up to the root. */
	uint64_t limit = 0;
	for (char *end = group + strlen(group); end > group + 3; end = strrchr(group + 3, '/')) {
		*end = 0;
		snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.max", group + 3);
		if (!read_start(path, text, sizeof(text)) || text[0] == 'm') /* "max" */
			continue;
		uint64_t bytes = strtoull(text, NULL, 10);
		if (bytes && (!limit || bytes < limit))
			limit = bytes;
	}
	return limit;
}

void process_hostname(char out[PROCESS_HOSTNAME_MAX])
{
	if (gethostname(out, PROCESS_HOSTNAME_MAX) != 0 || !out[0])
		strcpy(out, "localhost");
	out[PROCESS_HOSTNAME_MAX - 1] = 0;
}

void process_heap_keep(size_t keep, size_t alone)
{
	mallopt(M_TRIM_THRESHOLD, (int)keep);
	mallopt(M_MMAP_THRESHOLD, (int)alone);
}

void process_heap_trim(void)
{
	malloc_trim(0);
}
