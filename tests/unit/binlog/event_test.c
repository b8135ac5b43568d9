/* event_test.c - headers, lengths, checksums, and the format of a file (binlog.md 13, 14). */
#include "tests/unit/binlog/vectors.h"

#include "common/contract/errors.h"
#include "core/binlog/event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const plain[] = {"transactions", "rotations", "no_checksum", "restarted",
				    "middle",       "heartbeats"};

/* Every event of every server has the length and CRC that the format says. */
static void captured_events(void **state)
{
	(void)state;
	for (const char *const *server = all_servers; *server; server++) {
		for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
			struct binlog_format f;
			struct dump d = dump_load(*server, plain[i]);
			struct span bytes;
			binlog_format_init(&f, server_flavor(*server), true);
			while (dump_next(&d, &bytes)) {
				struct event e;
				struct err err = {0};
				if (event_parse(&f, bytes.p, bytes.len, &e, &err) < 0)
					fail_msg("%s %s: %s", *server, plain[i], err.text);
				assert_int_equal(e.size, bytes.len);
				assert_string_not_equal(event_type_name(e.type), "unknown");
				if (e.type == EVENT_FORMAT_DESCRIPTION)
					assert_int_equal(binlog_format_read(&f, &e, &err), 0);
			}
			assert_true(f.known);
			dump_free(&d);
		}
	}
}

/* The second event of a dump: FORMAT_DESCRIPTION. The caller frees it. */
static uint8_t *load_format(const char *server, const char *scenario, size_t *ret_len)
{
	struct dump d = dump_load(server, scenario);
	struct span bytes;
	assert_true(dump_next(&d, &bytes) && dump_next(&d, &bytes));
	uint8_t *copy = malloc(bytes.len);
	assert_non_null(copy);
	memcpy(copy, bytes.p, bytes.len);
	*ret_len = bytes.len;
	dump_free(&d);
	return copy;
}

static void check_format(const char *server, enum flavor flavor, uint32_t version_min,
			 uint32_t version_max, const char *text)
{
	struct binlog_format f;
	struct event e;
	struct err err = {0};
	size_t len;
	uint8_t *bytes = load_format(server, "transactions", &len);
	/* The flavour comes from the file, whatever was supposed. */
	binlog_format_init(&f, flavor == FLAVOR_MYSQL ? FLAVOR_MARIADB : FLAVOR_MYSQL, true);
	assert_int_equal(event_parse(&f, bytes, len, &e, &err), 0);
	assert_int_equal(e.type, EVENT_FORMAT_DESCRIPTION);
	assert_int_equal(binlog_format_read(&f, &e, &err), 0);
	assert_int_equal(f.flavor, flavor);
	assert_in_range(f.version, version_min, version_max);
	assert_memory_equal(f.server_version, text, strlen(text));
	assert_true(f.checksum);
	assert_int_equal(f.post_header_len[EVENT_TABLE_MAP], 8);
	assert_int_equal(f.post_header_len[EVENT_QUERY], 13);
	free(bytes);
}

static void formats(void **state)
{
	(void)state;
	check_format("mariadb-10.11", FLAVOR_MARIADB, 101100, 101199, "10.11.");
	check_format("mariadb-11.8", FLAVOR_MARIADB, 110800, 110899, "11.8.");
	check_format("mysql-5.7", FLAVOR_MYSQL, 50722, 50722, "5.7.22");
	check_format("mysql-8.0", FLAVOR_MYSQL, 80015, 80015, "8.0.15");
	check_format("mysql-9.7", FLAVOR_MYSQL, 90700, 90799, "9.7.");
}

static void expect_corrupt(const struct binlog_format *f, const void *bytes, size_t len)
{
	struct event e = {.type = 99};
	struct err err = {0};
	assert_int_equal(event_parse(f, bytes, len, &e, &err), -EBADMSG);
	assert_ptr_equal(err.kind, ERR_EVENT_CORRUPT);
	assert_int_equal(e.type, 99); /* untouched on failure */
}

/* Whichever bit of an event is wrong, it is noticed. */
static void damaged_bits(void **state)
{
	(void)state;
	struct binlog_format f;
	struct dump d = dump_load("mysql-9.7", "middle");
	struct span bytes;
	binlog_format_init(&f, FLAVOR_MYSQL, true);
	unsigned tried = 0;
	while (dump_next(&d, &bytes)) {
		uint8_t *copy = malloc(bytes.len);
		memcpy(copy, bytes.p, bytes.len);
		for (size_t bit = 0; bit < bytes.len * 8; bit++) {
			/* The algorithm byte of FORMAT_DESCRIPTION says itself that no CRC is
			   there; its type byte, that it is another event with a CRC. */
			if (copy[4] == EVENT_FORMAT_DESCRIPTION && bit / 8 == bytes.len - 5)
				continue;
			if (copy[4] == EVENT_FORMAT_DESCRIPTION && bit == 17 * 8)
				continue; /* EVENT_FLAG_IN_USE counts as clear */
			copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
			expect_corrupt(&f, copy, bytes.len);
			copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
			tried++;
		}
		free(copy);
	}
	assert_true(tried > 1000);
	dump_free(&d);
}

