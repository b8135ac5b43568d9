/*
 * ddl_type.c - a column's type as it is written, to what information_schema shows. Pure.
 *
 * The servers normalize types: BOOL is tinyint(1), a VARCHAR too long for a row is a TEXT
 * (without strict mode), TEXT(100) is a tinytext, FLOAT(30) a double. How the result is
 * shown differs by version: display widths and year(4) went with MySQL 8.0.19.
 */
#include "core/schema/ddl_priv.h"

#include <errno.h>

enum base {
	BASE_INT, /* all integers; arg: bytes */
	BASE_BOOL,
	BASE_SERIAL,
	BASE_DECIMAL,
	BASE_FLOAT,
	BASE_DOUBLE,
	BASE_REAL,
	BASE_BIT,
	BASE_YEAR,
	BASE_DATE,
	BASE_TEMPORAL, /* with digits of a second */
	BASE_CHAR,
	BASE_VARCHAR,
	BASE_BINARY,
	BASE_VARBINARY,
	BASE_TEXT, /* arg: bytes of its length */
	BASE_BLOB,
	BASE_LONG, /* LONG [VARCHAR | VARBINARY | …] */
	BASE_NATIONAL,
	BASE_NCHAR,
	BASE_ENUM,
	BASE_SET,
	BASE_JSON,
	BASE_GEOMETRY,
	BASE_VECTOR,
	BASE_FIXED, /* UUID, INET4, INET6: nothing behind the name */
};

static const struct type_name {
	const char *word;
	uint8_t base;
	uint8_t arg;
	const char *data_type;
} names[] = {
	{"INT", BASE_INT, 4, "int"},
	{"INTEGER", BASE_INT, 4, "int"},
	{"INT4", BASE_INT, 4, "int"},
	{"BIGINT", BASE_INT, 8, "bigint"},
	{"INT8", BASE_INT, 8, "bigint"},
	{"VARCHAR", BASE_VARCHAR, 0, "varchar"},
	{"VARCHARACTER", BASE_VARCHAR, 0, "varchar"},
	{"CHAR", BASE_CHAR, 0, "char"},
	{"CHARACTER", BASE_CHAR, 0, "char"},
	{"DATETIME", BASE_TEMPORAL, 0, "datetime"},
	{"TIMESTAMP", BASE_TEMPORAL, 0, "timestamp"},
	{"TIME", BASE_TEMPORAL, 0, "time"},
	{"DATE", BASE_DATE, 0, "date"},
	{"YEAR", BASE_YEAR, 0, "year"},
	{"TINYINT", BASE_INT, 1, "tinyint"},
	{"INT1", BASE_INT, 1, "tinyint"},
	{"SMALLINT", BASE_INT, 2, "smallint"},
	{"INT2", BASE_INT, 2, "smallint"},
	{"MEDIUMINT", BASE_INT, 3, "mediumint"},
	{"MIDDLEINT", BASE_INT, 3, "mediumint"},
	{"INT3", BASE_INT, 3, "mediumint"},
	{"BOOL", BASE_BOOL, 0, "tinyint"},
	{"BOOLEAN", BASE_BOOL, 0, "tinyint"},
	{"SERIAL", BASE_SERIAL, 0, "bigint"},
	{"DECIMAL", BASE_DECIMAL, 0, "decimal"},
	{"DEC", BASE_DECIMAL, 0, "decimal"},
	{"NUMERIC", BASE_DECIMAL, 0, "decimal"},
	{"FIXED", BASE_DECIMAL, 0, "decimal"},
	{"FLOAT", BASE_FLOAT, 0, "float"},
	{"FLOAT4", BASE_FLOAT, 0, "float"},
	{"DOUBLE", BASE_DOUBLE, 0, "double"},
	{"FLOAT8", BASE_DOUBLE, 0, "double"},
	{"REAL", BASE_REAL, 0, "double"},
	{"BIT", BASE_BIT, 0, "bit"},
	{"TEXT", BASE_TEXT, 2, "text"},
	{"TINYTEXT", BASE_TEXT, 1, "tinytext"},
	{"MEDIUMTEXT", BASE_TEXT, 3, "mediumtext"},
	{"LONGTEXT", BASE_TEXT, 4, "longtext"},
	{"BLOB", BASE_BLOB, 2, "blob"},
	{"TINYBLOB", BASE_BLOB, 1, "tinyblob"},
	{"MEDIUMBLOB", BASE_BLOB, 3, "mediumblob"},
	{"LONGBLOB", BASE_BLOB, 4, "longblob"},
	{"BINARY", BASE_BINARY, 0, "binary"},
	{"VARBINARY", BASE_VARBINARY, 0, "varbinary"},
	{"LONG", BASE_LONG, 3, "mediumtext"},
	{"NATIONAL", BASE_NATIONAL, 0, "char"},
	{"NCHAR", BASE_NCHAR, 0, "char"},
	{"NVARCHAR", BASE_NCHAR, 1, "varchar"},
	{"ENUM", BASE_ENUM, 0, "enum"},
	{"SET", BASE_SET, 0, "set"},
	{"JSON", BASE_JSON, 0, "json"},
	{"GEOMETRY", BASE_GEOMETRY, 0, "geometry"},
	{"POINT", BASE_GEOMETRY, 0, "point"},
	{"LINESTRING", BASE_GEOMETRY, 0, "linestring"},
	{"POLYGON", BASE_GEOMETRY, 0, "polygon"},
	{"MULTIPOINT", BASE_GEOMETRY, 0, "multipoint"},
	{"MULTILINESTRING", BASE_GEOMETRY, 0, "multilinestring"},
	{"MULTIPOLYGON", BASE_GEOMETRY, 0, "multipolygon"},
	{"GEOMETRYCOLLECTION", BASE_GEOMETRY, 1, "geometrycollection"},
	{"GEOMCOLLECTION", BASE_GEOMETRY, 1, "geomcollection"},
	{"VECTOR", BASE_VECTOR, 0, "vector"},
	{"UUID", BASE_FIXED, 0, "uuid"},
	{"INET4", BASE_FIXED, 0, "inet4"},
	{"INET6", BASE_FIXED, 0, "inet6"},
};

