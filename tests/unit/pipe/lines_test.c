/* lines_test.c - the pipes none, file and stdout, and what all pipes share: numbers of topics. */
#include "tests/unit/pipe/pipe_env.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char dir[] = "/tmp/pipe-test-XXXXXX";
static char path[128];

static int make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/out", dir);
	return 0;
}

static int drop_dir(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

static int no_file(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

static void write_file(const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static char *read_file(void)
{
	static char text[1 << 20];
	int fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	assert_true(n >= 0);
	close(fd);
	text[n] = 0;
	return text;
}

static void none_acknowledges_at_once(void **state)
{
	(void)state;
	struct env *e = env_new();
	env_open(e, &(struct pipe_options){.type = PIPE_NONE});
	uint32_t topic = env_topic(e, "any name at all");
	struct record *r = env_text(e, topic, "k", "value");
	assert_int_equal(pipe_put(e->pipe, r, &e->err), 0);
	assert_int_equal(e->acked, 1);
	assert_ptr_equal(e->order[0], r);
	struct pipe_stats stats;
	pipe_stats(e->pipe, &stats);
	assert_int_equal(stats.produced, 1);
	assert_int_equal(stats.acked, 1);
	assert_int_equal(stats.bytes, 6);
	assert_int_equal(pipe_serve(e->pipe, 1000, &e->err), 0);
	assert_int_equal(pipe_flush(e->pipe, 0, &e->err), 0);
	struct pollfd pfd = {.fd = pipe_fd(e->pipe), .events = POLLIN};
	assert_int_equal(poll(&pfd, 1, 0), 0);
	env_close(e);
}

static void numbers_are_stable(void **state)
{
	(void)state;
	struct env *e = env_new();
	env_open(e, &(struct pipe_options){.type = PIPE_NONE});
	char name[32];
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "task.db.t%u", i);
		assert_int_equal(env_topic(e, name), i);
	}
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "task.db.t%u", i);
		assert_int_equal(env_topic(e, name), i);
		assert_string_equal(pipe_topic_name(e->pipe, i), name);
	}
	assert_null(pipe_topic_name(e->pipe, 5000));
	env_close(e);
}

static void *number_many(void *arg)
{
	struct pipe *p = arg;
	uintptr_t wrong = 0;
	for (unsigned i = 0; i < 3000; i++) {
		char name[32];
		uint32_t number;
		snprintf(name, sizeof(name), "t%u", i);
		if (pipe_topic(p, name, &number, NULL) < 0 ||
		    strcmp(pipe_topic_name(p, number), name) != 0)
			wrong++;
	}
	return (void *)wrong;
}

static void numbers_from_two_threads(void **state)
{
	(void)state;
	struct env *e = env_new();
	env_open(e, &(struct pipe_options){.type = PIPE_NONE});
	pthread_t thread;
	void *wrong;
	pthread_create(&thread, NULL, number_many, e->pipe);
	assert_null(number_many(e->pipe));
	pthread_join(thread, &wrong);
	assert_null(wrong);
	assert_null(pipe_topic_name(e->pipe, 3000)); /* 3000 names, not 6000 */
	env_close(e);
}

static void a_value_is_a_line(void **state)
{
	(void)state;
	struct env *e = env_new();
	struct stat st;
	umask(022);
	env_open(e, &(struct pipe_options){.type = PIPE_FILE, .path = path});
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(env_put(e, env_text(e, 0, "{\"id\":1}", "{\"a\":1}")), 0);
	assert_int_equal(env_put(e, env_text(e, 0, "{\"id\":1}", NULL)), 0);
	assert_int_equal(env_put(e, env_text(e, 0, NULL, "")), 0);
	assert_int_equal(e->acked, 0); /* gathered, not written: not safe */
	assert_int_equal(pipe_serve(e->pipe, 0, &e->err), 0);
	assert_int_equal(e->acked, 3);
	assert_ptr_equal(e->order[2], e->records[2]);
	assert_int_equal(pipe_sync(e->pipe, &e->err), 0);
	assert_string_equal(read_file(), "{\"a\":1}\nnull\n\n");
	env_close(e);
}

