/* schema_change.c - see schema_change.h. */
#include "core/envelope/schema_change.h"

#include "common/base/json.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static void put(struct buf *b, struct span s)
{
	json_put_string(b, s.p ? (const char *)s.p : "", s.len);
}

static void put_text(struct buf *b, const char *text)
{
	json_put_string(b, text, strlen(text));
}

static void put_or_null(struct buf *b, struct span s)
{
	if (s.len)
		put(b, s);
	else
		buf_lit(b, "null");
}

static void put_times(struct buf *b, usec_t t, bool more_before)
{
	if (more_before)
		buf_lit(b, ",");
	buf_lit(b, "\"ts_ms\":");
	json_put_i64(b, t / USEC_PER_MSEC);
}

static void put_small_times(struct buf *b, usec_t t)
{
	buf_lit(b, ",\"ts_us\":");
	json_put_i64(b, t);
	buf_lit(b, ",\"ts_ns\":");
	json_put_i64(b, t);
	if (t)
		buf_lit(b, "000");
}

static void put_source(struct buf *b, const struct schema_change *c)
{
	const struct row_event *e = c->event;
	usec_t time = e->commit_time ? e->commit_time : e->source_time;
	buf_lit(b, "{\"source\":{\"version\":\"" MR_VERSION "\",\"connector\":");
	put_text(b, e->flavor == FLAVOR_MARIADB ? "mariadb" : "mysql");
	buf_lit(b, ",\"name\":");
	put_text(b, c->task);
	put_times(b, time, true);
	buf_lit(b, ",\"snapshot\":\"false\",\"db\":");
	put(b, c->db);
	buf_lit(b, ",\"sequence\":null");
	put_small_times(b, time);
	buf_lit(b, ",\"table\":");
	put_or_null(b, c->table);
	buf_lit(b, ",\"server_id\":");
	json_put_u64(b, e->server_id);
	buf_lit(b, ",\"gtid\":");
	if (e->gtid_text[0])
		put_text(b, e->gtid_text);
	else
		buf_lit(b, "null");
	buf_lit(b, ",\"file\":");
	put_text(b, e->file);
	buf_lit(b, ",\"pos\":");
	json_put_u64(b, e->pos);
	buf_lit(b, ",\"row\":0,\"thread\":");
	if (e->has_thread)
		json_put_u64(b, e->thread_id);
	else
		buf_lit(b, "null");
	buf_lit(b, ",\"query\":null}");
}

/* java.sql.Types, as Debezium's parsers have them. */
static int jdbc_type(struct span type)
{
	static const struct {
		const char *name;
		int number;
	} types[] = {
		{"tinyint", 5},	     {"smallint", 5},	{"mediumint", 4},  {"int", 4},
		{"bigint", -5},	     {"float", 6},	{"double", 8},	   {"decimal", 3},
		{"bit", -7},	     {"year", 4},	{"date", 91},	   {"time", 92},
		{"datetime", 93},    {"timestamp", 2014}, {"char", 1},	   {"varchar", 12},
		{"tinytext", 12},    {"text", 12},	{"mediumtext", 12}, {"longtext", 12},
		{"binary", -2},	     {"varbinary", -3}, {"tinyblob", 2004}, {"blob", 2004},
		{"mediumblob", 2004}, {"longblob", 2004}, {"enum", 1},	   {"set", 1},
	};
	enum { OTHER = 1111 };
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (type.len == strlen(types[i].name) &&
		    strncasecmp((const char *)type.p, types[i].name, type.len) == 0)
			return types[i].number;
	return OTHER;
}

/* "int(10) unsigned" is INT UNSIGNED; what stands in parentheses is told beside it. */
static void put_type_name(struct buf *b, const struct catalog_column *c)
{
	buf_lit(b, "\"");
	for (size_t i = 0; i < c->data_type.len; i++)
		buf_putc(b, (char)toupper(c->data_type.p[i]));
	buf_puts(b, c->is_unsigned ? " UNSIGNED\"" : "\"");
}

/* The number in the type's parentheses; -1: none. */
static long length_of(const struct catalog_column *c)
{
	const uint8_t *open = c->column_type.len ? memchr(c->column_type.p, '(', c->column_type.len)
						 : NULL;
	const uint8_t *end = c->column_type.p + c->column_type.len;
	long n = 0;
	if (!open || open + 1 == end || !isdigit(open[1]))
		return -1;
	for (const uint8_t *p = open + 1; p < end && isdigit(*p) && n < 1000000000; p++)
		n = n * 10 + (*p - '0');
	return n;
}