/* A type as written. */
struct ddl_type {
	const struct type_name *name;
	uint8_t base;
	uint8_t bytes; /* of an integer, of a BLOB's length */
	bool has_length;
	bool has_scale;
	uint64_t length;
	uint64_t scale;
	bool is_unsigned;
	bool zerofill;
	bool national;
	bool binary; /* the attribute: the set's _bin collation */
	struct span charset;
	struct span collation;
	bool compressed;
	struct span *labels;
	uint32_t nlabels;
};

static struct span text(const char *s)
{
	return (struct span){(const uint8_t *)s, strlen(s)};
}

/* ------------------------------------------------------- as written */

/* (n), (n,m) */
static void take_length(struct ddl *d, struct ddl_type *t)
{
	if (!ddl_take_char(d, '('))
		return;
	t->has_length = ddl_take_number(d, &t->length);
	if (ddl_take_char(d, ','))
		t->has_scale = ddl_take_number(d, &t->scale);
	if (!t->has_length || !ddl_take_char(d, ')'))
		d->doubt = true;
}

/* Characters of UTF-8. */
static size_t characters(struct span s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++)
		n += (s.p[i] & 0xc0) != 0x80;
	return n;
}

static bool is_ascii(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] >= 0x80)
			return false;
	return true;
}

/* ('a','b',…): bytes of x'…' and of other sets are understood when they are ASCII. */
static void take_labels(struct ddl *d, struct ddl_type *t)
{
	struct span label;
	uint32_t cap = 0;
	if (!ddl_take_char(d, '('))
		d->doubt = true;
	while (!d->doubt && !d->rc) {
		bool foreign = d->t.kind != TOKEN_STRING;
		if (d->t.kind == TOKEN_WORD && d->t.text.p[0] == '_')
			ddl_next(d); /* _latin1'…' */
		if (!ddl_take_text(d, &label) || (foreign && !is_ascii(label))) {
			d->doubt = true;
			break;
		}
		if (t->nlabels == cap) {
			cap = cap ? cap * 2 : 8;
			struct span *more = ddl_alloc(d, cap * sizeof(*more));
			if (!more)
				return;
			if (t->nlabels)
				memcpy(more, t->labels, t->nlabels * sizeof(*more));
			t->labels = more;
		}
		t->labels[t->nlabels++] = label;
		if (!ddl_take_char(d, ','))
			break;
	}
	if (!d->rc && !ddl_take_char(d, ')'))
		d->doubt = true;
}

