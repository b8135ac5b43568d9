/* machine.c - machines, alerts and the installation; see cli.h. */
#include "server/cli/cli.h"
#include "server/cli/text.h"
#include "server/cli/wait.h"

#include "common/contract/paths.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

static int64_t now_ms(void)
{
	return clock_wall() / USEC_PER_MSEC;
}

/* Its groups, and of how many cold tasks it has how many: nothing where it is of no group. */
static void put_cold(struct table *t, const json_t *m)
{
	const json_t *groups = json_object_get(m, "groups"), *group;
	size_t i;
	json_array_foreach (groups, i, group)
		buf_printf(&t->scratch, "%s%s", i ? "," : "", json_string_value(group));
	table_cell_scratch(t);
	if (json_array_size(groups))
		table_cellf(t, "%" PRId64 "/%" PRId64, cli_number(m, "cold"),
			    cli_number(m, "max_tasks"));
	else
		table_cell(t, "");
}

static void process_rows(struct table *t, const json_t *list, const char *program)
{
	const json_t *m;
	size_t i;
	json_array_foreach (list, i, m) {
		const char *name = cli_text(m, "program");
		bool core = strcmp(name[0] ? name : program, "mr-core") == 0;
		table_cell(t, cli_text(m, "hostname"));
		table_cell(t, name[0] ? name : program);
		table_cell(t, cli_text(m, "version"));
		bool draining = json_is_true(json_object_get(m, "draining")) ||
				json_is_true(json_object_get(m, "drain"));
		table_cell(t, draining					     ? "draining"
			      : json_is_true(json_object_get(m, "stopping")) ? "stopping"
									     : "live");
		if (core) {
			table_cellf(t, "%" PRId64, cli_number(m, "held"));
			table_cellf(t, "%" PRId64, cli_number(m, "running"));
			put_cold(t, m);
		} else {
			for (int cell = 0; cell < 4; cell++)
				table_cell(t, "");
		}
		table_cellf(t, "%.2f", cli_real(m, "load"));
		text_put_bytes(&t->scratch, cli_number(m, "rss_bytes"));
		table_cell_scratch(t);
		text_put_age(&t->scratch, cli_number(m, "started_ms"), now_ms());
		table_cell_scratch(t);
		text_put_age(&t->scratch, cli_number(m, "heartbeat_ms"), now_ms());
		table_cell_scratch(t);
		table_cell(t, cli_text(m, "listen"));
	}
}

int cli_machine_list(struct cli *cli, const struct arguments *a)
{
	struct cli_answer answer;
	(void)a;
	int status = cli_get(cli, "/machines", &answer);
	if (status == CLI_DONE && cli->json) {
		status = cli_print_json(&answer);
	} else if (status == CLI_DONE) {
		struct table t;
		table_init(
		    &t, 13,
		    "HOST|PROGRAM|VERSION|STATE|>TASKS|>RUNNING|GROUPS|>COLD|>LOAD|>MEMORY|>UP|>HEARD|"
		    "LISTEN");
		process_rows(&t, json_object_get(answer.tree, "machines"), "mr-core");
		process_rows(&t, json_object_get(answer.tree, "servers"), "mr-server");
		process_rows(&t, json_object_get(answer.tree, "monitors"), "mr-monitor");
		status = cli_print_table(&t, "no processes");
	}
	cli_answer_clear(&answer);
	return status;
}

static int drain_call(struct cli *cli, const char *method, const char *host, struct cli_answer *ret)
{
	struct buf path;
	buf_init(&path);
	buf_lit(&path, "/machines");
	client_put_name(&path, host);
	buf_lit(&path, "/drain");
	const struct client_request r = {.method = method,
					 .path = buf_cstr(&path),
					 .timeout = CLI_REQUEST_SECONDS * USEC_PER_SEC};
	int status = cli_call(cli, &r, ret);
	buf_free(&path);
	return status;
}

static int check_host(const char *host)
{
	struct err err = {0};
	if (paths_name_check(PATHS_NAME_HOST, host, &err) == 0)
		return CLI_DONE;
	cli_complain("%s", err.text);
	return CLI_USAGE;
}

/* Tasks that cores of the host hold; -1: one of them has not heard of the drain yet. */
static int64_t held_by(const json_t *machines, const char *host)
{
	const json_t *m;
	size_t i;
	int64_t held = 0;
	json_array_foreach (machines, i, m) {
		if (strcmp(cli_text(m, "hostname"), host) != 0)
			continue;
		if (!json_is_true(json_object_get(m, "draining")))
			return -1;
		held += cli_number(m, "held");
	}
	return held;
}

static int await_empty(struct cli *cli, const char *host)
{
	usec_t end = clock_boot() + cli->timeout;
	for (;;) {
		const struct client_request r = {
		    .method = "GET", .path = "/machines", .timeout = 10 * USEC_PER_SEC};
		struct cli_answer answer;
		struct err err = {0};
		int rc = cli_try(cli, &r, &answer, &err);
		int64_t held =
		    rc < 0 ? -1 : held_by(json_object_get(answer.tree, "machines"), host);
		cli_answer_clear(&answer);
		if (held == 0)
			return CLI_DONE;
		if (clock_boot() >= end) {
			if (rc < 0)
				cli_complain("machine %s: %s", host, err.text);
			else if (held < 0)
				cli_complain("machine %s: mr-core does not drain yet", host);
			else
				cli_complain("machine %s still holds %" PRId64 " tasks", host,
					     held);
			return CLI_FAILED;
		}
		usleep(250 * 1000);
	}
}

