/* dump_priv.h - what dump.c and its helpers share. Private. */
#ifndef MR_MYSQL_DUMP_PRIV_H
#define MR_MYSQL_DUMP_PRIV_H

#include "core/mysql/dump.h"

/* Makes o->id->id (o->id is set) one that is ours alone on this server. */
int dump_id_take(struct source *s, const struct dump_options *o, struct err *err) MR_MUST_CHECK;
/* Shows us in SHOW REPLICAS, of a server that can bear it. */
int dump_register(struct source *s, const struct dump_options *o, uint32_t server_id,
		  struct err *err) MR_MUST_CHECK;
/* The server's refusal as an error; early: before any event of the log came. */
int dump_fail(struct source *s, bool early, struct err *err);

#endif
