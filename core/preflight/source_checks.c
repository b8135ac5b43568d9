/*
 * source_checks.c - a task's source: connection, settings, grants, retention, server_id,
 * where the task would begin. What replicating refuses (core/mysql/server_check.c) is
 * failed here, one check each; what it takes and an operator may regret is a warning.
 */
#include "core/preflight/preflight_priv.h"

#include "common/contract/errors.h"
#include "core/pipeline/setup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	CONNECT_MS = 4000, /* for each of several hosts */
	RETENTION_SHORT_H = 24,
};

/* ---------------------------------------------------------------- connection */

static int try_host(struct preflight *p, size_t host, struct source **ret, struct err *err)
{
	struct source_options o;
	struct source *s;
	setup_source_options(p->task, host, &o);
	usec_t left = p->deadline - clock_boot();
	usec_t most = p->task->source.nhosts > 1 ? CONNECT_MS * USEC_PER_MSEC : left * 8 / 10;
	o.connect_timeout = left < USEC_PER_MSEC ? USEC_PER_MSEC : left < most ? left : most;
	int rc = source_new(&o, &s, err);
	if (rc < 0)
		return rc;
	source_limit(s, p->deadline);
	guard_watch(p->guard, s);
	rc = source_connect(s, err);
	if (rc < 0) {
		guard_watch(p->guard, NULL);
		source_free(s);
		return rc;
	}
	*ret = s;
	return 0;
}

/* Whether the failure came after a server had answered. */
static bool is_login(const struct err *e)
{
	return e->kind == ERR_SOURCE_AUTH || e->kind == ERR_SOURCE_AUTH_PLUGIN ||
	       e->kind == ERR_SOURCE_TLS || e->kind == ERR_SECRET_MISSING;
}

static const char *login_field(const struct err *e)
{
	return e->kind == ERR_SOURCE_AUTH ? "source.password"
	       : e->kind == ERR_SOURCE_TLS ? "source.tls.mode"
					   : "source.user";
}

static void fill_source(struct preflight *p)
{
	struct preflight_source *to = &p->doc->source;
	const struct server_info *i = &p->server;
	if (report_set(&to->flavor, flavor_name(i->flavor)) < 0 ||
	    report_set(&to->version, i->version_text) < 0 ||
	    report_set(&to->row_metadata, i->row_metadata) < 0)
		p->oom = true;
	to->gtids = i->gtids;
	to->server_id = i->server_id;
	p->doc->has_source = true;
}

/*
 * The first host that takes us is the one to ask; the others must only be there, since a
 * task goes to them when that one is away.
 */
void source_check_connection(struct preflight *p)
{
	struct finding reachable, login;
	struct err e;
	bool several = p->task->source.nhosts > 1, answered = false;
	finding_init(&reachable, several ? "source.hosts" : "source.host");
	finding_init(&login, "source.user");
	for (size_t i = 0; i < p->task->source.nhosts; i++) {
		struct source *s = NULL;
		err_clear(&e);
		int rc = try_host(p, i, &s, &e);
		if (rc == 0) {
			answered = true;
			finding_note(&reachable, PREFLIGHT_OK, NULL, NULL, "%s answers",
				     source_name(s));
			finding_note(&login, PREFLIGHT_OK, NULL, NULL, "%s: %s", source_name(s),
				     source_cipher(s)[0] ? source_cipher(s) : "without TLS");
		} else if (is_login(&e)) {
			answered = true;
			login.field = login_field(&e);
			finding_err(&login, PREFLIGHT_FAILED, &e);
		} else {
			finding_err(&reachable, PREFLIGHT_WARNING, &e);
		}
		if (!p->source) {
			p->source = s;
		} else {
			source_free(s);
			guard_watch(p->guard, p->source);
		}
	}
	if (!answered)
		reachable.result = PREFLIGHT_FAILED;
	/* One host that takes us is enough to run. */
	if (p->source && login.result == PREFLIGHT_FAILED)
		login.result = PREFLIGHT_WARNING;
	err_clear(&e);
	if (p->source && server_identify(p->source, &p->server, &e) < 0) {
		reachable.result = PREFLIGHT_OK;
		finding_err(&reachable, PREFLIGHT_FAILED, &e);
		source_free(p->source);
		p->source = NULL;
		answered = false;
	}
	if (p->source)
		fill_source(p);
	finding_put(p, "source.reachable", &reachable);
	if (answered)
		finding_put(p, "source.login", &login);
	else
		buf_free(&login.message);
	preflight_skip_to(p, answered && p->source ? "source.log_bin" : "pipe.reachable",
			  "the source could not be asked");
}

