/* task_print.c - a task as a document with every default, and the reference page. Pure. */
#include "common/base/duration.h"
#include "common/base/json.h"
#include "common/contract/errors.h"
#include "common/contract/task_priv.h"

#include <errno.h>
#include <stdio.h>

const char *task_tls_mode_name(int mode)
{
	static const char *const names[] = {
		[TASK_TLS_DISABLED] = "disabled",
		[TASK_TLS_PREFERRED] = "preferred",
		[TASK_TLS_REQUIRED] = "required",
		[TASK_TLS_VERIFY_IDENTITY] = "verify_identity",
	};
	return mode >= 0 && mode <= TASK_TLS_VERIFY_IDENTITY ? names[mode] : "?";
}

static const struct task_field *find_field(const struct task_field *fields, const char *name)
{
	for (; fields->name; fields++)
		if (strcmp(fields->name, name) == 0)
			return fields;
	return NULL;
}

const char *task_format_name(int format)
{
	static const char *const names[] = {
		[TASK_FORMAT_DEBEZIUM] = "debezium",
		[TASK_FORMAT_MAXWELL] = "maxwell",
		[TASK_FORMAT_CANAL] = "canal",
	};
	return format >= 0 && format <= TASK_FORMAT_CANAL ? names[format] : "?";
}

const char *task_option(const struct task *t, const char *name)
{
	const struct task_field *pipe = find_field(task_fields, "pipe");
	const struct task_field *options = find_field(pipe->fields, "options");
	const struct task_field *f = find_field(options->fields, name);
	return f ? f->choices[*(const int *)task_member_const(t, f->offset)] : NULL;
}

static void put_text(struct buf *out, const char *text)
{
	json_put_string(out, text, strlen(text));
}

static void indent(struct buf *out, int depth)
{
	buf_printf(out, "\n%*s", 2 * depth, "");
}

static void put_start(const struct task *t, struct buf *out)
{
	const struct task_source *s = &t->source;
	switch ((enum task_start)s->start) {
	case TASK_START_LATEST:
	case TASK_START_EARLIEST:
		put_text(out, s->start_text);
		return;
	case TASK_START_FILE:
		buf_lit(out, "{\"file\": ");
		put_text(out, s->start_file);
		buf_lit(out, ", \"pos\": ");
		json_put_u64(out, s->start_pos);
		break;
	case TASK_START_GTID:
		buf_lit(out, "{\"gtid\": ");
		put_text(out, s->start_gtid);
		break;
	case TASK_START_TIME:
		buf_lit(out, "{\"time\": ");
		put_text(out, s->start_text);
		break;
	}
	buf_lit(out, "}");
}

static void put_duration(usec_t v, struct buf *out)
{
	char text[DURATION_TEXT];
	if (v < 0) {
		buf_lit(out, "null");
		return;
	}
	duration_format(v, text);
	put_text(out, text);
}

static void put_strings(const void *base, const struct task_field *f, struct buf *out)
{
	const char *const *list = *(const char *const *const *)task_member_const(base, f->offset);
	size_t n = *(const size_t *)task_member_const(base, f->count);
	buf_putc(out, '[');
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_lit(out, ", ");
		put_text(out, list[i]);
	}
	buf_putc(out, ']');
}

static void put_map(const void *base, const struct task_field *f, int depth, struct buf *out)
{
	const struct task_property *list = *(struct task_property *const *)task_member_const(
		base, f->offset);
	size_t n = *(const size_t *)task_member_const(base, f->count);
	buf_putc(out, '{');
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_putc(out, ',');
		indent(out, depth + 1);
		put_text(out, list[i].name);
		buf_lit(out, ": ");
		put_text(out, list[i].value);
	}
	if (n)
		indent(out, depth);
	buf_putc(out, '}');
}

/* What is printed of a secret: secret_shown(), or for a stored document as it was given. */
typedef const char *shown_fn(const struct secret *s);

static const char *as_given(const struct secret *s)
{
	return s->given ? s->given : "";
}

static void put_fields(const void *base, const struct task_field *fields, int depth,
		       shown_fn *shown_as, struct buf *out);

static void put_list(const void *base, const struct task_field *f, int depth, shown_fn *shown_as,
		     struct buf *out)
{
	const char *list = *(const char *const *)task_member_const(base, f->offset);
	size_t n = *(const size_t *)task_member_const(base, f->count);
	buf_putc(out, '[');
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_putc(out, ',');
		indent(out, depth + 1);
		put_fields(list + i * f->size, f->fields, depth + 1, shown_as, out);
	}
	if (n)
		indent(out, depth);
	buf_putc(out, ']');
}

