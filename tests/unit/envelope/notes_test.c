/* notes_test.c - the header __mr.values: text that is ill-formed, JSON of which only a diff
 * is known. */
#include "tests/unit/envelope/collect.h"

#define FFFD "\xef\xbf\xbd"
#define DIFF "[{\"op\":\"replace\",\"path\":\"$.a\",\"value\":1}]"

/* Table t (id BIGINT PRIMARY KEY, `a"b` VARCHAR, doc JSON). */
struct fixture {
	struct column columns[3];
	uint32_t key;
	struct table table;
	struct envelope *e;
	struct envelope_table *t;
	struct collector sink;
	struct err err;
};

static void open_fixture(struct fixture *f, const struct envelope_options *o)
{
	memset(f, 0, sizeof(*f));
	f->columns[0] = (struct column){NAME("id"), .type = COLUMN_LONGLONG};
	f->columns[1] =
	    (struct column){NAME("a\"b"), .type = COLUMN_VARCHAR, .charset = CHARSET_UTF8};
	f->columns[2] = (struct column){NAME("doc"), .type = COLUMN_JSON};
	f->table = table_of(f->columns, 3, &f->key, 1);
	collector_init(&f->sink);
	assert_int_equal(envelope_open(o, &f->e, &f->err), 0);
	assert_int_equal(envelope_table_open(f->e, &f->table, &f->t, &f->err), 0);
	assert_int_equal(envelope_event_begin(f->e, f->t, &sample_event, &f->err), 0);
}

static void close_fixture(struct fixture *f)
{
	collector_free(&f->sink);
	envelope_table_close(f->t);
	envelope_close(f->e);
}

static void put_row(struct fixture *f, enum row_op op, const struct value *before,
		    const struct value *after)
{
	struct row row = {.op = op,
			  .table = &f->table,
			  .event = &sample_event,
			  .before = before,
			  .after = after};
	if (envelope_row(f->e, &row, &f->sink.sink, &f->err) < 0)
		fail_msg("%s", f->err.text);
}

/* The value of the header __mr.values, which is the last one; NULL: there is none. */
static void assert_note(const struct collected *m, const char *want)
{
	static const char name[] = "__mr.values";
	size_t head = 2 + sizeof(name) - 1 + 4, n = want ? strlen(want) : 0;
	if (!want) {
		assert_null(memmem(m->bytes + m->key_len, m->headers_len, name, sizeof(name) - 1));
		return;
	}
	assert_true(m->headers_len >= head + n);
	const uint8_t *p = m->bytes + m->key_len + m->headers_len - n - head;
	uint16_t name_len;
	uint32_t value_len;
	memcpy(&name_len, p, 2);
	memcpy(&value_len, p + head - 4, 4);
	assert_int_equal(name_len, sizeof(name) - 1);
	assert_memory_equal(p + 2, name, sizeof(name) - 1);
	if (value_len != n || memcmp(p + head, want, n) != 0)
		fail_msg("got  %.*s\nwant %s", (int)value_len, (const char *)p + head, want);
}

static const struct value good[] = {
    {.kind = VALUE_INT, .i = 7},
    {.kind = VALUE_STRING, .len = 2, .p = (const uint8_t *)"ok"},
    {.kind = VALUE_JSON, .len = 2, .p = (const uint8_t *)"{}"},
};
static const struct value bad[] = {
    {.kind = VALUE_INT, .i = 7},
    {.kind = VALUE_STRING, .len = 3, .p = (const uint8_t *)"a\xff\"" "b"},
    {.kind = VALUE_JSON, .len = 3, .p = (const uint8_t *)"\"\xff\""},
};
static const struct value partial[] = {
    {.kind = VALUE_INT, .i = 7},
    {.kind = VALUE_STRING, .len = 1, .p = (const uint8_t *)"\x80"},
    {.kind = VALUE_JSON_DIFF, .len = sizeof(DIFF) - 1, .p = (const uint8_t *)DIFF},
};

#define BAD "{\"a\\\"b\":{\"bytes\":\"Yf8i\"},\"doc\":{\"bytes\":\"Iv8i\"}}"

