/*
 * dump_id.c - under which server_id we replicate, and telling the server of us.
 *
 * Two replicas with one server_id evict each other without end, so that a number is
 * chosen from a range nobody numbers servers in by hand, by chance, and not one that
 * the server knows. It lists only replicas that registered, and only to users that may
 * see them; one chance in 10^9 for each other task is left.
 */
#include "common/contract/errors.h"
#include "core/mysql/dump_priv.h"
#include "core/mysql/server_priv.h"
#include "core/mysql/source_priv.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

enum { ID_FIRST = 3000000000U, ID_COUNT = 1200000000U, TRIES = 64 };

/* Is the number one of SHOW REPLICAS? Where it may not be asked, none is. */
static int is_taken(struct source *s, const struct server_info *info, uint32_t id, bool *ret,
		    struct err *err)
{
	struct query q;
	struct err why = {0};
	*ret = id == info->server_id;
	int rc = query_open(s, &q, &why, "%s", server_sql_replicas(info));
	if (rc && (why.kind == ERR_SOURCE_GRANT || why.kind == ERR_SOURCE_QUERY))
		return 0;
	if (rc) {
		*err = why;
		return rc;
	}
	while ((rc = query_next(&q, err)) > 0)
		if (query_u64(&q, 0) == id)
			*ret = true;
	query_end(&q);
	return rc;
}

int dump_choose_id(struct source *s, const struct server_info *info, uint32_t *ret, struct err *err)
{
	for (int i = 0; i < TRIES; i++) {
		uint32_t id;
		bool taken;
		if (getrandom(&id, sizeof(id), 0) != sizeof(id))
			return err_set(err, -EIO, ERR_INTERNAL, "the system has no random bytes");
		id = (uint32_t)ID_FIRST + id % (uint32_t)ID_COUNT;
		int rc = is_taken(s, info, id, &taken, err);
		if (rc)
			return rc;
		if (!taken) {
			*ret = id;
			return 0;
		}
	}
	return err_set(err, -EAGAIN, ERR_SOURCE_SERVER_ID, "%s: no free server_id found",
		       source_name(s));
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
int dump_register(struct source *s, uint32_t server_id, const char *hostname, struct err *err)
{
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
