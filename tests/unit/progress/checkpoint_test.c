/*
 * checkpoint_test.c - the state folder: whose it is, what a crash or a full disk leaves,
 * what is refused rather than guessed.
 */
#include "common/contract/errors.h"
#include "common/os/file.h"
#include "core/progress/position_doc.h"
#include "core/progress/state_folder.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define UUID "3e11fa47-71ca-11e1-9e33-c80aa9429562"

static char dir[64];

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/mr-state-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	char command[128];
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

static struct state_folder_options options(const char *task, const char *uid)
{
	return (struct state_folder_options){
		.dir = dir,
		.task = task,
		.uid = uid,
		.delivery = "at_least_once",
		.instance = "h:1",
		.interval = 500000,
	};
}

static struct checkpoint *open_as(const char *task, const char *uid)
{
	struct state_folder_options o = options(task, uid);
	struct checkpoint *c = NULL;
	struct err err = {0};
	if (state_folder_open(&o, &c, &err) != 0)
		fail_msg("%s at %s", err.text, err.where);
	return c;
}

static void assert_open_fails(const char *task, const char *uid, const struct err_kind *kind,
			      const char *part)
{
	struct state_folder_options o = options(task, uid);
	struct checkpoint *c = NULL;
	struct err err = {0};
	assert_true(state_folder_open(&o, &c, &err) < 0);
	assert_null(c);
	if (err.kind != kind || !strstr(err.text, part))
		fail_msg("%s (%s)", err.text, err.kind ? err.kind->code : "?");
}

static struct position position_at(const char *file, uint64_t pos, const char *gtids)
{
	struct position p;
	struct err err;
	position_init(&p, FLAVOR_MYSQL);
	snprintf(p.source, sizeof(p.source), "%s", UUID);
	snprintf(p.at.file, sizeof(p.at.file), "%s", file);
	p.at.pos = pos;
	if (gtids) {
		p.gtids = gtid_set_new(FLAVOR_MYSQL);
		assert_int_equal(gtid_set_parse(p.gtids, gtids, &err), 0);
	}
	return p;
}

static void save(struct checkpoint *c, const char *file, uint64_t pos, const char *gtids)
{
	struct position p = position_at(file, pos, gtids);
	struct err err = {0};
	if (checkpoint_save(c, &p, &err) != 0)
		fail_msg("%s", err.text);
	position_clear(&p);
}

static void assert_saved(struct checkpoint *c, const char *file, uint64_t pos, const char *gtids)
{
	struct position p;
	struct err err = {0};
	struct buf b;
	position_init(&p, FLAVOR_MYSQL);
	buf_init(&b);
	assert_true(checkpoint_found(c));
	if (checkpoint_load(c, &p, &err) != 0)
		fail_msg("%s", err.text);
	assert_string_equal(p.at.file, file);
	assert_string_equal(p.source, UUID);
	assert_int_equal(p.at.pos, pos);
	if (gtids) {
		assert_non_null(p.gtids);
		gtid_set_format(p.gtids, &b);
		assert_string_equal(buf_cstr(&b), gtids);
	} else {
		assert_null(p.gtids);
	}
	buf_free(&b);
	position_clear(&p);
}

