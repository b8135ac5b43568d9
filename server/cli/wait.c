/* wait.c - see wait.h. */
#include "server/cli/wait.h"

#include "common/contract/errors.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { POLL_MS = 250, ORDER_POLL_MS = 100, SETTLED_S = 3 };

const json_t *wait_holder(const json_t *task)
{
	const json_t *instances = json_object_get(task, "instances"), *instance;
	size_t i;
	json_array_foreach (instances, i, instance)
		if (strcmp(cli_text(instance, "state"), "STANDBY") != 0 &&
		    cli_text(instance, "state")[0])
			return instance;
	return json_array_get(instances, 0);
}

/* Whether a state is what `desired` wants, or on its way there. */
static bool follows(const char *state, const char *desired)
{
	if (strcmp(desired, "paused") == 0)
		return strcmp(state, "PAUSED") == 0;
	if (strcmp(desired, "running") == 0)
		return strcmp(state, "PAUSED") != 0 && strcmp(state, "STOPPED") != 0;
	return strcmp(state, "STOPPED") == 0;
}

void wait_remember(const json_t *task, struct wait_before *ret)
{
	const json_t *holder = wait_holder(task);
	snprintf(ret->node, sizeof(ret->node), "%s", cli_text(holder, "node"));
	snprintf(ret->run, sizeof(ret->run), "%s", cli_text(holder, "run"));
	snprintf(ret->state, sizeof(ret->state), "%s", cli_text(holder, "state"));
	ret->since_ms = cli_number(holder, "since_ms");
	ret->unsettled =
	    holder && !follows(ret->state, cli_text(json_object_get(task, "control"), "desired"));
}

int wait_prepare(struct cli *cli, const char *task, struct wait_before *ret)
{
	struct cli_answer answer;
	*ret = (struct wait_before){0};
	if (!cli->wait)
		return CLI_DONE;
	int status = cli_get_task(cli, task, &answer);
	if (status == CLI_DONE)
		wait_remember(answer.tree, ret);
	cli_answer_clear(&answer);
	return status;
}

static bool is(const json_t *instance, const char *state)
{
	return strcmp(cli_text(instance, "state"), state) == 0;
}

static bool runs(const json_t *instance)
{
	return is(instance, "RUNNING") || is(instance, "SNAPSHOT");
}

/* A report that was there before the order says nothing of the order. */
static bool is_new(const struct wait_order *order, const json_t *instance)
{
	const struct wait_before *b = &order->before;
	return strcmp(cli_text(instance, "node"), b->node) != 0 ||
	       strcmp(cli_text(instance, "state"), b->state) != 0 ||
	       cli_number(instance, "since_ms") != b->since_ms;
}

static bool wants_to_run(enum wait_goal goal)
{
	return goal <= WAIT_POSITION;
}

/* What `desired` must be for the goal to be reached at all. */
static const char *desired_for(enum wait_goal goal)
{
	return wants_to_run(goal)     ? "running"
	       : goal == WAIT_PAUSED  ? "paused"
	       : goal == WAIT_STOPPED ? "stopped"
				      : "deleted";
}

static bool reached(const struct wait_order *order, const json_t *task, const json_t *holder)
{
	switch (order->goal) {
	case WAIT_RUNNING:
		return runs(holder);
	case WAIT_NEW_RUN:
		return runs(holder) && strcmp(cli_text(holder, "run"), order->before.run) != 0;
	case WAIT_OTHER_NODE:
		return runs(holder) && strcmp(cli_text(holder, "node"), order->before.node) != 0;
	case WAIT_REVISION:
		/* A new document is taken up by a new run. */
		return runs(holder) &&
		       (strcmp(cli_text(holder, "run"), order->before.run) != 0 ||
			cli_number(json_object_get(task, "status"), "revision") >= order->revision);
	case WAIT_POSITION:
		return runs(holder) &&
		       cli_number(json_object_get(task, "lastCommit"), "reset") >= order->reset;
	case WAIT_PAUSED:
		return is(holder, "PAUSED");
	case WAIT_STOPPED:
		return !holder || is(holder, "STOPPED");
	case WAIT_GONE:
		return false;
	}
	return false;
}

static void describe(const json_t *task, const json_t *holder, struct wait_sight *ret)
{
	const json_t *error = json_object_get(holder, "error");
	const char *host = cli_text(holder, "hostname"), *message = cli_text(error, "message");
	if (!holder)
		snprintf(ret->now, sizeof(ret->now), "no mr-core has it (desired: %s)",
			 cli_text(json_object_get(task, "control"), "desired"));
	else
		snprintf(ret->now, sizeof(ret->now), "%s on %s%s%s",
			 cli_text(holder, "state")[0] ? cli_text(holder, "state") : "begun",
			 host[0] ? host : cli_text(holder, "node"), message[0] ? ": " : "",
			 message);
}

