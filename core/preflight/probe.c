/*
 * probe.c - see probe.h.
 *
 * How long a position lasts. A server purges a file, by age, when its last write is older
 * than the retention: that write is the begin of the next file. So what follows a position
 * in file F lasts until (begin of the file behind F) + retention. The last file is not
 * purged while it is written; it lasts for at least the retention from now on, which is
 * told. By size (MariaDB 11.4's max_binlog_total_size) F goes when F and all behind it
 * are over the bound: the time until then follows from how fast they have grown since F
 * was begun. Servers purge when they begin a file, so it may last longer than is told.
 */
#include "core/preflight/probe.h"

#include "common/contract/errors.h"
#include "core/mysql/inspect.h"
#include "core/pipeline/setup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECT_MS = 4000 }; /* for each of several hosts */

int probe_init(struct probe *p)
{
	*p = (struct probe){.hours_left = -1};
	if (report_position_set(&p->head, "", 0, "") == 0)
		return 0;
	probe_clear(p);
	return -ENOMEM;
}

void probe_clear(struct probe *p)
{
	free(p->head.file);
	free(p->head.gtid);
	*p = (struct probe){.hours_left = -1};
}

struct job {
	struct source *s;
	struct server_info server;
	struct inspect_files files;
	struct inspect_retention keep;
};

/* ---------------------------------------------------------------- which file */

static size_t file_named(const struct inspect_files *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->name[i], name) == 0)
			return i;
	return f->n;
}

/* By the set that was executed: 1 and the file, 0 when it is purged. */
static int file_of_set(struct job *j, const char *gtid, size_t *ret, struct err *err)
{
	struct position at = {.flavor = j->server.flavor};
	at.gtids = gtid_set_new(j->server.flavor);
	int rc = at.gtids ? gtid_set_parse(at.gtids, gtid, err)
			  : err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a GTID set");
	struct err why = {0};
	if (rc == 0) {
		rc = server_check_position(j->s, &j->server, &at, &why);
		if (rc < 0 && why.kind == ERR_SOURCE_PURGED) {
			gtid_set_free(at.gtids);
			return 0;
		}
		if (rc < 0 && err)
			*err = why;
	}
	if (rc == 0)
		rc = inspect_file_behind(j->s, &j->server, &j->files, at.gtids, ret, err);
	gtid_set_free(at.gtids);
	return rc < 0 ? rc : *ret < j->files.n;
}

/*
 * The file that holds what follows the position: 1; 0: it is purged; -ENOENT: nobody can
 * say. Where there are several hosts, a file's name may be another server's: the set counts.
 */
static int find_file(struct job *j, const struct task *task, const struct report_position *at,
		     size_t *ret, struct err *err)
{
	bool by_set = at->gtid[0] && j->server.gtids;
	if (at->file[0] && (task->source.nhosts == 1 || !by_set)) {
		*ret = file_named(&j->files, at->file);
		if (*ret < j->files.n)
			return 1;
		const char *first = j->files.name[0];
		if (strlen(at->file) == strlen(first) && strcmp(at->file, first) < 0)
			return 0;
	}
	return by_set ? file_of_set(j, at->gtid, ret, err) : -ENOENT;
}

/* ---------------------------------------------------------------- for how long */

static double hours(usec_t t)
{
	return (double)t / (double)USEC_PER_SEC / 3600;
}

static int left_by_age(struct job *j, size_t file, usec_t now, double *ret, struct err *err)
{
	usec_t begun;
	if (file + 1 == j->files.n) {
		*ret = hours(j->keep.expire);
		return 0;
	}
	int rc = inspect_file_begun(j->s, &j->server, j->files.name[file + 1], &begun, err);
	if (rc == 0)
		*ret = hours(begun + j->keep.expire - now);
	return rc;
}

