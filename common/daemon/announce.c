/* announce.c - see announce.h. */
#include "common/daemon/announce.h"

#include "common/daemon/root.h"
#include "common/os/log.h"
#include "common/os/process.h"
#include "common/zk/election.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

struct announce {
	struct zk *zk;
	const char *program;
	char *hostname;
	enum paths_folder folder;
	void (*describe)(void *ctx, struct machine_doc *doc);
	void *ctx;
	struct zk_election *election;
	struct zk_op *write; /* under way: one at a time */
	usec_t started;      /* wall clock */
	usec_t cpu, cpu_at;  /* of the last document, boot clock */
	bool stopping;
	bool again; /* something changed while a write was under way */
};

/* What every process says of itself. */
static int fill(struct announce *a, struct machine_doc *d)
{
	usec_t cpu = process_cpu(), now = clock_boot();
	struct sysinfo system;
	d->pid = (uint32_t)getpid();
	d->format_min = ROOT_FORMAT_MIN;
	d->format_max = ROOT_FORMAT_MAX;
	d->started_ms = (uint64_t)(a->started / USEC_PER_MSEC);
	d->heartbeat_ms = (uint64_t)(clock_wall() / USEC_PER_MSEC);
	d->cpus = process_cpus();
	/* Not getloadavg(): under our unit's ProcSubset=pid there is no /proc/loadavg. */
	d->load = sysinfo(&system) == 0 ? (double)system.loads[0] / (1 << SI_LOAD_SHIFT) : 0;
	d->cpu_percent = -1;
	if (a->cpu_at && now > a->cpu_at)
		d->cpu_percent = 100.0 * (double)(cpu - a->cpu) / (double)(now - a->cpu_at);
	a->cpu = cpu;
	a->cpu_at = now;
	d->rss_bytes = process_rss();
	d->memory_limit = process_memory_limit();
	d->stopping = a->stopping;
	if (report_set(&d->program, a->program) < 0 || report_set(&d->hostname, a->hostname) < 0 ||
	    report_set(&d->version, MR_VERSION) < 0)
		return -ENOMEM;
	if (a->describe)
		a->describe(a->ctx, d);
	return 0;
}

/* The document's text. 0 or -ENOMEM. */
static int print(struct announce *a, struct buf *out)
{
	struct machine_doc d;
	int rc = machine_doc_init(&d);
	if (rc < 0)
		return rc;
	rc = fill(a, &d);
	if (rc == 0)
		machine_doc_print(&d, out);
	machine_doc_clear(&d);
	return rc < 0 || out->failed ? -ENOMEM : 0;
}

static void written(void *ctx, const struct zk_reply *reply)
{
	struct announce *a = ctx;
	a->write = NULL;
	/* Gone or away: the election makes the node again, with the newest document. */
	if (reply->rc < 0 && reply->rc != -ENOENT && reply->rc != -ENOTCONN &&
	    reply->rc != -ENOLINK && reply->rc != -EINPROGRESS && reply->rc != -ETIMEDOUT)
		log_err(LOG_LEVEL_WARN, "the announcement of this process", reply->err);
	if (a->again) {
		a->again = false;
		announce_write(a);
	}
}

void announce_write(struct announce *a)
{
	struct buf b;
	if (a->write) {
		a->again = true;
		return;
	}
	buf_init(&b);
	if (print(a, &b) == 0 && zk_election_set_data(a->election, b.data, b.len) == 0 &&
	    zk_election_node(a->election)[0])
		a->write = zk_set_async(a->zk, zk_election_path(a->election), b.data, b.len,
					ZK_ANY_VERSION, written, a);
	buf_free(&b);
}

static void elected(void *ctx, const struct zk_election_view *view)
{
	(void)ctx;
	if (view->role == ZK_ELECTION_OUT && view->rc < 0 && view->rc != -ENOLINK && view->err)
		log_err(LOG_LEVEL_WARN, "announcing this process", view->err);
	else if (view->role != ZK_ELECTION_OUT)
		log_debug("announced as %s", view->node);
}

struct announce *announce_start(struct zk *zk, const struct daemon_options *o)
{
	struct announce *a = calloc(1, sizeof(*a));
	if (!a)
		return NULL;
	struct buf b;
	buf_init(&b);
	a->zk = zk;
	a->program = o->program;
	a->hostname = strdup(o->hostname);
	a->folder = o->folder;
	a->describe = o->callbacks.describe;
	a->ctx = o->callbacks.ctx;
	a->started = clock_wall();
	if (a->hostname && print(a, &b) == 0) {
		const struct zk_election_options options = {.folder = paths_folder(a->folder),
							    .name = a->hostname,
							    .data = b.data,
							    .len = b.len};
		a->election = zk_election_start(zk, &options, elected, a);
	}
	buf_free(&b);
	if (!a->election) {
		announce_stop(a);
		return NULL;
	}
	return a;
}

void announce_stopping(struct announce *a)
{
	a->stopping = true;
	announce_write(a);
}

void announce_stop(struct announce *a)
{
	if (!a)
		return;
	if (a->write)
		zk_op_cancel(a->write);
	zk_election_stop(a->election);
	free(a->hostname);
	free(a);
}

const char *announce_node(const struct announce *a)
{
	return zk_election_node(a->election);
}

bool announce_first(const struct announce *a)
{
	return zk_election_role(a->election) == ZK_ELECTION_FIRST;
}
