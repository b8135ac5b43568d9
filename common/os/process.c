/* process.c - see process.h. */
#include "common/os/process.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

uint64_t process_rss(void)
{
	/* "size resident shared …" in pages */
	char text[128];
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	unsigned long long pages;
	if (n <= 0)
		return 0;
	text[n] = 0;
	if (sscanf(text, "%*u %llu", &pages) != 1)
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
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = 0;
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

void process_hostname(char out[PROCESS_HOSTNAME_MAX])
{
	if (gethostname(out, PROCESS_HOSTNAME_MAX) != 0 || !out[0])
		strcpy(out, "localhost");
	out[PROCESS_HOSTNAME_MAX - 1] = 0;
}