static void keys_and_headers_are_unambiguous(void **state)
{
	(void)state;
	const char *const headers[] = {
		"__debezium.newkey", "{\"id\":2}", "a\tb", "x\"y", "n", "", NULL};
	struct env *e = env_new();
	env_open(e, &(struct pipe_options){.type = PIPE_FILE, .path = path, .with_keys = true});
	assert_int_equal(env_put(e, env_record(e, 0, "{\"id\":1}", headers, "{}", 2)), 0);
	assert_int_equal(env_put(e, env_text(e, 0, NULL, "{}")), 0);
	assert_int_equal(env_put(e, env_text(e, 0, "null", "{}")), 0);
	assert_int_equal(env_put(e, env_text(e, 0, "", NULL)), 0);
	assert_int_equal(env_put(e, env_text(e, 0, "shop\titem\n", "{}")), 0);
	assert_int_equal(env_put(e, env_text(e, 0, "{\ttab", "{}")), 0);
	assert_int_equal(env_put(e, env_text(e, 0, "7", "two\nlines")), 0);
	/* Debezium's header of a key with a DATE, in time.precision.mode connect. */
	const char *const no_json[] = {"h", "{\"d\":2026-11-22}", "i", "{\"id\":1", NULL};
	assert_int_equal(env_put(e, env_record(e, 0, "{\"d\":1}x", no_json, "{}", 2)), 0);
	assert_int_equal(pipe_flush(e->pipe, 1000, &e->err), 0);
	assert_string_equal(read_file(),
			    "{\"id\":1}\t{\"__debezium.newkey\":{\"id\":2},"
			    "\"a\\tb\":\"x\\\"y\",\"n\":\"\"}\t{}\n"
			    "null\t{}\t{}\n"
			    "\"null\"\t{}\t{}\n"
			    "\"\"\t{}\tnull\n"
			    "\"shop\\titem\\n\"\t{}\t{}\n"
			    "\"{\\ttab\"\t{}\t{}\n"
			    "\"7\"\t{}\t\"two\\nlines\"\n"
			    "\"{\\\"d\\\":1}x\"\t{\"h\":\"{\\\"d\\\":2026-11-22}\","
			    "\"i\":\"{\\\"id\\\":1\"}\t{}\n");
	env_close(e);
}

/* Prefixes are built in a buffer that entries point into: it must not move under them. */
static void many_prefixes_of_every_size(void **state)
{
	(void)state;
	struct env *e = env_new();
	env_open(e, &(struct pipe_options){.type = PIPE_FILE, .path = path, .with_keys = true});
	char key[3000];
	size_t total = 0;
	for (unsigned i = 0; i < 300; i++) {
		unsigned len = i * 37 % 2900;
		memset(key, 'a' + (int)(i % 26), len);
		key[len] = 0;
		assert_int_equal(env_put(e, env_text(e, 0, key, "v")), 0);
		total += len + 2 + strlen("\t{}\tv\n");
	}
	assert_int_equal(pipe_flush(e->pipe, 1000, &e->err), 0);
	assert_int_equal(e->acked, 300);
	const char *p = read_file();
	assert_int_equal(strlen(p), total);
	for (unsigned i = 0; i < 300; i++) {
		unsigned len = i * 37 % 2900;
		assert_int_equal(*p, '"');
		for (unsigned j = 1; j <= len; j++)
			assert_int_equal(p[j], 'a' + (int)(i % 26));
		assert_memory_equal(p + 1 + len, "\"\t{}\tv\n", 7);
		p += len + 8;
	}
	env_close(e);
}

static void a_large_message_outside_the_ring(void **state)
{
	(void)state;
	struct env *e = env_new();
	size_t len = 700000;
	env_open(e, &(struct pipe_options){.type = PIPE_FILE, .path = path});
	struct record *r = env_text(e, 0, "k", "");
	r->flags |= RECORD_OUTSIDE;
	r->outside = malloc(1 + len);
	assert_non_null(r->outside);
	memset(r->outside, 'x', 1 + len);
	r->value_len = (uint32_t)len;
	assert_int_equal(env_put(e, r), 0);
	assert_int_equal(env_put(e, env_text(e, 0, "k", "next")), 0);
	assert_int_equal(pipe_flush(e->pipe, 1000, &e->err), 0);
	const char *text = read_file();
	assert_int_equal(strspn(text, "x"), len);
	assert_string_equal(text + len, "\nnext\n");
	env_close(e);
}

