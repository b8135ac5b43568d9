/* process_test.c - signals, the service manager's socket, figures of the process, random. */
#include "common/os/notify.h"
#include "common/os/process.h"
#include "common/os/random.h"
#include "common/os/signals.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static bool readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	return poll(&p, 1, 0) == 1;
}

static void test_signals(void **state)
{
	(void)state;
	assert_int_equal(signals_open(), 0);
	int fd = signals_fd();
	assert_false(readable(fd));
	assert_int_equal(signals_take(), 0);

	raise(SIGHUP);
	assert_true(readable(fd));
	assert_false(signals_stopping());
	assert_int_equal(signals_take(), SIGNALS_RELOAD);
	assert_false(readable(fd));

	raise(SIGTERM);
	raise(SIGHUP);
	assert_true(signals_stopping());
	assert_int_equal(signals_take(), SIGNALS_STOP | SIGNALS_RELOAD);
	assert_int_equal(signals_take(), 0);
	assert_true(signals_stopping());
	raise(SIGINT);
	assert_int_equal(signals_stops(), 2);
	assert_int_equal(signals_take(), SIGNALS_STOP);

	raise(SIGPIPE); /* ignored, or this test ends here */
	signals_close();
	struct sigaction action;
	sigaction(SIGTERM, NULL, &action);
	assert_true(action.sa_handler == SIG_DFL);
}

static void assert_received(int fd, const char *text)
{
	char got[600];
	ssize_t n = recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT);
	assert_true(n >= 0);
	got[n] = 0;
	assert_string_equal(got, text);
}

static void try_notify(const char *name, const struct sockaddr_un *address, size_t len)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)address, (socklen_t)len), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	assert_true(notify_wanted());
	notify_ready();
	assert_received(fd, "READY=1");
	notify_status("%s rows\nand %d more", "7", 3);
	assert_received(fd, "STATUS=7 rows and 3 more");
	notify_watchdog();
	assert_received(fd, "WATCHDOG=1");
	notify_stopping();
	assert_received(fd, "STOPPING=1");
	close(fd);
	notify_ready(); /* nobody listens: no failure */
	unsetenv("NOTIFY_SOCKET");
	assert_false(notify_wanted());
	notify_ready();
}

static void test_notify(void **state)
{
	(void)state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char name[64];
	snprintf(name, sizeof(name), "/tmp/mr-notify-%d", (int)getpid());
	strcpy(address.sun_path, name);
	try_notify(name, &address, sizeof(address));
	unlink(name);

	snprintf(name, sizeof(name), "@mr-notify-%d", (int)getpid());
	memset(address.sun_path, 0, sizeof(address.sun_path));
	memcpy(address.sun_path + 1, name + 1, strlen(name) - 1);
	try_notify(name, &address, offsetof(struct sockaddr_un, sun_path) + strlen(name));

	setenv("NOTIFY_SOCKET", "relative", 1);
	assert_false(notify_wanted());
	unsetenv("NOTIFY_SOCKET");
}

static void test_watchdog(void **state)
{
	(void)state;
	char pid[32];
	unsetenv("WATCHDOG_PID");
	unsetenv("WATCHDOG_USEC");
	assert_int_equal(notify_watchdog_every(), 0);
	setenv("WATCHDOG_USEC", "30000000", 1);
	assert_int_equal(notify_watchdog_every(), 15000000);
	setenv("WATCHDOG_PID", "1", 1);
	assert_int_equal(notify_watchdog_every(), 0);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(notify_watchdog_every(), 15000000);
	setenv("WATCHDOG_USEC", "x", 1);
	assert_int_equal(notify_watchdog_every(), 0);
}

static void test_process(void **state)
{
	(void)state;
	enum { SIZE = 32 << 20 };
	uint64_t before = process_rss();
	char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(p, 1, SIZE);
	assert_true(process_rss() >= before + SIZE - (4 << 20));
	munmap(p, SIZE);
	assert_true(process_peak_rss() >= before + SIZE - (4 << 20));
	usec_t cpu = process_cpu();
	for (volatile unsigned i = 0; i < 20000000; i++)
		;
	assert_true(process_cpu() > cpu + 1000);
	char name[PROCESS_HOSTNAME_MAX];
	process_hostname(name);
	assert_true(name[0]);
}

static void test_random(void **state)
{
	(void)state;
	char a[RANDOM_UUID_SIZE], b[RANDOM_UUID_SIZE], hex[17];
	random_uuid(a);
	random_uuid(b);
	assert_string_not_equal(a, b);
	assert_int_equal(strlen(a), 36);
	assert_int_equal(a[14], '4');
	assert_non_null(strchr("89ab", a[19]));
	random_hex(hex, 8);
	assert_int_equal(strlen(hex), 16);
	assert_int_equal(strspn(hex, "0123456789abcdef"), 16);
	unsigned seen = 0;
	for (int i = 0; i < 1000; i++) {
		uint64_t v = random_below(5);
		assert_true(v < 5);
		seen |= 1u << v;
	}
	assert_int_equal(seen, 31);
	assert_int_equal(random_below(0), 0);
	assert_int_equal(random_below(1), 0);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* have heaps of their own */

static long faults(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return u.ru_minflt;
}

/* Gets, fills and frees buffers, 8 MiB of them, a number of times. */
static long faults_of_buffers(int rounds)
{
	enum { N = 8, SIZE = 1 << 20 };
	long before = faults();
	for (int k = 0; k < rounds; k++) {
		char *buffer[N];
		for (int i = 0; i < N; i++) {
			assert_non_null(buffer[i] = malloc(SIZE));
			memset(buffer[i], k + 1, SIZE);
		}
		for (int i = N; i-- > 0;)
			free(buffer[i]);
	}
	return faults() - before;
}

static void test_heap(void **state)
{
	(void)state;
	process_heap_keep(24 << 20, 4 << 20);
	(void)faults_of_buffers(1);
	assert_in_range(faults_of_buffers(20), 0, 400); /* 40,960 and more otherwise */
	uint64_t kept = process_rss();
	process_heap_trim();
	assert_in_range(process_rss(), 1, kept - (6 << 20));
	void *alone = malloc(5 << 20);
	assert_non_null(alone);
	memset(alone, 1, 5 << 20);
	kept = process_rss();
	free(alone);
	assert_in_range(process_rss(), 1, kept - (4 << 20));
}

#else

static void test_heap(void **state)
{
	(void)state;
	process_heap_keep(24 << 20, 4 << 20);
	process_heap_trim();
}

#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heap),
		cmocka_unit_test(test_signals),  cmocka_unit_test(test_notify),
		cmocka_unit_test(test_watchdog), cmocka_unit_test(test_process),
		cmocka_unit_test(test_random),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
