/* file_test.c - bounded reads, atomic saves, the folder's lock, files in memory. */
#include "common/contract/errors.h"
#include "common/os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/mr-file-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	char command[128];
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

static const char *in_dir(const char *name)
{
	static char path[8][256];
	static unsigned turn;
	turn = (turn + 1) % 8;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir, name);
	return path[turn];
}

static void assert_content(const char *path, const char *content)
{
	char *text;
	size_t len;
	struct err err = {0};
	if (file_read(path, 1 << 20, ERR_STATE_IO, &text, &len, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(len, strlen(content));
	assert_string_equal(text, content);
	free(text);
}

static void test_read_bounds(void **state)
{
	(void)state;
	char *text;
	size_t len;
	struct err err = {0};
	const char *path = in_dir("f");
	assert_int_equal(file_save(path, "12345", 5, 0600, ERR_STATE_IO, &err), 0);
	assert_int_equal(file_read(path, 5, ERR_STATE_IO, &text, &len, &err), 0);
	assert_int_equal(len, 5);
	free(text);
	assert_int_equal(file_read(path, 4, ERR_STATE_IO, &text, &len, &err), -EFBIG);
	assert_ptr_equal(err.kind, ERR_STATE_IO);
	assert_non_null(strstr(err.text, "larger than 4 bytes"));
	assert_int_equal(file_read(in_dir("no"), 4, ERR_STATE_IO, &text, &len, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/no: No such file"));
	assert_int_equal(file_read(dir, 4, ERR_STATE_IO, &text, &len, &err), -EISDIR);
	/* Files of /proc have no size, and more than a first buffer. */
	assert_int_equal(file_read("/proc/self/smaps", 1 << 20, ERR_STATE_IO, &text, &len, &err),
			 0);
	assert_true(len > 4096 && strlen(text) == len);
	free(text);
	assert_int_equal(file_read("/dev/zero", 100000, ERR_STATE_IO, &text, &len, &err), -EFBIG);
}

static void test_save_replaces(void **state)
{
	(void)state;
	struct err err = {0};
	struct stat st;
	const char *path = in_dir("f");
	/* What a crash in the middle of a save left behind. */
	FILE *left = fopen(in_dir("f.tmp"), "w");
	fputs("half a docu and much longer than what will be saved", left);
	fclose(left);
	assert_int_equal(file_save(path, "one", 3, 0640, ERR_STATE_IO, &err), 0);
	assert_content(path, "one");
	assert_int_equal(file_save(path, "two!", 4, 0640, ERR_STATE_IO, &err), 0);
	assert_content(path, "two!");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(access(in_dir("f.tmp"), F_OK), -1);
}

static void test_save_failures_keep_the_old(void **state)
{
	(void)state;
	struct err err = {0};
	assert_int_equal(file_save(in_dir("no/f"), "x", 1, 0600, ERR_STATE_IO, &err), -ENOENT);
	assert_ptr_equal(err.kind, ERR_STATE_IO);

	/* What is no file is never replaced by one. */
	assert_int_equal(mkfifo(in_dir("pipe"), 0600), 0);
	assert_int_equal(file_save(in_dir("pipe"), "x", 1, 0600, ERR_STATE_IO, &err), -EINVAL);
	assert_non_null(strstr(err.text, "not a regular file"));
	assert_int_equal(file_save(dir, "x", 1, 0600, ERR_STATE_IO, &err), -EINVAL);

	/* A symbolic link in the temporary file's place is not followed. */
	const char *path = in_dir("f");
	assert_int_equal(file_save(path, "old", 3, 0600, ERR_STATE_IO, &err), 0);
	assert_int_equal(symlink("/tmp/mr-elsewhere", in_dir("f.tmp")), 0);
	assert_int_equal(file_save(path, "new", 3, 0600, ERR_STATE_IO, &err), -ELOOP);
	assert_content(path, "old");
	assert_int_equal(access("/tmp/mr-elsewhere", F_OK), -1);
	assert_int_equal(unlink(in_dir("f.tmp")), 0);

	/* A file that may not grow to its size: the write fails in the middle. */
	signal(SIGXFSZ, SIG_IGN);
	struct rlimit old, small;
	getrlimit(RLIMIT_FSIZE, &old);
	small = (struct rlimit){.rlim_cur = 1000, .rlim_max = old.rlim_max};
	setrlimit(RLIMIT_FSIZE, &small);
	char large[5000];
	memset(large, 'x', sizeof(large));
	int rc = file_save(path, large, sizeof(large), 0600, ERR_STATE_IO, &err);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(rc, -EFBIG);
	assert_non_null(strstr(err.text, "f.tmp: File too large"));
	assert_content(path, "old");
	assert_int_equal(access(in_dir("f.tmp"), F_OK), -1);
}

/* A file system without room; needs the right to mount. */
static void test_save_no_space(void **state)
{
	(void)state;
	struct err err = {0};
	if (mount("tmpfs", dir, "tmpfs", 0, "size=16k") != 0) {
		print_message("not tried: mounting is not permitted here\n");
		skip();
	}
	const char *path = in_dir("f");
	char large[20000];
	memset(large, 'x', sizeof(large));
	int first = file_save(path, "old", 3, 0600, ERR_STATE_IO, &err);
	int second = file_save(path, large, sizeof(large), 0600, ERR_STATE_IO, &err);
	char text[8] = "";
	FILE *f = fopen(path, "r");
	if (f) {
		if (!fgets(text, sizeof(text), f))
			text[0] = 0;
		fclose(f);
	}
	int left = access(in_dir("f.tmp"), F_OK);
	umount(dir);
	assert_int_equal(first, 0);
	assert_int_equal(second, -ENOSPC);
	assert_non_null(strstr(err.text, "No space left on device"));
	assert_string_equal(text, "old");
	assert_int_equal(left, -1);
}

static void test_make_folder(void **state)
{
	(void)state;
	struct err err = {0};
	struct stat st;
	assert_int_equal(file_make_folder(in_dir("a/b//c/"), ERR_STATE_IO, &err), 0);
	assert_int_equal(file_make_folder(in_dir("a/b/c"), ERR_STATE_IO, &err), 0);
	assert_int_equal(stat(in_dir("a/b/c"), &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(file_save(in_dir("f"), "x", 1, 0600, ERR_STATE_IO, &err), 0);
	assert_int_equal(file_make_folder(in_dir("f"), ERR_STATE_IO, &err), -ENOTDIR);
	assert_true(file_make_folder(in_dir("f/g"), ERR_STATE_IO, &err) < 0);
	assert_true(file_make_folder("", ERR_STATE_IO, &err) < 0);
}

static void test_lock(void **state)
{
	(void)state;
	struct err err = {0};
	int fd, second, ready[2], go[2];
	char c;
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(go), 0);
	pid_t child = fork();
	if (child == 0) {
		int held;
		if (file_lock_folder(dir, ERR_STATE_LOCKED, ERR_STATE_IO, &held, NULL) != 0)
			_exit(1);
		if (write(ready[1], "r", 1) != 1 || read(go[0], &c, 1) != 1)
			_exit(2);
		_exit(0); /* the lock goes with the process */
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(file_lock_folder(dir, ERR_STATE_LOCKED, ERR_STATE_IO, &fd, &err), -EBUSY);
	assert_ptr_equal(err.kind, ERR_STATE_LOCKED);
	char pid[32];
	snprintf(pid, sizeof(pid), "process %d", (int)child);
	assert_non_null(strstr(err.text, pid));
	assert_int_equal(write(go[1], "g", 1), 1);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(file_lock_folder(dir, ERR_STATE_LOCKED, ERR_STATE_IO, &fd, &err), 0);
	/* In the same process too: another task of this core. */
	assert_int_equal(file_lock_folder(dir, ERR_STATE_LOCKED, ERR_STATE_IO, &second, &err),
			 -EBUSY);
	file_unlock(fd);
	assert_int_equal(file_lock_folder(dir, ERR_STATE_LOCKED, ERR_STATE_IO, &fd, &err), 0);
	file_unlock(fd);
	assert_int_equal(file_lock_folder("/nowhere", ERR_STATE_LOCKED, ERR_STATE_IO, &fd, &err),
			 -ENOENT);
	assert_ptr_equal(err.kind, ERR_STATE_IO);
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(go[i]);
	}
}

static void test_in_memory(void **state)
{
	(void)state;
	struct err err = {0};
	char path[FILE_MEMORY_PATH_MAX];
	int fd;
	assert_int_equal(file_in_memory("pem", 3, ERR_STATE_IO, path, &fd, &err), 0);
	assert_content(path, "pem");
	assert_true(write(fd, "x", 1) < 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_read_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_save_replaces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_save_failures_keep_the_old, setup, teardown),
		cmocka_unit_test_setup_teardown(test_save_no_space, setup, teardown),
		cmocka_unit_test_setup_teardown(test_make_folder, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lock, setup, teardown),
		cmocka_unit_test_setup_teardown(test_in_memory, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