static void torn_case(const char *before, const char *after)
{
	struct env *e = env_new();
	write_file(before);
	env_open(e, &(struct pipe_options){.type = PIPE_FILE, .path = path});
	assert_string_equal(read_file(), after);
	env_close(e);
}

static void a_torn_last_line_is_cut(void **state)
{
	(void)state;
	static char big[200000];
	torn_case("", "");
	torn_case("a\nb\n", "a\nb\n");
	torn_case("a\nb", "a\n");
	torn_case("never a newline", "");
	torn_case("\n", "\n");
	memset(big, 'y', sizeof(big) - 1); /* the newline is several pieces away */
	big[5] = '\n';
	torn_case(big, "yyyyy\n");
}

static void lines_are_appended(void **state)
{
	(void)state;
	struct env *e = env_new();
	write_file("old\n");
	env_open(e, &(struct pipe_options){.type = PIPE_FILE, .path = path});
	assert_int_equal(env_put(e, env_text(e, 0, NULL, "new")), 0);
	assert_int_equal(pipe_flush(e->pipe, 1000, &e->err), 0);
	assert_string_equal(read_file(), "old\nnew\n");
	env_close(e);
}

static void a_file_has_one_writer(void **state)
{
	(void)state;
	struct env *e = env_new();
	struct env *second = env_new();
	struct pipe_options opt = {.type = PIPE_FILE, .path = path};
	env_open(e, &opt);
	assert_true(env_try_open(second, &opt) < 0);
	assert_kind(second, ERR_PIPE_IO);
	assert_says(second, "another task");
	env_close(second);
	env_close(e);
}

static void a_path_that_cannot_be(void **state)
{
	(void)state;
	struct env *e = env_new();
	assert_int_equal(env_try_open(e, &(struct pipe_options){.type = PIPE_FILE,
								.path = "/nonexistent/x"}),
			 -ENOENT);
	assert_kind(e, ERR_PIPE_IO);
	assert_says(e, "/nonexistent/x");
	assert_true(env_try_open(e, &(struct pipe_options){.type = PIPE_FILE,
							   .path = "/dev/null"}) < 0);
	assert_says(e, "not a regular file");
	env_close(e);
}

/* A file system that is full, as far as a test can have one: a limit on the file's size. */
static void a_full_file_system(void **state)
{
	(void)state;
	struct env *e = env_new();
	struct rlimit was;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	env_open(e, &(struct pipe_options){.type = PIPE_FILE, .path = path});
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){8, was.rlim_max}), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(env_put(e, env_text(e, 0, NULL, "four")), 0);
	int rc = pipe_serve(e->pipe, 0, &e->err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_int_equal(rc, -EFBIG);
	assert_kind(e, ERR_PIPE_IO);
	assert_says(e, path);
	assert_int_equal(e->acked, 1); /* its line is whole; half of the second is there */
	assert_ptr_equal(pipe_failed_record(e->pipe), e->records[1]);
	/* final: the same answer for ever, and nothing is taken */
	memset(&e->err, 0, sizeof(e->err));
	assert_int_equal(pipe_put(e->pipe, env_text(e, 0, NULL, "x"), &e->err), -EFBIG);
	assert_kind(e, ERR_PIPE_IO);
	assert_int_equal(pipe_sync(e->pipe, &e->err), 0); /* the first line is safe to save */
	assert_int_equal(e->acked, 1);
	env_close(e);
	/* the next start mends the file */
	e = env_new();
	env_open(e, &(struct pipe_options){.type = PIPE_FILE, .path = path});
	assert_string_equal(read_file(), "four\n");
	env_close(e);
}

/* Runs body in a child whose standard output is a pipe; returns its reading end. */
static int child_run(void (*body)(struct env *), pid_t *ret_pid)
{
	int fds[2];
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		signal(SIGPIPE, SIG_IGN);
		dup2(fds[1], STDOUT_FILENO);
		close(fds[0]);
		close(fds[1]);
		struct env *e = env_new();
		env_open(e, &(struct pipe_options){.type = PIPE_STDOUT});
		body(e);
		env_close(e);
		exit(0);
	}
	close(fds[1]);
	*ret_pid = pid;
	return fds[0];
}

