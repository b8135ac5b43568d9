/*
 * debezium_schema.c - key.converter.schemas.enable, value.converter.schemas.enable: what stands
 * before a table's keys and values, as Kafka Connect's JsonConverter writes a Connect schema.
 *
 *   {"schema":{"type":"struct","fields":[…],"optional":false,"name":"p.d.t.Key"},"payload":
 *
 * A field is type, then fields or items, optional, name, version, doc, parameters, default and
 * field, those it has. Made once a definition; a message copies it. Pure.
 */
#include "core/envelope/debezium_priv.h"

#include "common/base/json.h"
#include "common/contract/errors.h"

#include <errno.h>

/* The Connect type of a column. */
struct schema_type {
	const char *type;
	const char *inner; /* behind the type: fields or items */
	const char *name;
	const char *doc;
};

static bool column_type_is(const struct column *c, const char *text)
{
	size_t n = strlen(text);
	return c->column_type.len == n && strncasecmp((const char *)c->column_type.p, text, n) == 0;
}

static struct schema_type date_type(enum envelope_time mode)
{
	switch (mode) {
	case ENVELOPE_TIME_CONNECT:
		return (struct schema_type){"int32", NULL, "org.apache.kafka.connect.data.Date", NULL};
	case ENVELOPE_TIME_ISOSTRING:
		return (struct schema_type){"string", NULL, "io.debezium.time.IsoDate", NULL};
	default:
		return (struct schema_type){"int32", NULL, "io.debezium.time.Date", NULL};
	}
}

static struct schema_type time_type(enum envelope_time mode, unsigned digits)
{
	switch (mode) {
	case ENVELOPE_TIME_CONNECT:
		return (struct schema_type){"int32", NULL, "org.apache.kafka.connect.data.Time", NULL};
	case ENVELOPE_TIME_ISOSTRING:
		return (struct schema_type){"string", NULL, "io.debezium.time.IsoTime", NULL};
	case ENVELOPE_TIME_NANOSECONDS:
		return (struct schema_type){"int64", NULL, "io.debezium.time.NanoTime", NULL};
	case ENVELOPE_TIME_ADAPTIVE:
		if (digits <= 3)
			return (struct schema_type){"int32", NULL, "io.debezium.time.Time", NULL};
		break;
	default:
		break;
	}
	return (struct schema_type){"int64", NULL, "io.debezium.time.MicroTime", NULL};
}

static struct schema_type datetime_type(enum envelope_time mode, unsigned digits)
{
	switch (mode) {
	case ENVELOPE_TIME_CONNECT:
		return (struct schema_type){"int64", NULL, "org.apache.kafka.connect.data.Timestamp",
					    NULL};
	case ENVELOPE_TIME_ISOSTRING:
		return (struct schema_type){"string", NULL, "io.debezium.time.IsoTimestamp", NULL};
	case ENVELOPE_TIME_NANOSECONDS:
		return (struct schema_type){"int64", NULL, "io.debezium.time.NanoTimestamp", NULL};
	case ENVELOPE_TIME_MICROSECONDS:
		break;
	default:
		if (digits <= 3)
			return (struct schema_type){"int64", NULL, "io.debezium.time.Timestamp", NULL};
		break;
	}
	return (struct schema_type){"int64", NULL, "io.debezium.time.MicroTimestamp", NULL};
}

static struct schema_type integer_type(const struct column *c, const struct envelope_options *o)
{
	switch ((enum column_type)c->type) {
	case COLUMN_TINY:
		return (struct schema_type){"int16", NULL, NULL, NULL};
	case COLUMN_SHORT:
		return (struct schema_type){c->is_unsigned ? "int32" : "int16", NULL, NULL, NULL};
	case COLUMN_LONG:
		return (struct schema_type){c->is_unsigned ? "int64" : "int32", NULL, NULL, NULL};
	case COLUMN_LONGLONG:
		if (c->is_unsigned && o->bigint == ENVELOPE_BIGINT_PRECISE)
			return (struct schema_type){"bytes", NULL,
						    "org.apache.kafka.connect.data.Decimal", NULL};
		return (struct schema_type){"int64", NULL, NULL, NULL};
	default:
		return (struct schema_type){"int32", NULL, NULL, NULL};
	}
}

