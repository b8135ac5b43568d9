/* http_listen.c - "host:port" to a listening socket. Blocking only for a name's address. */
#include "common/http/http_priv.h"

#include "common/contract/errors.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 256, HOST_MAX = 256 };

/* "host:port" or "[v6]:port". */
static int split(const char *text, char host[HOST_MAX], const char **ret_port)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;
	if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
	    strlen(colon + 1) > 5 || atoi(colon + 1) > 65535)
		return -EINVAL;
	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	} else if (memchr(text, ':', len)) {
		return -EINVAL; /* an IPv6 address without brackets could mean anything */
	}
	if (len == 0 || len >= HOST_MAX)
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = 0;
	*ret_port = colon + 1;
	return 0;
}

static int open_socket(const struct addrinfo *a)
{
	int one = 1;
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
		int rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

static unsigned port_of(int fd)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	char port[16];
	if (getsockname(fd, (struct sockaddr *)&address, &len) < 0 ||
	    getnameinfo((struct sockaddr *)&address, len, NULL, 0, port, sizeof(port),
			NI_NUMERICSERV) != 0)
		return 0;
	return (unsigned)atoi(port);
}

int http_listen(struct http *h, struct err *err)
{
	char host[HOST_MAX];
	const char *port;
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	struct addrinfo *list;
	if (split(h->o.listen, host, &port) < 0)
		return err_set(err, -EINVAL, ERR_HTTP_LISTEN, "'%s' is not host:port", h->o.listen);
	int rc = getaddrinfo(host, port, &hints, &list);
	if (rc != 0)
		return err_set(err, -EINVAL, ERR_HTTP_LISTEN, "%s: %s", h->o.listen,
			       gai_strerror(rc));
	rc = -EADDRNOTAVAIL;
	for (const struct addrinfo *a = list; a && rc < 0; a = a->ai_next)
		rc = open_socket(a);
	freeaddrinfo(list);
	if (rc < 0)
		return err_set(err, rc, ERR_HTTP_LISTEN, "%s: %s", h->o.listen, strerror(-rc));
	h->listen_fd = rc;
	h->port = port_of(rc);
	return 0;
}
