/*
 * event.c - what the messages of one rows event share in format debezium: the "source"
 * block, the times.
 *
 * Written once an event, into the envelope's own buffer, and copied into each message; the
 * order of members is that of Debezium 3's MySQL and MariaDB connectors, which have the
 * same. Pure: the times are the event's.
 */
#include "core/envelope/debezium_priv.h"

#include "common/base/json.h"
#include "common/contract/errors.h"

#include <errno.h>

static void put_usec_as_nsec(struct buf *b, usec_t t)
{
	json_put_i64(b, t);
	if (t)
		buf_lit(b, "000");
}

/* What stands between the row images and the row's index. */
static void put_source_start(struct envelope *e)
{
	struct buf *b = &e->shared;
	const struct row_event *event = e->event;
	usec_t time = event->commit_time ? event->commit_time : event->source_time;
	buf_lit(b, ",\"source\":{\"version\":\"" MR_VERSION "\",\"connector\":");
	if (event->flavor == FLAVOR_MARIADB)
		buf_lit(b, "\"mariadb\",\"name\":");
	else
		buf_lit(b, "\"mysql\",\"name\":");
	put_span(b, e->name_json);
	buf_lit(b, ",\"ts_ms\":");
	json_put_i64(b, time / USEC_PER_MSEC);
	if (e->snapshot)
		buf_lit(b, ",\"snapshot\":\"true\",\"db\":");
	else
		buf_lit(b, ",\"snapshot\":\"false\",\"db\":");
	put_span(b, e->table->db_json);
	buf_lit(b, ",\"sequence\":null,\"ts_us\":");
	json_put_i64(b, time);
	buf_lit(b, ",\"ts_ns\":");
	put_usec_as_nsec(b, time);
	buf_lit(b, ",\"table\":");
	put_span(b, e->table->name_json);
	buf_lit(b, ",\"server_id\":");
	json_put_u64(b, event->server_id);
	buf_lit(b, ",\"gtid\":");
	if (event->gtid_text[0])
		json_put_string(b, event->gtid_text, strlen(event->gtid_text));
	else
		buf_lit(b, "null");
	buf_lit(b, ",\"file\":");
	json_put_string(b, event->file, strlen(event->file));
	buf_lit(b, ",\"pos\":");
	json_put_u64(b, event->pos);
	buf_lit(b, ",\"row\":");
}

/* What stands between the row's index and the operation. */
static void put_source_end(struct envelope *e)
{
	struct buf *b = &e->shared;
	const struct row_event *event = e->event;
	/* Debezium's MariaDB connector does not know what MariaDB 11.8 tells. */
	bool told = event->has_thread && (event->flavor != FLAVOR_MARIADB ||
					  e->options.compat != ENVELOPE_EXACT);
	if (told) {
		buf_lit(b, ",\"thread\":");
		json_put_u64(b, event->thread_id);
	} else {
		buf_lit(b, ",\"thread\":null");
	}
	/* A statement may hold bytes of any character set: what is not UTF-8 is replaced. */
	if (e->options.include_query && event->query.len) {
		buf_lit(b, ",\"query\":");
		json_put_string(b, event->query.p, event->query.len);
	} else {
		buf_lit(b, ",\"query\":null");
	}
	if (e->options.transactions && e->group) {
		buf_lit(b, "},\"transaction\":{\"id\":");
		debezium_put_group_id(b, e->group);
		buf_lit(b, ",\"total_order\":");
	} else {
		buf_lit(b, "},\"transaction\":null,\"op\":\"");
	}
}

static void put_times(struct envelope *e)
{
	struct buf *b = &e->shared;
	usec_t time = e->event->read_time;
	buf_lit(b, "\",\"ts_ms\":");
	json_put_i64(b, time / USEC_PER_MSEC);
	buf_lit(b, ",\"ts_us\":");
	json_put_i64(b, time);
	buf_lit(b, ",\"ts_ns\":");
	put_usec_as_nsec(b, time);
	buf_putc(b, '}');
}

int event_share(struct envelope *e, bool snapshot, struct err *err)
{
	e->snapshot = snapshot;
	buf_clear(&e->shared);
	put_source_start(e);
	e->row_at = e->shared.len;
	put_source_end(e);
	e->op_at = e->shared.len;
	put_times(e);
	if (!e->shared.failed)
		return 0;
	e->event = NULL;
	return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for what an event's messages share");
}