static void wrong_lengths(void **state)
{
	(void)state;
	struct binlog_format f;
	uint8_t event[64], body[8] = {0};
	binlog_format_init(&f, FLAVOR_MYSQL, true);
	size_t len = event_make(event, EVENT_XID, 0, 1, 100, body, sizeof(body), true);
	struct event e;
	struct err err = {0};
	assert_int_equal(event_parse(&f, event, len, &e, &err), 0);
	assert_int_equal(e.body.len, sizeof(body));
	expect_corrupt(&f, event, len - 1);
	expect_corrupt(&f, event, len + 1);
	for (size_t i = 0; i < EVENT_HEADER_LEN + EVENT_CRC_LEN; i++) {
		store_le32(event + 9, (uint32_t)i); /* says so itself, and is too short */
		expect_corrupt(&f, event, i);
	}
}

/* The file's first event is written with the flag, its CRC computed without. */
static void in_use(void **state)
{
	(void)state;
	struct binlog_format f;
	struct event e;
	struct err err = {0};
	size_t len;
	uint8_t *bytes = load_format("mysql-8.0", "transactions", &len);
	binlog_format_init(&f, FLAVOR_MYSQL, true);
	bytes[17] |= EVENT_FLAG_IN_USE;
	assert_int_equal(event_parse(&f, bytes, len, &e, &err), 0);
	assert_int_equal(e.flags & EVENT_FLAG_IN_USE, EVENT_FLAG_IN_USE);
	free(bytes);
}

static void refused_formats(void **state)
{
	(void)state;
	static const struct {
		size_t at;
		uint8_t value;
	} changes[] = {
		{EVENT_HEADER_LEN, 3},       /* the binlog's version */
		{EVENT_HEADER_LEN + 56, 20}, /* the common header's length */
	};
	struct binlog_format f, untouched;
	struct event e;
	size_t len;
	uint8_t *bytes = load_format("mysql-8.0", "transactions", &len);
	binlog_format_init(&f, FLAVOR_MYSQL, true);
	untouched = f;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct err err = {0};
		uint8_t was = bytes[changes[i].at];
		bytes[changes[i].at] = changes[i].value;
		event_seal(bytes, len);
		assert_int_equal(event_parse(&f, bytes, len, &e, &err), 0);
		assert_int_equal(binlog_format_read(&f, &e, &err), -EBADMSG);
		assert_ptr_equal(err.kind, ERR_EVENT_CORRUPT);
		bytes[changes[i].at] = was;
	}
	/* An algorithm that we do not know: no CRC is checked, and the format refused. */
	struct err err = {0};
	bytes[len - 5] = 2;
	assert_int_equal(event_parse(&f, bytes, len, &e, &err), 0);
	assert_int_equal(binlog_format_read(&f, &e, &err), -EBADMSG);
	assert_memory_equal(&f, &untouched, sizeof(f));
	free(bytes);
}

/* A connection's first ROTATE has a CRC only if the client asked for checksums. */
static void first_rotate(void **state)
{
	(void)state;
	for (const char *const *server = all_servers; *server; server++) {
		for (int asked = 0; asked < 2; asked++) {
			struct binlog_format f;
			struct event e;
			struct err err = {0};
			struct span bytes;
			struct dump d = dump_load(*server, asked ? "no_checksum" : "not_asked");
			assert_true(dump_next(&d, &bytes));
			binlog_format_init(&f, server_flavor(*server), asked);
			assert_int_equal(event_parse(&f, bytes.p, bytes.len, &e, &err), 0);
			assert_int_equal(e.type, EVENT_ROTATE);
			assert_true(event_is_artificial(&e));
			assert_memory_equal(e.body.p + 8, "binlog.", 7);
			assert_int_equal(e.body.len, 8 + strlen("binlog.000001"));
			dump_free(&d);
		}
	}
}

static void type_names(void **state)
{
	(void)state;
	assert_string_equal(event_type_name(EVENT_WRITE_ROWS_V2), "WRITE_ROWS_V2");
	assert_string_equal(event_type_name(EVENT_TRANSACTION_PAYLOAD), "TRANSACTION_PAYLOAD");
	assert_string_equal(event_type_name(100), "unknown");
	assert_string_equal(event_type_name(255), "unknown");
	assert_string_equal(event_type_name(100000), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(captured_events), cmocka_unit_test(formats),
		cmocka_unit_test(damaged_bits),    cmocka_unit_test(wrong_lengths),
		cmocka_unit_test(in_use),          cmocka_unit_test(refused_formats),
		cmocka_unit_test(first_rotate),    cmocka_unit_test(type_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
