/* log_test.c - log lines as a reader of standard error sees them. */
#include "common/contract/errors.h"
#include "common/os/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { CAPTURE_MAX = 1 << 20 };

static int saved_stderr;
static FILE *capture;
static char captured[CAPTURE_MAX];

/* Standard error goes to a file from here to captured_text(). */
static void capture_begin(void)
{
	saved_stderr = dup(STDERR_FILENO);
	capture = tmpfile();
	assert_non_null(capture);
	assert_true(dup2(fileno(capture), STDERR_FILENO) >= 0);
}

static const char *captured_text(void)
{
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	rewind(capture);
	size_t n = fread(captured, 1, sizeof(captured) - 1, capture);
	captured[n] = 0;
	fclose(capture);
	return captured;
}

static void test_line(void **state)
{
	(void)state;
	unsetenv("JOURNAL_STREAM");
	capture_begin();
	log_open(LOG_LEVEL_INFO);
	log_bind("task=%s", "copy");
	log_info("hello %d", 7);
	log_debug("not shown");
	log_bind("%s", "");
	log_error("two\nlines\ttab\x1b[31m");
	const char *text = captured_text();
	const char *second = strchr(text, '\n') + 1;
	/* 2026-11-22T10:00:00.123Z INFO  task=copy hello 7 */
	assert_int_equal(text[10], 'T');
	assert_int_equal(text[23], 'Z');
	assert_int_equal(strncmp(text + 24, " INFO  task=copy hello 7\n", 25), 0);
	assert_string_equal(second + 24, " ERROR two\\nlines\\ttab\\x1b[31m\n");
}

static void test_journald(void **state)
{
	(void)state;
	struct stat st;
	char stream[64];
	capture_begin();
	fstat(STDERR_FILENO, &st);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_open(LOG_LEVEL_DEBUG);
	log_warn("w");
	log_debug("d");
	setenv("JOURNAL_STREAM", "1:1", 1);
	log_open(LOG_LEVEL_INFO);
	log_warn("not the journal");
	unsetenv("JOURNAL_STREAM");
	const char *text = captured_text();
	assert_int_equal(strncmp(text, "<4>w\n<7>d\n2", 11), 0);
}

static void test_cut(void **state)
{
	(void)state;
	char large[6000];
	for (size_t i = 0; i + 1 < sizeof(large); i += 2)
		memcpy(large + i, "\xc3\xa9", 2);
	large[sizeof(large) - 1] = large[sizeof(large) - 2] = 0;
	for (int shift = 0; shift < 2; shift++) {
		capture_begin();
		log_open(LOG_LEVEL_INFO);
		log_info("%s%s", shift ? "x" : "", large);
		const char *text = captured_text();
		size_t n = strlen(text);
		assert_true(n <= 4096 && n > 4090);
		assert_string_equal(text + n - 4, "...\n");
		/* No half character in front of the dots. */
		assert_int_equal((uint8_t)text[n - 5], 0xa9);
		assert_int_equal((uint8_t)text[n - 6], 0xc3);
	}
	/* Control characters at the very end do not run over. */
	memset(large, '\x01', sizeof(large) - 1);
	capture_begin();
	log_info("%s", large);
	size_t n = strlen(captured_text());
	assert_true(n <= 4096 && n > 4080);
}

static void *write_lines(void *arg)
{
	log_bind("thread=%d", *(int *)arg);
	for (int i = 0; i < 500; i++)
		log_info("line %d of %d aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", i,
			 *(int *)arg);
	return NULL;
}

/* Lines of several threads never mix, and each has its own prefix. */
static void test_threads(void **state)
{
	(void)state;
	pthread_t threads[4];
	int numbers[4];
	capture_begin();
	/* Appending, as a log file is opened: each write goes to the end. */
	fcntl(STDERR_FILENO, F_SETFL, O_APPEND);
	for (int i = 0; i < 4; i++) {
		numbers[i] = i;
		pthread_create(&threads[i], NULL, write_lines, &numbers[i]);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	char *text = (char *)captured_text(), *line;
	int count = 0, next[4] = {0};
	for (char *rest = text; (line = strsep(&rest, "\n")) && *line; count++) {
		int thread, number, of;
		if (sscanf(line + 24, " INFO  thread=%d line %d of %d a", &thread, &number, &of) !=
		    3)
			fail_msg("mixed: %s", line);
		assert_int_equal(thread, of);
		assert_int_equal(number, next[thread]++);
	}
	assert_int_equal(count, 2000);
}

static void test_err(void **state)
{
	(void)state;
	struct err err = {0};
	err_set_at(&err, -1, ERR_STATE_IO, "place", "no room");
	capture_begin();
	log_open(LOG_LEVEL_INFO);
	log_err(LOG_LEVEL_ERROR, "saving", &err);
	const char *text = captured_text();
	assert_string_equal(text + 24, " ERROR saving: no room (state_io) at place: Make room or "
				       "correct the permissions of the folder.\n");
}

static void test_levels(void **state)
{
	(void)state;
	enum log_level level = LOG_LEVEL_ERROR;
	assert_int_equal(log_level_parse("debug", &level), 0);
	assert_int_equal(level, LOG_LEVEL_DEBUG);
	assert_true(log_level_parse("Debug", &level) < 0);
	assert_int_equal(level, LOG_LEVEL_DEBUG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line), cmocka_unit_test(test_journald),
		cmocka_unit_test(test_cut),  cmocka_unit_test(test_threads),
		cmocka_unit_test(test_err),  cmocka_unit_test(test_levels),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
