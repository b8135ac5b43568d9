/*
 * payload_test.c - transaction payloads and MariaDB's compressed parts: damaged ones, and
 * what a server never makes.
 */
#include "common/contract/errors.h"
#include "core/binlog/inflate.h"
#include "core/binlog/payload.h"
#include "tests/unit/binlog/vectors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

/* An inner event: a header and `len` bytes of 'b'. */
static size_t inner(uint8_t *out, unsigned type, size_t len)
{
	memset(out, 0, EVENT_HEADER_LEN);
	out[4] = (uint8_t)type;
	store_le32(out + 9, (uint32_t)(EVENT_HEADER_LEN + len));
	memset(out + EVENT_HEADER_LEN, 'b', len);
	return EVENT_HEADER_LEN + len;
}

/* A payload's body; compression 0 zstd, 255 none. */
static struct event payload_of(const uint8_t *events, size_t len, unsigned compression,
			       uint8_t **ret_body)
{
	size_t room = ZSTD_compressBound(len) + 64;
	uint8_t *body = malloc(room), *p = body;
	assert_non_null(body);
	*p++ = 2; /* compression */
	*p++ = compression == 255 ? 3 : 1;
	if (compression == 255) {
		*p++ = 252;
		*p++ = 255;
		*p++ = 0;
	} else {
		*p++ = (uint8_t)compression;
	}
	*p++ = 99; /* a field that we do not know */
	*p++ = 2;
	p += 2;
	*p++ = 0;
	if (compression == 0) {
		size_t n = ZSTD_compress(p, room - (size_t)(p - body), events, len, 3);
		assert_false(ZSTD_isError(n));
		p += n;
	} else {
		memcpy(p, events, len);
		p += len;
	}
	*ret_body = body;
	return (struct event){.type = EVENT_TRANSACTION_PAYLOAD,
			      .body = {body, (size_t)(p - body)}};
}

static int count_events(struct payload *p, const struct event *e, struct err *err)
{
	struct span bytes;
	int n = 0, rc = payload_open(p, e, err);
	while (rc >= 0 && (rc = payload_next(p, &bytes, err)) > 0) {
		n++;
		if (bytes.len > EVENT_HEADER_LEN)
			assert_int_equal(bytes.p[bytes.len - 1], 'b');
	}
	return rc < 0 ? rc : n;
}

/* Events smaller and larger than the buffer, both ways; one payload after another. */
static void whole(void **state)
{
	(void)state;
	static const size_t sizes[] = {0, 10, 200000, 1, 131072 - EVENT_HEADER_LEN, 1 << 20, 5};
	size_t total = 0, n = sizeof(sizes) / sizeof(sizes[0]);
	for (size_t i = 0; i < n; i++)
		total += EVENT_HEADER_LEN + sizes[i];
	uint8_t *events = malloc(total), *body;
	size_t at = 0;
	for (size_t i = 0; i < n; i++)
		at += inner(events + at, EVENT_QUERY, sizes[i]);
	struct payload *p = payload_new();
	for (unsigned round = 0; round < 4; round++) {
		struct err err = {0};
		struct event e = payload_of(events, at, round % 2 ? 255 : 0, &body);
		assert_int_equal(count_events(p, &e, &err), (int)n);
		free(body);
	}
	struct err err = {0};
	struct event none = payload_of(events, 0, 0, &body);
	assert_int_equal(count_events(p, &none, &err), 0);
	free(body);
	payload_free(p);
	free(events);
}

/* Cut anywhere: an error, or fewer events; a length that lies costs no memory. */
static void damaged(void **state)
{
	(void)state;
	uint8_t events[3 * 64], *body;
	size_t at = 0;
	for (int i = 0; i < 3; i++)
		at += inner(events + at, EVENT_QUERY, 20);
	struct payload *p = payload_new();
	for (unsigned compression = 0; compression < 256; compression += 255) {
		struct event e = payload_of(events, at, compression, &body);
		size_t whole_len = e.body.len;
		for (size_t cut = 0; cut < whole_len; cut++) {
			struct err err = {0};
			e.body.len = cut;
			int rc = count_events(p, &e, &err);
			if (rc < 0)
				assert_true(err.kind == ERR_EVENT_CORRUPT && err.text[0]);
			else
				assert_true(rc == 0 || (rc < 3 && compression == 255));
		}
		free(body);
	}
	store_le32(events + 9, 0x7fffffff);
	for (unsigned compression = 0; compression < 256; compression += 255) {
		struct err err = {0};
		struct event e = payload_of(events, at, compression, &body);
		assert_int_equal(count_events(p, &e, &err), -EBADMSG);
		free(body);
	}
	store_le32(events + 9, 3);
	struct err err = {0};
	struct event e = payload_of(events, at, 0, &body);
	assert_int_equal(count_events(p, &e, &err), -EBADMSG);
	body[2] = 7;
	err = (struct err){0};
	assert_int_equal(count_events(p, &e, &err), -ENOTSUP);
	assert_ptr_equal(err.kind, ERR_EVENT_UNSUPPORTED);
	free(body);
	payload_free(p);
}

/* What may not stand in a payload, and a payload that does not end its transaction. */
static void in_the_stream(void **state)
{
	(void)state;
	static const uint8_t types[] = {EVENT_FORMAT_DESCRIPTION, EVENT_ROTATE, EVENT_GTID,
					EVENT_TRANSACTION_PAYLOAD, EVENT_HEARTBEAT, 200};
	uint8_t bytes[64];
	for (size_t i = 0; i < sizeof(types); i++) {
		struct feed f = feed_open("mysql-9.7", "compressed");
		struct step step;
		feed_until(&f, STEP_TABLE_MAP); /* out of the payload */
		assert_true(f.inside);
		size_t n = inner(bytes, types[i], 8);
		assert_true(stream_feed_inner(&f.stream, bytes, n, &step, &f.err) < 0);
		assert_non_null(strstr(f.err.where, " (gtid "));
		feed_close(&f);
	}
	struct feed f = feed_open("mysql-9.7", "compressed");
	feed_until(&f, STEP_TABLE_MAP);
	assert_int_equal(stream_payload_end(&f.stream, &f.err), -EBADMSG);
	assert_ptr_equal(f.err.kind, ERR_EVENT_CORRUPT);
	feed_close(&f);
}

/* A length that no deflate stream of that size can have is refused before it is allocated. */
static void lying_lengths(void **state)
{
	(void)state;
	struct arena arena;
	struct inflater z = {0};
	struct span out;
	arena_init(&arena);
	static const uint8_t huge[] = {0x8c, 0xff, 0xff, 0xff, 0xff, 0x03, 0x00};
	static const uint8_t short_[] = {0x8b, 0x00};
	static const uint8_t plain[] = {0x00, 'a', 'b'};
	static const uint8_t other[] = {0x19, 0x01, 0x00};
	assert_int_equal(inflate_value(&z, (struct span){huge, 7}, &arena, &out), -EBADMSG);
	assert_int_equal(inflate_value(&z, (struct span){short_, 2}, &arena, &out), -EBADMSG);
	assert_int_equal(inflate_value(&z, (struct span){other, 3}, &arena, &out), -EBADMSG);
	assert_int_equal(inflate_value(&z, (struct span){plain, 3}, &arena, &out), 0);
	assert_int_equal(out.len, 2);
	assert_int_equal(inflate_value(&z, (struct span){plain, 0}, &arena, &out), 0);
	assert_int_equal(out.len, 0);
	inflater_free(&z);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),
		cmocka_unit_test(damaged),
		cmocka_unit_test(in_the_stream),
		cmocka_unit_test(lying_lengths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
