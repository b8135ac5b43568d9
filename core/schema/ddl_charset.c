/*
 * ddl_charset.c - character sets as the five servers have them: width and default
 * collation. Pure.
 *
 * Taken from information_schema.CHARACTER_SETS of MySQL 5.7, 8.0 and 9.7, MariaDB 10.11
 * and 11.8. The default differs for Unicode sets only: MySQL 8 has utf8mb4_0900_ai_ci,
 * MariaDB since 11.3 the uca1400 ones (@@character_set_collations, its default).
 */
#include "core/schema/ddl_priv.h"

struct charset_facts {
	const char *name;
	uint32_t width;
	const char *collation; /* behind the name and '_' */
	bool unicode;
};

static const struct charset_facts facts[] = {
	{"utf8mb4", 4, "general_ci", true},
	{"utf8mb3", 3, "general_ci", true},
	{"utf8", 3, "general_ci", true},
	{"latin1", 1, "swedish_ci", false},
	{"ascii", 1, "general_ci", false},
	{"binary", 1, "", false},
	{"ucs2", 2, "general_ci", true},
	{"utf16", 4, "general_ci", true},
	{"utf16le", 4, "general_ci", true},
	{"utf32", 4, "general_ci", true},
	{"armscii8", 1, "general_ci", false},
	{"big5", 2, "chinese_ci", false},
	{"cp1250", 1, "general_ci", false},
	{"cp1251", 1, "general_ci", false},
	{"cp1256", 1, "general_ci", false},
	{"cp1257", 1, "general_ci", false},
	{"cp850", 1, "general_ci", false},
	{"cp852", 1, "general_ci", false},
	{"cp866", 1, "general_ci", false},
	{"cp932", 2, "japanese_ci", false},
	{"dec8", 1, "swedish_ci", false},
	{"eucjpms", 3, "japanese_ci", false},
	{"euckr", 2, "korean_ci", false},
	{"gb18030", 4, "chinese_ci", true},
	{"gb2312", 2, "chinese_ci", false},
	{"gbk", 2, "chinese_ci", false},
	{"geostd8", 1, "general_ci", false},
	{"greek", 1, "general_ci", false},
	{"hebrew", 1, "general_ci", false},
	{"hp8", 1, "english_ci", false},
	{"keybcs2", 1, "general_ci", false},
	{"koi8r", 1, "general_ci", false},
	{"koi8u", 1, "general_ci", false},
	{"latin2", 1, "general_ci", false},
	{"latin5", 1, "turkish_ci", false},
	{"latin7", 1, "general_ci", false},
	{"macce", 1, "general_ci", false},
	{"macroman", 1, "general_ci", false},
	{"sjis", 2, "japanese_ci", false},
	{"swe7", 1, "swedish_ci", false},
	{"tis620", 1, "thai_ci", false},
	{"ujis", 3, "japanese_ci", false},
};

static const struct charset_facts *find(struct span name)
{
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
		if (ddl_span_is(name, facts[i].name))
			return &facts[i];
	return NULL;
}

static struct span text(const char *s)
{
	return (struct span){(const uint8_t *)s, strlen(s)};
}

/* utf8mb3 was "utf8" until MySQL 8.0.28 (its collations until 8.0.30), MariaDB 10.6. */
static bool says_utf8mb3(const struct ddl *d, bool collation)
{
	return ddl_is_mariadb(d, 100600) || ddl_is_mysql(d, collation ? 80030 : 80028);
}

static bool is_utf8mb3(struct span name)
{
	return ddl_span_is(name, "utf8") || ddl_span_is(name, "utf8mb3");
}

struct span ddl_charset_canonical(const struct ddl *d, struct span name)
{
	const struct charset_facts *f = find(name);
	if (!f)
		return (struct span){0};
	if (is_utf8mb3(name))
		return text(says_utf8mb3(d, false) ? "utf8mb3" : "utf8");
	return text(f->name);
}

