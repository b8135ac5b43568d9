/* history.c - former revisions of a task, and why it is as it is. */
#include "server/api/api_priv.h"

#include "common/contract/errors.h"
#include "server/api/why.h"

#include <errno.h>
#include <stdlib.h>

static json_t *revision_row(uint64_t revision, bool current, usec_t written)
{
	json_t *row = json_object();
	api_put_number(row, "revision", revision);
	json_object_set_new(row, "current", json_boolean(current));
	api_put_number(row, "written_ms", (uint64_t)(written / USEC_PER_MSEC));
	return row;
}

void api_task_revisions(struct call *call)
{
	struct err err = {0};
	struct store_task t;
	struct zk_read *reads;
	uint32_t *numbers;
	size_t n;
	int rc = store_task_get(store_of(call), call->args[0], &t, &err);
	if (rc < 0) {
		call_fail(call, &err);
		return;
	}
	rc = store_revisions_list(store_of(call), t.name, &reads, &n, &numbers, &err);
	if (rc < 0) {
		call_fail(call, &err);
	} else {
		json_t *body = json_object(), *rows = json_array();
		for (size_t i = 0; i < n; i++)
			if (reads[i].rc == 0 && numbers[i] < t.control.revision)
				json_array_append_new(
					rows, revision_row(numbers[i], false, reads[i].stat.created));
		if (t.document_len)
			json_array_append_new(rows, revision_row(t.control.revision, true,
								 t.document_stat.modified));
		json_object_set_new(body, "revisions", rows);
		call_json(call, 200, body);
		zk_reads_free(reads, n);
		free(reads);
		free(numbers);
	}
	store_task_clear(&t);
}

static int read_document(struct call *call, uint32_t revision, struct buf *out, struct err *err)
{
	struct store_task t;
	int rc = store_task_get(store_of(call), call->args[0], &t, err);
	if (rc < 0)
		return rc;
	if (t.document_len && t.control.revision == revision)
		buf_put(out, t.document, t.document_len);
	else
		rc = store_revision_get(store_of(call), t.name, revision, out, err);
	store_task_clear(&t);
	return rc;
}

void api_task_revision(struct call *call)
{
	struct err err = {0};
	struct task *task;
	struct buf stored, shown;
	uint64_t revision;
	if (request_number(call->args[1], &revision) < 0 || revision > UINT32_MAX) {
		err_set(&err, -ENOENT, ERR_API_NOT_FOUND, "a revision is a number");
		call_fail(call, &err);
		return;
	}
	buf_init(&stored);
	buf_init(&shown);
	int rc = read_document(call, (uint32_t)revision, &stored, &err);
	if (rc == 0)
		rc = task_parse((const char *)stored.data, stored.len, &task, &err);
	if (rc < 0) {
		call_fail(call, &err);
	} else {
		json_t *body = json_object();
		task_to_json(task, &shown);
		task_free(task);
		api_put_number(body, "revision", revision);
		json_object_set_new(body, "document", api_printed(&shown));
		call_json(call, 200, body);
	}
	buf_free(&shown);
	buf_free(&stored);
}

/* What why.c needs, from what was read. */
struct materials {
	struct status_doc status;
	struct instance_doc first;
	struct why_input in;
};

static void gather(const struct store_task *t, const struct store_instance *list, size_t n,
		   const struct store_cores *cores, struct materials *m)
{
	struct task *task;
	size_t there = 0;
	m->in = (struct why_input){.name = t->name,
				   .group = t->group,
				   .has_document = t->document_len != 0,
				   .control = t->has_control ? &t->control : NULL,
				   .node = "",
				   .cores = cores->n,
				   .leaving = cores->leaving,
				   .full = cores->full,
				   .now_ms = (uint64_t)(clock_wall() / USEC_PER_MSEC)};
	if (t->document_len && task_parse(t->document, t->document_len, &task, NULL) == 0) {
		m->in.document_valid = true;
		task_free(task);
	}
	if (t->status[0] && status_doc_parse(t->status, strlen(t->status), &m->status, NULL) == 0)
		m->in.status = &m->status;
	for (size_t i = 0; i < n; i++) {
		if (!list[i].text)
			continue;
		if (there++)
			continue;
		m->in.node = list[i].node;
		if (instance_doc_parse(list[i].text, list[i].len, &m->first, NULL) == 0)
			m->in.first = &m->first;
	}
	m->in.instances = there;
}

void api_task_why(struct call *call)
{
	struct err err = {0};
	struct store_task t;
	struct store_instance *list = NULL;
	struct materials m;
	struct why why;
	struct store_cores cores;
	size_t n = 0;
	int rc = store_task_get(store_of(call), call->args[0], &t, &err);
	if (rc < 0) {
		call_fail(call, &err);
		return;
	}
	rc = store_instances_read(store_of(call), &t, &list, &n, &err);
	if (rc == 0)
		rc = store_cores(store_of(call), t.group, &cores, &err);
	if (rc < 0) {
		call_fail(call, &err);
	} else {
		gather(&t, list, n, &cores, &m);
		why_explain(&m.in, &why);
		json_t *body = json_object();
		api_put(body, "state", why.state);
		api_put(body, "sentence", buf_cstr(&why.sentence));
		api_put(body, "next_step", buf_cstr(&why.next_step));
		call_json(call, 200, body);
		buf_free(&why.sentence);
		buf_free(&why.next_step);
		if (m.in.first)
			instance_doc_clear(&m.first);
		if (m.in.status)
			status_doc_clear(&m.status);
	}
	store_instances_free(list, n);
	store_task_clear(&t);
}