static void put_column(struct buf *b, const struct catalog_column *c, uint32_t position)
{
	bool decimal = c->data_type.len == 7 && memcmp(c->data_type.p, "decimal", 7) == 0;
	buf_lit(b, "{\"name\":");
	put(b, c->name);
	buf_printf(b, ",\"jdbcType\":%d,\"nativeType\":null,\"typeName\":",
		   jdbc_type(c->data_type));
	put_type_name(b, c);
	buf_lit(b, ",\"typeExpression\":");
	put_type_name(b, c);
	buf_lit(b, ",\"charsetName\":");
	put_or_null(b, c->charset);
	long length = c->labels ? 1 : length_of(c);
	if (length >= 0)
		buf_printf(b, ",\"length\":%ld", length);
	else
		buf_lit(b, ",\"length\":null");
	if (decimal)
		buf_printf(b, ",\"scale\":%u", c->scale);
	else
		buf_lit(b, ",\"scale\":null");
	buf_printf(b, ",\"position\":%u,\"optional\":%s,\"generated\":%s,\"enumValues\":[",
		   position, c->nullable ? "true" : "false", c->generated ? "true" : "false");
	for (uint32_t i = 0; i < c->nlabels; i++) {
		if (i)
			buf_lit(b, ",");
		put(b, c->labels[i]);
	}
	buf_lit(b, "]}");
}

static void put_table(struct buf *b, const struct catalog_table *t)
{
	const char *separator = "";
	buf_lit(b, "{\"defaultCharsetName\":");
	put_or_null(b, t->charset);
	buf_lit(b, ",\"primaryKeyColumnNames\":[");
	for (uint32_t i = 0; i < t->nkey; i++) {
		/* A unique key that stands in for it has parts that are in no primary key. */
		if (!t->columns[t->key[i]].key_seq)
			continue;
		buf_puts(b, separator);
		put(b, t->columns[t->key[i]].name);
		separator = ",";
	}
	buf_lit(b, "],\"columns\":[");
	for (uint32_t i = 0; i < t->ncolumns; i++) {
		if (i)
			buf_lit(b, ",");
		put_column(b, &t->columns[i], i + 1);
	}
	buf_lit(b, "],\"comment\":null}");
}

static void put_quoted(struct buf *b, struct span name)
{
	struct buf text;
	buf_init(&text);
	put(&text, name);
	/* Without the outer quotes of JSON's string, and in quotes of the id's own. */
	buf_lit(b, "\\\"");
	if (!text.failed)
		buf_put(b, text.data + 1, text.len - 2);
	b->failed |= text.failed;
	buf_lit(b, "\\\"");
	buf_free(&text);
}

static void put_change(struct buf *b, const struct schema_table_change *c)
{
	static const char *const types[] = {
		[SCHEMA_CREATE] = "CREATE", [SCHEMA_ALTER] = "ALTER", [SCHEMA_DROP] = "DROP"};
	buf_lit(b, "{\"type\":");
	put_text(b, types[c->type]);
	buf_lit(b, ",\"id\":\"");
	put_quoted(b, c->db);
	buf_lit(b, ".");
	put_quoted(b, c->name);
	buf_lit(b, "\",\"table\":");
	if (c->table)
		put_table(b, c->table);
	else
		buf_lit(b, "null");
	buf_lit(b, "}");
}

void schema_change_write(const struct schema_change *c, struct buf *key, struct buf *value)
{
	buf_lit(key, "{\"databaseName\":");
	put(key, c->db);
	buf_lit(key, "}");
	put_source(value, c);
	put_times(value, c->event->read_time, true);
	put_small_times(value, c->event->read_time);
	buf_lit(value, ",\"databaseName\":");
	put(value, c->db);
	buf_lit(value, ",\"schemaName\":null,\"ddl\":");
	put(value, c->ddl);
	buf_lit(value, ",\"tableChanges\":[");
	for (uint32_t i = 0; i < c->nchanges; i++) {
		if (i)
			buf_lit(value, ",");
		put_change(value, &c->changes[i]);
	}
	buf_lit(value, "]}");
}

/* ------------------------------------------------------- secrets */

/* Behind spaces and an '=': does a quote follow? */
static bool quote_follows(const uint8_t *p, const uint8_t *end)
{
	while (p < end && (isspace(*p) || *p == '='))
		p++;
	return p < end && (*p == '\'' || *p == '"');
}

bool schema_change_has_secret(struct span ddl)
{
	/* `alone`: the word is enough; else a text must follow it. */
	static const struct {
		const char *word;
		bool alone;
	} words[] = {
		{"IDENTIFIED", true},  {"PASSWORD", false}, {"CONNECTION", false},
		{"ENCRYPTION_KEY", false}, {"SECRET", false},
	};
	const uint8_t *end = ddl.p + ddl.len;
	for (const uint8_t *p = ddl.p; p < end; p++) {
		if (p > ddl.p && (isalnum(p[-1]) || p[-1] == '_'))
			continue;
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
			size_t n = strlen(words[i].word);
			if ((size_t)(end - p) < n ||
			    strncasecmp((const char *)p, words[i].word, n) != 0 ||
			    (p + n < end && (isalnum(p[n]) || p[n] == '_')))
				continue;
			if (words[i].alone || quote_follows(p + n, end))
				return true;
		}
	}
	return false;
}