static const char *in_dir(const char *name)
{
	static char path[4][256];
	static unsigned turn;
	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir, name);
	return path[turn];
}

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(in_dir(name), "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* The file with a piece of it replaced by another. */
static void edit_file(const char *name, const char *from, const char *to)
{
	char *text, *at;
	size_t len;
	assert_int_equal(file_read(in_dir(name), 1 << 20, ERR_STATE_IO, &text, &len, NULL), 0);
	at = strstr(text, from);
	assert_non_null(at);
	FILE *f = fopen(in_dir(name), "w");
	fprintf(f, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
	fclose(f);
	free(text);
}

static void test_first_start_and_again(void **state)
{
	(void)state;
	struct checkpoint *c = open_as("t", "");
	char cluster[64], uid[64];
	assert_false(checkpoint_found(c));
	assert_int_equal(checkpoint_epoch(c), 1);
	snprintf(cluster, sizeof(cluster), "%s", state_folder_cluster(c));
	snprintf(uid, sizeof(uid), "%s", checkpoint_uid(c));
	assert_int_equal(strlen(cluster), 16);
	assert_int_equal(strlen(uid), 36);
	assert_int_equal(checkpoint_set_pipe_cluster(c, "kc"), 0);
	save(c, "binlog.000002", 1234, UUID ":1-5");
	save(c, "binlog.000002", 1300, UUID ":1-6");
	assert_int_equal(checkpoint_saves(c), 2);
	checkpoint_close(c);

	c = open_as("t", "");
	assert_int_equal(checkpoint_epoch(c), 2);
	assert_string_equal(state_folder_cluster(c), cluster);
	assert_string_equal(checkpoint_uid(c), uid);
	assert_int_equal(checkpoint_flavor(c), FLAVOR_MYSQL);
	assert_saved(c, "binlog.000002", 1300, UUID ":1-6");
	checkpoint_close(c);

	char *text;
	size_t len;
	struct position_doc d;
	struct err err = {0};
	assert_int_equal(
		file_read(in_dir("position.json"), 1 << 20, ERR_STATE_IO, &text, &len, &err), 0);
	assert_int_equal(position_doc_parse(text, len, &d, &err), 0);
	assert_int_equal(d.seq, 2);
	assert_int_equal(d.epoch, 1);
	assert_string_equal(d.uid, uid);
	assert_string_equal(d.pipe_cluster, "kc");
	assert_string_equal(d.delivery, "at_least_once");
	assert_string_equal(d.instance, "h:1");
	assert_true(d.ts_ms > 1600000000000);
	position_doc_clear(&d);
	free(text);
}

static void test_locked(void **state)
{
	(void)state;
	struct checkpoint *c = open_as("t", "");
	assert_open_fails("t", "", ERR_STATE_LOCKED, "in use by process");
	checkpoint_close(c);
	checkpoint_close(open_as("t", ""));
}

static void test_other_task(void **state)
{
	(void)state;
	checkpoint_close(open_as("one", "uid-1"));
	assert_open_fails("two", "", ERR_STATE_INVALID, "name 'one', not 'two'");
	assert_open_fails("one", "uid-2", ERR_STATE_INVALID, "uid 'uid-1', not 'uid-2'");
	struct checkpoint *c = open_as("one", "uid-1");
	save(c, "b.1", 4, NULL);
	checkpoint_close(c);
	/* The document may do without its uid: the folder knows it. */
	c = open_as("one", "");
	assert_string_equal(checkpoint_uid(c), "uid-1");
	checkpoint_close(c);
	edit_file("position.json", "uid-1", "uid-9");
	assert_open_fails("one", "uid-1", ERR_STATE_INVALID, "position.json belongs to the task");
}

static void test_other_flavor(void **state)
{
	(void)state;
	struct checkpoint *c = open_as("t", "");
	struct position p;
	struct err err = {0};
	position_init(&p, FLAVOR_MARIADB);
	assert_int_equal(checkpoint_load(c, &p, &err), -ENOENT);
	save(c, "b.1", 4, NULL);
	assert_int_equal(checkpoint_load(c, &p, &err), -EINVAL);
	assert_ptr_equal(err.kind, ERR_STATE_INVALID);
	assert_non_null(strstr(err.text, "a mysql server, but the source is mariadb"));
	checkpoint_close(c);
}

/* Damage is an error, and the damaged file stays for a person to look at. */
static void test_damaged(void **state)
{
	(void)state;
	struct checkpoint *c = open_as("t", "");
	save(c, "b.1", 4, UUID ":1");
	checkpoint_close(c);
	char *text;
	size_t len;
	assert_int_equal(
		file_read(in_dir("position.json"), 1 << 20, ERR_STATE_IO, &text, &len, NULL), 0);
	for (size_t cut = 0; cut + 2 < len; cut += 7) {
		assert_int_equal(truncate(in_dir("position.json"), (off_t)cut), 0);
		assert_open_fails("t", "", ERR_STATE_INVALID,
				  "position.json: the position document");
		write_file("position.json", text);
	}
	free(text);
	edit_file("position.json", UUID ":1", "nonsense");
	c = open_as("t", "");
	struct position p;
	struct err err = {0};
	position_init(&p, FLAVOR_MYSQL);
	assert_int_equal(checkpoint_load(c, &p, &err), -EINVAL);
	assert_non_null(strstr(err.text, "GTID set: expected a server uuid"));
	assert_string_equal(err.where, "gtid");
	checkpoint_close(c);

	write_file("state.json", "");
	assert_open_fails("t", "", ERR_STATE_INVALID, "state.json is not valid JSON");
	write_file("state.json", "{\"version\":2}");
	assert_open_fails("t", "", ERR_STATE_INVALID, "other software");
	unlink(in_dir("state.json"));
	assert_open_fails("t", "", ERR_STATE_INVALID, "restore the one or remove the other");
	unlink(in_dir("position.json"));
	c = open_as("t", "");
	assert_false(checkpoint_found(c));
	checkpoint_close(c);
}

/* What kill -9 in the middle of a save leaves behind. */
static void test_crash_in_save(void **state)
{
	(void)state;
	struct checkpoint *c = open_as("t", "");
	save(c, "b.1", 100, UUID ":1-5");
	checkpoint_close(c);
	write_file("position.json.tmp", "{\"version\":1,\"uid\":\"");
	write_file("state.json.tmp", "{");
	c = open_as("t", "");
	assert_saved(c, "b.1", 100, UUID ":1-5");
	save(c, "b.1", 200, UUID ":1-6");
	assert_int_equal(access(in_dir("position.json.tmp"), F_OK), -1);
	checkpoint_close(c);
	c = open_as("t", "");
	assert_saved(c, "b.1", 200, UUID ":1-6");
	checkpoint_close(c);
}

/* A process that saves as fast as it can, killed at some moment: never a damaged file. */
static void test_killed_while_saving(void **state)
{
	(void)state;
	for (int round = 0; round < 10; round++) {
		pid_t child = fork();
		if (child == 0) {
			struct state_folder_options o = options("t", "");
			struct checkpoint *c;
			if (state_folder_open(&o, &c, NULL) != 0)
				_exit(1);
			struct position p = {.flavor = FLAVOR_MYSQL, .at = {.file = "b.1"}};
			for (p.at.pos = 4; p.at.pos < 1000000; p.at.pos++)
				if (checkpoint_save(c, &p, NULL) != 0)
					_exit(2);
			_exit(3);
		}
		usleep(20000 + (useconds_t)round * 3000);
		kill(child, SIGKILL);
		int status;
		waitpid(child, &status, 0);
		assert_true(WIFSIGNALED(status));
		struct checkpoint *c = open_as("t", "");
		if (checkpoint_found(c)) {
			struct position p;
			struct err err;
			position_init(&p, FLAVOR_MYSQL);
			assert_int_equal(checkpoint_load(c, &p, &err), 0);
			assert_true(p.at.pos >= 4);
		}
		checkpoint_close(c);
	}
}

/* A full disk: the old position stays, saving again works when there is room. */
static void test_disk_full(void **state)
{
	(void)state;
	if (mount("tmpfs", dir, "tmpfs", 0, "size=40k") != 0) {
		print_message("not tried: mounting is not permitted here\n");
		skip();
	}
	struct checkpoint *c = open_as("t", "");
	save(c, "b.1", 100, NULL);
	char block[4096] = {1};
	FILE *f = fopen(in_dir("filler"), "w");
	setbuf(f, NULL);
	for (int i = 0; i < 20 && fwrite(block, sizeof(block), 1, f) == 1; i++)
		;
	fclose(f);
	struct position p = position_at("b.1", 200, NULL);
	struct err err = {0};
	int full = checkpoint_save(c, &p, &err);
	checkpoint_close(c);
	unlink(in_dir("filler"));
	c = open_as("t", "");
	assert_saved(c, "b.1", 100, NULL);
	assert_int_equal(checkpoint_save(c, &p, &err), 0);
	checkpoint_close(c);
	c = open_as("t", "");
	assert_saved(c, "b.1", 200, NULL);
	checkpoint_close(c);
	umount(dir);
	assert_int_equal(full, -ENOSPC);
	assert_ptr_equal(err.kind, ERR_STATE_IO);
	position_clear(&p);
}

static void test_ticks(void **state)
{
	(void)state;
	struct checkpoint *c = open_as("t", "");
	struct position start = position_at("b.1", 100, NULL);
	struct ledger l;
	struct err err = {0};
	usec_t now = 10000000;
	assert_int_equal(ledger_init(&l, &start), 0);
	/* The start is saved before anything moved: a restart begins there, not "latest". */
	assert_int_equal(checkpoint_tick(c, &l, now, &err), 1);
	assert_int_equal(checkpoint_due(c), now + 500000);
	assert_int_equal(checkpoint_tick(c, &l, now + 600000, &err), 0);
	now = checkpoint_due(c);

	struct ring *ring;
	assert_int_equal(ring_new(65536, &ring), 0);
	for (uint64_t i = 1; i <= 3; i++) {
		size_t size = sizeof(struct record) + sizeof(struct record_mark);
		struct record *r = ring_reserve(ring, size);
		memset(r, 0, size);
		r->kind = RECORD_MARK;
		struct record_mark *m = (struct record_mark *)(r + 1);
		strcpy(m->end.file, "b.1");
		m->end.pos = 100 + i;
		ring_commit(ring, size);
		ring_publish(ring);
		ledger_taken(&l, ring_next(ring, NULL));
		assert_int_equal(ledger_advance(&l, ring), 1);
		if (i == 1) {
			assert_int_equal(checkpoint_tick(c, &l, now, &err), 1);
			assert_saved(c, "b.1", 101, NULL);
		} else if (i == 2) {
			assert_int_equal(checkpoint_tick(c, &l, now + 499999, &err), 0);
			assert_saved(c, "b.1", 101, NULL);
		}
	}
	assert_int_equal(checkpoint_flush(c, &l, &err), 1);
	assert_saved(c, "b.1", 103, NULL);
	assert_int_equal(checkpoint_flush(c, &l, &err), 0);
	ledger_free(&l);

	/* A capture that starts again has a ledger that counts anew. */
	struct position p = position_at("b.2", 4, NULL);
	assert_int_equal(ledger_init(&l, &p), 0);
	assert_int_equal(checkpoint_flush(c, &l, &err), 1);
	assert_saved(c, "b.2", 4, NULL);
	ledger_free(&l);
	position_clear(&p);

	/* A failed save is tried again. */
	p = position_at("b.2", 5, NULL);
	assert_int_equal(ledger_init(&l, &p), 0);
	assert_int_equal(mkdir(in_dir("position.json.tmp"), 0700), 0);
	assert_int_equal(checkpoint_flush(c, &l, &err), -EISDIR);
	assert_ptr_equal(err.kind, ERR_STATE_IO);
	rmdir(in_dir("position.json.tmp"));
	assert_int_equal(checkpoint_flush(c, &l, &err), 1);
	assert_saved(c, "b.2", 5, NULL);
	ledger_free(&l);
	position_clear(&p);
	position_clear(&start);
	ring_free(ring);
	checkpoint_close(c);
}

static void test_partial_round_trip(void **state)
{
	(void)state;
	struct checkpoint *c = open_as("t", "");
	struct position p = position_at("b.1", 100, UUID ":1-5"), q;
	struct err err = {0};
	p.partial = (struct partial){.set = true, .rows = 1000000, .crc = 0xdeadbeef};
	assert_int_equal(gtid_parse(FLAVOR_MYSQL, UUID ":6", &p.partial.gtid), 0);
	strcpy(p.partial.start.file, "b.1");
	p.partial.start.pos = 100;
	assert_int_equal(checkpoint_save(c, &p, &err), 0);
	checkpoint_close(c);
	c = open_as("t", "");
	position_init(&q, FLAVOR_MYSQL);
	assert_int_equal(checkpoint_load(c, &q, &err), 0);
	assert_true(q.partial.set);
	assert_int_equal(q.partial.rows, 1000000);
	assert_true(q.partial.crc == 0xdeadbeef);
	assert_true(gtid_equal(&q.partial.gtid, &p.partial.gtid));
	assert_string_equal(q.partial.start.file, "b.1");
	assert_int_equal(q.partial.start.pos, 100);
	checkpoint_close(c);
	position_clear(&p);
	position_clear(&q);
}

static void test_from_doc_refuses(void **state)
{
	(void)state;
	static const struct {
		const char *member, *value, *part;
	} cases[] = {
		{"\"file\":\"b.1\"", "\"file\":\"../b\"", "'file' is not"},
		{"\"pos\":100", "\"pos\":0", "go together"},
		{"\"gtid\":\"\"", "\"gtid\":\"0-1-1\"", "expected a server uuid"},
		{"\"partial\":null",
		 "\"partial\":{\"gtid\":\"x\",\"file\":\"b\",\"pos\":4,\"rows\":1,\"crc\":0,"
		 "\"revision\":0}",
		 "'partial.gtid'"},
		{"\"partial\":null",
		 "\"partial\":{\"gtid\":\"\",\"file\":\"\",\"pos\":4,\"rows\":1,\"crc\":0,"
		 "\"revision\":"
		 "0}",
		 "neither a GTID nor a place"},
		{"\"partial\":null",
		 "\"partial\":{\"gtid\":\"\",\"file\":\"b\",\"pos\":4,\"rows\":0,\"crc\":0,"
		 "\"revision\":0}",
		 "nothing would be partial"},
#define PREPARED(xid, gtid, before, file)                                                          \
	"\"prepared\":[{\"xid\":\"" xid "\",\"gtid\":\"" gtid "\",\"before\":\"" before                \
	"\",\"file\":\"" file "\",\"pos\":1}]"
		{"\"prepared\":[]", PREPARED("x", "", "", "b.1"), "name of an XA"},
		{"\"prepared\":[]", PREPARED("X'61'", "0-1", "", "b.1"), "'gtid' is not"},
		{"\"prepared\":[]", PREPARED("X'61'", "", "0-1", "b.1"), "'before' is not"},
		{"\"prepared\":[]", PREPARED("X'61'", "", "", ""), "not a place"},
		{"\"prepared\":[]", PREPARED("X'61'", "", "", "a/b.1"), "not a place"},
		{"\"snapshot\":null", "\"snapshot\":{}", "a snapshot is under way"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct checkpoint *c = open_as("t", "");
		save(c, "b.1", 100, NULL);
		checkpoint_close(c);
		edit_file("position.json", cases[i].member, cases[i].value);
		c = open_as("t", "");
		struct position p;
		struct err err = {0};
		position_init(&p, FLAVOR_MYSQL);
		assert_true(checkpoint_load(c, &p, &err) < 0);
		assert_ptr_equal(err.kind, ERR_STATE_INVALID);
		if (!strstr(err.text, cases[i].part))
			fail_msg("'%s' lacks '%s'", err.text, cases[i].part);
		assert_null(p.gtids);
		checkpoint_close(c);
		unlink(in_dir("position.json"));
	}
}

/* A server too new to have executed anything: an empty set, not "no GTIDs". */
static void test_empty_set(void **state)
{
	(void)state;
	struct checkpoint *c = open_as("t", "");
	save(c, "", 0, "");
	checkpoint_close(c);
	c = open_as("t", "");
	assert_saved(c, "", 0, "");
	save(c, "b.1", 100, NULL);
	checkpoint_close(c);
	c = open_as("t", "");
	assert_saved(c, "b.1", 100, NULL);
	checkpoint_close(c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_first_start_and_again),
		TEST(test_locked),
		TEST(test_other_task),
		TEST(test_other_flavor),
		TEST(test_damaged),
		TEST(test_crash_in_save),
		TEST(test_killed_while_saving),
		TEST(test_disk_full),
		TEST(test_ticks),
		TEST(test_partial_round_trip),
		TEST(test_from_doc_refuses),
		TEST(test_empty_set),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
