/* commands.c - the table of command.h: commands, options, their texts and examples. */
#include "server/cli/arguments.h"
#include "server/cli/cli.h"

#include <string.h>

static const char *const outputs[] = {"table", "json", NULL};
static const char *const desires[] = {"running", "paused", "stopped", "deleted", NULL};
static const char *const states[] = {"STANDBY", "STARTING", "SNAPSHOT", "RUNNING", "RETRYING",
				     "PAUSED",	"FAILED",   "STOPPED",	NULL};
static const char *const alert_states[] = {"pending", "firing", "resolved", NULL};
static const char *const roles[] = {"viewer", "operator", "admin", NULL};

/* clang-format off */
const struct option_row option_rows[OPT_COUNT] = {
	[OPT_SERVER] = {"server", 0, OPTION_TEXT, "URL", NULL,
		"mr-server's address, `https://host:port`; without it MR_SERVER, `server` of the "
		"configuration file, `http://127.0.0.1:8230`."},
	[OPT_TOKEN] = {"token", 0, OPTION_TEXT, "TOKEN", NULL,
		"The token; without it MR_TOKEN, `token` or `token_file` of the "
		"configuration file. Given here it is visible to every user of the machine (`ps`)."},
	[OPT_CA] = {"ca", 0, OPTION_TEXT, "FILE", NULL,
		"Certificates of the authorities that may sign the server's (PEM), in place of the "
		"system's; without it MR_CA, `ca` of the configuration file."},
	[OPT_CONFIG] = {"config", 0, OPTION_TEXT, "FILE", NULL,
		"The configuration file, in place of `~/.config/mrctl`."},
	[OPT_OUTPUT] = {"output", 'o', OPTION_CHOICE, "table|json", outputs,
		"What to print: tables for people, or the API's answers."},
	[OPT_REQUEST_TIMEOUT] = {"request-timeout", 0, OPTION_DURATION, "DURATION", NULL,
		"How long one answer of the server may take; 30s, where it makes a "
		"preflight 120s."},
	[OPT_HELP] = {"help", 'h', OPTION_FLAG, NULL, NULL,
		"Explains mrctl, a group (`mrctl task --help`) or a command."},
	[OPT_VERSION] = {"version", 0, OPTION_FLAG, NULL, NULL, "Prints the version."},
	[OPT_PRINT] = {"print", 0, OPTION_TEXT, "reference|completion", NULL,
		"Prints the reference page, or the completion file for bash."},
	[OPT_WAIT] = {"wait", 'w', OPTION_FLAG, NULL, NULL,
		"Ends when it really happened, or with status 1 as soon as it is sure that it "
		"will not."},
	[OPT_TIMEOUT] = {"timeout", 0, OPTION_DURATION, "DURATION", NULL,
		"With --wait, how long at most; 60s."},
	[OPT_START] = {"start", 0, OPTION_FLAG, NULL, NULL, "Starts the task as well."},
	[OPT_SKIP_PREFLIGHT] = {"skip-preflight", 0, OPTION_FLAG, NULL, NULL,
		"Does not have source and pipe checked; needs no live mr-core."},
	[OPT_GROUP] = {"group", 0, OPTION_TEXT, "GROUP", NULL, "Only cold tasks of this group."},
	[OPT_STATE] = {"state", 0, OPTION_TEXT, "STATE", states,
		"Only those in this state."},
	[OPT_DESIRED] = {"desired", 0, OPTION_CHOICE, "running|paused|stopped|deleted", desires,
		"Only those that shall be so."},
	[OPT_SEARCH] = {"search", 'q', OPTION_TEXT, "TEXT", NULL,
		"Only names with this text in them."},
	[OPT_NAMES] = {"names", 0, OPTION_FLAG, NULL, NULL, "Prints the names alone, one a line."},
	[OPT_WATCH] = {"watch", 0, OPTION_FLAG, NULL, NULL,
		"Prints a line every two seconds until interrupted, or until --timeout."},
	[OPT_REVISION] = {"revision", 0, OPTION_NUMBER, "N", NULL,
		"Only if this is the document's revision still; without it the one that is read "
		"just before."},
	[OPT_YES] = {"yes", 'y', OPTION_FLAG, NULL, NULL, "Does not ask."},
	[OPT_FORCE] = {"force", 0, OPTION_FLAG, NULL, NULL,
		"Does not wait for instances of mr-core that are gone."},
	[OPT_SET] = {"set", 0, OPTION_TEXT, "WHERE", NULL,
		"latest, earliest, FILE:POS, gtid=SET (already executed) or "
		"time=2026-11-22T10:00:00Z."},
	[OPT_ROLE] = {"role", 0, OPTION_CHOICE, "viewer|operator|admin", roles,
		"What the token may do: read; change tasks too; everything."},
	[OPT_NAME] = {"name", 0, OPTION_TEXT, "NAME", NULL, "Whose or what for: shown in logs."},
	[OPT_EXPIRES] = {"expires", 0, OPTION_DURATION, "DURATION", NULL,
		"When it ends, as `90d` from now; without it never."},
	[OPT_CHANNEL] = {"channel", 0, OPTION_TEXT, "NAME", NULL, "This channel alone."},
	[OPT_TABLES] = {"tables", 0, OPTION_FLAG, NULL, NULL, "Lists the source's tables too."},
};

