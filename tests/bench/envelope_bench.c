/*
 * envelope_bench.c - how long the envelope takes for a row, alone: no binlog, no pipe.
 *
 * An insert into a table of eleven columns, 1000 rows an event, written into a buffer that
 * is emptied after each message. Prints nanoseconds a row (the best of several passes: the
 * machine may be busy) and the size of the message. Not a test: it cannot fail.
 *
 *   envelope_bench [ROWS]
 */
#include "common/base/clock.h"
#include "core/envelope/envelope.h"

#include <stdio.h>
#include <stdlib.h>

enum { COLUMNS = 11, ROWS_AN_EVENT = 1000, PASSES = 7 };

#define TEXT(s)                                                                                    \
	(struct span)                                                                              \
	{                                                                                          \
		(const uint8_t *)(s), sizeof(s) - 1                                                \
	}

/* A sink that forgets: what it costs is what any sink must. */
struct forgetful {
	struct envelope_sink sink;
	struct buf buf;
	uint64_t bytes;
};

static struct buf *forgetful_begin(struct envelope_sink *s)
{
	struct forgetful *f = (struct forgetful *)s;
	buf_clear(&f->buf);
	return &f->buf;
}

static int forgetful_end(struct envelope_sink *s, uint32_t key_len, uint32_t headers_len,
			 uint32_t value_len, uint8_t flags)
{
	(void)flags;
	((struct forgetful *)s)->bytes += key_len + headers_len + value_len;
	return 0;
}

static int forgetful_why(struct envelope_sink *s, struct err *err)
{
	(void)s;
	return err_set(err, -1, NULL, "out of memory");
}

static struct column columns[COLUMNS] = {
    {.name = TEXT("id"), .type = COLUMN_LONGLONG},
    {.name = TEXT("customer_id"), .type = COLUMN_LONG, .is_unsigned = true},
    {.name = TEXT("sku"), .type = COLUMN_VARCHAR, .charset = CHARSET_UTF8},
    {.name = TEXT("title"), .type = COLUMN_VARCHAR, .charset = CHARSET_UTF8},
    {.name = TEXT("price"), .type = COLUMN_NEWDECIMAL, .precision = 10, .scale = 2},
    {.name = TEXT("quantity"), .type = COLUMN_SHORT},
    {.name = TEXT("weight"), .type = COLUMN_DOUBLE},
    {.name = TEXT("active"), .type = COLUMN_TINY, .boolean = true},
    {.name = TEXT("created_at"), .type = COLUMN_DATETIME2, .scale = 6},
    {.name = TEXT("updated_at"), .type = COLUMN_TIMESTAMP2},
    {.name = TEXT("note"), .type = COLUMN_BLOB, .charset = CHARSET_UTF8, .nullable = true},
};

static const struct value first_row[COLUMNS] = {
    {.kind = VALUE_INT, .i = 1004},
    {.kind = VALUE_UINT, .u = 48213},
    {.kind = VALUE_STRING, .len = 12, .p = (const uint8_t *)"AB-1234-5678"},
    {.kind = VALUE_STRING,
     .len = 40,
     .p = (const uint8_t *)"A small wheel for a small scooter, black"},
    {.kind = VALUE_DECIMAL, .aux = 2, .i = 1999},
    {.kind = VALUE_INT, .i = 12},
    {.kind = VALUE_DOUBLE, .d = 1.375},
    {.kind = VALUE_INT, .i = 1},
    {.kind = VALUE_DATETIME, .aux = 6},
    {.kind = VALUE_TIMESTAMP, .i = 1596684883000000},
    {.kind = VALUE_STRING, .len = 24, .p = (const uint8_t *)"leave it at the \"gate\"\n  "},
};

static void die(const struct err *err)
{
	fprintf(stderr, "envelope_bench: %s\n", err->text);
	exit(1);
}

/* Microseconds for the rows. */
static usec_t pass(struct envelope *e, struct envelope_table *t, const struct table *table,
		   struct forgetful *f, long rows)
{
	struct err err = {0};
	struct value values[COLUMNS];
	struct row_event event = {
	    .file = "binlog.000003",
	    .server_id = 1,
	    .gtid_text = "3e11fa47-71ca-11e1-9e33-c80aa9429562:77",
	    .has_thread = true,
	    .thread_id = 7,
	    .source_time = 1596684883000000,
	    .read_time = 1596684883100123,
	};
	struct row row = {.op = ROW_INSERT, .table = table, .event = &event, .after = values};
	memcpy(values, first_row, sizeof(values));
	values[8].u = civil_pack(&(struct civil){2026, 11, 22, 10, 30, 15, 123456});
	usec_t start = clock_boot();
	for (long done = 0; done < rows; done++) {
		row.index = (uint32_t)(done % ROWS_AN_EVENT);
		if (row.index == 0) {
			event.pos += 65536;
			if (envelope_event_begin(e, t, &event, &err) < 0)
				die(&err);
		}
		values[0].i++;
		if (envelope_row(e, &row, &f->sink, &err) < 0)
			die(&err);
	}
	return clock_boot() - start;
}

int main(int argc, char **argv)
{
	struct err err = {0};
	long rows = argc > 1 ? atol(argv[1]) : 300000;
	uint32_t key = 0;
	struct table table = {
	    .db = TEXT("shop"),
	    .name = TEXT("item"),
	    .ncolumns = COLUMNS,
	    .columns = columns,
	    .nkey = 1,
	    .key = &key,
	};
	struct forgetful f = {
	    .sink = {forgetful_begin, forgetful_end, forgetful_why},
	};
	struct envelope_options options = {.name = "shop_task", .tombstones = true};
	struct envelope *e;
	struct envelope_table *t;
	if (rows < 1)
		rows = 1;
	if (envelope_open(&options, &e, &err) < 0 || envelope_table_open(e, &table, &t, &err) < 0)
		die(&err);
	usec_t best = INT64_MAX;
	for (int i = 0; i < PASSES; i++) {
		usec_t took = pass(e, t, &table, &f, rows);
		if (took < best)
			best = took;
	}
	printf("envelope: %.0f ns a row, %.0f bytes a message\n",
	       (double)best * 1000 / (double)rows, (double)f.bytes / (double)rows / PASSES);
	printf("%.*s\n", (int)f.buf.len, (const char *)f.buf.data);
	envelope_table_close(t);
	envelope_close(e);
	buf_free(&f.buf);
	return 0;
}
