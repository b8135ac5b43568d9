/* setup.c - see setup.h. */
#include "core/pipeline/setup.h"

#include "common/contract/errors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void setup_source_options(const struct task *task, size_t host, struct source_options *ret)
{
	const struct task_source *s = &task->source;
	*ret = (struct source_options){
		.host = s->hosts[host].host,
		.port = s->hosts[host].port,
		.user = s->user,
		.password = s->password.text,
		.tls = {.mode = (enum source_tls_mode)s->tls.mode,
			.ca = s->tls.ca.text,
			.cert = s->tls.cert.text,
			.key = s->tls.key.text},
	};
}

void setup_replica_name(const struct task *task, const char *hostname,
			char out[SETUP_REPLICA_NAME_MAX])
{
	/* The part before the '@' must not depend on the host's name: it is compared. */
	enum { TASK_PART = 40 };
	snprintf(out, SETUP_REPLICA_NAME_MAX, "%.*s@%s", TASK_PART, task->name, hostname);
}

static void task_start(const struct task *task, struct server_start *ret)
{
	static const enum start_kind kinds[] = {
		[TASK_START_LATEST] = START_LATEST, [TASK_START_EARLIEST] = START_EARLIEST,
		[TASK_START_FILE] = START_FILE,     [TASK_START_GTID] = START_GTID,
		[TASK_START_TIME] = START_TIME,
	};
	*ret = (struct server_start){
		.kind = kinds[task->source.start],
		.gtid = task->source.start_gtid,
		.time = task->source.start_time,
		.at.pos = task->source.start_pos,
	};
	if (task->source.start_file)
		snprintf(ret->at.file, sizeof(ret->at.file), "%s", task->source.start_file);
}

static int control_start(const struct control_doc *c, struct server_start *ret, struct err *err)
{
	static const enum start_kind kinds[] = {
		[CONTROL_LATEST] = START_LATEST, [CONTROL_EARLIEST] = START_EARLIEST,
		[CONTROL_FILE] = START_FILE,     [CONTROL_GTID] = START_GTID,
		[CONTROL_TIME] = START_TIME,
	};
	*ret = (struct server_start){
		.kind = kinds[c->position.start],
		.gtid = c->position.gtid,
		.at.pos = c->position.pos,
	};
	snprintf(ret->at.file, sizeof(ret->at.file), "%s", c->position.file);
	if (c->position.start == CONTROL_TIME && task_parse_time(c->position.time, &ret->time) < 0)
		return err_set_at(err, -EINVAL, ERR_DOCUMENT_INVALID, "position.time",
				  "control document: 'position.time' is not a time: %.60s",
				  c->position.time);
	return 0;
}

int setup_start(const struct task *task, const struct control_doc *control, bool ordered,
		struct server_start *ret, struct err *err)
{
	task_start(task, ret);
	if (!control || control->reset == 0 || control->position.start == CONTROL_KEEP)
		return 0;
	struct server_start theirs;
	int rc = control_start(control, &theirs, err);
	if (rc < 0)
		return rc;
	if (ordered)
		*ret = theirs;
	else
		ret->time = theirs.time;
	return 0;
}

void setup_envelope_options(const struct task *task, struct envelope_options *ret)
{
	const struct task_pipe *p = &task->pipe;
	static const enum envelope_key keys[] = {
		[TASK_KEY_PRIMARY] = ENVELOPE_KEY_PRIMARY,
		[TASK_KEY_TABLE] = ENVELOPE_KEY_TABLE,
		[TASK_KEY_DATABASE] = ENVELOPE_KEY_DATABASE,
		[TASK_KEY_NONE] = ENVELOPE_KEY_NONE,
		[TASK_KEY_COLUMNS] = ENVELOPE_KEY_COLUMNS,
	};
	static const enum envelope_decimal decimals[] = {
		[TASK_DECIMAL_PRECISE] = ENVELOPE_DECIMAL_PRECISE,
		[TASK_DECIMAL_DOUBLE] = ENVELOPE_DECIMAL_DOUBLE,
		[TASK_DECIMAL_STRING] = ENVELOPE_DECIMAL_STRING,
	};
	static const enum envelope_bigint bigints[] = {
		[TASK_BIGINT_LONG] = ENVELOPE_BIGINT_LONG,
		[TASK_BIGINT_PRECISE] = ENVELOPE_BIGINT_PRECISE,
	};
	static const enum envelope_time times[] = {
		[TASK_TIME_ADAPTIVE_MICROSECONDS] = ENVELOPE_TIME_ADAPTIVE_MICROSECONDS,
		[TASK_TIME_ADAPTIVE] = ENVELOPE_TIME_ADAPTIVE,
		[TASK_TIME_CONNECT] = ENVELOPE_TIME_CONNECT,
		[TASK_TIME_ISOSTRING] = ENVELOPE_TIME_ISOSTRING,
		[TASK_TIME_MICROSECONDS] = ENVELOPE_TIME_MICROSECONDS,
		[TASK_TIME_NANOSECONDS] = ENVELOPE_TIME_NANOSECONDS,
	};
	static const enum envelope_binary binaries[] = {
		[TASK_BINARY_BYTES] = ENVELOPE_BINARY_BYTES,
		[TASK_BINARY_BASE64] = ENVELOPE_BINARY_BASE64,
		[TASK_BINARY_BASE64_URL] = ENVELOPE_BINARY_BASE64URL,
		[TASK_BINARY_HEX] = ENVELOPE_BINARY_HEX,
	};
	static const enum envelope_format formats[] = {
		[TASK_FORMAT_DEBEZIUM] = ENVELOPE_DEBEZIUM,
		[TASK_FORMAT_MAXWELL] = ENVELOPE_MAXWELL,
		[TASK_FORMAT_CANAL] = ENVELOPE_CANAL,
	};
	const struct task_maxwell *m = &p->options.maxwell;
	static const enum envelope_names names[] = {
		[TASK_NAMES_NONE] = ENVELOPE_NAMES_NONE,
		[TASK_NAMES_AVRO] = ENVELOPE_NAMES_AVRO,
		[TASK_NAMES_AVRO_UNICODE] = ENVELOPE_NAMES_AVRO_UNICODE,
	};
	unsigned skipped = 0;
	(void)task_skipped_operations(p->options.skipped, &skipped); /* checked with the document */
	*ret = (struct envelope_options){
		.name = task->name,
		.format = formats[p->format],
		.tombstones = p->tombstones < 0 ? p->format == TASK_FORMAT_DEBEZIUM
						: p->tombstones > 0,
		.key = keys[p->key],
		.key_columns = p->key_columns,
		.compat = p->options.compat == TASK_COMPAT_EXACT ? ENVELOPE_EXACT
								 : ENVELOPE_LOSSLESS,
		.decimal = decimals[p->options.decimal],
		.bigint = bigints[p->options.bigint_unsigned],
		.time = times[p->options.time_precision],
		.binary = binaries[p->options.binary],
		.key_schemas = p->options.key_schemas,
		.value_schemas = p->options.value_schemas,
		.schema_names = names[p->options.schema_names],
		.field_names = names[p->options.field_names],
		.skip_create = skipped & TASK_SKIP_CREATE,
		.skip_update = skipped & TASK_SKIP_UPDATE,
		.skip_delete = skipped & TASK_SKIP_DELETE,
		.skip_truncate = skipped & TASK_SKIP_TRUNCATE,
		.include_query = p->options.include_query,
		.transactions = p->options.transactions,
		.unavailable = p->options.unavailable,
		.years_as_they_are = !p->options.time_adjuster,
		.maxwell = {.key_array = m->key_format == TASK_KEY_ARRAY,
			    .no_commit_info = m->commit_info == 0,
			    .no_xoffset = m->xoffset == 0,
			    .no_nulls = m->nulls == 0,
			    .binlog_position = m->binlog_position > 0,
			    .gtid_position = m->gtid_position > 0,
			    .server_id = m->server_id > 0,
			    .thread_id = m->thread_id > 0,
			    .row_query = m->row_query > 0,
			    .primary_keys = m->primary_keys > 0,
			    .primary_key_columns = m->primary_key_columns > 0,
			    .null_zerodates = m->null_zerodates > 0},
	};
}

