/* http_connection.c - connections come and go. Library's thread, under h->lock. */
#include "common/http/http_priv.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

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
	pthread_mutex_lock(&h->lock);
	c->next = h->connections;
	if (c->next)
		c->next->prev = c;
	h->connections = c;
	h->nconnections++;
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
