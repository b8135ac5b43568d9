/* ddl.c - see ddl.h. */
#include "core/schema/ddl.h"

#include <errno.h>

int ddl_apply(struct span statement, const struct ddl_session *session,
	      const struct ddl_lookup *lookup, struct arena *arena, struct ddl_changes *ret)
{
	(void)session;
	(void)lookup;
	struct ddl_change *all = arena_zalloc(arena, sizeof(*all));
	if (!all)
		return -ENOMEM;
	all->kind = DDL_UNKNOWN;
	*ret = (struct ddl_changes){.n = statement.len > 0, .list = all};
	return 0;
}
