/* why.c - see why.h. Pure. */
#include "server/api/why.h"

#include "common/contract/errors.h"

/* "3 s", "5 min", "2 h", "3 days": how long, roughly. */
static void put_duration(struct buf *out, uint64_t ms)
{
	uint64_t s = ms / 1000;
	if (s < 120)
		buf_printf(out, "%llu s", (unsigned long long)s);
	else if (s < 7200)
		buf_printf(out, "%llu min", (unsigned long long)(s / 60));
	else if (s < 172800)
		buf_printf(out, "%llu h", (unsigned long long)(s / 3600));
	else
		buf_printf(out, "%llu days", (unsigned long long)(s / 86400));
}

static void put_since(struct buf *out, uint64_t since_ms, uint64_t now_ms)
{
	if (!since_ms || since_ms > now_ms)
		return;
	buf_lit(out, ", for ");
	put_duration(out, now_ms - since_ms);
}

/* The remedy of an error's code; NULL: a code of another version. */
static const struct err_kind *kind_of(const char *code)
{
	const struct err_kind *kind;
	for (size_t i = 0; (kind = errors_kind(i)) != NULL; i++)
		if (strcmp(kind->code, code) == 0)
			return kind;
	return NULL;
}

static void put_error(const struct report_error *e, struct why *w)
{
	const struct err_kind *kind = kind_of(e->code);
	if (!e->code[0])
		return;
	buf_printf(&w->sentence, ": %s (%s)", e->message, e->code);
	if (e->position.file && e->position.file[0])
		buf_printf(&w->sentence, " at %s:%llu", e->position.file,
			   (unsigned long long)e->position.pos);
	if (kind)
		buf_puts(&w->next_step, kind->remedy);
}

/* "1 core of group g1 is", "3 cores of group g1 are" */
static void put_cores(struct buf *out, const struct why_input *in, size_t n)
{
	buf_printf(out, "%zu core%s of group %s %s", n, n == 1 ? "" : "s", in->group,
		   n == 1 ? "is" : "are");
}

/* Of a cold task: what keeps each core of its group from taking it. */
static void nobody_of_group(const struct why_input *in, struct why *w)
{
	size_t able = in->cores - in->leaving - in->full;
	buf_lit(&w->sentence, ": ");
	put_cores(&w->sentence, in, in->cores);
	buf_lit(&w->sentence, " there");
	if (in->leaving)
		buf_printf(&w->sentence, ", %zu of them draining or ending", in->leaving);
	if (in->full)
		buf_printf(&w->sentence, ", %zu with as many tasks as core.max_tasks allows",
			   in->full);
	if (able) {
		buf_printf(&w->sentence, ", and %zu should take it within seconds.", able);
		buf_lit(&w->next_step, "Wait a moment; if nothing changes look at the cores' logs.");
		return;
	}
	buf_lit(&w->sentence, ".");
	if (in->full)
		buf_lit(&w->next_step, "Raise core.max_tasks, or start another core of the group.");
	else
		buf_lit(&w->next_step, "Undrain a core of the group, or start another one.");
}

static void no_instance(const struct why_input *in, struct why *w)
{
	w->state = "ABSENT";
	if (in->control->desired == CONTROL_STOPPED) {
		w->state = report_state_name(REPORT_STOPPED);
		buf_lit(&w->sentence, "The task is to be stopped, and no mr-core has it.");
		buf_lit(&w->next_step, "Start it when it shall run.");
		return;
	}
	buf_printf(&w->sentence, "The task is to be %s, but no mr-core has it",
		   control_desired_name((enum control_desired)in->control->desired));
	if (in->cores && in->group[0]) {
		nobody_of_group(in, w);
		return;
	}
	if (in->cores)
		buf_printf(&w->sentence,
			   ": %zu %s there, and %s not take it. They may be draining, be at their "
			   "limit, or not have its name among their tasks.",
			   in->cores, in->cores == 1 ? "is" : "are",
			   in->cores == 1 ? "does" : "do");
	else
		buf_printf(&w->sentence, ": none%s%s is there.",
			   in->group[0] ? " of group " : "", in->group);
	buf_puts(&w->next_step, in->cores ? "Look at the machines: tasks, groups, max_tasks and drain."
					 : "Start an mr-core, or find out why it ended.");
}

/* Who would go on if the host died. */
static void put_standby(const struct why_input *in, struct why *w)
{
	size_t others = in->cores - in->leaving > 1 ? in->cores - in->leaving - 1 : 0;
	if (in->group[0] && others) {
		buf_printf(&w->sentence, "; %zu other core%s of group %s would take over", others,
			   others == 1 ? "" : "s", in->group);
	} else if (in->group[0] || in->instances < 2) {
		buf_lit(&w->sentence, "; no standby would take over");
		if (!w->next_step.len)
			buf_printf(&w->next_step, "Start an mr-core%s%s on another machine.",
				   in->group[0] ? " of group " : "", in->group);
	}
}