static struct schema_type decimal_type(const struct envelope_options *o)
{
	switch (o->decimal) {
	case ENVELOPE_DECIMAL_DOUBLE:
		return (struct schema_type){"double", NULL, NULL, NULL};
	case ENVELOPE_DECIMAL_STRING:
		return (struct schema_type){"string", NULL, NULL, NULL};
	case ENVELOPE_DECIMAL_PRECISE:
		break;
	}
	return (struct schema_type){"bytes", NULL, "org.apache.kafka.connect.data.Decimal", NULL};
}

static struct schema_type geometry_type(const struct column *c)
{
	if (column_type_is(c, "point"))
		return (struct schema_type){
		    "struct",
		    "\"fields\":[{\"type\":\"double\",\"optional\":false,\"field\":\"x\"},"
		    "{\"type\":\"double\",\"optional\":false,\"field\":\"y\"},"
		    "{\"type\":\"bytes\",\"optional\":true,\"field\":\"wkb\"},"
		    "{\"type\":\"int32\",\"optional\":true,\"field\":\"srid\"}]",
		    "io.debezium.data.geometry.Point", "Geometry (POINT)"};
	return (struct schema_type){
	    "struct",
	    "\"fields\":[{\"type\":\"bytes\",\"optional\":false,\"field\":\"wkb\"},"
	    "{\"type\":\"int32\",\"optional\":true,\"field\":\"srid\"}]",
	    "io.debezium.data.geometry.Geometry", "Geometry"};
}

/* FLOAT(M,D) is a double to Debezium. */
static bool is_wide_float(const struct column *c)
{
	return c->column_type.len > 6 &&
	       strncasecmp((const char *)c->column_type.p, "float(", 6) == 0 &&
	       memchr(c->column_type.p, ',', c->column_type.len);
}

static struct schema_type type_of(const struct column *c, const struct envelope_options *o)
{
	if (column_type_is(c, "uuid"))
		return (struct schema_type){"string", NULL, "io.debezium.data.Uuid", NULL};
	if (column_type_is(c, "inet4") || column_type_is(c, "inet6"))
		return (struct schema_type){"string", NULL, NULL, NULL};
	switch (writer_kind(c)) {
	case VALUE_INT:
	case VALUE_UINT:
		return integer_type(c, o);
	case VALUE_YEAR:
		return (struct schema_type){"int32", NULL, "io.debezium.time.Year", NULL};
	case VALUE_FLOAT:
		return (struct schema_type){is_wide_float(c) ? "double" : "float", NULL, NULL, NULL};
	case VALUE_DOUBLE:
		return (struct schema_type){"double", NULL, NULL, NULL};
	case VALUE_DECIMAL:
	case VALUE_DECIMAL_TEXT:
		return decimal_type(o);
	case VALUE_BYTES:
		return (struct schema_type){o->binary == ENVELOPE_BINARY_BYTES ? "bytes" : "string",
					    NULL, NULL, NULL};
	case VALUE_ENUM:
		return (struct schema_type){"string", NULL, "io.debezium.data.Enum", NULL};
	case VALUE_SET:
		return (struct schema_type){"string", NULL, "io.debezium.data.EnumSet", NULL};
	case VALUE_BIT:
		if (c->bits == 1)
			return (struct schema_type){"boolean", NULL, NULL, NULL};
		return (struct schema_type){"bytes", NULL, "io.debezium.data.Bits", NULL};
	case VALUE_DATE:
		return date_type(o->time);
	case VALUE_TIME:
		return time_type(o->time, c->scale);
	case VALUE_DATETIME:
		return datetime_type(o->time, c->scale);
	case VALUE_TIMESTAMP:
		return (struct schema_type){"string", NULL, "io.debezium.time.ZonedTimestamp", NULL};
	case VALUE_JSON:
	case VALUE_JSON_DIFF:
		return (struct schema_type){"string", NULL, "io.debezium.data.Json", NULL};
	case VALUE_GEOMETRY:
		return geometry_type(c);
	case VALUE_VECTOR:
		return (struct schema_type){"array",
					    "\"items\":{\"type\":\"float\",\"optional\":false}",
					    "io.debezium.data.FloatVector", NULL};
	case VALUE_STRING:
	case VALUE_ABSENT:
	case VALUE_NULL:
		break;
	}
	return (struct schema_type){"string", NULL, NULL, NULL};
}

/* The labels, comma separated; a comma in one has a backslash before it. */
static void put_allowed(struct buf *b, const struct column *c)
{
	buf_lit(b, ",\"parameters\":{\"allowed\":\"");
	for (uint32_t i = 0; i < c->nlabels; i++) {
		const uint8_t *p = c->labels[i].p, *end = p + c->labels[i].len;
		if (i)
			buf_putc(b, ',');
		while (p < end) {
			const uint8_t *comma = memchr(p, ',', (size_t)(end - p));
			const uint8_t *stop = comma ? comma : end;
			json_put_escaped(b, p, (size_t)(stop - p));
			if (comma)
				buf_lit(b, "\\\\,");
			p = comma ? comma + 1 : end;
		}
	}
	buf_lit(b, "\"}");
}