/* CHAR, CHARACTER: VARYING makes it a VARCHAR. */
static void take_varying(struct ddl *d, struct ddl_type *t)
{
	if (ddl_take(d, "VARYING"))
		t->base = BASE_VARCHAR;
	else if (t->national && (ddl_take(d, "VARCHAR") || ddl_take(d, "VARCHARACTER")))
		t->base = BASE_VARCHAR;
}

/* NATIONAL …: a CHAR or VARCHAR of utf8mb3. */
static void take_national(struct ddl *d, struct ddl_type *t)
{
	t->national = true;
	t->base = BASE_CHAR;
	if (ddl_take(d, "VARCHAR") || ddl_take(d, "VARCHARACTER"))
		t->base = BASE_VARCHAR;
	else if (ddl_take(d, "CHAR") || ddl_take(d, "CHARACTER"))
		take_varying(d, t);
	else
		d->doubt = true;
}

/* LONG [VARBINARY | VARCHAR | VARCHARACTER | CHAR VARYING] */
static void take_long(struct ddl *d, struct ddl_type *t)
{
	t->base = BASE_TEXT;
	struct token second = ddl_peek(d);
	if (ddl_take(d, "VARBINARY"))
		t->base = BASE_BLOB;
	else if ((ddl_at(d, "CHAR") || ddl_at(d, "CHARACTER")) &&
		 ddl_token_is(&second, "VARYING")) {
		ddl_next(d);
		ddl_next(d);
	} else if (!ddl_take(d, "VARCHAR"))
		(void)ddl_take(d, "VARCHARACTER");
}

static bool exists_here(const struct ddl *d, const struct type_name *n)
{
	switch (n->base) {
	case BASE_VECTOR:
		return ddl_is_mysql(d, 90000) || ddl_is_mariadb(d, 110701);
	case BASE_FIXED:
		return ddl_is_mariadb(d, 100500);
	default:
		return true;
	}
}

static bool take_base(struct ddl *d, struct ddl_type *t)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!ddl_at(d, names[i].word) || !exists_here(d, &names[i]))
			continue;
		t->name = &names[i];
		t->base = names[i].base;
		t->bytes = names[i].arg;
		ddl_next(d);
		return true;
	}
	return false;
}

static void take_rest_of_name(struct ddl *d, struct ddl_type *t)
{
	switch (t->base) {
	case BASE_CHAR:
		take_varying(d, t);
		break;
	case BASE_NATIONAL:
		take_national(d, t);
		break;
	case BASE_NCHAR:
		t->national = true;
		t->base = t->bytes ? BASE_VARCHAR : BASE_CHAR;
		take_varying(d, t);
		break;
	case BASE_LONG:
		take_long(d, t);
		break;
	case BASE_REAL:
		t->base = d->session->sql_mode & 1 ? BASE_FLOAT : BASE_DOUBLE;
		(void)ddl_take(d, "PRECISION");
		break;
	case BASE_DOUBLE:
		(void)ddl_take(d, "PRECISION");
		break;
	default:
		break;
	}
}

/*
 * What belongs to the type behind its length: sign, character set. MySQL wants them right
 * here; a COLLATE among the attributes is a type's as well, so it is taken there.
 */
static bool take_attribute(struct ddl *d, struct ddl_type *t)
{
	if (ddl_take(d, "UNSIGNED"))
		return t->is_unsigned = true;
	if (ddl_take(d, "ZEROFILL"))
		return t->is_unsigned = t->zerofill = true;
	if (ddl_take(d, "SIGNED"))
		return true;
	if (ddl_take(d, "BINARY"))
		return t->binary = true;
	if (ddl_at(d, "ASCII") || ddl_at(d, "UNICODE") || ddl_at(d, "BYTE")) {
		t->charset = text(ddl_at(d, "ASCII")     ? "latin1"
				  : ddl_at(d, "UNICODE") ? "ucs2"
							 : "binary");
		ddl_next(d);
		return true;
	}
	if (ddl_take_charset_words(d)) {
		if (!ddl_take_charset_name(d, &t->charset))
			d->doubt = true;
		if (ddl_span_is(t->charset, "DEFAULT"))
			d->doubt = true;
		return true;
	}
	if (ddl_is_mariadb(d, 100300) && ddl_take(d, "COMPRESSED")) {
		if (ddl_take_char(d, '='))
			ddl_next(d);
		return t->compressed = true;
	}
	return false;
}

/* ------------------------------------------------------- numbers */

