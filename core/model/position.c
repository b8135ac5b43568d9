/* position.c - see position.h. Pure. */
#include "core/model/position.h"

#include <errno.h>

void position_init(struct position *p, enum flavor flavor)
{
	*p = (struct position){.flavor = flavor};
}

int position_copy(struct position *dst, const struct position *src)
{
	if (dst == src)
		return 0;
	struct gtid_set *gtids = NULL;
	if (src->gtids) {
		gtids = gtid_set_new(gtid_set_flavor(src->gtids));
		int rc = gtids ? gtid_set_copy(gtids, src->gtids) : -ENOMEM;
		if (rc < 0) {
			gtid_set_free(gtids);
			return rc;
		}
	}
	struct prepared_set prepared = {0};
	if (prepared_copy(&prepared, &src->prepared) < 0) {
		gtid_set_free(gtids);
		return -ENOMEM;
	}
	gtid_set_free(dst->gtids);
	prepared_clear(&dst->prepared);
	*dst = *src;
	dst->gtids = gtids;
	dst->prepared = prepared;
	return 0;
}

void position_clear(struct position *p)
{
	gtid_set_free(p->gtids);
	prepared_clear(&p->prepared);
	*p = (struct position){.flavor = p->flavor};
}