/* ---------------------------------------------------------------- settings */

static bool check_log_bin(struct preflight *p)
{
	struct finding f;
	finding_init(&f, "source.host");
	bool on = p->server.log_bin;
	if (on)
		finding_note(&f, PREFLIGHT_OK, NULL, NULL, "log_bin is on");
	else
		finding_note(&f, PREFLIGHT_FAILED, ERR_SOURCE_SETTING,
			     "Add log_bin to the [mysqld] section of the server's configuration "
			     "and restart it.",
			     "log_bin is off: the server logs no changes");
	finding_put(p, "source.log_bin", &f);
	return on;
}

static void check_format(struct preflight *p)
{
	struct finding f;
	finding_init(&f, "source.host");
	if (p->server.row_format)
		finding_note(&f, PREFLIGHT_OK, NULL, NULL, "binlog_format is ROW");
	else
		finding_note(&f, PREFLIGHT_FAILED, ERR_SOURCE_SETTING,
			     "Run SET GLOBAL binlog_format='ROW' there, set it in the server's "
			     "configuration, and reconnect its clients.",
			     "binlog_format is not ROW: changes are logged as statements");
	finding_put(p, "source.format", &f);
}

static void check_row_image(struct preflight *p)
{
	struct finding f;
	finding_init(&f, "source.host");
	const char *image = p->server.row_image;
	if (p->server.row_image_full || !image[0])
		finding_note(&f, PREFLIGHT_OK, NULL, NULL, "binlog_row_image is %s",
			     image[0] ? image : "FULL (the server knows no other)");
	else
		finding_note(&f, PREFLIGHT_WARNING, ERR_SOURCE_SETTING,
			     "Run SET GLOBAL binlog_row_image='FULL' there, set it in the "
			     "server's configuration, and reconnect its clients.",
			     "binlog_row_image is %s: messages lack the columns that are not "
			     "logged, of rows before a change above all",
			     image);
	finding_put(p, "source.row_image", &f);
}

static void check_row_metadata(struct preflight *p)
{
	const struct server_info *i = &p->server;
	struct finding f;
	finding_init(&f, "source.host");
	if (i->row_metadata_full)
		finding_note(&f, PREFLIGHT_OK, NULL, NULL,
			     "binlog_row_metadata is FULL: each event brings its table's definition");
	else if (i->row_metadata[0])
		finding_note(&f, PREFLIGHT_WARNING, ERR_SOURCE_SETTING,
			     "Run SET GLOBAL binlog_row_metadata='FULL' there and set it in the "
			     "server's configuration.",
			     "binlog_row_metadata is %s: definitions come from information_schema, "
			     "which has them as they are now; a task that is behind an ALTER TABLE "
			     "may stop",
			     i->row_metadata);
	else
		finding_note(&f, PREFLIGHT_WARNING, NULL,
			     "Before ALTER TABLE, let the task catch up.",
			     "%s has no binlog_row_metadata: definitions come from "
			     "information_schema, which has them as they are now; a task that is "
			     "behind an ALTER TABLE may stop",
			     i->version_text);
	finding_put(p, "source.row_metadata", &f);
}