static const struct {
	uint8_t width; /* as displayed when none is given; one less without a sign */
	uint8_t digits;
} integers[] = {{0}, {4, 3}, {6, 5}, {9, 7}, {11, 10}, {0}, {0}, {0}, {20, 19}};

static void put_int(struct ddl *d, struct catalog_column *c, const struct ddl_type *t)
{
	static const char *const type[] = {"",	  "tinyint", "smallint", "mediumint", "int",
					   "",	  "",	     "",	 "bigint"};
	bool shows = !ddl_is_mysql(d, 80019);
	bool big = t->bytes == 8;
	uint32_t width = t->has_length && t->length ? (uint32_t)t->length : 0;
	if (!shows)
		shows = t->zerofill || (t->bytes == 1 && width == 1 && !t->is_unsigned);
	if (!width)
		width = integers[t->bytes].width - (uint32_t)(t->is_unsigned && !big);
	const char *sign = t->is_unsigned ? " unsigned" : "";
	const char *zero = t->zerofill ? " zerofill" : "";
	c->data_type = text(type[t->bytes]);
	c->column_type = shows ? ddl_printf(d, "%s(%u)%s%s", type[t->bytes], width, sign, zero)
			       : ddl_printf(d, "%s%s%s", type[t->bytes], sign, zero);
	bool one_more = big || (t->bytes == 3 && d->session->flavor == FLAVOR_MARIADB);
	c->precision = (uint8_t)(integers[t->bytes].digits + (one_more && t->is_unsigned));
}

static void put_decimal(struct ddl *d, struct catalog_column *c, const struct ddl_type *t)
{
	uint32_t p = t->has_length && (t->length || t->scale) ? (uint32_t)t->length : 10;
	c->data_type = text("decimal");
	c->precision = (uint8_t)p;
	c->scale = (uint8_t)(t->has_scale ? t->scale : 0);
	c->column_type = ddl_printf(d, "decimal(%u,%u)%s%s", p, c->scale,
				    t->is_unsigned ? " unsigned" : "",
				    t->zerofill ? " zerofill" : "");
}

static void put_float(struct ddl *d, struct catalog_column *c, const struct ddl_type *t)
{
	bool twice = t->base == BASE_DOUBLE;
	if (t->has_length && !t->has_scale && t->base == BASE_FLOAT)
		twice = t->length > 24;
	const char *type = twice ? "double" : "float";
	const char *sign = t->is_unsigned ? " unsigned" : "";
	const char *zero = t->zerofill ? " zerofill" : "";
	c->data_type = text(type);
	if (t->has_scale)
		c->column_type = ddl_printf(d, "%s(%u,%u)%s%s", type, (uint32_t)t->length,
					    (uint32_t)t->scale, sign, zero);
	else
		c->column_type = ddl_printf(d, "%s%s%s", type, sign, zero);
	c->precision = (uint8_t)(t->has_scale ? t->length : twice ? 22 : 12);
	c->scale = (uint8_t)t->scale;
}

static void put_number(struct ddl *d, struct ddl_column *column, struct ddl_type *t)
{
	struct catalog_column *c = &column->c;
	c->is_unsigned = t->is_unsigned;
	switch (t->base) {
	case BASE_INT:
		put_int(d, c, t);
		break;
	case BASE_DECIMAL:
		put_decimal(d, c, t);
		break;
	case BASE_BIT:
		c->data_type = text("bit");
		c->precision = (uint8_t)(t->has_length && t->length ? t->length : 1);
		c->column_type = ddl_printf(d, "bit(%u)", c->precision);
		break;
	case BASE_YEAR:
		c->data_type = text("year");
		c->column_type = text(ddl_is_mysql(d, 80019) ? "year" : "year(4)");
		c->is_unsigned = false;
		break;
	default:
		put_float(d, c, t);
	}
}

/* ------------------------------------------------------- text and bytes */

/* The smallest kind of BLOB for so many bytes. */
static uint8_t blob_bytes(uint64_t length)
{
	return length < 1u << 8 ? 1 : length < 1u << 16 ? 2 : length < 1u << 24 ? 3 : 4;
}

static void put_blob(struct catalog_column *c, uint8_t bytes, bool bytes_only)
{
	static const char *const texts[] = {"", "tinytext", "text", "mediumtext", "longtext"};
	static const char *const blobs[] = {"", "tinyblob", "blob", "mediumblob", "longblob"};
	c->data_type = c->column_type = text(bytes_only ? blobs[bytes] : texts[bytes]);
	c->max_bytes = (1ull << (8 * bytes)) - 1;
}

