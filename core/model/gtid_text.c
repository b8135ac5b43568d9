/*
 * gtid_text.c - GTIDs and sets as text and as COM_BINLOG_DUMP_GTID wants them.
 *
 * See gtid.h for both grammars. Pure.
 */
#include "core/model/gtid_priv.h"

#include "common/contract/errors.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

const char *flavor_name(enum flavor flavor)
{
	return flavor == FLAVOR_MARIADB ? "mariadb" : "mysql";
}

enum { UUID_TEXT = 36 };

static void uuid_format(const uint8_t uuid[16], char out[UUID_TEXT + 1])
{
	static const char digits[] = "0123456789abcdef";
	char *p = out;
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = digits[uuid[i] >> 4];
		*p++ = digits[uuid[i] & 15];
	}
	*p = 0;
}

size_t gtid_format(const struct gtid *g, char *out)
{
	int n = 0;
	out[0] = 0;
	if (g->kind == GTID_MYSQL) {
		char uuid[UUID_TEXT + 1];
		uuid_format(g->my.uuid, uuid);
		n = snprintf(out, GTID_TEXT_MAX, "%s:%s%s%" PRIu64, uuid, g->my.tag,
			     g->my.tag[0] ? ":" : "", g->my.gno);
	} else if (g->kind == GTID_MARIADB) {
		n = snprintf(out, GTID_TEXT_MAX, "%" PRIu32 "-%" PRIu32 "-%" PRIu64,
			     g->maria.domain, g->maria.server, g->maria.seq);
	}
	return (size_t)n;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *skip_space(const char *p)
{
	while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')
		p++;
	return p;
}

/* Each parse_… moves *p behind what it read and returns false, *p unmoved, otherwise. */

static bool parse_uuid(const char **p, uint8_t uuid[16])
{
	const char *s = *p;
	for (int i = 0; i < 16; i++) {
		if ((i == 4 || i == 6 || i == 8 || i == 10) && *s++ != '-')
			return false;
		int high = hex_digit(s[0]);
		int low = high < 0 ? -1 : hex_digit(s[1]);
		if (low < 0)
			return false;
		uuid[i] = (uint8_t)(high << 4 | low);
		s += 2;
	}
	*p = s;
	return true;
}

/* Decimal digits up to max. */
static bool parse_number(const char **p, uint64_t max, uint64_t *ret)
{
	const char *s = *p;
	uint64_t v = 0;
	if (!is_digit(*s))
		return false;
	for (; is_digit(*s); s++) {
		uint64_t digit = (uint64_t)(*s - '0');
		if (v > (max - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*ret = v;
	*p = s;
	return true;
}

/* [a-z_][a-z0-9_]*, at most GTID_TAG_MAX; capitals are the same letter, as on the server. */
static bool parse_tag(const char **p, char tag[GTID_TAG_MAX + 1])
{
	const char *s = *p;
	size_t n = 0;
	char out[GTID_TAG_MAX + 1];
	for (;; s++) {
		char c = *s;
		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (!((c >= 'a' && c <= 'z') || c == '_' || (n && is_digit(c))))
			break;
		if (n == GTID_TAG_MAX)
			return false;
		out[n++] = c;
	}
	if (n == 0)
		return false;
	memset(tag, 0, GTID_TAG_MAX + 1);
	memcpy(tag, out, n);
	*p = s;
	return true;
}

static bool parse_mysql(const char **p, struct gtid *g)
{
	const char *s = *p;
	*g = (struct gtid){.kind = GTID_MYSQL};
	if (!parse_uuid(&s, g->my.uuid) || *s++ != ':')
		return false;
	if (parse_tag(&s, g->my.tag) && *s++ != ':')
		return false;
	if (!parse_number(&s, GNO_MAX, &g->my.gno) || g->my.gno == 0)
		return false;
	*p = s;
	return true;
}

static bool parse_mariadb(const char **p, struct gtid *g)
{
	const char *s = *p;
	uint64_t domain, server, seq;
	if (!parse_number(&s, UINT32_MAX, &domain) || *s++ != '-' ||
	    !parse_number(&s, UINT32_MAX, &server) || *s++ != '-' ||
	    !parse_number(&s, UINT64_MAX, &seq))
		return false;
	*g = (struct gtid){
		.kind = GTID_MARIADB,
		.maria = {(uint32_t)domain, (uint32_t)server, seq},
	};
	*p = s;
	return true;
}

int gtid_parse(enum flavor flavor, const char *text, struct gtid *ret)
{
	struct gtid g;
	const char *p = skip_space(text);
	bool ok = flavor == FLAVOR_MARIADB ? parse_mariadb(&p, &g) : parse_mysql(&p, &g);
	if (!ok || *skip_space(p))
		return -EINVAL;
	*ret = g;
	return 0;
}

/* What is wrong at `at`, a place in `text`; quotes a little of it. */
static int parse_error(const char *text, const char *at, const char *expected, struct err *err)
{
	char near[41];
	size_t n = 0;
	for (; n < sizeof(near) - 1 && at[n]; n++)
		near[n] = at[n] < ' ' || at[n] > '~' ? '?' : at[n];
	near[n] = 0;
	return err_set(err, -EINVAL, ERR_SOURCE_POSITION,
		       "GTID set: expected %s at character %zu, found %s%s%s", expected,
		       (size_t)(at - text) + 1, n ? "'" : "", n ? near : "its end", n ? "'" : "");
}

/* ":interval" or ":tag" until a comma or the end. */
static int parse_source(struct gtid_set *s, const char *text, const char **p, struct err *err)
{
	uint8_t uuid[16];
	char tag[GTID_TAG_MAX + 1] = "";
	bool any = false; /* an interval since the uuid or the last tag */
	if (!parse_uuid(p, uuid))
		return parse_error(text, *p, "a server uuid", err);
	for (*p = skip_space(*p); **p == ':'; *p = skip_space(*p)) {
		*p = skip_space(*p + 1);
		const char *start = *p;
		if (!is_digit(**p)) {
			if (!parse_tag(p, tag))
				return parse_error(text, *p, "a number or a tag", err);
			any = false;
			continue;
		}
		uint64_t first, last;
		if (!parse_number(p, GNO_MAX, &first) || first == 0)
			return parse_error(text, start, "a number from 1", err);
		last = first;
		*p = skip_space(*p);
		if (**p == '-') {
			*p = skip_space(*p + 1);
			start = *p;
			if (!parse_number(p, GNO_MAX, &last) || last < first)
				return parse_error(text, start, "the interval's last number", err);
		}
		if (gtid_set_add_interval(s, uuid, tag, first, last) < 0)
			return err_set(err, -ENOMEM, ERR_MEMORY, "GTID set: no memory");
		any = true;
	}
	return any ? 0 : parse_error(text, *p, "':' and a number", err);
}

/* `fresh` has only what this text named: a domain twice in one text is a contradiction. */
static int parse_domain(struct gtid_set *s, struct gtid_set *fresh, const char *text,
			const char **p, struct err *err)
{
	struct gtid g;
	const char *start = *p;
	if (!parse_mariadb(p, &g))
		return parse_error(text, *p, "domain-server-sequence", err);
	bool found;
	gtid_set_find_domain(fresh, g.maria.domain, &found);
	if (found)
		return parse_error(text, start, "a domain not named before", err);
	if (gtid_set_add(s, &g) < 0 || gtid_set_add(fresh, &g) < 0)
		return err_set(err, -ENOMEM, ERR_MEMORY, "GTID set: no memory");
	return 0;
}

static int parse_entries(struct gtid_set *s, struct gtid_set *fresh, const char *text,
			 struct err *err)
{
	/* Empty entries (",,", a comma at the end) are allowed, as the servers do. */
	for (const char *p = text;;) {
		p = skip_space(p);
		if (!*p)
			return 0;
		if (*p == ',') {
			p++;
			continue;
		}
		int rc = s->flavor == FLAVOR_MARIADB ? parse_domain(s, fresh, text, &p, err)
						     : parse_source(s, text, &p, err);
		if (rc < 0)
			return rc;
		p = skip_space(p);
		if (*p && *p != ',')
			return parse_error(text, p, "',' or the end", err);
	}
}

int gtid_set_parse(struct gtid_set *s, const char *text, struct err *err)
{
	struct gtid_set *work = gtid_set_new(s->flavor);
	struct gtid_set *fresh = gtid_set_new(s->flavor);
	int rc = -ENOMEM;
	if (!work || !fresh || gtid_set_copy(work, s) < 0) {
		err_set(err, rc, ERR_MEMORY, "GTID set: no memory");
		goto out;
	}
	rc = parse_entries(work, fresh, text, err);
	if (rc == 0) {
		struct gtid_set old = *s;
		*s = *work;
		*work = old;
	}
out:
	gtid_set_free(work);
	gtid_set_free(fresh);
	return rc;
}

static void put_interval(const struct interval *i, struct buf *out)
{
	if (i->first == i->last)
		buf_printf(out, ":%" PRIu64, i->first);
	else
		buf_printf(out, ":%" PRIu64 "-%" PRIu64, i->first, i->last);
}

void gtid_set_format(const struct gtid_set *s, struct buf *out)
{
	if (s->flavor == FLAVOR_MARIADB) {
		for (size_t i = 0; i < s->n; i++)
			buf_printf(out, "%s%" PRIu32 "-%" PRIu32 "-%" PRIu64, i ? "," : "",
				   s->domains[i].domain, s->domains[i].server, s->domains[i].seq);
		return;
	}
	for (size_t i = 0; i < s->n; i++) {
		const struct source *e = &s->sources[i];
		/* The tags of a uuid follow it without naming it again. */
		if (i == 0 || memcmp(e->uuid, s->sources[i - 1].uuid, 16) != 0) {
			char uuid[UUID_TEXT + 1];
			uuid_format(e->uuid, uuid);
			buf_printf(out, "%s%s", i ? "," : "", uuid);
		}
		if (e->tag[0])
			buf_printf(out, ":%s", e->tag);
		for (size_t k = 0; k < e->n; k++)
			put_interval(&e->intervals[k], out);
	}
}

static void put_le64(struct buf *out, uint64_t v)
{
	uint8_t *p = buf_room(out, 8);
	if (p) {
		store_le64(p, v);
		out->len += 8;
	}
}

/*
 * The first eight bytes: without tags a plain count; with tags byte 0 and byte 7 are the
 * format (1) and the count lies between them.
 */
void gtid_set_encode(const struct gtid_set *s, struct buf *out)
{
	if (s->flavor != FLAVOR_MYSQL)
		return;
	bool tagged = false;
	for (size_t i = 0; i < s->n; i++)
		tagged |= s->sources[i].tag[0] != 0;
	put_le64(out, tagged ? 1 | (uint64_t)s->n << 8 | UINT64_C(1) << 56 : s->n);
	for (size_t i = 0; i < s->n; i++) {
		const struct source *e = &s->sources[i];
		buf_put(out, e->uuid, 16);
		if (tagged) {
			size_t len = strlen(e->tag);
			buf_putc(out, (char)(len << 1));
			buf_put(out, e->tag, len);
		}
		put_le64(out, e->n);
		for (size_t k = 0; k < e->n; k++) {
			put_le64(out, e->intervals[k].first);
			put_le64(out, e->intervals[k].last + 1);
		}
	}
}