static int left_by_size(struct job *j, size_t file, usec_t now, double *ret, struct err *err)
{
	usec_t begun;
	uint64_t bytes = 0;
	for (size_t i = file; i < j->files.n; i++)
		bytes += j->files.size[i];
	int rc = inspect_file_begun(j->s, &j->server, j->files.name[file], &begun, err);
	if (rc < 0)
		return rc;
	double age = hours(now - begun);
	if (bytes >= j->keep.bytes)
		*ret = 0;
	else if (bytes && age > 0)
		*ret = (double)(j->keep.bytes - bytes) / ((double)bytes / age);
	return 0;
}

static int find_hours(struct job *j, const struct task *task, const struct report_position *at,
		      double *ret, struct err *err)
{
	size_t file;
	int rc = inspect_files(j->s, &j->files, err);
	if (rc == 0)
		rc = find_file(j, task, at, &file, err);
	if (rc == 0)
		*ret = 0;
	if (rc == -ENOENT || rc == 0)
		return 0;
	if (rc > 0)
		rc = inspect_retention(j->s, &j->keep, err);
	double age = -1, size = -1;
	usec_t now = 0;
	if (rc == 0)
		rc = server_clock(j->s, &now, err);
	now += clock_boot();
	if (rc == 0 && j->keep.expire)
		rc = left_by_age(j, file, now, &age, err);
	if (rc == 0 && j->keep.bytes)
		rc = left_by_size(j, file, now, &size, err);
	if (rc < 0)
		return rc;
	if (j->keep.expire && age < 0)
		age = 0; /* due: the next file that is begun purges it */
	*ret = size < 0 ? age : age < 0 || size < age ? size : age;
	return 0;
}

/* ---------------------------------------------------------------- the connection */

static int connect_any(const struct task *task, usec_t deadline, struct guard *guard,
		       struct source **ret, struct err *err)
{
	int rc = -EHOSTUNREACH;
	for (size_t i = 0; i < task->source.nhosts; i++) {
		struct source_options o;
		struct source *s;
		setup_source_options(task, i, &o);
		usec_t left = deadline - clock_boot();
		if (left < USEC_PER_MSEC)
			left = USEC_PER_MSEC;
		o.connect_timeout = task->source.nhosts > 1 ? CONNECT_MS * USEC_PER_MSEC : left * 8 / 10;
		rc = source_new(&o, &s, err);
		if (rc < 0)
			return rc;
		source_limit(s, deadline);
		guard_watch(guard, s);
		rc = source_connect(s, err);
		if (rc == 0) {
			*ret = s;
			return 0;
		}
		guard_watch(guard, NULL);
		source_free(s);
		if (clock_boot() >= deadline || guard_interrupted(guard))
			break;
	}
	return rc;
}

static int read_head(struct job *j, struct report_position *ret, struct err *err)
{
	struct binlog_pos head;
	struct gtid_set *set = NULL;
	struct buf text;
	buf_init(&text);
	int rc = server_head(j->s, &j->server, &head, &set, err);
	if (rc == 0 && set)
		gtid_set_format(set, &text);
	if (rc == 0 && report_position_set(ret, head.file, head.pos, buf_cstr(&text)) < 0)
		rc = err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a position");
	buf_free(&text);
	gtid_set_free(set);
	return rc;
}

int probe_source(const struct task *task, const struct report_position *at, usec_t budget,
		 struct guard *guard, struct probe *ret, struct err *err)
{
	struct job j = {.s = NULL};
	struct probe found;
	if (probe_init(&found) < 0)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a probe");
	int rc = connect_any(task, clock_boot() + budget, guard, &j.s, err);
	if (rc == 0)
		rc = server_identify(j.s, &j.server, err);
	if (rc == 0)
		rc = read_head(&j, &found.head, err);
	if (rc == 0 && at && report_position_known(at))
		rc = find_hours(&j, task, at, &found.hours_left, err);
	guard_watch(guard, NULL);
	source_free(j.s);
	inspect_files_free(&j.files);
	if (rc < 0) {
		probe_clear(&found);
		return rc;
	}
	probe_clear(ret);
	*ret = found;
	return 0;
}
