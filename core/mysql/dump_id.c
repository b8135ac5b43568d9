/*
 * dump_id.c - under which server_id we replicate, and telling the server of us.
 *
 * Two replicas with one server_id throw each other out without end (MySQL compares our own
 * UUIDs instead, where both have one). So:
 *
 *   chosen by us   from a range nobody numbers servers in by hand, by chance; leased at the
 *                  place "any", where no two readers of the installation have the same,
 *                  whatever servers they read or will move to; and not one that the server
 *                  itself tells of. Thrown out all the same: another one is chosen
 *   source.server_id   leased at the server that is read: the same number elsewhere is
 *                  another's right. Taken: we wait. Thrown out: the task stops
 *
 * A server lists only replicas that registered, and only to users that may see them. Where its
 * list is not to be touched (server_sql_replicas()) we neither register nor ask: that is MySQL,
 * where readers that bring UUIDs throw nobody out who has another.
 */
#include "common/contract/errors.h"
#include "core/mysql/dump_priv.h"
#include "core/mysql/server_priv.h"
#include "core/mysql/source_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum { ID_FIRST = 3000000000U, ID_COUNT = 1200000000U, TRIES = 64, HOST_SHOWN_MAX = 64 };

#define ANY_SERVER "any"

/* Is a line of the list one of ours, perhaps of a connection that the server has not missed yet? */
static bool is_ours(const struct dump_options *o, const struct query *q)
{
	enum { HOST = 1, UUID = 4 };
	const char *uuid = q->columns > UUID ? query_text(q, UUID) : NULL;
	const char *host = query_text(q, HOST);
	if (uuid && o->uuid && strcmp(uuid, o->uuid) == 0)
		return true;
	const char *at = o->hostname ? strchr(o->hostname, '@') : NULL;
	return at && host && strncmp(host, o->hostname, (size_t)(at - o->hostname) + 1) == 0;
}

/* Is the number another's in SHOW REPLICAS? Where that may not be asked, nobody's. */
static int is_taken(struct source *s, const struct dump_options *o, uint32_t id, bool *ret,
		    char by[HOST_SHOWN_MAX], struct err *err)
{
	struct query q;
	struct err why = {0};
	const char *sql = server_sql_replicas(o->server);
	*ret = false;
	if (!sql)
		return 0;
	int rc = query_open(s, &q, &why, "%s", sql);
	if (rc && (why.kind == ERR_SOURCE_GRANT || why.kind == ERR_SOURCE_QUERY))
		return 0;
	if (rc) {
		*err = why;
		return rc;
	}
	while ((rc = query_next(&q, err)) > 0) {
		if (query_u64(&q, 0) != id || is_ours(o, &q))
			continue;
		const char *host = query_text(&q, 1);
		*ret = true;
		snprintf(by, HOST_SHOWN_MAX, "%s", host && *host ? host : "(without a name)");
	}
	query_end(&q);
	return rc;
}

static int lease(struct dump_id *d, const char *place, uint32_t id, struct err *err)
{
	int rc = d->leases ? d->leases->take(d->leases->ctx, place, id, err) : 0;
	if (rc == 0) {
		d->id = id;
		snprintf(d->place, sizeof(d->place), "%s", place);
	}
	return rc;
}

void dump_id_drop(struct dump_id *d)
{
	if (d->id && d->leases)
		d->leases->drop(d->leases->ctx, d->place, d->id);
	d->id = 0;
	d->place[0] = 0;
}

static int take_fixed(struct source *s, const struct dump_options *o, struct err *err)
{
	struct dump_id *d = o->id;
	char by[HOST_SHOWN_MAX];
	bool taken;
	if (d->fixed == o->server->server_id)
		return err_set(err, -EADDRINUSE, ERR_SOURCE_SERVER_ID,
			       "source.server_id %u is that of %s itself", d->fixed,
			       source_name(s));
	if (d->id && strcmp(d->place, o->server->place) != 0)
		dump_id_drop(d);
	int rc = lease(d, o->server->place, d->fixed, err);
	if (rc == -EEXIST) {
		err->kind = ERR_SOURCE_SERVER_ID_TAKEN;
		err_prefix(err, "source.server_id %u at %s", d->fixed, source_name(s));
	}
	/* Without leases nobody waits: the newcomer counts, as among replicas. */
	if (rc < 0 || !d->leases)
		return rc;
	rc = is_taken(s, o, d->fixed, &taken, by, err);
	return rc < 0 || !taken ? rc
				: err_set(err, -EADDRINUSE, ERR_SOURCE_SERVER_ID_TAKEN,
					  "source.server_id %u at %s: the replica %s has it",
					  d->fixed, source_name(s), by);
}

static int draw(uint32_t *ret, struct err *err)
{
	if (getrandom(ret, sizeof(*ret), 0) != sizeof(*ret))
		return err_set(err, -EIO, ERR_INTERNAL, "the system has no random bytes");
	*ret = (uint32_t)ID_FIRST + *ret % (uint32_t)ID_COUNT;
	return 0;
}

/* The one we have if it is good here, else another. */
static int take_free(struct source *s, const struct dump_options *o, struct err *err)
{
	struct dump_id *d = o->id;
	char by[HOST_SHOWN_MAX];
	for (int i = 0; i < TRIES; i++) {
		uint32_t id = d->id;
		bool taken = false;
		int rc = id ? 0 : draw(&id, err);
		if (rc == 0)
			rc = lease(d, ANY_SERVER, id, err);
		if (rc == -EEXIST) { /* the one we had too: the session it was of is over */
			d->id = 0;
			err_clear(err);
			continue;
		}
		if (rc == 0)
			rc = is_taken(s, o, id, &taken, by, err);
		if (rc < 0)
			return rc;
		if (!taken && id != o->server->server_id)
			return 0;
		dump_id_drop(d);
	}
	return err_set(err, -EAGAIN, ERR_SOURCE_SERVER_ID_TAKEN, "%s: no free server_id found",
		       source_name(s));
}

int dump_id_take(struct source *s, const struct dump_options *o, struct err *err)
{
	return o->id->fixed ? take_fixed(s, o, err) : take_free(s, o, err);
}

bool dump_id_evicted(struct dump_id *d)
{
	if (!d->fixed) {
		dump_id_drop(d);
		return true;
	}
	/* Whoever has the lease is right. If we have it, the other is none of ours. */
	return d->id && d->leases && !d->leases->holds(d->leases->ctx, d->place, d->id);
}

/*
 * COM_REGISTER_SLAVE:
 *   4  server_id
 *   1  length, n  host name shown
 *   1  length, n  user shown
 *   1  length, n  password shown (we give none)
 *   2  port
 *   4  rank, ignored
 *   4  the source's id, 0
 */
int dump_register(struct source *s, const struct dump_options *o, uint32_t server_id,
		  struct err *err)
{
	const char *hostname = o->hostname;
	if (!server_sql_replicas(o->server))
		return 0;
	unsigned char body[4 + 3 + 60 + 2 + 8] = {0};
	size_t n = hostname ? strnlen(hostname, 59) : 0; /* the servers' HOSTNAME_LENGTH */
	store_le32(body, server_id);
	body[4] = (unsigned char)n;
	if (n)
		memcpy(body + 5, hostname, n);
	size_t len = 4 + 1 + n + 1 + 1 + 2 + 4 + 4;
	source_enter(s, 0, s->options.read_timeout);
	if (!s->mysql->methods->db_command(s->mysql, COM_REGISTER_SLAVE, (const char *)body, len, 0,
					   NULL))
		return 0;
	return dump_fail(s, true, err);
}