const struct command_group command_groups[] = {
	{"task", "Tasks: what is copied from where to where"},
	{"machine", "Processes of the installation, and emptying a machine"},
	{"alert", "What on-call was told"},
	{"token", "Who may use the API"},
	{"cluster", "The installation"},
	{"id", "Unique ids"},
	{NULL, NULL},
};

#define O(name) COMMAND_OPTION(OPT_##name)
#define WAITS (O(WAIT) | O(TIMEOUT))

const struct command commands[] = {
	{"task", "create", "FILE", 1, 1, WAITS | O(START) | O(SKIP_PREFLIGHT), "operator",
	 cli_task_create,
	 "makes a task of a document",
	 "FILE is a task document (reference-task.md), `-` standard input. Source and pipe are "
	 "checked by a live mr-core first; a check that fails is shown with its way out, and no "
	 "task is made. The task is stopped until it is started.",
	 {"mrctl task create copy_hot_item.json",
	  "mrctl task create copy_hot_item.json --start --wait",
	  "mrctl task create - --skip-preflight"}},
	{"task", "list", "", 0, 0, O(GROUP) | O(STATE) | O(DESIRED) | O(SEARCH) | O(NAMES),
	 "viewer",
	 cli_task_list, "lists tasks, what they shall be and what they are",
	 "All pages are read. Filters may be combined.",
	 {"mrctl task list", "mrctl task list --state FAILED",
	  "mrctl task list --desired running -q shop",
	  "mrctl task list --group g1 --names"}},
	{"task", "show", "NAME", 1, 1, O(WATCH) | O(TIMEOUT), "viewer", cli_task_show,
	 "shows a task: state, position, instances, and the document with every default",
	 "Secrets are shown as `***`, references as they are.",
	 {"mrctl task show copy_hot_item", "mrctl task show copy_hot_item --watch",
	  "mrctl task show copy_hot_item -o json"}},
	{"task", "update", "FILE", 1, 1, WAITS | O(REVISION) | O(SKIP_PREFLIGHT), "operator",
	 cli_task_update, "gives a task another document",
	 "The task is the one that the document names. Secrets that are left out or `***` stay as "
	 "they are, unless host, user, brokers or TLS change. Somebody else's change in between is "
	 "never overwritten: the update is refused then.",
	 {"mrctl task update copy_hot_item.json",
	  "mrctl task update copy_hot_item.json --revision 3 --wait"}},
	{"task", "diff", "NAME FILE", 2, 2, 0, "viewer", cli_task_diff,
	 "shows what `task update FILE` would change",
	 "Both documents are compared with their defaults written out, so that what is only "
	 "spelled differently is no difference. Secrets are not shown. With -o json: a list of "
	 "path, old and new. The status is 0 whether there is a difference or not.",
	 {"mrctl task diff copy_hot_item copy_hot_item.json"}},
	{"task", "revert", "NAME REVISION", 2, 2, WAITS | O(SKIP_PREFLIGHT), "operator",
	 cli_task_revert,
	 "gives a task a former document again",
	 "The former document becomes a new revision. See `mrctl task revisions NAME`.",
	 {"mrctl task revert copy_hot_item 2"}},
	{"task", "start", "NAME...", 1, 0, WAITS, "operator", cli_task_start, "starts tasks",
	 "A FAILED task is tried again. With --wait: until it is RUNNING.",
	 {"mrctl task start copy_hot_item --wait", "mrctl task start a b c"}},
	{"task", "stop", "NAME...", 1, 0, WAITS, "operator", cli_task_stop, "stops tasks",
	 "The position is kept. With --wait: until no instance runs it.",
	 {"mrctl task stop copy_hot_item --wait --timeout 2m"}},
	{"task", "pause", "NAME...", 1, 0, WAITS, "operator", cli_task_pause, "pauses tasks",
	 "As stopped, but it stays on watch: how long the source keeps what is not copied is "
	 "still reported. With --wait: until it is PAUSED.",
	 {"mrctl task pause copy_hot_item"}},
	{"task", "resume", "NAME...", 1, 0, WAITS, "operator", cli_task_resume,
	 "lets paused tasks go on",
	 "A FAILED task is tried again. With --wait: until it is RUNNING.",
	 {"mrctl task resume copy_hot_item --wait"}},
	{"task", "restart", "NAME...", 1, 0, WAITS, "operator", cli_task_restart,
	 "stops and starts running tasks, and forgives failures",
	 "With --wait: until it is RUNNING in a run that is not the one before.",
	 {"mrctl task restart copy_hot_item --wait"}},
	{"task", "handover", "NAME", 1, 1, WAITS, "operator", cli_task_handover,
	 "has the standby take over",
	 "The instance that runs the task stops cleanly and goes to the end of the line. Refused "
	 "when there is no other. With --wait: until another instance is RUNNING.",
	 {"mrctl task handover copy_hot_item --wait"}},
	{"task", "delete", "NAME...", 1, 0, WAITS | O(YES) | O(FORCE), "operator", cli_task_delete,
	 "deletes tasks, their positions and former documents",
	 "Asks on a terminal; without a terminal --yes is needed. With --wait: until it is gone.",
	 {"mrctl task delete copy_hot_item --yes --wait"}},
	{"task", "validate", "FILE", 1, 1, O(TABLES), "operator", cli_task_validate,
	 "checks a document, its source and its pipe, and makes nothing",
	 "The status is 1 when a check failed. Warnings do not fail it.",
	 {"mrctl task validate copy_hot_item.json",
	  "mrctl task validate copy_hot_item.json --tables",
	  "mrctl task validate - -o json"}},
	{"task", "position", "NAME", 1, 1, WAITS | O(SET), "viewer; operator with --set",
	 cli_task_position, "shows the position, or sets it",
	 "What is set takes effect at once where the task runs, else when it starts. What lies "
	 "between is skipped or copied again: the former position is printed, to go back to. "
	 "With --wait: until the task runs from there.",
	 {"mrctl task position copy_hot_item", "mrctl task position copy_hot_item --set latest",
	  "mrctl task position copy_hot_item --set binlog.000002:1234 --wait",
	  "mrctl task position copy_hot_item --set gtid=0-1-1234",
	  "mrctl task position copy_hot_item --set time=2026-11-22T10:00:00Z"}},
	{"task", "revisions", "NAME [REVISION]", 1, 2, 0, "viewer", cli_task_revisions,
	 "lists the documents that are kept, or shows one", NULL,
	 {"mrctl task revisions copy_hot_item", "mrctl task revisions copy_hot_item 2"}},
	{"task", "why", "NAME", 1, 1, 0, "viewer", cli_task_why,
	 "says in a sentence what is the matter with a task, and the next step", NULL,
	 {"mrctl task why copy_hot_item"}},
	{"machine", "list", "", 0, 0, 0, "viewer", cli_machine_list,
	 "lists the processes: mr-core, mr-server, mr-monitor", NULL, {"mrctl machine list"}},
	{"machine", "drain", "HOST", 1, 1, WAITS, "operator", cli_machine_drain,
	 "has a machine hand over all its tasks and take none",
	 "Lasts until `mrctl machine undrain HOST`, over restarts. With --wait: until it holds "
		"no task.",
	 {"mrctl machine drain host1 --wait"}},
	{"machine", "undrain", "HOST", 1, 1, 0, "operator", cli_machine_undrain,
	 "lets a machine take tasks again", NULL, {"mrctl machine undrain host1"}},
	{"alert", "list", "", 0, 0, O(STATE), "viewer", cli_alert_list,
	 "lists alerts: pending, firing, and lately resolved", NULL,
	 {"mrctl alert list", "mrctl alert list --state firing"}},
	{"alert", "test", "", 0, 0, WAITS | O(CHANNEL), "operator", cli_alert_test,
	 "has the alerting monitor send a test to every channel",
	 "With --wait: until the channels have taken it; 1 when one did not.",
	 {"mrctl alert test --wait", "mrctl alert test --channel oncall"}},
	{"token", "create", "", 0, 0, O(ROLE) | O(NAME) | O(EXPIRES), "admin", cli_token_create,
	 "makes a token and prints it alone on the last line",
	 "It is shown this once. --role is needed. The first token is made on the server's host: "
	 "`mr-server --config FILE token create --role admin`.",
	 {"mrctl token create --role viewer --name dashboards --expires 90d"}},
	{"token", "list", "", 0, 0, 0, "admin", cli_token_list,
	 "lists tokens, never their secret part",
	 NULL, {"mrctl token list"}},
	{"token", "delete", "ID", 1, 1, 0, "admin", cli_token_delete,
	 "deletes a token: it is refused at once", NULL,
	 {"mrctl token delete token-job-0000000001"}},
	{"cluster", "show", "", 0, 0, 0, "viewer", cli_cluster_show,
	 "shows the installation: id, format, processes", NULL, {"mrctl cluster show"}},
	{"id", "next", "TYPE", 1, 1, 0, "operator", cli_id_next,
	 "draws a unique id, as `snapshot-job-0000000007`", NULL, {"mrctl id next snapshot"}},
	{NULL, NULL, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, {NULL}},
};
/* clang-format on */

/* --state is of tasks or of alerts. */
const char *const *command_states(const struct command *c)
{
	return strcmp(c->group, "alert") == 0 ? alert_states : states;
}

const struct command *command_find(const char *group, const char *name)
{
	for (const struct command *c = commands; c->group; c++)
		if (strcmp(c->group, group) == 0 && strcmp(c->name, name) == 0)
			return c;
	return NULL;
}
