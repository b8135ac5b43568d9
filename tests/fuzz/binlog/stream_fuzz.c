/*
 * stream_fuzz.c - events and the stream of groups, on any bytes.
 *
 * Input: a byte (bit 0: MariaDB, bit 1: checksum asked, bit 2: no checksums are mended),
 * then events one after another, each as long as its header says, or as is left. CRCs and
 * lengths are mended first, because no fuzzer finds a CRC-32 by chance.
 */
#include "core/binlog/payload.h"
#include "core/binlog/stream.h"

#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void mend(const struct stream *s, uint8_t *e, size_t n)
{
	store_le32(e + 9, (uint32_t)n);
	bool crc = s->format.checksum;
	if (e[4] == EVENT_FORMAT_DESCRIPTION)
		crc = n >= EVENT_HEADER_LEN + 5 && e[n - 5] == 1;
	if (crc && n >= EVENT_HEADER_LEN + EVENT_CRC_LEN)
		store_le32(e + n - EVENT_CRC_LEN, libdeflate_crc32(0, e, n - EVENT_CRC_LEN));
}

/* What the headers promise of a step. */
static void check_step(const struct stream *s, const struct step *step)
{
	char where[320];
	bool ends = step->kind == STEP_COMMIT || step->kind == STEP_ROLLBACK ||
		    step->kind == STEP_TORN;
	if ((ends && !step->ends_group) || (step->ends_group && s->in_group) ||
	    (step->kind == STEP_BEGIN && !s->in_group) ||
	    ((step->kind == STEP_ROWS || step->kind == STEP_TABLE_MAP) && !s->in_group))
		abort();
	if (step->text.len && !step->text.p)
		abort();
	stream_where(s, step->pos, where, sizeof(where));
}

/* A payload's events, as far as they can be read. */
static void open_payload(struct stream *s, struct payload *p, const struct event *e)
{
	struct err err = {0};
	struct span bytes;
	struct step step;
	int rc = payload_open(p, e, &err);
	while (rc >= 0 && (rc = payload_next(p, &bytes, &err)) > 0) {
		rc = stream_feed_inner(s, bytes.p, bytes.len, &step, &err);
		if (rc == 0)
			check_step(s, &step);
	}
	if (rc == 0)
		rc = stream_payload_end(s, &err);
	if (rc < 0 && !err.kind)
		abort();
	if (rc < 0)
		stream_start(s, s->at.file, s->at.pos);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stream s;
	struct payload *payload = NULL;
	if (size == 0)
		return 0;
	uint8_t how = *data++;
	size--;
	stream_init(&s, how & 1 ? FLAVOR_MARIADB : FLAVOR_MYSQL, how & 2);
	while (size >= EVENT_HEADER_LEN) {
		size_t n = load_le32(data + 9);
		if (n > size || n < EVENT_HEADER_LEN)
			n = size;
		uint8_t *event = malloc(n);
		struct step step;
		struct err err = {0};
		if (!event)
			abort();
		memcpy(event, data, n);
		if (!(how & 4))
			mend(&s, event, n);
		int rc = stream_feed(&s, event, n, &step, &err);
		if (rc == 0)
			check_step(&s, &step);
		if (rc == 0 && step.kind == STEP_PAYLOAD) {
			if (!payload)
				payload = payload_new();
			if (!payload)
				abort();
			open_payload(&s, payload, &step.event);
		} else if (rc == 0)
			;
		else if (!err.kind || !err.where[0])
			abort();
		else
			stream_start(&s, s.at.file, s.at.pos); /* the other events are tried too */
		free(event);
		data += n;
		size -= n;
	}
	payload_free(payload);
	stream_free(&s);
	return 0;
}