static void copy_pairs(const struct task_property *from, size_t n, struct pipe_pair *to)
{
	for (size_t i = 0; i < n; i++)
		to[i] = (struct pipe_pair){.name = from[i].name, .value = from[i].value};
}

int setup_pipe_options(const struct task *task, bool with_keys, struct setup_pipe *ret)
{
	static const enum pipe_type types[] = {
		[TASK_PIPE_KAFKA] = PIPE_KAFKA,
		[TASK_PIPE_FILE] = PIPE_FILE,
		[TASK_PIPE_STDOUT] = PIPE_STDOUT,
		[TASK_PIPE_NONE] = PIPE_NONE,
	};
	static const char *const mechanisms[] = {
		[TASK_SASL_NONE] = NULL,
		[TASK_SASL_PLAIN] = "PLAIN",
		[TASK_SASL_SCRAM_256] = "SCRAM-SHA-256",
		[TASK_SASL_SCRAM_512] = "SCRAM-SHA-512",
	};
	const struct task_pipe *p = &task->pipe;
	size_t npairs = p->topics.nconfig + p->nproperties;
	struct pipe_pair *pairs = calloc(npairs + 1, sizeof(*pairs));
	if (!pairs)
		return -ENOMEM;
	copy_pairs(p->topics.config, p->topics.nconfig, pairs);
	copy_pairs(p->properties, p->nproperties, pairs + p->topics.nconfig);
	enum pipe_tls tls = PIPE_TLS_DISABLED;
	if (p->security.tls.mode == TASK_TLS_REQUIRED)
		tls = PIPE_TLS_REQUIRED;
	else if (p->security.tls.mode == TASK_TLS_VERIFY_IDENTITY)
		tls = PIPE_TLS_VERIFY_IDENTITY;
	*ret = (struct setup_pipe){
		.pairs = pairs,
		.options =
			{
				.type = types[p->type],
				.path = p->path,
				.with_keys = with_keys,
				.brokers = p->brokers,
				.topics = {.create = p->topics.create,
					   .partitions = (int32_t)p->topics.partitions,
					   .replication_factor =
						   (int16_t)p->topics.replication_factor,
					   .config = pairs,
					   .nconfig = p->topics.nconfig},
				.properties = pairs + p->topics.nconfig,
				.nproperties = p->nproperties,
				.tls = {.mode = tls,
					.ca = p->security.tls.ca.text,
					.cert = p->security.tls.cert.text,
					.key = p->security.tls.key.text},
				.sasl = {.mechanism = mechanisms[p->security.sasl.mechanism],
					 .user = p->security.sasl.user,
					 .password = p->security.sasl.password.text},
			},
	};
	return 0;
}

void setup_transactions(const struct task *task, const char *cluster, struct setup_pipe *ret)
{
	snprintf(ret->id, sizeof(ret->id), "mr.%s.%s", cluster, task->name);
	snprintf(ret->positions, sizeof(ret->positions), "__mr_positions.%s.%s", cluster,
		 task->name);
	ret->options.transaction.id = ret->id;
	ret->options.transaction.positions = ret->positions;
}

void setup_pipe_free(struct setup_pipe *s)
{
	free(s->pairs);
	s->pairs = NULL;
}
