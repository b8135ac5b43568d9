/* seal_task.c - the secrets of a task document sealed. See seal.h. */
#include "common/contract/errors.h"
#include "common/os/file.h"
#include "common/seal/seal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct work {
	const struct seal_ring *ring;
	const char *cluster;
	size_t changed;
	struct err *err;
};

static int seal_text(struct work *w, struct secret *s, const struct secret_use *use,
		     const char *text, size_t len)
{
	char *sealed;
	int rc = seal_secret(w->ring, w->cluster, use, text, len, &sealed, w->err);
	if (rc < 0)
		return rc;
	rc = secret_set(s, sealed);
	free(sealed);
	if (rc < 0)
		return err_set(w->err, rc, ERR_MEMORY, "no memory for a sealed secret");
	w->changed++;
	return 0;
}

static int seal_one(void *ctx, struct secret *s, const struct secret_use *use)
{
	struct work *w = ctx;
	if (!s->given || !s->given[0] || secret_is_reference(s->given))
		return 0;
	if (!secret_is_sealed(s->given)) {
		if (use->pem && s->given[0] == '/')
			return err_set_at(w->err, -EINVAL, ERR_TASK_INVALID, use->field,
					  "'%s' is a path, which is for standalone mode: give the "
					  "PEM text or file:NAME",
					  use->field);
		return seal_text(w, s, use, s->given, strlen(s->given));
	}
	char *text;
	size_t len;
	int rc = seal_open(w->ring, w->cluster, use, s->given, &text, &len, w->err);
	if (rc < 0)
		return rc;
	if (seal_is_old(w->ring, s->given))
		rc = seal_text(w, s, use, text, len);
	file_free_wiped(text, len);
	return rc;
}

int seal_task(const struct seal_ring *ring, const char *cluster, struct task *t,
	      size_t *ret_changed, struct err *err)
{
	struct work w = {.ring = ring, .cluster = cluster, .err = err};
	int rc = task_each_secret(t, seal_one, &w, err);
	if (rc == 0)
		*ret_changed = w.changed;
	return rc;
}