static void running(const struct why_input *in, struct why *w)
{
	const struct instance_doc *d = in->first;
	buf_printf(&w->sentence, "The task runs on %s", d->hostname);
	put_since(&w->sentence, d->since_ms, in->now_ms);
	if (d->lag_ms < 0) {
		buf_lit(&w->sentence, "; how far it is behind is not known yet");
	} else if (d->lag_ms < 2000) {
		buf_lit(&w->sentence, " and is up to date");
	} else {
		buf_lit(&w->sentence, " and is ");
		put_duration(&w->sentence, (uint64_t)d->lag_ms);
		buf_lit(&w->sentence, " behind");
		buf_lit(&w->next_step, "Compare rows_per_s with what the source writes: it catches "
				       "up, or the pipe is too slow.");
	}
	put_standby(in, w);
	buf_putc(&w->sentence, '.');
}

/* How long somebody has. */
static void put_left(const struct instance_doc *d, struct why *w)
{
	if (d->binlog_hours_left >= 0)
		buf_printf(&w->sentence, "; the source keeps what is unread for %.1f h",
			   d->binlog_hours_left);
}

static void of_state(const struct why_input *in, struct why *w)
{
	const struct instance_doc *d = in->first;
	w->state = report_state_name((enum report_state)d->state);
	switch ((enum report_state)d->state) {
	case REPORT_RUNNING:
		running(in, w);
		return;
	case REPORT_STARTING:
	case REPORT_SNAPSHOT:
		buf_printf(&w->sentence, "The task is starting on %s", d->hostname);
		put_since(&w->sentence, d->since_ms, in->now_ms);
		break;
	case REPORT_RETRYING:
		buf_printf(&w->sentence, "%s cannot go on and tries again by itself", d->hostname);
		put_since(&w->sentence, d->since_ms, in->now_ms);
		put_error(&d->error, w);
		break;
	case REPORT_FAILED:
		buf_printf(&w->sentence, "The task failed on %s and waits for a person", d->hostname);
		put_since(&w->sentence, d->since_ms, in->now_ms);
		put_left(d, w);
		put_error(&d->error.code[0] || !in->status ? &d->error : &in->status->error, w);
		buf_lit(&w->next_step, " Then start the task.");
		break;
	case REPORT_PAUSED:
		buf_printf(&w->sentence, "The task is paused; its position stays");
		put_since(&w->sentence, d->since_ms, in->now_ms);
		put_left(d, w);
		buf_lit(&w->next_step, "Resume it when it shall go on.");
		break;
	case REPORT_STOPPED:
		buf_lit(&w->sentence, "The task is stopped; its position stays");
		put_since(&w->sentence, d->since_ms, in->now_ms);
		buf_puts(&w->next_step, in->control->desired == CONTROL_RUNNING
					       ? "Wait a moment: it is to run."
					       : "Start it when it shall run.");
		break;
	case REPORT_STANDBY:
		buf_printf(&w->sentence, "%s is first in line and about to take over", d->hostname);
		break;
	}
	buf_putc(&w->sentence, '.');
}

void why_explain(const struct why_input *in, struct why *ret)
{
	*ret = (struct why){.state = "ABSENT"};
	buf_init(&ret->sentence);
	buf_init(&ret->next_step);
	if (in->control && in->control->desired == CONTROL_DELETED) {
		ret->state = "DELETING";
		buf_lit(&ret->sentence, "The task is being deleted");
		if (in->instances)
			buf_printf(&ret->sentence, "; %zu instance%s must end first", in->instances,
				   in->instances == 1 ? "" : "s");
		buf_putc(&ret->sentence, '.');
		if (in->instances)
			buf_lit(&ret->next_step, "Wait, or delete it with force when its cores are "
						 "gone for good.");
	} else if (!in->has_document) {
		ret->state = "REGISTERED";
		buf_printf(&ret->sentence, "An mr-core has the name %s among its tasks, and the task "
					   "has no document yet.", in->name);
		buf_lit(&ret->next_step, "Create the task.");
	} else if (!in->document_valid) {
		buf_lit(&ret->sentence, "The task's document cannot be read by this version.");
		buf_lit(&ret->next_step, "Put a former revision or a corrected document in its place.");
	} else if (!in->control) {
		buf_lit(&ret->sentence, "The task has a document, but its control is gone: somebody "
					"has deleted the node.");
		buf_lit(&ret->next_step, "Start or stop the task: that makes it anew.");
	} else if (in->instances == 0) {
		no_instance(in, ret);
	} else if (!in->first) {
		buf_printf(&ret->sentence, "What %s says of the task cannot be read.", in->node);
		buf_lit(&ret->next_step, "Look at its log; another version may run there.");
	} else {
		of_state(in, ret);
	}
}