/* A label as the servers write it in COLUMN_TYPE. */
static uint8_t *put_label(uint8_t *out, struct span s)
{
	*out++ = '\'';
	for (size_t i = 0; i < s.len; i++) {
		uint8_t b = s.p[i];
		if (b == '\'' || b == '\\')
			*out++ = b;
		else if (b == 0 || b == '\n' || b == '\r')
			*out++ = '\\';
		*out++ = b == 0 ? '0' : b == '\n' ? 'n' : b == '\r' ? 'r' : b;
	}
	*out++ = '\'';
	return out;
}

/* May the label stand in the set as it is? */
static bool label_fits(struct span charset, struct span label)
{
	if (is_ascii(label))
		return true;
	if (ddl_span_is(charset, "latin1")) {
		for (size_t i = 0; i < label.len; i++) /* U+00A0 to U+00FF */
			if (label.p[i] >= 0xc4 || label.p[i] == 0xc0 || label.p[i] == 0xc1)
				return false;
		return true;
	}
	if (!ddl_charset_is_unicode(charset) || ddl_span_is(charset, "gb18030"))
		return false;
	bool three = !ddl_span_is(charset, "utf8mb4") && !ddl_span_is(charset, "utf16") &&
		     !ddl_span_is(charset, "utf16le") && !ddl_span_is(charset, "utf32");
	for (size_t i = 0; i < label.len; i++)
		if (three && label.p[i] >= 0xf0)
			return false;
	return true;
}

static void put_labels(struct ddl *d, struct catalog_column *c, const struct ddl_type *t)
{
	bool set = t->base == BASE_SET;
	size_t room = 8, longest = 0, sum = 0;
	for (uint32_t i = 0; i < t->nlabels; i++) {
		struct span *s = &t->labels[i];
		while (s->len && s->p[s->len - 1] == ' ' && !ddl_span_is(c->charset, "binary"))
			s->len--; /* blanks at a label's end do not count */
		d->doubt |= !label_fits(c->charset, *s);
		/* MySQL 5.7 ends the label there when it shows it. */
		d->doubt |= s->len && memchr(s->p, 0, s->len) && !ddl_is_mysql(d, 80000) &&
			    d->session->flavor == FLAVOR_MYSQL;
		size_t n = characters(*s);
		longest = n > longest ? n : longest;
		sum += n + (i > 0);
		room += 2 * s->len + 3;
	}
	uint8_t *out = ddl_alloc(d, room), *p = out;
	if (!out)
		return;
	p = (uint8_t *)stpcpy((char *)p, set ? "set(" : "enum(");
	for (uint32_t i = 0; i < t->nlabels; i++) {
		if (i)
			*p++ = ',';
		p = put_label(p, t->labels[i]);
	}
	*p++ = ')';
	c->data_type = text(set ? "set" : "enum");
	c->column_type = (struct span){out, (size_t)(p - out)};
	c->labels = t->labels;
	c->nlabels = t->nlabels;
	c->max_bytes = (set ? sum : longest) * ddl_charset_width(c->charset);
}

static void put_char(struct ddl *d, struct catalog_column *c, uint64_t length, bool varies,
		     bool bytes_only)
{
	uint64_t bytes = length * ddl_charset_width(c->charset);
	if (varies && bytes > 65535) { /* without strict mode */
		put_blob(c, blob_bytes(bytes), bytes_only);
		return;
	}
	c->data_type = text(bytes_only ? (varies ? "varbinary" : "binary")
				       : (varies ? "varchar" : "char"));
	c->column_type = ddl_printf(d, "%.*s(%u)", (int)c->data_type.len,
				    (const char *)c->data_type.p, (uint32_t)length);
	c->max_bytes = bytes;
}

/* COMPRESSED is a part of what MariaDB shows. */
static void put_compressed(struct ddl *d, struct catalog_column *c)
{
	c->column_type = ddl_printf(d, "%.*s /*M!100301 COMPRESSED*/", (int)c->column_type.len,
				    (const char *)c->column_type.p);
}

