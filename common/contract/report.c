/* report.c - see report.h. Pure. */
#include "common/contract/report.h"

#include "common/base/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

const char *const report_states[] = {"STANDBY",  "STARTING", "SNAPSHOT", "RUNNING", "RETRYING",
				     "PAUSED",   "FAILED",   "STOPPED",  NULL};

const char *report_state_name(enum report_state state)
{
	return report_states[state];
}

int report_set(char **member, const char *text)
{
	char *copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	free(*member);
	*member = copy;
	return 0;
}

int report_add(struct report_texts *texts, const char *text)
{
	char *copy = strdup(text);
	char **list = copy ? realloc(texts->list, (texts->n + 1) * sizeof(*list)) : NULL;
	if (!list) {
		free(copy);
		return -ENOMEM;
	}
	list[texts->n++] = copy;
	texts->list = list;
	return 0;
}

void report_texts_clear(struct report_texts *texts)
{
	for (size_t i = 0; i < texts->n; i++)
		free(texts->list[i]);
	free(texts->list);
	*texts = (struct report_texts){0};
}

bool report_position_known(const struct report_position *p)
{
	return (p->file && p->file[0]) || (p->gtid && p->gtid[0]);
}

int report_position_set(struct report_position *p, const char *file, uint64_t pos, const char *gtid)
{
	char *copy = strdup(file), *set = strdup(gtid);
	if (!copy || !set) {
		free(copy);
		free(set);
		return -ENOMEM;
	}
	free(p->file);
	free(p->gtid);
	*p = (struct report_position){.file = copy, .pos = pos, .gtid = set};
	return 0;
}

int report_error_set(struct report_error *e, const struct err *err)
{
	char *code = strdup(err->kind ? err->kind->code : "");
	char *message = strdup(err->kind ? err->text : "");
	if (!code || !message) {
		free(code);
		free(message);
		return -ENOMEM;
	}
	free(e->code);
	free(e->message);
	e->code = code;
	e->message = message;
	return 0;
}

void report_put_gtid(struct buf *out, const char *gtid)
{
	size_t len = strlen(gtid);
	if (len <= REPORT_GTID_MAX) {
		json_put_string(out, gtid, len);
		return;
	}
	char tail[64];
	int n = snprintf(tail, sizeof(tail), "... (%zu bytes in all)", len);
	size_t cut = (size_t)(REPORT_GTID_MAX - n);
	while (cut > 0 && gtid[cut] != ',' && gtid[cut] != ':')
		cut--;
	buf_putc(out, '"');
	json_put_escaped(out, gtid, cut);
	json_put_escaped(out, tail, (size_t)n);
	buf_putc(out, '"');
}