int cli_machine_drain(struct cli *cli, const struct arguments *a)
{
	const char *host = a->operands[0];
	struct cli_answer answer;
	int status = check_host(host);
	if (status != CLI_DONE)
		return status;
	status = drain_call(cli, "POST", host, &answer);
	if (status == CLI_DONE && cli->wait) {
		status = await_empty(cli, host);
		if (status == CLI_DONE)
			cli_say(cli, "machine %s: holds no task", host);
	} else if (status == CLI_DONE) {
		cli_say(cli, "machine %s: told to drain", host);
	}
	if (status == CLI_DONE && cli->json)
		status = cli_print_json(&answer);
	cli_answer_clear(&answer);
	return status;
}

int cli_machine_undrain(struct cli *cli, const struct arguments *a)
{
	struct cli_answer answer;
	int status = check_host(a->operands[0]);
	if (status != CLI_DONE)
		return status;
	status = drain_call(cli, "DELETE", a->operands[0], &answer);
	if (status == CLI_DONE)
		cli_say(cli, "machine %s: may take tasks again", a->operands[0]);
	if (status == CLI_DONE && cli->json)
		status = cli_print_json(&answer);
	cli_answer_clear(&answer);
	return status;
}

/* Keeps those in the state; NULL: all. Borrowed alerts in a new list. */
static json_t *filter(const json_t *alerts, const char *state)
{
	json_t *kept = json_array(), *alert;
	size_t i;
	json_array_foreach (alerts, i, alert)
		if (!state || strcmp(cli_text(alert, "state"), state) == 0)
			json_array_append(kept, alert);
	return kept;
}

int cli_alert_list(struct cli *cli, const struct arguments *a)
{
	struct cli_answer answer;
	const char *state = a->values[OPT_STATE];
	int status = cli_get(cli, "/alerts", &answer);
	json_t *alerts = filter(json_object_get(answer.tree, "alerts"), state);
	if (status == CLI_DONE && cli->json && !state) {
		status = cli_print_json(&answer);
	} else if (status == CLI_DONE && cli->json) {
		json_t *whole = json_pack("{s:O}", "alerts", alerts);
		status = cli_print_tree(whole);
		json_decref(whole);
	} else if (status == CLI_DONE) {
		const json_t *alert;
		size_t i;
		struct table t;
		table_init(&t, 7, "STATE|SEVERITY|RULE|NAME|>SINCE|MESSAGE|NEXT STEP");
		json_array_foreach (alerts, i, alert) {
			table_cell(&t, cli_text(alert, "state"));
			table_cell(&t, cli_text(alert, "severity"));
			table_cell(&t, cli_text(alert, "rule"));
			table_cell(&t, cli_text(alert, "name"));
			text_put_age(&t.scratch, cli_number(alert, "since_ms"), now_ms());
			table_cell_scratch(&t);
			table_cell(&t, cli_text(alert, "message"));
			table_cell(&t, cli_text(alert, "next_step"));
		}
		status = cli_print_table(&t, "no alerts");
	}
	json_decref(alerts);
	cli_answer_clear(&answer);
	return status;
}

int cli_alert_test(struct cli *cli, const struct arguments *a)
{
	const char *channel = a->values[OPT_CHANNEL];
	struct cli_answer answer;
	struct buf path;
	buf_init(&path);
	buf_lit(&path, "/alerts/test");
	if (channel) {
		buf_lit(&path, "?channel=");
		client_put_value(&path, channel);
	}
	const struct client_request r = {.method = "POST",
					 .path = buf_cstr(&path),
					 .timeout = CLI_REQUEST_SECONDS * USEC_PER_SEC};
	usec_t end = clock_boot() + cli->timeout;
	int status = cli_call(cli, &r, &answer);
	if (status == CLI_DONE && cli->wait) {
		buf_clear(&path);
		buf_lit(&path, "/orders");
		client_put_name(&path, cli_text(answer.tree, "order"));
		status = wait_order_done(cli, buf_cstr(&path), "the test", end);
		if (status == CLI_DONE)
			cli_say(cli, "the test was taken by %s",
				channel ? channel : "every channel");
	} else if (status == CLI_DONE) {
		cli_say(cli, "the monitor was told to send a test to %s",
			channel ? channel : "every channel");
	}
	if (status == CLI_DONE && cli->json)
		status = cli_print_json(&answer);
	buf_free(&path);
	cli_answer_clear(&answer);
	return status;
}

/* "a.b" and its value, of every member that is no list or object. */
static void put_members(struct table *t, const json_t *object, const char *prefix)
{
	const char *name;
	json_t *value;
	char path[256];
	json_object_foreach ((json_t *)object, name, value) {
		snprintf(path, sizeof(path), "%s%s%s", prefix, prefix[0] ? "." : "", name);
		if (json_is_object(value)) {
			put_members(t, value, path);
			continue;
		}
		table_cell(t, path);
		if (json_is_string(value))
			table_cell(t, json_string_value(value));
		else if (json_is_integer(value))
			table_cellf(t, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		else if (json_is_boolean(value))
			table_cell(t, json_is_true(value) ? "yes" : "no");
		else if (json_is_array(value))
			table_cellf(t, "%zu", json_array_size(value));
		else
			table_cell(t, "-");
	}
}

int cli_cluster_show(struct cli *cli, const struct arguments *a)
{
	struct cli_answer answer;
	(void)a;
	int status = cli_get(cli, "/cluster", &answer);
	if (status == CLI_DONE && cli->json) {
		status = cli_print_json(&answer);
	} else if (status == CLI_DONE) {
		struct table t;
		table_init(&t, 2, "");
		put_members(&t, answer.tree, "");
		status = cli_print_table(&t, NULL);
	}
	cli_answer_clear(&answer);
	return status;
}
