/*
 * signals.c - see signals.h.
 *
 * The handler runs in whichever thread the kernel picks: it touches lock-free atomics and
 * write()s to an eventfd, both of which are safe there. SA_RESTART keeps the libraries'
 * system calls going.
 */
#include "common/os/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

static _Atomic int event_fd = -1;
static _Atomic unsigned pending;
static _Atomic unsigned stops;

static void on_signal(int number)
{
	int saved = errno;
	if (number == SIGHUP) {
		atomic_fetch_or(&pending, SIGNALS_RELOAD);
	} else {
		atomic_fetch_add(&stops, 1);
		atomic_fetch_or(&pending, SIGNALS_STOP);
	}
	uint64_t one = 1;
	ssize_t rc = write(atomic_load(&event_fd), &one, sizeof(one));
	(void)rc; /* it fails only when the counter is full: the fd is readable then */
	errno = saved;
}

static int set_handlers(void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
	sigemptyset(&action.sa_mask);
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (sigaction(numbers[i], &action, NULL) != 0)
			return -errno;
	action.sa_handler = handler == SIG_DFL ? SIG_DFL : SIG_IGN;
	return sigaction(SIGPIPE, &action, NULL) != 0 ? -errno : 0;
}

int signals_open(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	atomic_store(&pending, 0);
	atomic_store(&stops, 0);
	atomic_store(&event_fd, fd);
	int rc = set_handlers(on_signal);
	if (rc < 0)
		signals_close();
	return rc;
}

void signals_close(void)
{
	set_handlers(SIG_DFL);
	int fd = atomic_exchange(&event_fd, -1);
	if (fd >= 0)
		close(fd);
}

int signals_fd(void)
{
	return atomic_load(&event_fd);
}

unsigned signals_take(void)
{
	/* The counter first: a signal in between makes the fd readable again. */
	uint64_t count;
	ssize_t rc = read(atomic_load(&event_fd), &count, sizeof(count));
	(void)rc; /* -EAGAIN: nothing arrived */
	return atomic_exchange(&pending, 0);
}

bool signals_stopping(void)
{
	return signals_stops() > 0;
}

unsigned signals_stops(void)
{
	return atomic_load(&stops);
}
