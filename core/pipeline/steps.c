/* steps.c - see steps.h. */
#include "core/pipeline/steps.h"

#include "common/contract/errors.h"

#include <errno.h>

void steps_free(struct steps *s)
{
	payload_free(s->payload);
	*s = (struct steps){0};
}

void steps_restart(struct steps *s)
{
	s->inside = false;
	s->bytes_failed = false;
}

/* Errors of a payload lie where it starts. */
static int located(const struct stream *stream, int rc, struct err *err)
{
	char where[sizeof(err->where)];
	if (rc < 0)
		err_locate(err, "%s",
			   stream_where(stream, stream->payload_pos, where, sizeof(where)));
	return rc;
}

static int open_payload(struct steps *s, const struct stream *stream, const struct event *e,
			struct err *err)
{
	if (!s->payload)
		s->payload = payload_new();
	if (!s->payload)
		return err_set(err, -ENOMEM, ERR_MEMORY,
			       "no memory to uncompress a transaction payload");
	int rc = located(stream, payload_open(s->payload, e, err), err);
	s->inside = rc == 0;
	return rc;
}

/* 1 and a step; 0: the payload is at its end. */
static int next_inner(struct steps *s, struct stream *stream, struct step *ret, struct err *err)
{
	struct span bytes;
	int rc = located(stream, payload_next(s->payload, &bytes, err), err);
	if (rc == 0) {
		s->inside = false;
		return stream_payload_end(stream, err);
	}
	if (rc > 0)
		rc = stream_feed_inner(stream, bytes.p, bytes.len, ret, err);
	return rc < 0 ? rc : 1;
}

int steps_next(struct steps *s, struct source *dump, struct stream *stream, struct step *ret,
	       struct err *err)
{
	int rc = 0;
	for (;;) {
		struct span bytes;
		s->bytes_failed = true;
		if (s->inside) {
			rc = next_inner(s, stream, ret, err);
			if (rc != 0)
				return rc;
		}
		s->bytes_failed = false;
		rc = dump_next(dump, &bytes, err);
		if (rc <= 0)
			return rc;
		s->bytes_failed = true;
		rc = stream_feed(stream, bytes.p, bytes.len, ret, err);
		if (rc == 0 && ret->kind == STEP_PAYLOAD)
			rc = open_payload(s, stream, &ret->event, err);
		else if (rc == 0)
			return 1;
		if (rc < 0)
			return rc;
	}
}
