/*
 * order.c - orders to the other daemons: preflight checks, commands, tests of alerts.
 *
 * The answer stands in the order's own node. It is asked for every 50 ms, more slowly with
 * time: a watch would need the main thread, and the wait is for a person.
 */
#include "server/store/store_priv.h"

#include "common/contract/errors.h"
#include "common/daemon/acl.h"
#include "common/zk/naming.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Orders have ids of the naming service, under their own types. */
static int next_id(struct store *s, const char *type, char ret_id[ZK_ID_MAX], struct err *err)
{
	return zk_next_id(s->zk, paths_folder(PATHS_IDS), type, s->timeout, ret_id, err);
}

static int put_order(struct store *s, const char *path, const struct buf *text,
		     const struct zk_acl *acl, struct err *err)
{
	if (text->failed)
		return store_no_memory(err);
	const struct zk_create create = {.path = path,
					 .data = text->data,
					 .len = text->len,
					 .kind = ZK_PERSISTENT,
					 .acl = acl,
					 .parents = true};
	int rc = store_create_surely(s, &create, err);
	return rc == -EEXIST ? 0 : rc; /* the id is ours alone: it is our order */
}

static int print_order(const struct store_preflight *order, struct buf *out, struct err *err)
{
	struct preflight_doc d;
	if (preflight_doc_init(&d) < 0)
		return store_no_memory(err);
	d.type = order->type;
	d.created_ms = (uint64_t)(clock_wall() / USEC_PER_MSEC);
	int rc = report_set(&d.group, order->group);
	if (rc == 0)
		rc = report_set(&d.by, order->by);
	if (rc == 0)
		rc = report_set(&d.document, order->document);
	if (rc == 0)
		preflight_doc_print(&d, out);
	preflight_doc_clear(&d);
	if (rc == 0 && !out->failed && out->len > PREFLIGHT_DOCUMENT_MAX)
		return err_set(err, -EFBIG, ERR_ZK_OVERSIZE,
			       "the task document is too large to be checked");
	return rc < 0 || out->failed ? store_no_memory(err) : 0;
}

static void pause_for(usec_t pause)
{
	struct timespec ts = {pause / USEC_PER_SEC, pause % USEC_PER_SEC * 1000};
	nanosleep(&ts, NULL);
}

static int overdue(const struct preflight_doc *d, const struct store_preflight *order,
		   struct err *err)
{
	if (d->state == PREFLIGHT_PENDING)
		return err_set(err, -ETIMEDOUT, ERR_NO_CORE,
			       "no mr-core%s%s took the check within %lld s",
			       order->group[0] ? " of group " : "", order->group,
			       (long long)(order->timeout / USEC_PER_SEC));
	return err_set(err, -ETIMEDOUT, ERR_PREFLIGHT_TIMEOUT,
		       "%s did not finish the check within %lld s", d->node,
		       (long long)(order->timeout / USEC_PER_SEC));
}

static int await_answer(struct store *s, const struct store_preflight *order, const char *path,
			struct preflight_doc *ret, struct err *err)
{
	usec_t until = clock_boot() + order->timeout, pause = 20 * USEC_PER_MSEC;
	struct buf text;
	buf_init(&text);
	int rc = 0;
	for (bool done = false; rc == 0 && !done;) {
		struct preflight_doc d;
		pause_for(pause);
		pause = pause < 200 * USEC_PER_MSEC ? pause * 5 / 4 : pause;
		rc = store_get(s, path, &text, NULL, err);
		if (rc == 0)
			rc = preflight_doc_parse((const char *)text.data, text.len, &d, err);
		if (rc < 0)
			break;
		done = d.state == PREFLIGHT_DONE;
		if (done)
			*ret = d;
		else if (clock_boot() >= until)
			rc = overdue(&d, order, err);
		else if (order->given_up && order->given_up(order->ctx))
			rc = err_set(err, -ECANCELED, ERR_HTTP_BUSY, "the server is stopping");
		if (!done)
			preflight_doc_clear(&d);
	}
	buf_free(&text);
	return rc;
}

int store_preflight(struct store *s, const struct store_preflight *order,
		    struct preflight_doc *ret, struct err *err)
{
	char id[ZK_ID_MAX], path[PATHS_SIZE];
	struct buf text;
	buf_init(&text);
	int rc = next_id(s, "preflight", id, err);
	if (rc == 0)
		rc = paths_child(PATHS_PREFLIGHT, id, path, err);
	if (rc == 0)
		rc = print_order(order, &text, err);
	if (rc == 0)
		rc = put_order(s, path, &text, &acl_core, err);
	buf_free(&text);
	if (rc < 0)
		return rc;
	rc = await_answer(s, order, path, ret, err);
	/* What stays after a failure here a core deletes within the hour. */
	(void)!zk_delete(s->zk, path, ZK_ANY_VERSION, s->timeout, NULL);
	return rc;
}

int store_command_give(struct store *s, const char *path, const char *type, const char *by,
		       char ret_id[96], struct err *err)
{
	char id[ZK_ID_MAX], node[PATHS_SIZE];
	struct command_doc d;
	struct buf text;
	int rc = next_id(s, "command", id, err);
	if (rc == 0)
		rc = paths_command(path, id, node, err);
	if (rc < 0)
		return rc;
	buf_init(&text);
	if (command_doc_init(&d) < 0)
		return store_no_memory(err);
	rc = command_doc_order(&d, type, by, (uint64_t)(clock_wall() / USEC_PER_MSEC));
	if (rc == 0)
		command_doc_print(&d, &text);
	command_doc_clear(&d);
	rc = rc < 0 ? store_no_memory(err) : put_order(s, node, &text, &acl_core, err);
	buf_free(&text);
	if (rc == 0)
		snprintf(ret_id, 96, "%s", id);
	return rc;
}

int store_order_give(struct store *s, const char *text, size_t len, char ret_id[96],
		     struct err *err)
{
	char id[ZK_ID_MAX], path[PATHS_SIZE];
	struct buf copy;
	int rc = next_id(s, "order", id, err);
	if (rc == 0)
		rc = paths_child(PATHS_ORDERS, id, path, err);
	if (rc < 0)
		return rc;
	buf_init(&copy);
	buf_put(&copy, text, len);
	rc = put_order(s, path, &copy, &acl_alerts, err);
	buf_free(&copy);
	if (rc == 0)
		snprintf(ret_id, 96, "%s", id);
	return rc;
}
