/*
 * shift_clock.c - preloaded into a program under test: its wall clock is another's.
 *
 *   LD_PRELOAD=…/libmr_shift_clock.so MR_SHIFT_CLOCK=FILE mr-core …
 *
 * FILE holds 8 bytes: the seconds by which the clock is ahead, as a signed number in the machine's
 * order. It stays mapped, so that the clock jumps when another process writes there. Clocks that
 * only rise (CLOCK_MONOTONIC, CLOCK_BOOTTIME) stay as they are, as they do when a host's time is
 * set. Libraries see the shifted time too. Any thread.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *ahead;

__attribute__((constructor)) static void start(void)
{
	const char *path = getenv("MR_SHIFT_CLOCK");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*ahead), PROT_READ, MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	if (map != MAP_FAILED)
		ahead = map;
}

/* The system call: libc's own function is the one that is replaced here. */
static int read_clock(clockid_t id, struct timespec *ret_ts)
{
	int rc = (int)syscall(SYS_clock_gettime, id, ret_ts);
	if (rc == 0 && ahead && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		ret_ts->tv_sec += *ahead;
	return rc;
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t id, struct timespec *ret_ts)
{
	return read_clock(id, ret_ts);
}

__attribute__((visibility("default"))) int gettimeofday(struct timeval *restrict ret_tv,
							void *restrict zone)
{
	struct timespec ts;
	(void)zone;
	if (read_clock(CLOCK_REALTIME, &ts) < 0)
		return -1;
	*ret_tv = (struct timeval){.tv_sec = ts.tv_sec, .tv_usec = ts.tv_nsec / 1000};
	return 0;
}

__attribute__((visibility("default"))) time_t time(time_t *ret_time)
{
	struct timespec ts;
	if (read_clock(CLOCK_REALTIME, &ts) < 0)
		return -1;
	if (ret_time)
		*ret_time = ts.tv_sec;
	return ts.tv_sec;
}