static void debezium(void **state)
{
	(void)state;
	for (int exact = 0; exact < 2; exact++) {
		struct envelope_options o = {.name = "p", .tombstones = true};
		struct fixture f;
		o.compat = exact ? ENVELOPE_EXACT : ENVELOPE_LOSSLESS;
		open_fixture(&f, &o);
		put_row(&f, ROW_INSERT, NULL, bad);
		put_row(&f, ROW_UPDATE, bad, good);
		put_row(&f, ROW_UPDATE, good, bad);
		put_row(&f, ROW_UPDATE, bad, bad);
		put_row(&f, ROW_DELETE, bad, NULL);
		put_row(&f, ROW_INSERT, NULL, good);
		assert_int_equal(f.sink.n, 7);
		assert_note(&f.sink.messages[0], "{\"after\":" BAD "}");
		assert_note(&f.sink.messages[1], "{\"before\":" BAD "}");
		assert_note(&f.sink.messages[2], "{\"after\":" BAD "}");
		assert_note(&f.sink.messages[3], "{\"before\":" BAD ",\"after\":" BAD "}");
		assert_note(&f.sink.messages[4], "{\"before\":" BAD "}");
		assert_note(&f.sink.messages[5], NULL); /* the tombstone */
		assert_note(&f.sink.messages[6], NULL);
		for (int i = 0; i < 5; i++) {
			json_t *root = parse_value(&f.sink.messages[i]);
			const char *text = NULL;
			assert_key(&f.sink.messages[i], "{\"id\":7}");
			json_unpack(root, "{s:{s:s}}", i == 1 || i == 4 ? "before" : "after", "a\"b",
				    &text);
			assert_string_equal(text, "a" FFFD "\"");
			json_decref(root);
		}
		close_fixture(&f);
	}
}

/* The header of a changed key stays, the note follows it. */
static void key_change(void **state)
{
	(void)state;
	const struct envelope_options o = {.name = "p", .tombstones = true};
	struct value moved[] = {value_int(8), bad[1], good[2]};
	struct fixture f;
	open_fixture(&f, &o);
	put_row(&f, ROW_UPDATE, good, moved);
	assert_int_equal(f.sink.n, 3);
	assert_note(&f.sink.messages[0], NULL);
	assert_note(&f.sink.messages[1], NULL);
	assert_note(&f.sink.messages[2], "{\"after\":{\"a\\\"b\":{\"bytes\":\"Yf8i\"}}}");
	const struct collected *m = &f.sink.messages[2];
	assert_memory_equal(m->bytes + m->key_len + 2, "__debezium.oldkey", 17);
	assert_key(m, "{\"id\":8}");
	close_fixture(&f);
}

static void partial_json(void **state)
{
	(void)state;
	struct envelope_options o = {.name = "p"};
	struct fixture f;
	const char want[] = "{\"before\":" BAD ",\"after\":{\"a\\\"b\":{\"bytes\":\"gA==\"},"
			    "\"doc\":{\"diff\":" DIFF "}}}";
	open_fixture(&f, &o);
	put_row(&f, ROW_UPDATE, bad, partial);
	assert_note(&f.sink.messages[0], want);
	/* Left out it would be taken for unchanged. */
	json_t *root = parse_value(&f.sink.messages[0]);
	json_t *doc = json_object_get(json_object_get(root, "after"), "doc");
	assert_string_equal(json_string_value(doc), "__debezium_unavailable_value");
	json_decref(root);
	close_fixture(&f);
	o.format = ENVELOPE_MAXWELL;
	open_fixture(&f, &o);
	put_row(&f, ROW_UPDATE, good, partial);
	assert_int_equal(f.sink.n, 1);
	assert_note(&f.sink.messages[0], "{\"after\":{\"a\\\"b\":{\"bytes\":\"gA==\"},"
					 "\"doc\":{\"diff\":" DIFF "}}}");
	assert_int_equal(value_of(&f.sink.messages[0])[0], '{');
	close_fixture(&f);
}

/* In a transaction Maxwell's newest message is kept, and changed when the group ends. */
static void maxwell_commit(void **state)
{
	(void)state;
	const struct envelope_options o = {.name = "p", .format = ENVELOPE_MAXWELL};
	const struct row_group group = {.gtid_text = "", .xid = 5, .has_xid = true};
	struct value text[] = {value_int(7), bad[1], good[2]};
	struct fixture f;
	open_fixture(&f, &o);
	assert_int_equal(envelope_group_begin(f.e, &group, &f.err), 0);
	assert_int_equal(envelope_event_begin(f.e, f.t, &sample_event, &f.err), 0);
	put_row(&f, ROW_INSERT, NULL, good);
	put_row(&f, ROW_INSERT, NULL, text);
	assert_int_equal(envelope_group_end(f.e, &f.sink.sink, &f.err), 0);
	assert_int_equal(f.sink.n, 2);
	assert_note(&f.sink.messages[0], NULL);
	assert_note(&f.sink.messages[1], "{\"after\":{\"a\\\"b\":{\"bytes\":\"Yf8i\"}}}");
	assert_value(&f.sink.messages[1],
		     "{\"database\":\"d\",\"table\":\"t\",\"type\":\"insert\",\"ts\":1596684883,"
		     "\"xid\":5,\"commit\":true,\"data\":{\"id\":7,\"a\\\"b\":\"a" FFFD
		     "\\\"\",\"doc\":{}}}");
	close_fixture(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(debezium),
	    cmocka_unit_test(key_change),
	    cmocka_unit_test(partial_json),
	    cmocka_unit_test(maxwell_commit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
