/*
 * shift_clock.c - preloaded into a program under test: its wall clock is another's.
 *
 *   LD_PRELOAD=…/libmr_shift_clock.so MR_SHIFT_CLOCK=FILE mr-core …
 *
 * FILE holds 8 bytes: the seconds by which the clock is ahead, as a signed number in the machine's
 * order. It stays mapped, so that the clock jumps when another process writes there. Clocks that
 * only rise (CLOCK_MONOTONIC, CLOCK_BOOTTIME) stay as they are, as they do when a host's time is
 * set. Libraries see the shifted time too. Any thread.
 *
 * On a host whose clock is wrong the kernel and its programs agree about the time. Here they do
 * not, so that every wait until a time of the wall clock is translated: an hour behind it would
 * otherwise end before it began, and an hour ahead last an hour. librdkafka waits like that for
 * its own threads, and may end the process when such a wait is cut off (see kafka_transaction.c).
 * A wait that has begun keeps its end when the clock jumps: there a real host may wait longer.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define SHOWN __attribute__((visibility("default")))

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

/* ---------------------------------------------------------------- what time it is */

static int is_wall(clockid_t id)
{
	return id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE;
}

/* The system call: libc's own function is the one that is replaced here. */
static int read_clock(clockid_t id, struct timespec *ret_ts)
{
	int rc = (int)syscall(SYS_clock_gettime, id, ret_ts);
	if (rc == 0 && ahead && is_wall(id))
		ret_ts->tv_sec += *ahead;
	return rc;
}

SHOWN int clock_gettime(clockid_t id, struct timespec *ret_ts)
{
	return read_clock(id, ret_ts);
}

SHOWN int gettimeofday(struct timeval *restrict ret_tv, void *restrict zone)
{
	struct timespec ts;
	(void)zone;
	if (read_clock(CLOCK_REALTIME, &ts) < 0)
		return -1;
	*ret_tv = (struct timeval){.tv_sec = ts.tv_sec, .tv_usec = ts.tv_nsec / 1000};
	return 0;
}

SHOWN int timespec_get(struct timespec *ret_ts, int base)
{
	return base == TIME_UTC && read_clock(CLOCK_REALTIME, ret_ts) == 0 ? base : 0;
}

SHOWN time_t time(time_t *ret_time)
{
	struct timespec ts;
	if (read_clock(CLOCK_REALTIME, &ts) < 0)
		return -1;
	if (ret_time)
		*ret_time = ts.tv_sec;
	return ts.tv_sec;
}

/* ---------------------------------------------------------------- waiting until a time */

/* libc's function. Some exist in two forms, whose arguments differ: `version` names the newer. */
static void *real(const char *name, const char *version)
{
	void *f = version ? dlvsym(RTLD_NEXT, name, version) : NULL;
	if (!f)
		f = dlsym(RTLD_NEXT, name);
	if (!f)
		abort();
	return f;
}

#define CALL(name, version, ...) \
	(((__typeof__(&(name)))(uintptr_t)real(#name, version))(__VA_ARGS__))

/*
 * The kernel's name for the shifted time `at`. What a condition or a timer counts by does not
 * show here; a time before 2001 is none of the wall clock, no host has been up for so long.
 */
static const struct timespec *kernel_time(const struct timespec *at, struct timespec *room)
{
	if (!ahead || !at || at->tv_sec < 1000000000)
		return at;
	*room = *at;
	room->tv_sec -= *ahead;
	return room;
}

SHOWN int cnd_timedwait(cnd_t *restrict cond, mtx_t *restrict lock,
			const struct timespec *restrict at)
{
	struct timespec room;
	return CALL(cnd_timedwait, NULL, cond, lock, kernel_time(at, &room));
}

SHOWN int mtx_timedlock(mtx_t *restrict lock, const struct timespec *restrict at)
{
	struct timespec room;
	return CALL(mtx_timedlock, NULL, lock, kernel_time(at, &room));
}

SHOWN int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict lock,
				 const struct timespec *restrict at)
{
	struct timespec room;
	return CALL(pthread_cond_timedwait, "GLIBC_2.3.2", cond, lock, kernel_time(at, &room));
}

SHOWN int pthread_cond_clockwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict lock,
				 clockid_t id, const struct timespec *restrict at)
{
	struct timespec room;
	return CALL(pthread_cond_clockwait, NULL, cond, lock, id, kernel_time(at, &room));
}

SHOWN int pthread_mutex_timedlock(pthread_mutex_t *restrict lock,
				  const struct timespec *restrict at)
{
	struct timespec room;
	return CALL(pthread_mutex_timedlock, NULL, lock, kernel_time(at, &room));
}

SHOWN int sem_timedwait(sem_t *restrict sem, const struct timespec *restrict at)
{
	struct timespec room;
	return CALL(sem_timedwait, NULL, sem, kernel_time(at, &room));
}

SHOWN int clock_nanosleep(clockid_t id, int flags, const struct timespec *at,
			  struct timespec *ret_left)
{
	struct timespec room;
	if ((flags & TIMER_ABSTIME) && is_wall(id))
		at = kernel_time(at, &room);
	return CALL(clock_nanosleep, "GLIBC_2.17", id, flags, at, ret_left);
}

SHOWN int timerfd_settime(int fd, int flags, const struct itimerspec *at, struct itimerspec *ret_old)
{
	struct itimerspec moved;
	if (at && (flags & TFD_TIMER_ABSTIME)) {
		struct timespec room;
		moved = *at;
		moved.it_value = *kernel_time(&at->it_value, &room);
		at = &moved;
	}
	return CALL(timerfd_settime, NULL, fd, flags, at, ret_old);
}