static void put_fields(const void *base, const struct task_field *fields, int depth,
		       shown_fn *shown_as, struct buf *out)
{
	buf_putc(out, '{');
	bool first = true;
	for (const struct task_field *f = fields; f->name; f++) {
		const void *at = task_member_const(base, f->offset);
		/* Another format's option would be refused when the document is read again. */
		if (f->formats && !(f->formats >> ((const struct task *)base)->pipe.format & 1))
			continue;
		if (!first)
			buf_putc(out, ',');
		first = false;
		indent(out, depth + 1);
		put_text(out, f->name);
		buf_lit(out, ": ");
		switch (f->type) {
		case FIELD_STRING:
			/* What has no default is null when it is not given. */
			if (!f->fallback && !(*(const char *const *)at)[0])
				buf_lit(out, "null");
			else
				put_text(out, *(const char *const *)at);
			break;
		case FIELD_INT:
			/* Below its bounds: not given, and it has no default. */
			if (f->number < f->min && *(const int64_t *)at < f->min)
				buf_lit(out, "null");
			else
				json_put_i64(out, *(const int64_t *)at);
			break;
		case FIELD_BOOL:
			buf_puts(out, *(const bool *)at ? "true" : "false");
			break;
		case FIELD_SWITCH:
			buf_puts(out, *(const int *)at < 0 ? "null" : *(const int *)at ? "true" : "false");
			break;
		case FIELD_DURATION:
			put_duration(*(const usec_t *)at, out);
			break;
		case FIELD_ENUM:
			if (*(const int *)at < 0)
				buf_lit(out, "null");
			else
				put_text(out, f->choices[*(const int *)at]);
			break;
		case FIELD_SECRET:
		case FIELD_PEM: {
			const char *shown = shown_as(at);
			if (shown[0])
				put_text(out, shown);
			else
				buf_lit(out, "null");
			break;
		}
		case FIELD_STRINGS:
			put_strings(base, f, out);
			break;
		case FIELD_MAP:
			put_map(base, f, depth + 1, out);
			break;
		case FIELD_START:
			put_start(base, out); /* of the task only */
			break;
		case FIELD_LATER:
			buf_puts(out, f->fallback);
			break;
		case FIELD_OBJECT:
			put_fields(base, f->fields, depth + 1, shown_as, out);
			break;
		case FIELD_LIST:
			put_list(base, f, depth + 1, shown_as, out);
			break;
		}
	}
	indent(out, depth);
	buf_putc(out, '}');
}

void task_to_json(const struct task *t, struct buf *out)
{
	put_fields(t, task_fields, 0, secret_shown, out);
	buf_putc(out, '\n');
}

static int refuse_plain(void *ctx, struct secret *s, const struct secret_use *use)
{
	if (!s->given || !s->given[0] || secret_is_reference(s->given) ||
	    secret_is_sealed(s->given))
		return 0;
	return err_set_at(ctx, -EINVAL, ERR_TASK_INVALID, use->field,
			  "'%s' is plain: it must be sealed before it is stored", use->field);
}

int task_to_stored_json(const struct task *t, struct buf *out, struct err *err)
{
	/* Nothing is written to the task: the walk hands out what others change. */
	int rc = task_each_secret((struct task *)(uintptr_t)t, refuse_plain, err, err);
	if (rc < 0)
		return rc;
	put_fields(t, task_fields, 0, as_given, out);
	buf_putc(out, '\n');
	return 0;
}

static void put_values(const struct task_field *f, struct buf *out)
{
	switch (f->type) {
	case FIELD_STRING:
		buf_lit(out, "text");
		break;
	case FIELD_INT:
		if (f->min == f->max)
			buf_printf(out, "%lld", (long long)f->min);
		else
			buf_printf(out, "%lld .. %lld%s%s", (long long)f->min, (long long)f->max,
				   f->unit ? " " : "", f->unit ? f->unit : "");
		break;
	case FIELD_BOOL:
	case FIELD_SWITCH:
		buf_lit(out, "true, false");
		break;
	case FIELD_DURATION:
		buf_lit(out, "duration");
		break;
	case FIELD_ENUM:
		for (int i = 0; f->choices[i]; i++)
			if (!(f->refused & (1u << i)))
				buf_printf(out, "%s%s", i ? ", " : "", f->choices[i]);
		break;
	case FIELD_SECRET:
		buf_lit(out, "secret or reference");
		break;
	case FIELD_PEM:
		buf_lit(out, "PEM text, reference or path");
		break;
	case FIELD_STRINGS:
		buf_lit(out, "list of texts");
		break;
	case FIELD_MAP:
		buf_lit(out, "names and values");
		break;
	case FIELD_START:
		buf_lit(out, "text or object");
		break;
	case FIELD_LATER:
		buf_lit(out, "-");
		break;
	case FIELD_LIST:
		buf_lit(out, "list of objects");
		break;
	case FIELD_OBJECT:
		break;
	}
}

static void put_default(const struct task_field *f, struct buf *out)
{
	if (f->type == FIELD_INT && f->number >= f->min)
		buf_printf(out, "`%lld`", (long long)f->number);
	else if (f->type == FIELD_BOOL)
		buf_puts(out, f->number ? "`true`" : "`false`");
	else if (f->fallback && f->type != FIELD_LATER)
		buf_printf(out, "`%s`", f->fallback);
}

static void put_rows(const struct task_field *fields, const char *prefix, struct buf *out)
{
	for (const struct task_field *f = fields; f->name; f++) {
		if (f->type == FIELD_OBJECT) {
			char path[128];
			struct buf b = {0};
			buf_printf(&b, "%s%s.", prefix, f->name);
			size_t n = b.len < sizeof(path) - 1 ? b.len : sizeof(path) - 1;
			memcpy(path, buf_cstr(&b), n);
			path[n] = 0;
			buf_free(&b);
			put_rows(f->fields, path, out);
			continue;
		}
		buf_printf(out, "| `%s%s` | ", prefix, f->name);
		put_values(f, out);
		buf_lit(out, " | ");
		put_default(f, out);
		buf_printf(out, " | %s |\n", f->meaning);
		if (f->type == FIELD_LIST) {
			char path[128];
			snprintf(path, sizeof(path), "%s%s[].", prefix, f->name);
			put_rows(f->fields, path, out);
		}
	}
}

void task_print_reference(struct buf *out)
{
	buf_lit(out, "# The task document\n\n"
		     "Printed from the table that reads it. A key that is not given, or null, has "
		     "its default.\n\n"
		     "| key | values | default | meaning |\n|---|---|---|---|\n");
	put_rows(task_fields, "", out);
	buf_lit(out, "\n## pipe.properties\n\n");
	task_print_properties(out);
}
