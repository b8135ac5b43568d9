/* decide.c - see decide.h. Pure. */
#include "core/standby/decide.h"

bool standby_raised(const struct standby_numbers *a, const struct standby_numbers *b)
{
	return a->revision > b->revision || a->restart > b->restart || a->reset > b->reset;
}

static bool same(const struct standby_numbers *a, const struct standby_numbers *b)
{
	return a->revision == b->revision && a->restart == b->restart && a->reset == b->reset;
}

/* FAILED, and nobody has asked for another try. */
static bool stays_failed(const struct standby_facts *f)
{
	return f->status_known && f->failed && !standby_raised(&f->control, &f->failed_under);
}

/* Without a capture. */
static enum report_state state_of(const struct standby_facts *f)
{
	if (f->role != ZK_ELECTION_FIRST)
		return REPORT_STANDBY;
	if (!f->has_control || f->document == STANDBY_DOCUMENT_NONE)
		return REPORT_STOPPED;
	if (f->desired == CONTROL_PAUSED)
		return REPORT_PAUSED;
	if (f->desired != CONTROL_RUNNING)
		return REPORT_STOPPED;
	if (f->document == STANDBY_DOCUMENT_BAD || stays_failed(f))
		return REPORT_FAILED;
	return f->backing_off ? REPORT_RETRYING : REPORT_STARTING;
}

struct standby_step standby_decide(const struct standby_facts *f)
{
	bool deleted = f->has_control && f->desired == CONTROL_DELETED;
	bool wanted = f->has_control && f->desired == CONTROL_RUNNING && !f->leaving &&
		      f->role == ZK_ELECTION_FIRST;
	struct standby_step s = {.node = !f->leaving && !deleted, .state = state_of(f)};
	if (f->runs) {
		/* While a newer document is read the capture goes on under the one it has. */
		bool current = same(&f->control, &f->runs_under) ||
			       f->document == STANDBY_DOCUMENT_READING;
		s.run = wanted && current && f->document != STANDBY_DOCUMENT_BAD &&
			f->document != STANDBY_DOCUMENT_NONE;
		s.stop = !s.run;
		s.hurry = f->role != ZK_ELECTION_FIRST;
		return s;
	}
	s.run = wanted && f->document == STANDBY_DOCUMENT_GOOD && f->status_known &&
		!stays_failed(f) && !f->backing_off;
	return s;
}
