/*
 * schema_change.h - the message of a DDL statement, in Debezium's schema change form
 * (JSON without schemas), for every pipe.format.
 *
 * Key {"databaseName":…}. Value, member by member in Debezium's order:
 *
 *   source        as in row messages; "table" is null or the only table, "row" and "query"
 *                 are 0 and null
 *   ts_ms, ts_us, ts_ns
 *   databaseName, schemaName (null), ddl
 *   tableChanges  [{"type":"CREATE"|"ALTER"|"DROP","id":"\"db\".\"table\"","table":{…}|null,
 *                 "comment":null}], only of definitions that are known
 *
 * What information_schema's definition does not have is left out: autoIncremented, default
 * values, comments. Pure.
 */
#ifndef MR_ENVELOPE_SCHEMA_CHANGE_H
#define MR_ENVELOPE_SCHEMA_CHANGE_H

#include "common/base/buf.h"
#include "core/model/catalog.h"
#include "core/model/row.h"

struct schema_table_change {
	enum { SCHEMA_CREATE, SCHEMA_ALTER, SCHEMA_DROP } type;
	struct span db;
	struct span name;
	const struct catalog_table *table; /* NULL for DROP */
};

struct schema_change {
	const char *task; /* source.name */
	const struct row_event *event;
	struct span db;
	struct span table; /* empty: none, or several */
	struct span ddl;
	const struct schema_table_change *changes;
	uint32_t nchanges;
};

/* Both buffers are appended to; buf.failed says that memory was short. */
void schema_change_write(const struct schema_change *c, struct buf *key, struct buf *value);
/*
 * May the statement hold a password (IDENTIFIED BY, a FEDERATED table's CONNECTION, …)? A
 * column's name alone is none.
 */
bool schema_change_has_secret(struct span ddl);

#endif
