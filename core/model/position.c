/* position.c - see position.h. Pure. */
#include "core/model/position.h"

#include <errno.h>

void position_init(struct position *p, enum flavor flavor)
{
	*p = (struct position){.flavor = flavor};
}

int position_copy(struct position *dst, const struct position *src)
{
	struct gtid_set *gtids = NULL;
	if (src->gtids) {
		/* The set that dst has is overwritten in place: no allocation once it is large
		 * enough. */
		if (dst->gtids && gtid_set_flavor(dst->gtids) == gtid_set_flavor(src->gtids))
			gtids = dst->gtids;
		else if (!(gtids = gtid_set_new(gtid_set_flavor(src->gtids))))
			return -ENOMEM;
		int rc = gtid_set_copy(gtids, src->gtids);
		if (rc < 0) {
			if (gtids != dst->gtids)
				gtid_set_free(gtids);
			return rc;
		}
	}
	if (dst->gtids != gtids)
		gtid_set_free(dst->gtids);
	*dst = *src;
	dst->gtids = gtids;
	return 0;
}

void position_clear(struct position *p)
{
	gtid_set_free(p->gtids);
	*p = (struct position){.flavor = p->flavor};
}
