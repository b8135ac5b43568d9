/*
 * http_connection.c - connections come and go. Library's thread, under h->lock.
 *
 * Too many of them, in all or of one address, do not keep a newcomer out: it displaces the
 * one that has been without a request for longest, or else the one that has been sending
 * its request for longest. So who opens connections and says nothing displaces himself.
 */
#include "common/http/http_priv.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* A body that is kept may be displaced when it is sent for longer than this; any head may. */
#define SENDING_UNTOUCHED (2 * USEC_PER_SEC)

/* All zero when it is not known. */
static void put_address(const struct sockaddr *a, uint8_t out[16])
{
	if (a && a->sa_family == AF_INET) {
		const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)a;
		out[10] = out[11] = 0xff;
		memcpy(out + 12, &v4->sin_addr, 4);
	} else if (a && a->sa_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)a;
		memcpy(out, &v6->sin6_addr, IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) ? 16 : 8);
	}
}

static bool displaceable(const struct http_connection *c, usec_t now)
{
	return c->phase == HTTP_IDLING ||
	       (c->phase == HTTP_READING &&
		(!c->admitted || now - c->since > SENDING_UNTOUCHED));
}

/* Whether `a` goes before `b` (NULL: nobody yet). */
static bool goes_before(const struct http_connection *a, const struct http_connection *b)
{
	if (!b || a->phase != b->phase)
		return !b || a->phase == HTTP_IDLING;
	return a->since < b->since;
}

/* h->lock is held. Makes room for `own`, of its address or of all, or shuts it down itself. */
static void displace(struct http *h, struct http_connection *own, bool same_address,
		     unsigned limit)
{
	struct http_connection *victim = NULL;
	unsigned n = 0;
	for (struct http_connection *c = h->connections; c; c = c->next) {
		if (c->displaced || (same_address && memcmp(c->address, own->address, 16) != 0))
			continue;
		n++;
		if (c != own && displaceable(c, own->since) && goes_before(c, victim))
			victim = c;
	}
	if (n <= limit)
		return;
	if (!victim)
		victim = own;
	victim->displaced = true;
	/* The library sees the end of the stream, and closes. */
	shutdown(victim->fd, SHUT_RDWR);
}

static void put_peer(struct MHD_Connection *mhd, char out[HTTP_PEER_MAX])
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	char host[HTTP_PEER_MAX - 8], port[8];
	socklen_t len = info && info->client_addr && info->client_addr->sa_family == AF_INET6
				? (socklen_t)sizeof(struct sockaddr_in6)
				: (socklen_t)sizeof(struct sockaddr_in);
	if (!info || !info->client_addr ||
	    getnameinfo(info->client_addr, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		snprintf(out, HTTP_PEER_MAX, "unknown");
	else
		snprintf(out, HTTP_PEER_MAX, "%s:%s", host, port);
}

static void connection_started(struct http *h, struct MHD_Connection *mhd, void **slot)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct http_connection *c = info ? calloc(1, sizeof(*c)) : NULL;
	*slot = c;
	if (!c)
		return; /* then only the library's own timeout guards it */
	c->fd = info->connect_fd;
	c->fresh = true;
	c->since = clock_boot();
	put_peer(mhd, c->peer);
	info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	put_address(info ? info->client_addr : NULL, c->address);
	pthread_mutex_lock(&h->lock);
	c->next = h->connections;
	if (c->next)
		c->next->prev = c;
	h->connections = c;
	h->nconnections++;
	if (h->o.max_per_address)
		displace(h, c, true, h->o.max_per_address);
	displace(h, c, false, h->o.max_connections);
	pthread_mutex_unlock(&h->lock);
}

/* Called before the socket is closed: nobody else shuts down its number afterwards. */
static void connection_closed(struct http *h, void **slot)
{
	struct http_connection *c = *slot;
	if (!c)
		return;
	pthread_mutex_lock(&h->lock);
	*(c->prev ? &c->prev->next : &h->connections) = c->next;
	if (c->next)
		c->next->prev = c->prev;
	h->nconnections--;
	pthread_mutex_unlock(&h->lock);
	free(c);
	*slot = NULL;
}

void http_on_connection(void *ctx, struct MHD_Connection *mhd, void **slot,
			enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		connection_started(ctx, mhd, slot);
	else
		connection_closed(ctx, slot);
}
