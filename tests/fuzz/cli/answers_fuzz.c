/*
 * answers_fuzz.c - what mrctl makes of any bytes from a server: nothing that a terminal acts
 * on comes out, JSON keeps its meaning, and a task of any shape is looked at, waited for and
 * compared without harm. The same bytes are tried as a position and as an address.
 */
#include "server/cli/diff.h"
#include "server/cli/position.h"
#include "server/cli/settings.h"
#include "server/cli/table.h"
#include "server/cli/text.h"
#include "server/cli/wait.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_quiet(const struct buf *b)
{
	for (size_t i = 0; i < b->len; i++) {
		check(b->data[i] >= ' ' && b->data[i] != 0x7f);
		/* C1 is c2 80 .. c2 9f. */
		check(!(b->data[i] == 0xc2 && i + 1 < b->len && b->data[i + 1] < 0xa0));
	}
}

static void try_text(const char *text)
{
	struct buf b;
	struct table t;
	buf_init(&b);
	text_put_clean(&b, text);
	check_quiet(&b);
	/* Whole UTF-8: jansson takes it. */
	json_t *made = json_stringn((const char *)b.data, b.len);
	check(made != NULL || b.len == 0);
	json_decref(made);
	check(text_width(buf_cstr(&b)) <= 2 * b.len);
	table_init(&t, 2, "A|>B");
	table_cell(&t, text);
	table_cell(&t, text);
	buf_clear(&b);
	table_print(&t, 0, &b);
	table_clear(&t);
	check(!b.failed && b.len > 0);
	buf_free(&b);
}

static int count(void *ctx, const char *path, const json_t *a, const json_t *b)
{
	check(a != b && (a || b) && path);
	++*(size_t *)ctx;
	return 0;
}

static void try_task(const json_t *task, const json_t *other)
{
	for (int goal = WAIT_RUNNING; goal <= WAIT_GONE; goal++) {
		struct wait_order order = {
		    .goal = (enum wait_goal)goal, .task = "t", .revision = 3};
		struct wait_sight sight;
		wait_remember(other, &order.before);
		wait_look(&order, task, &sight);
		check(sight.now[0] && strlen(sight.now) < sizeof(sight.now));
	}
	size_t n = 0;
	struct buf b;
	diff_json(task, task, count, &n);
	check(n == 0);
	diff_json(task, other, count, &n);
	check((n == 0) == json_equal(task, other));
	buf_init(&b);
	cli_put_checks(json_object_get(task, "checks"), true, &b);
	cli_put_position(&b, json_object_get(task, "position"));
	buf_free(&b);
}

static void try_json(const uint8_t *data, size_t size)
{
	json_t *tree = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(tree)) {
		json_decref(tree);
		return;
	}
	struct buf b;
	buf_init(&b);
	text_put_json(&b, (const char *)data, size);
	json_t *again = json_loadb(buf_cstr(&b), b.len, JSON_REJECT_DUPLICATES, NULL);
	check(again && json_equal(tree, again));
	json_t *empty = json_object();
	try_task(tree, empty);
	try_task(empty, tree);
	json_decref(empty);
	json_decref(again);
	json_decref(tree);
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = {0};
	char *server, *text = strndup((const char *)data, size);
	if (!text)
		return 0;
	try_text(text);
	try_json(data, size);
	json_decref(position_parse(text, &err));
	if (settings_server(text, &server, &err) == 0) {
		check(strncmp(server, "http", 4) == 0 && !strchr(server, '@'));
		(void)settings_is_open(server);
		free(server);
	}
	free(text);
	return 0;
}