static void child_check(pid_t pid)
{
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define CHILD_ASSERT(x)                                                                            \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			fprintf(stderr, "line %d: %s\n", __LINE__, #x);                            \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static struct record *numbered(struct env *e, unsigned i)
{
	char text[64];
	snprintf(text, sizeof(text), "{\"number\":%u,\"text\":\"of a certain length\"}", i);
	return env_text(e, 0, NULL, text);
}

/* Fills standard output until it takes nothing more, then finishes when it is read. */
static void fill_stdout(struct env *e)
{
	unsigned i = 0;
	int rc;
	while ((rc = pipe_put(e->pipe, numbered(e, i), &e->err)) == 0)
		i++;
	CHILD_ASSERT(rc == -EAGAIN && i > 1000 && e->acked > 1000);
	struct pollfd pfd = {.fd = pipe_fd(e->pipe), .events = POLLIN};
	CHILD_ASSERT(poll(&pfd, 1, 0) == 0);
	unsigned acked = e->acked;
	CHILD_ASSERT(pipe_serve(e->pipe, 10, &e->err) == 0 && e->acked == acked);
	CHILD_ASSERT((fcntl(STDOUT_FILENO, F_GETFL) & O_NONBLOCK) == 0); /* the parent's too */
	CHILD_ASSERT(kill(getppid(), SIGUSR1) == 0);
	CHILD_ASSERT(poll(&pfd, 1, 10000) == 1); /* the parent reads now */
	CHILD_ASSERT(env_put(e, e->records[i]) == 0);
	for (i++; i < 5000; i++)
		CHILD_ASSERT(env_put(e, numbered(e, i)) == 0);
	CHILD_ASSERT(pipe_flush(e->pipe, 10000, &e->err) == 0);
	CHILD_ASSERT(e->acked == 5000);
}

static void on_usr1(int sig)
{
	(void)sig;
}

static void a_reader_that_pauses(void **state)
{
	(void)state;
	pid_t pid;
	sigset_t set, was;
	signal(SIGUSR1, on_usr1);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &was);
	int fd = child_run(fill_stdout, &pid);
	assert_int_equal(sigtimedwait(&set, NULL, &(struct timespec){.tv_sec = 10}), SIGUSR1);
	sigprocmask(SIG_SETMASK, &was, NULL);
	FILE *f = fdopen(fd, "r");
	char line[256];
	char want[256];
	unsigned i = 0;
	for (; fgets(line, sizeof(line), f); i++) {
		snprintf(want, sizeof(want),
			 "{\"number\":%u,\"text\":\"of a certain length\"}\n", i);
		assert_string_equal(line, want);
	}
	assert_int_equal(i, 5000);
	fclose(f);
	child_check(pid);
}

static void write_after_reader_left(struct env *e)
{
	usleep(50000);
	CHILD_ASSERT(pipe_put(e->pipe, env_text(e, 0, NULL, "x"), &e->err) == 0);
	CHILD_ASSERT(pipe_serve(e->pipe, 0, &e->err) == -EPIPE);
	CHILD_ASSERT(e->err.kind == ERR_PIPE_IO && e->acked == 0);
}

static void a_reader_that_leaves(void **state)
{
	(void)state;
	pid_t pid;
	close(child_run(write_after_reader_left, &pid));
	child_check(pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none_acknowledges_at_once),
		cmocka_unit_test(numbers_are_stable),
		cmocka_unit_test(numbers_from_two_threads),
		cmocka_unit_test_setup(a_value_is_a_line, no_file),
		cmocka_unit_test_setup(keys_and_headers_are_unambiguous, no_file),
		cmocka_unit_test_setup(many_prefixes_of_every_size, no_file),
		cmocka_unit_test_setup(a_large_message_outside_the_ring, no_file),
		cmocka_unit_test_setup(a_torn_last_line_is_cut, no_file),
		cmocka_unit_test_setup(lines_are_appended, no_file),
		cmocka_unit_test_setup(a_file_has_one_writer, no_file),
		cmocka_unit_test(a_path_that_cannot_be),
		cmocka_unit_test_setup(a_full_file_system, no_file),
		cmocka_unit_test(a_reader_that_pauses),
		cmocka_unit_test(a_reader_that_leaves),
	};
	return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
