/*
 * notify.c - see notify.h. The protocol: sd_notify(3), "Notes". The watchdog's interval is
 * in WATCHDOG_USEC, for the process in WATCHDOG_PID if that is set.
 */
#include "common/os/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

bool notify_wanted(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	return path && (path[0] == '/' || path[0] == '@') && path[1];
}

static void notify_send(const char *text)
{
	if (!notify_wanted())
		return;
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = strlen(path);
	if (len >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, path, len);
	if (path[0] == '@')
		address.sun_path[0] = 0; /* the abstract namespace */
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	ssize_t rc;
	do
		rc = sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address,
			    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	while (rc < 0 && errno == EINTR);
	close(fd);
}

void notify_ready(void)
{
	notify_send("READY=1");
}

void notify_stopping(void)
{
	notify_send("STOPPING=1");
}

void notify_reloading(void)
{
	char text[64];
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
		 (long long)clock_read_usec(CLOCK_MONOTONIC));
	notify_send(text);
}

void notify_watchdog(void)
{
	notify_send("WATCHDOG=1");
}

void notify_status(const char *fmt, ...)
{
	if (!notify_wanted())
		return;
	char text[512] = "STATUS=";
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text + 7, sizeof(text) - 7, fmt, ap);
	va_end(ap);
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < ' ')
			*p = ' ';
	notify_send(text);
}

usec_t notify_watchdog_every(void)
{
	const char *pid = getenv("WATCHDOG_PID"), *interval = getenv("WATCHDOG_USEC");
	if (!interval || (pid && strtoll(pid, NULL, 10) != (long long)getpid()))
		return 0;
	char *end;
	errno = 0;
	long long usec = strtoll(interval, &end, 10);
	return errno || *end || usec < 2 ? 0 : usec / 2;
}