/* Returns whether the binlog can be read. */
static bool check_grants(struct preflight *p)
{
	struct finding f;
	struct server_grants g;
	struct err e = {0};
	bool need_catalog = !p->server.row_metadata_full;
	finding_init(&f, "source.user");
	int rc = inspect_grants(p->source, &p->server, &g, &e);
	bool lacking = false;
	if (rc == 0) {
		rc = inspect_grants_verdict(p->source, &p->server, &g, need_catalog, &e);
		lacking = rc < 0 && !g.roles;
	} else {
		lacking = true;
	}
	if (rc == 0)
		finding_note(&f, PREFLIGHT_OK, NULL, NULL, "the binlog may be read%s",
			     g.select ? ", and definitions of tables" : "");
	else if (lacking)
		finding_err(&f, PREFLIGHT_FAILED, &e);
	else
		finding_note(&f, PREFLIGHT_WARNING, ERR_SOURCE_GRANT,
			     "Make the role a default role of the user, or grant the privileges "
			     "to the user itself.",
			     "the user has roles, and what is active of them does not show the "
			     "privileges needed: %s",
			     e.text);
	finding_put(p, "source.grants", &f);
	return !lacking;
}

static void check_retention(struct preflight *p)
{
	struct finding f;
	struct inspect_retention r;
	struct err e = {0};
	finding_init(&f, "source.host");
	if (inspect_retention(p->source, &r, &e) < 0) {
		finding_err(&f, PREFLIGHT_WARNING, &e);
	} else if (r.expire == 0) {
		finding_note(&f, PREFLIGHT_OK, NULL, NULL, "binlogs are not purged by age");
	} else {
		double hours = (double)r.expire / (double)USEC_PER_SEC / 3600;
		bool brief = hours < RETENTION_SHORT_H;
		finding_note(&f, brief ? PREFLIGHT_WARNING : PREFLIGHT_OK,
			     brief ? ERR_SOURCE_SETTING : NULL,
			     brief ? "Raise binlog_expire_logs_seconds (or expire_logs_days) "
				     "there, to more than the longest outage that the task is to "
				     "survive."
				   : NULL,
			     "binlogs are kept for %.1f hours%s", hours,
			     brief ? ": a task that is away for longer has lost its place" : "");
	}
	if (r.bytes > 0 && !e.kind)
		finding_note(&f, PREFLIGHT_WARNING, ERR_SOURCE_SETTING,
			     "Set max_binlog_total_size to 0 there, or to more than is written "
			     "during the longest outage that the task is to survive.",
			     "the oldest binlogs are purged when all of them are over %llu MB",
			     (unsigned long long)(r.bytes >> 20));
	finding_put(p, "source.retention", &f);
}

/* ---------------------------------------------------------------- server_id */

struct id_search {
	uint32_t id;
	const char *ours; /* "task@", how our own instances begin */
	size_t nours;
	bool taken;
	char by[256];
};

static int look_at_replica(void *ctx, uint32_t id, const char *host)
{
	struct id_search *search = ctx;
	if (id == search->id && strncmp(host, search->ours, search->nours) != 0) {
		search->taken = true;
		snprintf(search->by, sizeof(search->by), "%s", host);
	}
	return 0;
}

static void find_replica(struct preflight *p, uint32_t id, struct finding *f)
{
	char ours[SETUP_REPLICA_NAME_MAX];
	struct err e = {0};
	setup_replica_name(p->task, "", ours);
	struct id_search search = {.id = id, .ours = ours};
	search.nours = strlen(ours);
	int rc = inspect_replicas(p->source, &p->server, look_at_replica, &search, &e);
	if (rc == -EOPNOTSUPP)
		finding_note(f, PREFLIGHT_OK, NULL, NULL,
			     "server_id %u is not the server's own; this version cannot be asked "
			     "for its replicas safely, and tells readers apart by their UUIDs",
			     id);
	else if (rc < 0)
		finding_note(f, PREFLIGHT_WARNING, e.kind,
			     "Set source.server_id to 0, or see to it that no other replica has it.",
			     "whether another replica has server_id %u cannot be seen: %s", id,
			     e.text);
	else if (search.taken)
		finding_note(f, PREFLIGHT_FAILED, ERR_SOURCE_SERVER_ID, NULL,
			     "server_id %u is that of the replica %s: the two would throw each "
			     "other out",
			     id, search.by[0] ? search.by : "(without a name)");
	else
		finding_note(f, PREFLIGHT_OK, NULL, NULL,
			     "no other replica that is connected has server_id %u", id);
}