void wait_look(const struct wait_order *order, const json_t *task, struct wait_sight *ret)
{
	const json_t *holder = wait_holder(task);
	const char *desired = cli_text(json_object_get(task, "control"), "desired");
	describe(task, holder, ret);
	ret->verdict = WAIT_NOT_YET;
	bool old = order->before.unsettled && !order->settled && !is_new(order, holder);
	if (reached(order, task, holder) && !old) {
		ret->verdict = WAIT_DONE;
	} else if (strcmp(desired, desired_for(order->goal)) != 0) {
		ret->verdict = WAIT_NEVER;
		snprintf(ret->now, sizeof(ret->now), "somebody has ordered it to be %s", desired);
	} else if (is(holder, "FAILED") && wants_to_run(order->goal) && is_new(order, holder)) {
		ret->verdict = WAIT_NEVER;
	}
}

static const char *goal_text(enum wait_goal goal)
{
	static const char *const texts[] = {
	    [WAIT_RUNNING] = "is not RUNNING",
	    [WAIT_NEW_RUN] = "is not RUNNING anew",
	    [WAIT_OTHER_NODE] = "was not taken over",
	    [WAIT_REVISION] = "is not RUNNING with the new document",
	    [WAIT_POSITION] = "is not RUNNING from the new position",
	    [WAIT_PAUSED] = "is not PAUSED",
	    [WAIT_STOPPED] = "is not STOPPED",
	    [WAIT_GONE] = "is not gone",
	};
	return texts[goal];
}

static int in_vain(const struct wait_order *order, const char *now, bool timeout)
{
	cli_complain("task %s %s%s: %s", order->task, goal_text(order->goal),
		     timeout ? " within the time given" : "", now);
	fprintf(stderr, "  remedy: mrctl task why %s\n", order->task);
	return CLI_FAILED;
}

/* One look: -1 when it is not decided, else a status. */
static int look(struct cli *cli, const struct wait_order *order, const char *path, char *now,
		size_t size)
{
	const struct client_request r = {
	    .method = "GET", .path = path, .timeout = 10 * USEC_PER_SEC};
	struct cli_answer answer;
	struct err err = {0};
	struct wait_sight sight = {0};
	int status = -1, rc = cli_try(cli, &r, &answer, &err);
	if (rc == 0) {
		wait_look(order, answer.tree, &sight);
		snprintf(now, size, "%s", sight.now);
		if (sight.verdict == WAIT_NEVER)
			status = in_vain(order, now, false);
		else if (sight.verdict == WAIT_DONE)
			status = cli->json ? cli_print_json(&answer) : CLI_DONE;
	} else if (answer.http.status == 404) {
		status = CLI_DONE;
		if (order->goal != WAIT_GONE)
			status = in_vain(order, "somebody has deleted it", false);
	} else if (answer.http.status >= 400 && answer.http.status < 500 &&
		   answer.http.status != 429) {
		cli_tell(cli, &answer, &err);
		status = CLI_FAILED;
	} else {
		/* Away, or without ZooKeeper: it may come back in time. */
		snprintf(now, size, "%s", err.text);
	}
	cli_answer_clear(&answer);
	return status;
}

int wait_until(struct cli *cli, const struct wait_order *order)
{
	usec_t begin = clock_boot(), end = begin + cli->timeout;
	struct wait_order looked = *order;
	char now[sizeof(((struct wait_sight *)0)->now)] = "";
	struct buf path;
	buf_init(&path);
	cli_task_path(&path, order->task, "");
	int status;
	while ((status = look(cli, &looked, buf_cstr(&path), now, sizeof(now))) < 0) {
		looked.settled = clock_boot() - begin >= SETTLED_S * USEC_PER_SEC;
		if (clock_boot() >= end) {
			status = in_vain(order, now, true);
			break;
		}
		usleep(POLL_MS * 1000);
	}
	buf_free(&path);
	return status;
}

/* One look: -1 when there is no answer yet, else a status. */
static int look_order(struct cli *cli, const char *path, const char *what, bool last)
{
	const struct client_request r = {
	    .method = "GET", .path = path, .timeout = 10 * USEC_PER_SEC};
	struct cli_answer answer;
	struct err err = {0};
	int status = -1, rc = cli_try(cli, &r, &answer, &err);
	const char *state = cli_text(answer.tree, "state");
	const json_t *error = json_object_get(answer.tree, "error");
	if (rc == 0 && strcmp(state, "done") == 0) {
		status = CLI_DONE;
	} else if (rc == 0 && strcmp(state, "failed") == 0) {
		cli_complain("%s failed: %s (%s)", what, cli_text(error, "message"),
			     cli_text(error, "code"));
		status = CLI_FAILED;
	} else if (rc < 0 && answer.http.status >= 400 && answer.http.status < 500) {
		cli_tell(cli, &answer, &err);
		status = CLI_FAILED;
	} else if (last) {
		cli_complain("%s did not happen within the time given: %s", what,
			     rc < 0 ? err.text : "nobody has answered the order");
		status = CLI_FAILED;
	}
	cli_answer_clear(&answer);
	return status;
}

int wait_order_done(struct cli *cli, const char *path, const char *what, usec_t end)
{
	int status;
	while ((status = look_order(cli, path, what, clock_boot() >= end)) < 0)
		usleep(ORDER_POLL_MS * 1000);
	return status;
}
