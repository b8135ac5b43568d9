/* clock.h - time as usec_t: microseconds, 64 bits, everywhere in this project. */
#ifndef MR_BASE_CLOCK_H
#define MR_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

typedef int64_t usec_t;

#define USEC_PER_SEC ((usec_t)1000000)
#define USEC_PER_MSEC ((usec_t)1000)

static inline usec_t clock_read_usec(clockid_t id)
{
	struct timespec ts;
	clock_gettime(id, &ts);
	return (usec_t)ts.tv_sec * USEC_PER_SEC + ts.tv_nsec / 1000;
}

/* Since 1970, UTC: what documents and messages show. */
static inline usec_t clock_wall(void)
{
	return clock_read_usec(CLOCK_REALTIME);
}

/* Never goes back; counts while the machine sleeps: what intervals are measured with. */
static inline usec_t clock_boot(void)
{
	return clock_read_usec(CLOCK_BOOTTIME);
}

#endif