/* Completes set and collation; false: not known. */
static bool settle_charset(struct ddl *d, const struct ddl_def *def, struct ddl_type *t,
			   struct ddl_column *column)
{
	struct catalog_column *c = &column->c;
	if (t->national)
		t->charset = text("utf8");
	column->own_charset = t->charset.len || t->collation.len;
	c->charset = t->charset;
	c->collation = t->collation;
	if (!ddl_charset_complete(d, &c->charset, &c->collation, def->charset, def->collation))
		return false;
	if (t->binary && !t->collation.len && !ddl_span_is(c->charset, "binary")) {
		c->collation = ddl_printf(d, "%.*s_bin", (int)c->charset.len,
					  (const char *)c->charset.p);
		if (!ddl_charset_complete(d, &c->charset, &c->collation, def->charset,
					  def->collation))
			return false;
	}
	return ddl_charset_width(c->charset) > 0;
}

/* What information_schema says of bytes; of an ENUM of bytes the servers differ. */
static void hide_charset(struct ddl *d, struct catalog_column *c)
{
	if (c->labels && !ddl_is_mysql(d, 80000))
		c->collation = text("binary");
	else
		c->charset = c->collation = (struct span){0};
}

static void put_text(struct ddl *d, const struct ddl_def *def, struct ddl_column *column,
		     struct ddl_type *t)
{
	struct catalog_column *c = &column->c;
	bool fixed = t->base == BASE_BINARY || t->base == BASE_VARBINARY || t->base == BASE_BLOB;
	if (fixed)
		c->charset = text("binary");
	else if (!settle_charset(d, def, t, column)) {
		d->doubt = true;
		return;
	}
	bool listed = t->base == BASE_ENUM || t->base == BASE_SET;
	bool bytes_only = ddl_span_is(c->charset, "binary");
	if (listed) {
		put_labels(d, c, t);
	} else if (t->base == BASE_TEXT || t->base == BASE_BLOB) {
		uint8_t bytes = t->bytes;
		if (t->has_length && t->length && t->length < 1ull << 32)
			bytes = blob_bytes(t->length * ddl_charset_width(c->charset));
		put_blob(c, bytes, bytes_only);
	} else {
		bool varies = t->base == BASE_VARCHAR || t->base == BASE_VARBINARY;
		put_char(d, c, t->has_length ? t->length : 1, varies, bytes_only);
		d->doubt |= varies && !t->has_length;
	}
	if (t->compressed)
		put_compressed(d, c);
	if (bytes_only)
		hide_charset(d, c);
}

/* ------------------------------------------------------- the rest */

static void put_other(struct ddl *d, struct ddl_column *column, struct ddl_type *t)
{
	struct catalog_column *c = &column->c;
	c->data_type = text(t->name->data_type);
	switch (t->base) {
	case BASE_TEMPORAL:
		c->scale = (uint8_t)t->length;
		c->column_type = t->length ? ddl_printf(d, "%s(%u)", t->name->data_type, c->scale)
					   : c->data_type;
		return;
	case BASE_GEOMETRY:
		if (t->bytes)
			c->data_type = text(ddl_is_mysql(d, 80011) ? "geomcollection"
								   : "geometrycollection");
		break;
	case BASE_VECTOR:
		c->column_type = ddl_printf(d, "vector(%u)",
					    (uint32_t)(t->has_length ? t->length : 2048));
		c->max_bytes = (t->has_length ? t->length : 2048) * 4;
		return;
	default:
		break;
	}
	c->column_type = c->data_type;
}

/* JSON is a type of its own in MySQL; MariaDB's is a LONGTEXT with a CHECK. */
static void put_json(struct ddl *d, struct ddl_column *column, struct ddl_type *t)
{
	if (d->session->flavor == FLAVOR_MYSQL) {
		put_other(d, column, t);
		return;
	}
	column->own_charset = true;
	put_blob(&column->c, 4, false);
	column->c.charset = text("utf8mb4");
	column->c.collation = text("utf8mb4_bin");
	if (t->compressed)
		put_compressed(d, &column->c);
}

static void put_type(struct ddl *d, const struct ddl_def *def, struct ddl_column *column,
		     struct ddl_type *t)
{
	switch (t->base) {
	case BASE_INT:
	case BASE_DECIMAL:
	case BASE_FLOAT:
	case BASE_DOUBLE:
	case BASE_BIT:
	case BASE_YEAR:
		put_number(d, column, t);
		break;
	case BASE_CHAR:
	case BASE_VARCHAR:
	case BASE_BINARY:
	case BASE_VARBINARY:
	case BASE_TEXT:
	case BASE_BLOB:
	case BASE_ENUM:
	case BASE_SET:
		put_text(d, def, column, t);
		break;
	case BASE_JSON:
		put_json(d, column, t);
		break;
	default:
		put_other(d, column, t);
	}
}

