/* jobs_test.c - each job is worked on once and told once, also when everything is closed. */
#include "core/jobs.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

struct work {
	struct job job;
	atomic_int worked;
	atomic_bool interrupted;
	bool until_interrupted;
	int told, ran;
	pthread_t teller;
};

static void do_work(struct job *job)
{
	struct work *w = (struct work *)job;
	for (int i = 0; w->until_interrupted && !atomic_load(&w->interrupted) && i < 10000; i++)
		usleep(1000);
	atomic_fetch_add(&w->worked, 1);
}

static void done(struct job *job, bool ran)
{
	struct work *w = (struct work *)job;
	w->told++;
	w->ran += ran;
	w->teller = pthread_self();
}

static void interrupt(struct job *job)
{
	atomic_store(&((struct work *)job)->interrupted, true);
}

static void many_jobs(void **state)
{
	enum { N = 200 };
	static struct work work[N];
	sd_event *loop;
	struct jobs *jobs;
	struct err err = {0};
	(void)state;
	assert_true(sd_event_new(&loop) >= 0);
	assert_int_equal(jobs_open(loop, &jobs, &err), 0);
	for (int i = 0; i < N; i++) {
		work[i].job = (struct job){.work = do_work, .done = done};
		jobs_add(jobs, &work[i].job);
	}
	for (int left = N, turns = 0; left && turns < 10000; turns++) {
		assert_true(sd_event_run(loop, 1000000) >= 0);
		left = 0;
		for (int i = 0; i < N; i++)
			left += !work[i].told;
	}
	for (int i = 0; i < N; i++) {
		assert_int_equal(work[i].worked, 1);
		assert_int_equal(work[i].told, 1);
		assert_int_equal(work[i].ran, 1);
		assert_true(pthread_equal(work[i].teller, pthread_self()));
	}
	jobs_close(jobs);
	sd_event_unref(loop);
}

static void closed_in_the_middle(void **state)
{
	enum { N = JOBS_THREADS + 3 };
	static struct work work[N];
	sd_event *loop;
	struct jobs *jobs;
	struct err err = {0};
	int ran = 0;
	(void)state;
	assert_true(sd_event_new(&loop) >= 0);
	assert_int_equal(jobs_open(loop, &jobs, &err), 0);
	for (int i = 0; i < N; i++) {
		work[i] = (struct work){.job = {.work = do_work, .done = done, .interrupt = interrupt},
					.until_interrupted = true};
		jobs_add(jobs, &work[i].job);
	}
	usleep(50000);
	jobs_close(jobs);
	for (int i = 0; i < N; i++) {
		assert_int_equal(work[i].told, 1);
		assert_int_equal(work[i].ran, work[i].worked);
		ran += work[i].ran;
	}
	assert_true(ran <= JOBS_THREADS);
	jobs_close(NULL);
	sd_event_unref(loop);
}

/* Background jobs that hang leave threads to those that somebody waits for. */
static void background_leaves_room(void **state)
{
	enum { N = 20 };
	static struct work hanging[N], urgent;
	sd_event *loop;
	struct jobs *jobs;
	struct err err = {0};
	(void)state;
	assert_true(sd_event_new(&loop) >= 0);
	assert_int_equal(jobs_open(loop, &jobs, &err), 0);
	for (int i = 0; i < N; i++) {
		hanging[i] = (struct work){.job = {.work = do_work, .done = done,
						   .interrupt = interrupt, .background = true},
					   .until_interrupted = true};
		jobs_add(jobs, &hanging[i].job);
	}
	urgent.job = (struct job){.work = do_work, .done = done};
	jobs_add(jobs, &urgent.job);
	for (int turns = 0; !urgent.told && turns < 1000; turns++)
		assert_true(sd_event_run(loop, 10000) >= 0);
	assert_int_equal(urgent.ran, 1);
	jobs_close(jobs);
	for (int i = 0; i < N; i++)
		assert_int_equal(hanging[i].told, 1);
	sd_event_unref(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_jobs),
		cmocka_unit_test(closed_in_the_middle),
		cmocka_unit_test(background_leaves_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
