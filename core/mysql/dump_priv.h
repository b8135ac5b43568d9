/* dump_priv.h - what dump.c and its helpers share. Private. */
#ifndef MR_MYSQL_DUMP_PRIV_H
#define MR_MYSQL_DUMP_PRIV_H

#include "core/mysql/server.h"

/* A server_id that neither the server nor any replica it tells of uses. */
int dump_choose_id(struct source *s, const struct server_info *info, uint32_t *ret,
		   struct err *err) MR_MUST_CHECK;
/* Shows us in SHOW REPLICAS; also the first proof of REPLICATION SLAVE. */
int dump_register(struct source *s, uint32_t server_id, const char *hostname,
		  struct err *err) MR_MUST_CHECK;
/* The server's refusal as an error; early: before any event of the log came. */
int dump_fail(struct source *s, bool early, struct err *err);

#endif
