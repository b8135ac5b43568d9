/* kept_test.c - what is held of a group, and of prepared ones, within one bound. */
#include "core/pipeline/kept.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROOM = 8 << 20 };

static struct prepared *entry(const char *xid)
{
	struct xid x;
	struct gtid none = {.kind = GTID_NONE};
	struct binlog_pos at = {.file = "b.1", .pos = 4};
	assert_int_equal(xid_parse((struct span){(const uint8_t *)xid, strlen(xid)}, &x), 0);
	return prepared_new(&x, &none, &at, "");
}

static void fill(struct hold *h, unsigned events, size_t size, uint8_t byte)
{
	uint8_t *body = malloc(size);
	memset(body, byte, size);
	for (unsigned i = 0; i < events; i++) {
		const struct event e = {.type = 30, .timestamp = i, .body = {body, size}};
		assert_true(hold_add(h, 1, i, &e));
	}
	free(body);
}

static void check(const struct hold *h, unsigned events, size_t size, uint8_t byte)
{
	unsigned n = 0;
	for (const struct held *i = NULL; (i = hold_next(h, i)); n++) {
		struct event e = hold_event(i);
		assert_int_equal(e.timestamp, n);
		assert_int_equal(e.body.len, size);
		assert_int_equal(e.body.p[0], byte);
		assert_int_equal(e.body.p[size - 1], byte);
	}
	assert_int_equal(n, events);
}

/* Takes a group over, and checks that nothing of it was lost and all is counted. */
static void take(struct kept_list *k, struct hold *h, const char *xid, unsigned events,
		 size_t size)
{
	struct stream s = {.group.thread_id = events};
	struct verdict v;
	verdict_init(&v);
	struct err err;
	struct span name = {(const uint8_t *)"a", 1};
	assert_int_equal(verdict_savepoint(&v, name, 1, &err), 0);
	assert_int_equal(verdict_undo(&v, name, 2, &err), 0);
	fill(h, events, size, (uint8_t)events);
	struct prepared *e = entry(xid);
	assert_int_equal(kept_take(k, e, &s, h, &v), 0);
	assert_int_equal(h->used, 0);
	assert_int_equal(v.nundone, 0);
	hold_reserve(h, k->bytes);
	assert_true(k->bytes + h->capacity <= ROOM);
	const struct kept *found = kept_find(k, &e->xid);
	assert_non_null(found);
	assert_int_equal(found->group.thread_id, events);
	assert_true(verdict_is_undone(&found->verdict, 1));
	assert_true(found->events.size < found->events.used + 8192);
	check(&found->events, events, size, (uint8_t)events);
	prepared_unref(e);
}

static bool has(const struct kept_list *k, const char *xid)
{
	struct prepared *e = entry(xid);
	bool found = kept_find(k, &e->xid) != NULL;
	prepared_unref(e);
	return found;
}

static void keeping(void **state)
{
	(void)state;
	struct hold h;
	struct kept_list k = {0};
	assert_int_equal(hold_init(&h, ROOM), 0);
	take(&k, &h, "'small'", 3, 100);
	take(&k, &h, "'large'", 200, 20000); /* takes the mapping along */
	take(&k, &h, "'large2'", 10, 100000);
	fill(&h, 4, 1000, 9);
	check(&h, 4, 1000, 9);
	hold_clear(&h);

	/* What does not fit makes room, the largest first. */
	uint8_t *bytes = calloc(1, 4 << 20);
	const struct event big = {.body = {bytes, 4 << 20}};
	assert_false(hold_add(&h, 1, 0, &big));
	assert_true(kept_evict(&k));
	hold_reserve(&h, k.bytes);
	assert_true(has(&k, "'small'") && has(&k, "'large2'") && !has(&k, "'large'"));
	assert_true(hold_add(&h, 1, 0, &big));
	hold_clear(&h);
	free(bytes);

	/* The same name again: the former one goes. */
	size_t before = k.bytes;
	take(&k, &h, "'small'", 3, 100);
	assert_int_equal(k.bytes, before);
	assert_int_equal(k.n, 2);
	struct prepared *e = entry("'small'");
	kept_drop(&k, &e->xid);
	kept_drop(&k, &e->xid);
	prepared_unref(e);
	assert_int_equal(k.n, 1);
	assert_true(kept_evict(&k));
	assert_false(kept_evict(&k));
	assert_int_equal(k.bytes, 0);
	take(&k, &h, "'empty'", 0, 1);
	kept_clear(&k);
	hold_free(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(keeping)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
