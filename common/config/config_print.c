/* config_print.c - the sample file and the reference page, from the table of keys. Pure. */
#include "common/config/config_priv.h"

#include <inttypes.h>
#include <stdio.h>

static void put_bound(const struct config_key *key, int64_t v, struct buf *out)
{
	char text[CONFIG_NUMBER_TEXT];
	if (key->type == CONFIG_DURATION)
		config_format_duration(v, text);
	else if (key->type == CONFIG_BYTES)
		config_format_bytes(v, text);
	else
		snprintf(text, sizeof(text), "%" PRId64, v);
	buf_puts(out, text);
}

/* What the key takes: "1s .. 1h", "yes, no", "red, green", "text". */
static void put_values(const struct config_key *key, struct buf *out)
{
	switch (key->type) {
	case CONFIG_STRING:
		buf_puts(out, key->unit ? key->unit : "text");
		return;
	case CONFIG_LIST:
		buf_puts(out, key->unit ? key->unit : "texts, comma separated");
		return;
	case CONFIG_BOOL:
		buf_lit(out, "yes, no");
		return;
	case CONFIG_ENUM:
		for (int i = 0; key->choices[i]; i++)
			buf_printf(out, "%s%s", i ? ", " : "", key->choices[i]);
		return;
	case CONFIG_INT:
	case CONFIG_DURATION:
	case CONFIG_BYTES:
		break;
	}
	if (!key->min && !key->max) {
		buf_puts(out, key->type == CONFIG_INT        ? "number"
			      : key->type == CONFIG_DURATION ? "duration"
							     : "size");
		return;
	}
	put_bound(key, key->min, out);
	buf_lit(out, " .. ");
	put_bound(key, key->max, out);
	if (key->unit)
		buf_printf(out, " %s", key->unit);
}

/* Values with a comment's beginning in them must stand in quotes. */
static void put_default(const struct config_key *key, struct buf *out)
{
	if (key->fallback && strpbrk(key->fallback, ";#\""))
		buf_printf(out, "\"%s\"", key->fallback);
	else
		buf_puts(out, key->fallback ? key->fallback : "");
}

void config_print_sample(const struct config_key *keys, size_t n, const char *program,
			 struct buf *out)
{
	const char *section = "";
	buf_printf(out, "; %s: every key, with its default. Remove the ';' to set one.\n", program);
	for (size_t i = 0; i < n; i++) {
		const struct config_key *key = &keys[i];
		if (strcmp(section, key->section) != 0) {
			section = key->section;
			size_t len = strlen(section);
			/* A section of any number: shown by a name of its own, commented out. */
			if (len > 2 && strcmp(section + len - 2, ".*") == 0)
				buf_printf(out, "\n;[%.*sname]\n", (int)len - 1, section);
			else
				buf_printf(out, "\n[%s]\n", section);
		}
		buf_printf(out, "; %s (", key->meaning);
		put_values(key, out);
		buf_printf(out, ")\n;%s =%s", key->name, key->fallback ? " " : "");
		put_default(key, out);
		buf_putc(out, '\n');
	}
}

void config_print_reference(const struct config_key *keys, size_t n, const char *program,
			    struct buf *out)
{
	const char *section = "";
	buf_printf(out,
		   "# Configuration of %s\n\n"
		   "Printed from the table that reads the file. `%s --config FILE` reads it, "
		   "`--check-config` tries it without starting. A key that is not given has "
		   "its default. Durations: `500ms`, `10s`, `1m`, `2h`, `7d`; sizes: "
		   "`64K`, `16M`, `1G`, powers of 1024. A comment begins with `;` or `#` at the "
		   "line's start or behind white space; a value that needs these stands in double "
		   "quotes.\n",
		   program, program);
	for (size_t i = 0; i < n; i++) {
		const struct config_key *key = &keys[i];
		if (strcmp(section, key->section) != 0) {
			section = key->section;
			buf_printf(out,
				   "\n## [%s]\n\n| key | values | default | on reload | meaning |\n"
				   "|---|---|---|---|---|\n",
				   section);
		}
		buf_printf(out, "| `%s` | ", key->name);
		put_values(key, out);
		buf_lit(out, " | ");
		if (key->fallback)
			buf_printf(out, "`%s`", key->fallback);
		buf_printf(out, " | %s | %s |\n", key->reloadable ? "yes" : "no", key->meaning);
	}
}