static void check_server_id(struct preflight *p)
{
	struct finding f;
	uint32_t id = (uint32_t)p->task->source.server_id;
	finding_init(&f, "source.server_id");
	if (!p->server.server_id)
		finding_note(&f, PREFLIGHT_FAILED, ERR_SOURCE_SETTING,
			     "Run SET GLOBAL server_id=1 there and set it in the server's "
			     "configuration.",
			     "the server itself has server_id 0 and refuses replicas");
	else if (id && id == p->server.server_id)
		finding_note(&f, PREFLIGHT_FAILED, ERR_SOURCE_SERVER_ID, NULL,
			     "server_id %u is the server's own: it would send nothing", id);
	else if (id)
		find_replica(p, id, &f);
	else
		finding_note(&f, PREFLIGHT_OK, NULL, NULL, "one that is free is chosen");
	finding_put(p, "source.server_id", &f);
}

/* ---------------------------------------------------------------- GTIDs, position */

static void check_gtid(struct preflight *p)
{
	struct finding f;
	finding_init(&f, "source.host");
	if (p->server.gtids)
		finding_note(&f, PREFLIGHT_OK, NULL, NULL, "positions are GTIDs");
	else
		finding_note(&f, PREFLIGHT_WARNING, ERR_SOURCE_SETTING,
			     "Turn gtid_mode on there, if the task is to survive a change of the "
			     "source.",
			     "gtid_mode is not ON: a position is a file and an offset, which mean "
			     "nothing on another server%s",
			     p->task->source.nhosts > 1 ? ", so that source.hosts are of no use"
							: "");
	finding_put(p, "source.gtid", &f);
}

static void describe_start(const struct preflight *p, const struct position *at, struct finding *f)
{
	struct buf gtids;
	buf_init(&gtids);
	if (at->gtids)
		gtid_set_format(at->gtids, &gtids);
	finding_note(f, PREFLIGHT_OK, NULL, NULL, "source.start %.100s is there: %s%s%.400s",
		     p->task->source.start_text, at->at.file, at->at.file[0] && gtids.len ? ", " : "",
		     buf_cstr(&gtids));
	if (at->at.file[0] && !gtids.len)
		buf_printf(&f->message, ":%llu", (unsigned long long)at->at.pos);
	buf_free(&gtids);
}

/* Prepared before the task began: it has not seen their rows, and cannot publish them. */
static void check_prepared(struct preflight *p, struct finding *f)
{
	uint64_t n;
	char xid[256] = "";
	/* Who may not ask (XA_RECOVER_ADMIN) learns of them when they are decided. */
	if (inspect_prepared(p->source, &n, xid, NULL) < 0 || n == 0)
		return;
	finding_note(f, PREFLIGHT_WARNING, ERR_XA_UNKNOWN,
		     "Commit or roll back what XA RECOVER shows before the task is started.",
		     "%llu XA transaction%s prepared and not decided (%.60s): a task that starts "
		     "behind the rows stops when one is committed",
		     (unsigned long long)n, n == 1 ? " is" : "s are", xid);
}

static void check_position(struct preflight *p)
{
	struct finding f;
	struct server_start start;
	struct position at;
	struct err e = {0};
	finding_init(&f, "source.start");
	position_init(&at, p->server.flavor);
	int rc = setup_start(p->task, NULL, false, &start, &e);
	if (rc == 0)
		rc = server_resolve_start(p->source, &p->server, &start, &at, &e);
	if (rc == 0)
		rc = server_check_position(p->source, &p->server, &at, &e);
	if (rc < 0)
		finding_err(&f, PREFLIGHT_FAILED, &e);
	else
		describe_start(p, &at, &f);
	check_prepared(p, &f);
	position_clear(&at);
	finding_put(p, "source.position", &f);
}

void source_check_server(struct preflight *p)
{
	bool logs = check_log_bin(p);
	check_format(p);
	check_row_image(p);
	check_row_metadata(p);
	p->readable = check_grants(p) && logs;
	if (logs)
		check_retention(p);
	else
		preflight_skip_to(p, "source.server_id", "there is no binlog");
	check_server_id(p);
	check_gtid(p);
	if (p->readable)
		check_position(p);
	else
		preflight_skip_to(p, "tables.match",
				  logs ? "the binlog may not be read" : "there is no binlog");
}