static void put_parameters(struct buf *b, const struct column *c, const struct schema_type *type,
			   const struct envelope_options *o)
{
	switch (writer_kind(c)) {
	case VALUE_ENUM:
	case VALUE_SET:
		put_allowed(b, c);
		break;
	case VALUE_BIT:
		if (c->bits > 1)
			buf_printf(b, ",\"parameters\":{\"length\":\"%u\"}", c->bits);
		break;
	case VALUE_DECIMAL:
	case VALUE_DECIMAL_TEXT:
		if (o->decimal == ENVELOPE_DECIMAL_PRECISE)
			buf_printf(b,
				   ",\"parameters\":{\"scale\":\"%u\","
				   "\"connect.decimal.precision\":\"%u\"}",
				   c->scale, c->precision);
		break;
	case VALUE_UINT:
		if (type->name)
			buf_lit(b, ",\"parameters\":{\"scale\":\"0\","
				   "\"connect.decimal.precision\":\"20\"}");
		break;
	default:
		break;
	}
}

static void put_field(struct buf *b, const struct envelope *e, const struct column *c,
		      const struct plan_column *p)
{
	struct schema_type type = type_of(c, &e->options);
	buf_printf(b, "{\"type\":\"%s\"", type.type);
	if (type.inner)
		buf_printf(b, ",%s", type.inner);
	if (c->nullable)
		buf_lit(b, ",\"optional\":true");
	else
		buf_lit(b, ",\"optional\":false");
	if (type.name)
		buf_printf(b, ",\"name\":\"%s\",\"version\":1", type.name);
	if (type.doc)
		buf_printf(b, ",\"doc\":\"%s\"", type.doc);
	put_parameters(b, c, &type, &e->options);
	if (p->fallback.len) {
		buf_lit(b, ",\"default\":");
		put_span(b, p->fallback);
	}
	/* The head is `,"name":`. */
	buf_lit(b, ",\"field\":");
	buf_put(b, p->head + 1, p->head_len - 2);
	buf_putc(b, '}');
}

/* "p.d.t.Value", quoted. */
static void put_schema_name(struct buf *b, const struct envelope *e, const struct envelope_table *t,
			    const char *what)
{
	struct buf plain, adjusted;
	buf_init(&plain);
	buf_init(&adjusted);
	buf_printf(&plain, "%s.%.*s.%.*s.%s", e->options.name, (int)t->db.len,
		   (const char *)t->db.p, (int)t->name.len, (const char *)t->name.p, what);
	if (!plain.failed)
		debezium_put_name(&adjusted, (struct span){plain.data, plain.len},
				  e->options.schema_names, false);
	if (plain.failed || adjusted.failed)
		b->failed = true;
	else
		json_put_string(b, adjusted.data, adjusted.len);
	buf_free(&plain);
	buf_free(&adjusted);
}

/* pipe.key table or database: these have strings. */
static void put_fixed_fields(struct buf *b, const struct envelope *e)
{
	buf_lit(b, "{\"type\":\"string\",\"optional\":false,\"field\":\"db\"}");
	if (e->options.key == ENVELOPE_KEY_TABLE)
		buf_lit(b, ",{\"type\":\"string\",\"optional\":false,\"field\":\"table\"}");
}

static void put_key_schema(struct buf *b, const struct envelope *e, const struct table *table,
			   const struct envelope_table *t)
{
	buf_lit(b, "{\"schema\":{\"type\":\"struct\",\"fields\":[");
	if (t->fixed_key.len)
		put_fixed_fields(b, e);
	for (uint32_t i = 0; i < t->nkey; i++) {
		if (i)
			buf_putc(b, ',');
		put_field(b, e, &table->columns[t->key[i].index], &t->key[i]);
	}
	buf_lit(b, "],\"optional\":false,\"name\":");
	put_schema_name(b, e, t, "Key");
	buf_lit(b, "},\"payload\":");
}

