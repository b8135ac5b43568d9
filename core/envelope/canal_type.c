/*
 * canal_type.c - the types of columns in format canal: sqlType and mysqlType.
 *
 * sqlType is a number of java.sql.Types. Canal takes it from the binlog's type, and for
 * numbers from the value: an unsigned one that would be negative as a signed one is raised
 * to the next larger type. Pure.
 */
#include "core/envelope/canal.h"

/* java.sql.Types */
enum {
	JAVA_BIT = -7,
	JAVA_TINYINT = -6,
	JAVA_BIGINT = -5,
	JAVA_CHAR = 1,
	JAVA_DECIMAL = 3,
	JAVA_INTEGER = 4,
	JAVA_SMALLINT = 5,
	JAVA_REAL = 7,
	JAVA_DOUBLE = 8,
	JAVA_VARCHAR = 12,
	JAVA_DATE = 91,
	JAVA_TIME = 92,
	JAVA_TIMESTAMP = 93,
	JAVA_OTHER = 1111,
	JAVA_BLOB = 2004,
	JAVA_CLOB = 2005,
};

static int number_type(const struct column *c, const struct value *v)
{
	bool unsigned_value = v && v->kind == VALUE_UINT;
	switch ((enum column_type)c->type) {
	case COLUMN_TINY:
		return unsigned_value && v->u > INT8_MAX ? JAVA_SMALLINT : JAVA_TINYINT;
	case COLUMN_SHORT:
		return unsigned_value && v->u > INT16_MAX ? JAVA_INTEGER : JAVA_SMALLINT;
	case COLUMN_INT24:
		return JAVA_INTEGER;
	case COLUMN_LONG:
		return unsigned_value && v->u > INT32_MAX ? JAVA_BIGINT : JAVA_INTEGER;
	default:
		return unsigned_value && v->u > INT64_MAX ? JAVA_DECIMAL : JAVA_BIGINT;
	}
}

int canal_sql_type(const struct plan_column *p, bool text, const struct value *v)
{
	const struct column *c = &p->column;
	bool null = v && v->kind == VALUE_NULL;
	switch ((enum column_type)c->type) {
	case COLUMN_TINY:
	case COLUMN_SHORT:
	case COLUMN_INT24:
	case COLUMN_LONG:
	case COLUMN_LONGLONG:
		return number_type(c, v);
	case COLUMN_FLOAT:
		return JAVA_REAL;
	case COLUMN_DOUBLE:
		return JAVA_DOUBLE;
	case COLUMN_NEWDECIMAL:
	case COLUMN_DECIMAL_OLD:
		return JAVA_DECIMAL;
	case COLUMN_BIT:
		return JAVA_BIT;
	case COLUMN_TIMESTAMP:
	case COLUMN_TIMESTAMP2:
	case COLUMN_DATETIME:
	case COLUMN_DATETIME2:
		return JAVA_TIMESTAMP;
	case COLUMN_TIME:
	case COLUMN_TIME2:
		return JAVA_TIME;
	case COLUMN_DATE:
	case COLUMN_NEWDATE:
		return JAVA_DATE;
	case COLUMN_YEAR:
		return JAVA_VARCHAR;
	case COLUMN_ENUM:
		return JAVA_INTEGER;
	case COLUMN_SET:
		return null ? JAVA_BLOB : JAVA_BIT;
	case COLUMN_JSON:
		return null ? JAVA_OTHER : JAVA_VARCHAR;
	case COLUMN_STRING:
		return text ? JAVA_CHAR : JAVA_BLOB;
	case COLUMN_VARCHAR:
	case COLUMN_VARCHAR_COMPRESSED:
	case COLUMN_VAR_STRING:
		return text ? JAVA_VARCHAR : JAVA_BLOB;
	case COLUMN_TINY_BLOB:
	case COLUMN_MEDIUM_BLOB:
	case COLUMN_LONG_BLOB:
	case COLUMN_BLOB:
	case COLUMN_BLOB_COMPRESSED:
		return text ? JAVA_CLOB : JAVA_BLOB;
	case COLUMN_GEOMETRY:
		return JAVA_BLOB;
	case COLUMN_VECTOR:
	case COLUMN_NULL:
	case COLUMN_TYPED_ARRAY:
		break;
	}
	return JAVA_OTHER;
}

bool canal_type_varies(const struct plan_column *c)
{
	return c->kind == VALUE_UINT || c->kind == VALUE_SET || c->kind == VALUE_JSON;
}