uint32_t ddl_charset_width(struct span name)
{
	const struct charset_facts *f = find(name);
	return f ? f->width : 0;
}

bool ddl_charset_is_unicode(struct span name)
{
	const struct charset_facts *f = find(name);
	return f && f->unicode;
}

struct span ddl_charset_default(struct ddl *d, struct span charset)
{
	static const char *const newer[] = {"utf8mb4", "utf8mb3", "utf8", "ucs2", "utf16",
					    "utf32"};
	const struct charset_facts *f = find(charset);
	if (!f)
		return (struct span){0};
	if (!f->collation[0])
		return text(f->name);
	bool four = ddl_span_is(charset, "utf8mb4");
	if (four && d->session->utf8mb4_collation.len)
		return ddl_keep(d, d->session->utf8mb4_collation);
	if (four && ddl_is_mysql(d, 80000))
		return text("utf8mb4_0900_ai_ci");
	const char *name = f->name;
	if (is_utf8mb3(charset))
		name = says_utf8mb3(d, true) ? "utf8mb3" : "utf8";
	for (size_t i = 0; ddl_is_mariadb(d, 110300) && i < sizeof(newer) / sizeof(newer[0]); i++)
		if (ddl_span_is(charset, newer[i]))
			return ddl_printf(d, "%s_uca1400_ai_ci", name);
	return ddl_printf(d, "%s_%s", name, f->collation);
}

/* The set a collation is named after; .p is NULL when it is named after none (uca1400_ai_ci). */
static struct span charset_of(const struct ddl *d, struct span collation)
{
	const uint8_t *end = memchr(collation.p, '_', collation.len);
	struct span name = {collation.p, end ? (size_t)(end - collation.p) : collation.len};
	return ddl_charset_canonical(d, name);
}

static struct span lower(struct ddl *d, struct span s)
{
	s = ddl_keep(d, s);
	for (size_t i = 0; i < s.len; i++) {
		uint8_t *p = (uint8_t *)(uintptr_t)s.p + i; /* ours: just made */
		*p = (uint8_t)(*p >= 'A' && *p <= 'Z' ? *p | 0x20 : *p);
	}
	return s;
}

/* utf8_x to utf8mb3_x or back, as the server says it. */
static struct span canonical_collation(struct ddl *d, struct span c)
{
	const uint8_t *end = memchr(c.p, '_', c.len);
	size_t n = end ? (size_t)(end - c.p) : c.len;
	if (!is_utf8mb3((struct span){c.p, n}))
		return lower(d, c);
	struct span rest = {c.p + n, c.len - n};
	struct span made = ddl_printf(d, "%s%.*s", says_utf8mb3(d, true) ? "utf8mb3" : "utf8",
				      (int)rest.len, (const char *)rest.p);
	return lower(d, made);
}

bool ddl_charset_complete(struct ddl *d, struct span *charset, struct span *collation,
			  struct span default_charset, struct span default_collation)
{
	struct span set = *charset, order = *collation;
	*charset = *collation = (struct span){0};
	if (ddl_span_is(order, "DEFAULT"))
		order.len = 0;
	if (set.len) {
		set = ddl_charset_canonical(d, set);
		if (!set.p)
			return false;
	}
	if (!set.len && !order.len) {
		if (!default_charset.len)
			return false;
		*charset = default_charset;
		*collation = default_collation;
		return true;
	}
	if (order.len) {
		struct span of = charset_of(d, order);
		struct span base = set.len ? set : default_charset;
		if (!of.p && !base.len)
			return false;
		/* MariaDB has collations that are named without the set they are used with. */
		*collation = of.p ? canonical_collation(d, order)
				  : ddl_printf(d, "%.*s_%.*s", (int)base.len, (const char *)base.p,
					       (int)order.len, (const char *)order.p);
		*charset = of.p ? of : base;
		return true;
	}
	*charset = set;
	*collation = ddl_charset_default(d, set);
	return true;
}