static void put_row_schema(struct buf *b, const struct envelope *e, const struct table *table,
			   const struct envelope_table *t, const char *field)
{
	buf_lit(b, "{\"type\":\"struct\",\"fields\":[");
	for (uint32_t i = 0; i < t->ncolumns; i++) {
		if (i)
			buf_putc(b, ',');
		put_field(b, e, &table->columns[t->columns[i].index], &t->columns[i]);
	}
	buf_lit(b, "],\"optional\":true,\"name\":");
	put_schema_name(b, e, t, "Value");
	buf_printf(b, ",\"field\":\"%s\"},", field);
}

#define FIELD(type, optional, name)                                                                \
	"{\"type\":\"" type "\",\"optional\":" optional ",\"field\":\"" name "\"}"

/* The fields of "source"; those of "transaction"; the rest. The source's name is between. */
static const char source_fields[] =
    "{\"type\":\"struct\",\"fields\":["
    FIELD("string", "false", "version") "," FIELD("string", "false", "connector") ","
    FIELD("string", "false", "name") "," FIELD("int64", "false", "ts_ms") ","
    "{\"type\":\"string\",\"optional\":true,\"name\":\"io.debezium.data.Enum\",\"version\":1,"
    "\"parameters\":{\"allowed\":\"true,first,first_in_data_collection,last_in_data_collection,"
    "last,false,incremental\"},\"default\":\"false\",\"field\":\"snapshot\"},"
    FIELD("string", "false", "db") "," FIELD("string", "true", "sequence") ","
    FIELD("int64", "true", "ts_us") "," FIELD("int64", "true", "ts_ns") ","
    FIELD("string", "true", "table") "," FIELD("int64", "false", "server_id") ","
    FIELD("string", "true", "gtid") "," FIELD("string", "false", "file") ","
    FIELD("int64", "false", "pos") "," FIELD("int32", "false", "row") ","
    FIELD("int64", "true", "thread") "," FIELD("string", "true", "query")
    "],\"optional\":false,\"name\":\"io.debezium.connector.";
static const char other_fields[] =
    ".Source\",\"version\":1,\"field\":\"source\"},"
    "{\"type\":\"struct\",\"fields\":["
    FIELD("string", "false", "id") "," FIELD("int64", "false", "total_order") ","
    FIELD("int64", "false", "data_collection_order")
    "],\"optional\":true,\"name\":\"event.block\",\"version\":1,\"field\":\"transaction\"},"
    FIELD("string", "false", "op") "," FIELD("int64", "true", "ts_ms") ","
    FIELD("int64", "true", "ts_us") "," FIELD("int64", "true", "ts_ns")
    "],\"optional\":false,\"name\":";

static int keep(struct envelope_table *t, struct buf *b, struct span *ret, struct err *err)
{
	char *copy = b->failed ? NULL : arena_strndup(&t->arena, b->data, b->len);
	if (!copy)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a table's schema");
	*ret = (struct span){(const uint8_t *)copy, b->len};
	buf_clear(b);
	return 0;
}

static int make(struct envelope *e, const struct table *table, struct envelope_table *t,
		struct buf *b, struct err *err)
{
	struct debezium_table *own = debezium_table_of(t);
	int rc = 0;
	if (e->options.key_schemas && t->has_key) {
		put_key_schema(b, e, table, t);
		rc = keep(t, b, &own->key_start, err);
	}
	if (rc < 0 || !e->options.value_schemas)
		return rc;
	buf_lit(b, "{\"schema\":{\"type\":\"struct\",\"fields\":[");
	put_row_schema(b, e, table, t, "before");
	put_row_schema(b, e, table, t, "after");
	buf_puts(b, source_fields);
	rc = keep(t, b, &own->value_parts[0], err);
	if (rc < 0)
		return rc;
	buf_puts(b, other_fields);
	put_schema_name(b, e, t, "Envelope");
	buf_lit(b, ",\"version\":2},\"payload\":");
	return keep(t, b, &own->value_parts[1], err);
}

int debezium_schema_make(struct envelope *e, const struct table *table, struct envelope_table *t,
			 struct err *err)
{
	struct buf b;
	buf_init(&b);
	int rc = make(e, table, t, &b, err);
	buf_free(&b);
	return rc;
}

int debezium_schema_flavor(struct envelope_table *t, enum flavor flavor, struct err *err)
{
	struct debezium_table *own = debezium_table_of(t);
	struct buf b;
	buf_init(&b);
	put_span(&b, own->value_parts[0]);
	buf_puts(&b, flavor == FLAVOR_MARIADB ? "mariadb" : "mysql");
	put_span(&b, own->value_parts[1]);
	int rc = keep(t, &b, &own->value_start, err);
	buf_free(&b);
	return rc;
}