static const char *integer_name(const struct column *c)
{
	switch ((enum column_type)c->type) {
	case COLUMN_TINY:
		return "tinyint";
	case COLUMN_SHORT:
		return "smallint";
	case COLUMN_INT24:
		return "mediumint";
	case COLUMN_LONG:
		return "int";
	default:
		return "bigint";
	}
}

static const char *blob_name(const struct column *c, bool text)
{
	switch (c->max_bytes) {
	case 1:
		return text ? "tinytext" : "tinyblob";
	case 3:
		return text ? "mediumtext" : "mediumblob";
	case 4:
		return text ? "longtext" : "longblob";
	default:
		return text ? "text" : "blob";
	}
}

static void put_labels(struct buf *b, const struct column *c, const char *name)
{
	buf_puts(b, name);
	for (uint32_t i = 0; i < c->nlabels; i++) {
		buf_puts(b, i ? ",'" : "'");
		for (size_t n = 0; n < c->labels[i].len; n++) {
			if (c->labels[i].p[n] == '\'')
				buf_putc(b, '\'');
			buf_putc(b, (char)c->labels[i].p[n]);
		}
		buf_putc(b, '\'');
	}
	buf_putc(b, ')');
}

static void put_fraction_of(struct buf *b, const struct column *c, const char *name)
{
	buf_puts(b, name);
	if (c->scale)
		buf_printf(b, "(%u)", c->scale);
}

/* Without what only the catalogue knows: display widths, lengths in characters. */
static void put_from_binlog(struct buf *b, const struct column *c)
{
	bool text = c->charset != CHARSET_BINARY && c->charset != CHARSET_NONE;
	switch ((enum column_type)c->type) {
	case COLUMN_TINY:
	case COLUMN_SHORT:
	case COLUMN_INT24:
	case COLUMN_LONG:
	case COLUMN_LONGLONG:
		buf_printf(b, "%s%s", integer_name(c), c->is_unsigned ? " unsigned" : "");
		break;
	case COLUMN_FLOAT:
		buf_printf(b, "float%s", c->is_unsigned ? " unsigned" : "");
		break;
	case COLUMN_DOUBLE:
		buf_printf(b, "double%s", c->is_unsigned ? " unsigned" : "");
		break;
	case COLUMN_NEWDECIMAL:
	case COLUMN_DECIMAL_OLD:
		buf_printf(b, "decimal(%u,%u)%s", c->precision, c->scale,
			   c->is_unsigned ? " unsigned" : "");
		break;
	case COLUMN_BIT:
		buf_printf(b, "bit(%u)", c->bits);
		break;
	case COLUMN_TIMESTAMP:
	case COLUMN_TIMESTAMP2:
		put_fraction_of(b, c, "timestamp");
		break;
	case COLUMN_DATETIME:
	case COLUMN_DATETIME2:
		put_fraction_of(b, c, "datetime");
		break;
	case COLUMN_TIME:
	case COLUMN_TIME2:
		put_fraction_of(b, c, "time");
		break;
	case COLUMN_DATE:
	case COLUMN_NEWDATE:
		buf_lit(b, "date");
		break;
	case COLUMN_YEAR:
		buf_lit(b, "year");
		break;
	case COLUMN_ENUM:
		put_labels(b, c, "enum(");
		break;
	case COLUMN_SET:
		put_labels(b, c, "set(");
		break;
	case COLUMN_JSON:
		buf_lit(b, "json");
		break;
	case COLUMN_GEOMETRY:
		buf_lit(b, "geometry");
		break;
	case COLUMN_VECTOR:
		buf_lit(b, "vector");
		break;
	case COLUMN_STRING:
		buf_puts(b, text ? "char" : "binary");
		break;
	case COLUMN_VARCHAR:
	case COLUMN_VARCHAR_COMPRESSED:
	case COLUMN_VAR_STRING:
		buf_puts(b, text ? "varchar" : "varbinary");
		break;
	case COLUMN_TINY_BLOB:
	case COLUMN_MEDIUM_BLOB:
	case COLUMN_LONG_BLOB:
	case COLUMN_BLOB:
	case COLUMN_BLOB_COMPRESSED:
		buf_puts(b, blob_name(c, text));
		break;
	case COLUMN_NULL:
	case COLUMN_TYPED_ARRAY:
		break;
	}
}

void canal_put_mysql_type(struct buf *b, const struct column *c)
{
	if (c->column_type.len)
		put_span(b, c->column_type);
	else
		put_from_binlog(b, c);
}
