/* vectors.c - see vectors.h. */
#include "tests/unit/binlog/vectors.h"

#include "core/binlog/event.h"

#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const all_servers[] = {"mariadb-10.11", "mariadb-11.8", "mysql-5.7",
				   "mysql-8.0",     "mysql-9.7",    NULL};

enum flavor server_flavor(const char *server)
{
	return strncmp(server, "mariadb", 7) == 0 ? FLAVOR_MARIADB : FLAVOR_MYSQL;
}

static void vector_path(char *out, size_t size, const char *server, const char *name,
			const char *suffix)
{
	snprintf(out, size, "%s/binlog/%s/%s%s", MR_VECTORS, server, name, suffix);
}

static uint8_t *file_load(const char *path, size_t *ret_len)
{
	FILE *f = fopen(path, "rb");
	if (!f)
		fail_msg("%s is missing", path);
	fseek(f, 0, SEEK_END);
	long len = ftell(f);
	rewind(f);
	uint8_t *bytes = malloc((size_t)len + 1);
	assert_non_null(bytes);
	assert_int_equal(fread(bytes, 1, (size_t)len, f), len);
	fclose(f);
	bytes[len] = 0;
	*ret_len = (size_t)len;
	return bytes;
}

struct dump dump_load(const char *server, const char *scenario)
{
	char path[512];
	struct dump d = {0};
	vector_path(path, sizeof(path), server, scenario, ".dump");
	d.bytes = file_load(path, &d.len);
	return d;
}

bool dump_exists(const char *server, const char *scenario)
{
	char path[512];
	vector_path(path, sizeof(path), server, scenario, ".dump");
	return access(path, R_OK) == 0;
}

void dump_free(struct dump *d)
{
	free(d->bytes);
}

bool dump_next(struct dump *d, struct span *ret)
{
	static uint8_t *copy;
	free(copy);
	copy = NULL;
	if (d->at == d->len)
		return false;
	assert_true(d->len - d->at >= EVENT_HEADER_LEN);
	size_t n = load_le32(d->bytes + d->at + 9);
	assert_true(n <= d->len - d->at);
	copy = malloc(n);
	assert_non_null(copy);
	memcpy(copy, d->bytes + d->at, n);
	d->at += n;
	*ret = (struct span){copy, n};
	return true;
}

char *text_load(const char *server, const char *file)
{
	char path[512];
	size_t len;
	vector_path(path, sizeof(path), server, file, "");
	return (char *)file_load(path, &len);
}

void event_seal(uint8_t *event, size_t len)
{
	store_le32(event + len - EVENT_CRC_LEN,
		   libdeflate_crc32(0, event, len - EVENT_CRC_LEN));
}

size_t event_make(uint8_t *out, unsigned type, unsigned flags, uint32_t timestamp,
		  uint32_t log_pos, const void *body, size_t len, bool checksum)
{
	size_t size = EVENT_HEADER_LEN + len + (checksum ? EVENT_CRC_LEN : 0);
	store_le32(out, timestamp);
	out[4] = (uint8_t)type;
	store_le32(out + 5, 1);
	store_le32(out + 9, (uint32_t)size);
	store_le32(out + 13, log_pos);
	store_le16(out + 17, (uint16_t)flags);
	if (len)
		memcpy(out + EVENT_HEADER_LEN, body, len);
	if (checksum)
		event_seal(out, size);
	return size;
}

static void trace_step(const struct step *step, struct buf *out)
{
	if (step->kind == STEP_SKIP || step->kind == STEP_ROWS_QUERY)
		return;
	if (out->len)
		buf_putc(out, ' ');
	buf_puts(out, step_kind_name(step->kind));
	if (step->kind == STEP_SAVEPOINT || step->kind == STEP_UNDO)
		buf_printf(out, "(%.*s)", (int)step->text.len, (const char *)step->text.p);
	if (step->ends_group)
		buf_putc(out, '!');
}

struct feed feed_open(const char *server, const char *scenario)
{
	struct feed f = {.dump = dump_load(server, scenario)};
	stream_init(&f.stream, server_flavor(server), true);
	return f;
}

/* 1: a step; 0: the dump is at its end; or what was refused. */
static int next_step(struct feed *f)
{
	struct span bytes;
	int rc;
	if (f->inside) {
		rc = payload_next(f->payload, &bytes, &f->err);
		if (rc > 0)
			rc = stream_feed_inner(&f->stream, bytes.p, bytes.len, &f->step, &f->err);
		else if (rc == 0) {
			f->inside = false;
			rc = stream_payload_end(&f->stream, &f->err);
			return rc < 0 ? rc : next_step(f);
		}
		return rc < 0 ? rc : 1;
	}
	if (!dump_next(&f->dump, &bytes))
		return 0;
	rc = stream_feed(&f->stream, bytes.p, bytes.len, &f->step, &f->err);
	if (rc < 0 || f->step.kind != STEP_PAYLOAD)
		return rc < 0 ? rc : 1;
	if (!f->payload)
		f->payload = payload_new();
	rc = payload_open(f->payload, &f->step.event, &f->err);
	f->inside = rc == 0;
	return rc < 0 ? rc : next_step(f);
}

void trace(const char *server, const char *scenario, struct buf *out, struct err *ret_err)
{
	struct feed f = feed_open(server, scenario);
	int rc;
	while ((rc = next_step(&f)) > 0)
		trace_step(&f.step, out);
	if (rc < 0)
		buf_printf(out, " ERROR %s", f.err.kind->code);
	*ret_err = f.err;
	feed_close(&f);
}

bool feed_next(struct feed *f)
{
	int rc = next_step(f);
	if (rc < 0)
		fail_msg("%s: %s", f->err.where, f->err.text);
	return rc > 0;
}

void feed_until(struct feed *f, enum step_kind kind)
{
	while (feed_next(f))
		if (f->step.kind == kind)
			return;
	fail_msg("no more %s", step_kind_name(kind));
}

int feed_event(struct feed *f, const void *bytes, size_t len)
{
	f->err = (struct err){0};
	return stream_feed(&f->stream, bytes, len, &f->step, &f->err);
}

void feed_close(struct feed *f)
{
	dump_free(&f->dump);
	payload_free(f->payload);
	stream_free(&f->stream);
}

int feed_made(struct feed *f, unsigned type, unsigned flags, uint32_t pos, const void *body,
		     size_t len)
{
	uint8_t event[600];
	size_t size = event_make(event, type, flags, 1, pos, body, len, f->stream.format.checksum);
	return feed_event(f, event, size);
}