/* A COLLATE that stands among the attributes, wherever: it decides how wide the type is. */
static struct span collation_ahead(const struct ddl *d)
{
	struct ddl ahead = *d;
	struct span name = {0};
	uint32_t depth = 0;
	for (; !ddl_at_end(&ahead); ddl_next(&ahead)) {
		if (ddl_at_char(&ahead, '('))
			depth++;
		else if (ddl_at_char(&ahead, ')') && depth-- == 0)
			break;
		if (depth)
			continue;
		if (ddl_at_char(&ahead, ','))
			break;
		if (ddl_at(&ahead, "COLLATE")) {
			ddl_next(&ahead);
			(void)ddl_take_charset_name(&ahead, &name);
			return name;
		}
	}
	return name;
}

static bool is_text(uint8_t base)
{
	return base == BASE_CHAR || base == BASE_VARCHAR || base == BASE_TEXT ||
	       base == BASE_ENUM || base == BASE_SET;
}

void ddl_parse_type(struct ddl *d, const struct ddl_def *def, struct ddl_column *c,
		    struct ddl_key **ret_key)
{
	struct ddl_type t = {0};
	if (!take_base(d, &t)) {
		d->doubt = true;
		return;
	}
	take_rest_of_name(d, &t);
	if (t.base == BASE_ENUM || t.base == BASE_SET)
		take_labels(d, &t);
	else
		take_length(d, &t);
	while (!d->doubt && !d->rc && take_attribute(d, &t))
		continue;
	if (is_text(t.base))
		t.collation = collation_ahead(d);
	if (t.base == BASE_BOOL) {
		t.base = BASE_INT;
		t.bytes = 1;
		t.has_length = true;
		t.length = 1;
	}
	if (t.base == BASE_SERIAL) {
		t.base = BASE_INT;
		t.bytes = 8;
		t.is_unsigned = true;
		c->c.nullable = false;
		struct ddl_key *key = ddl_alloc(d, sizeof(*key));
		if (!key)
			return;
		key->unique = key->fresh = true;
		*ret_key = key;
	}
	/* Wider than any server takes: not what it seems. */
	if (t.length > 0xffffffff || t.scale > 255)
		d->doubt = true;
	if (!d->doubt && !d->rc)
		put_type(d, def, c, &t);
}

/* ------------------------------------------------------- CONVERT TO CHARACTER SET */

static uint8_t blob_bytes_of(struct span data_type)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].base == BASE_TEXT && ddl_span_is(data_type, names[i].data_type))
			return names[i].arg;
	return 0;
}

void ddl_type_convert(struct ddl *d, struct ddl_column *column, struct span charset,
		      struct span collation)
{
	struct catalog_column *c = &column->c;
	uint32_t was = ddl_charset_width(c->charset), width = ddl_charset_width(charset);
	uint8_t blob = blob_bytes_of(c->data_type);
	bool bytes_only = ddl_span_is(charset, "binary");
	bool compressed = c->column_type.len && memmem(c->column_type.p, c->column_type.len,
						       "COMPRESSED", 10) && !c->nlabels;
	if (!c->charset.len || ddl_span_is(c->charset, "binary"))
		return;
	if (!was || !width) {
		d->doubt = true;
		return;
	}
	column->fresh = true;
	c->charset = charset;
	c->collation = collation;
	if (c->labels) {
		for (uint32_t i = 0; i < c->nlabels; i++)
			d->doubt |= !label_fits(charset, c->labels[i]);
		c->max_bytes = c->max_bytes / was * width;
	} else if (blob) {
		uint64_t bytes = c->max_bytes / was * width;
		put_blob(c, blob == 4 ? 4 : blob_bytes(bytes), bytes_only);
	} else {
		bool varies = ddl_span_is(c->data_type, "varchar");
		d->doubt |= !varies && !ddl_span_is(c->data_type, "char");
		put_char(d, c, c->max_bytes / was, varies, bytes_only);
	}
	if (compressed)
		put_compressed(d, c);
	if (bytes_only)
		hide_charset(d, c);
}
