/* finding.c - one check's result, put together of what was found. See preflight_priv.h. */
#include "core/preflight/preflight_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_LIMIT = PREFLIGHT_TEXT_MAX };

void finding_init(struct finding *f, const char *field)
{
	*f = (struct finding){.result = PREFLIGHT_OK, .field = field, .code = "", .remedy = ""};
	buf_init(&f->message);
}

static void begin_note(struct finding *f, enum preflight_result result,
		       const struct err_kind *kind, const char *remedy)
{
	if (result > f->result) {
		f->result = result;
		f->code = kind ? kind->code : "";
		f->remedy = remedy ? remedy : kind ? kind->remedy : "";
	}
	if (f->message.len)
		buf_lit(&f->message, "; ");
}

void finding_note(struct finding *f, enum preflight_result result, const struct err_kind *kind,
		  const char *remedy, const char *fmt, ...)
{
	char text[MESSAGE_LIMIT];
	va_list ap;
	begin_note(f, result, kind, remedy);
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_puts(&f->message, text);
}

void finding_err(struct finding *f, enum preflight_result result, const struct err *err)
{
	begin_note(f, result, err->kind, NULL);
	buf_puts(&f->message, err->text);
}

static void add(struct preflight *p, const char *name, enum preflight_result result,
		const char *field, const char *code, const char *message, const char *remedy)
{
	if (preflight_doc_add(p->doc, name, result, field, code, message, remedy) == -ENOMEM)
		p->oom = true;
}

void preflight_skip_to(struct preflight *p, const char *name, const char *why)
{
	for (; preflight_names[p->next]; p->next++) {
		if (name && strcmp(preflight_names[p->next], name) == 0)
			return;
		add(p, preflight_names[p->next], PREFLIGHT_SKIPPED, "", "", why, "");
	}
}

void finding_put(struct preflight *p, const char *name, struct finding *f)
{
	preflight_skip_to(p, name, "not asked");
	p->oom |= f->message.failed;
	add(p, name, f->result, f->field, f->code, buf_cstr(&f->message), f->remedy);
	if (preflight_names[p->next])
		p->next++;
	buf_free(&f->message);
}
