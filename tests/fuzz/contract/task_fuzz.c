/*
 * task_fuzz.c - task documents from any text: what is accepted prints to a document that
 * is accepted and prints the same, and no failure is without a reason.
 */
#include "common/contract/task.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* Plain secrets print as "***", which is no PEM text: those documents are not read again. */
static bool has_plain_pem(const struct task *t)
{
	const struct secret *all[] = {
		&t->source.tls.ca,        &t->source.tls.cert,        &t->source.tls.key,
		&t->pipe.security.tls.ca, &t->pipe.security.tls.cert, &t->pipe.security.tls.key,
	};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(secret_shown(all[i]), "***") == 0)
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct task *t = NULL, *again = NULL;
	struct err err = {0};
	if (task_parse((const char *)data, size, &t, &err) < 0) {
		check(err.kind != NULL && err.text[0] && !t);
		return 0;
	}
	struct buf a, b;
	buf_init(&a);
	buf_init(&b);
	task_to_json(t, &a);
	if (!has_plain_pem(t)) {
		int rc = task_parse(buf_cstr(&a), a.len, &again, &err);
		if (rc < 0)
			fprintf(stderr, "%s at %s\n%s\n", err.text, err.where, buf_cstr(&a));
		check(rc == 0);
		task_to_json(again, &b);
		check(a.len == b.len && memcmp(a.data, b.data, a.len) == 0);
	}
	/* Names of tables are the source's: any bytes. */
	struct span name = {data, size < 64 ? size : 64};
	char topic[TASK_TOPIC_MAX + 1];
	task_matches(t, name, name);
	if (task_topic(t, name, name, topic, &err) == 0)
		check(topic[0] && strlen(topic) <= TASK_TOPIC_MAX);
	buf_free(&a);
	buf_free(&b);
	task_free(t);
	task_free(again);
	return 0;
}
