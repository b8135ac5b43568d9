/*
 * task_fields.c - the table of the task document's keys: type, bounds, default, meaning.
 *
 * Everything else about keys follows from here: the parser, the document with its
 * defaults, the reference page, "did you mean". Pure data.
 */
#include "common/contract/alert.h"
#include "common/contract/task_priv.h"
#include "common/contract/where.h"

#define AT(member) .offset = offsetof(struct task, member)
#define COUNT_AT(member) .count = offsetof(struct task, member)
#define MIB ((int64_t)1 << 20)
#define DAY (86400 * USEC_PER_SEC)
#define BIT(n) (1u << (n))
#define END {.name = NULL}

static const char not_yet[] = "is not supported yet";

static const char *const tls_modes[] = {"disabled", "preferred", "required", "verify_identity",
					NULL};
static const char *const pipe_types[] = {"kafka", "file", "stdout", "none", NULL};
static const char *const formats[] = {"debezium", "maxwell", "canal", NULL};
static const char *const deliveries[] = {"at_least_once", "exactly_once", NULL};
static const char *const mechanisms[] = {"none", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", NULL};
static const char *const compats[] = {"lossless", "exact", NULL};
static const char *const decimals[] = {"precise", "double", "string", NULL};
static const char *const bigints[] = {"long", "precise", NULL};
static const char *const times[] = {
	"adaptive_time_microseconds", "adaptive", "connect", "isostring", "microseconds",
	"nanoseconds", NULL};
static const char *const binaries[] = {"bytes", "base64", "base64-url-safe", "hex", NULL};
static const char *const names[] = {"none", "avro", "avro_unicode", NULL};
static const char *const column_actions[] = {"hash", "mask", "truncate", "drop", "null", NULL};
static const char *const snapshots[] = {"never", "initial", "when_needed", NULL};
static const char *const on_errors[] = {"stop", "dead_letter", NULL};

static const struct task_field source_tls[] = {
	{"mode", FIELD_ENUM, AT(source.tls.mode), .fallback = "preferred", .choices = tls_modes,
	 .meaning = "How safe the connection must be; preferred takes TLS where the server has "
		    "it, required checks the certificate only when ca is given."},
	{"ca", FIELD_PEM, AT(source.tls.ca),
	 .meaning = "Certificates that the server's must be signed by."},
	{"cert", FIELD_PEM, AT(source.tls.cert), .meaning = "Our certificate; needs key."},
	{"key", FIELD_PEM, AT(source.tls.key), .meaning = "Our certificate's private key."},
	END,
};

static const struct task_field source[] = {
	{"host", FIELD_STRING, AT(source.host), .max = 255,
	 .meaning = "Name or address of the source server."},
	{"port", FIELD_INT, AT(source.port), .number = 3306, .min = 1, .max = 65535,
	 .meaning = "Its port."},
	{"user", FIELD_STRING, AT(source.user), .min = 1, .max = 128,
	 .meaning = "User with REPLICATION SLAVE and SELECT."},
	{"password", FIELD_SECRET, AT(source.password), .meaning = "Its password."},
	{"hosts", FIELD_STRINGS, AT(source.given_hosts), COUNT_AT(source.ngiven_hosts), .max = 64,
	 .meaning = "Further servers of the same topology, \"host:port\" each, in order of "
		    "preference."},
	{"tls", FIELD_OBJECT, .fields = source_tls, .meaning = "TLS to the source."},
	{"start", FIELD_START, AT(source.start), .fallback = "latest",
	 .meaning = "Where a task without a saved position begins: \"latest\", \"earliest\", "
		    "{\"file\",\"pos\"}, {\"gtid\"} (the set already executed) or {\"time\"} (ISO "
		    "8601 with a zone)."},
	{"server_id", FIELD_INT, AT(source.server_id), .max = UINT32_MAX,
	 .meaning = "Our replica's server_id; 0: one that is free is chosen."},
	{"time_zone", FIELD_STRING, AT(source.time_zone), .fallback = "auto", .max = 64,
	 .meaning = "Time zone of the source; only auto is supported yet."},
	END,
};

#define IN(type, member) .offset = offsetof(struct type, member)
static const struct task_field column_rule[] = {
	{"match", FIELD_STRING, IN(task_column_rule, match), .min = 5, .max = 768,
	 .meaning = "Pattern \"database.table.column\", with * and ?."},
	{"action", FIELD_ENUM, IN(task_column_rule, action), .choices = column_actions,
	 .meaning = "hash: HMAC-SHA-256 of the value's text in hexadecimal, keyed with tables.salt; "
		    "mask: a text in its place; truncate: its first characters; drop: no such "
		    "member in the messages; null: NULL in every row. NULL stays NULL."},
	{"length", FIELD_INT, IN(task_column_rule, length), .number = -1, .min = 0,
	 .max = (int64_t)1 << 30,
	 .meaning = "truncate: how many characters of a text, or bytes of a binary column, stay."},
	{"with", FIELD_STRING, IN(task_column_rule, with), .fallback = "********", .max = 256,
	 .meaning = "mask: what stands in the value's place."},
	END,
};

static const struct task_field row_rule[] = {
	{"match", FIELD_STRING, IN(task_row_rule, match), .min = 3, .max = 512,
	 .meaning = "Pattern \"database.table\", with * and ?."},
	{"where", FIELD_STRING, IN(task_row_rule, where), .min = 1, .max = WHERE_TEXT_MAX,
	 .meaning = "Condition that a row must meet, such as `price > 0 AND state IN ('a', 'b')`."},
	END,
};

static const struct task_field tables[] = {
	{"include", FIELD_STRINGS, AT(tables.include), COUNT_AT(tables.ninclude), .max = 10000,
	 .meaning = "Patterns \"database.table\" of what is copied, with * and ?; none: every "
		    "table but those of the system's databases."},
	{"exclude", FIELD_STRINGS, AT(tables.exclude), COUNT_AT(tables.nexclude), .max = 10000,
	 .meaning = "Patterns of what is not, although included."},
	{"columns", FIELD_LIST, AT(tables.columns), COUNT_AT(tables.ncolumns), .max = 10000,
	 .fields = column_rule, .size = sizeof(struct task_column_rule),
	 .meaning = "Rules for columns; the first that matches one counts."},
	{"rows", FIELD_LIST, AT(tables.rows), COUNT_AT(tables.nrows), .max = 1000,
	 .fields = row_rule, .size = sizeof(struct task_row_rule),
	 .meaning = "Filters of rows; the first that matches a table counts."},
	{"salt", FIELD_SECRET, AT(tables.salt),
	 .meaning = "Key of the hashes that column rules make: without it values that can be "
		    "guessed can be found by trying."},
	END,
};

static const struct task_field topics[] = {
	{"create", FIELD_BOOL, AT(pipe.topics.create), .number = 1,
	 .meaning = "Create topics that do not exist."},
	{"partitions", FIELD_INT, AT(pipe.topics.partitions), .number = 1, .max = 100000,
	 .meaning = "Partitions of a created topic; 0: the broker's default."},
	{"replication_factor", FIELD_INT, AT(pipe.topics.replication_factor), .max = 32767,
	 .meaning = "Replicas of a created topic; 0: the broker's default."},
	{"config", FIELD_MAP, AT(pipe.topics.config), COUNT_AT(pipe.topics.nconfig), .max = 100,
	 .meaning = "Kafka's settings for a created topic, such as retention.ms."},
	{"dead_letter", FIELD_STRING, AT(pipe.topics.dead_letter), .fallback = "{task}.dead-letters",
	 .min = 1, .max = TASK_TOPIC_MAX,
	 .meaning = "Topic for what is told of rows that cannot be delivered, with the placeholder "
		    "{task}; used where on_error says dead_letter."},
	{"heartbeat", FIELD_STRING, AT(pipe.topics.heartbeat), .max = TASK_TOPIC_MAX,
	 .meaning = "Topic for heartbeats, with the placeholder {task}: a message now and then "
		    "while the source is read, even when nothing changes. Not given: none."},
	{"heartbeat_interval", FIELD_DURATION, AT(pipe.topics.heartbeat_interval),
	 .fallback = "10s", .number = 10 * USEC_PER_SEC, .min = USEC_PER_SEC / 10, .max = DAY,
	 .meaning = "Between two heartbeats."},
	{"transaction", FIELD_STRING, AT(pipe.topics.transaction), .fallback = "{task}.transaction",
	 .max = TASK_TOPIC_MAX,
	 .meaning = "Topic for where transactions begin and end, with the placeholder {task}; used "
		    "with options.provide.transaction.metadata."},
	{"schema_changes", FIELD_STRING, AT(pipe.topics.schema_changes), .fallback = "auto",
	 .max = TASK_TOPIC_MAX,
	 .meaning = "Topic for DDL of the tables copied, with the placeholder {task}. auto: "
		    "{task}.schema-changes with pipe kafka, none with others; empty: none."},
	END,
};

static const struct task_field pipe_tls[] = {
	{"mode", FIELD_ENUM, AT(pipe.security.tls.mode), .fallback = "disabled",
	 .choices = tls_modes, .refused = BIT(TASK_TLS_PREFERRED),
	 .refusal = "is for the source only: a Kafka listener has TLS or has not",
	 .meaning = "TLS to the brokers; required checks certificates only when ca is given."},
	{"ca", FIELD_PEM, AT(pipe.security.tls.ca),
	 .meaning = "Certificates that the brokers' must be signed by."},
	{"cert", FIELD_PEM, AT(pipe.security.tls.cert), .meaning = "Our certificate; needs key."},
	{"key", FIELD_PEM, AT(pipe.security.tls.key),
	 .meaning = "Our certificate's private key."},
	END,
};

static const struct task_field pipe_sasl[] = {
	{"mechanism", FIELD_ENUM, AT(pipe.security.sasl.mechanism), .fallback = "none",
	 .choices = mechanisms, .meaning = "How we log in to the brokers."},
	{"user", FIELD_STRING, AT(pipe.security.sasl.user), .max = 256, .meaning = "As whom."},
	{"password", FIELD_SECRET, AT(pipe.security.sasl.password), .meaning = "The password."},
	END,
};

static const struct task_field security[] = {
	{"tls", FIELD_OBJECT, .fields = pipe_tls, .meaning = "TLS to the brokers."},
	{"sasl", FIELD_OBJECT, .fields = pipe_sasl, .meaning = "Login to the brokers."},
	END,
};

static const char *const key_formats[] = {"hash", "array", NULL};

#define OF_DEBEZIUM .formats = BIT(TASK_FORMAT_DEBEZIUM)
#define OF_MAXWELL .formats = BIT(TASK_FORMAT_MAXWELL)
static const struct task_field options[] = {
	{"compat", FIELD_ENUM, AT(pipe.options.compat), .fallback = "lossless",
	 .choices = compats,
	 .meaning = "lossless differs from the peer's output only where the peer loses data; "
		    "exact never differs."},
	{"decimal.handling.mode", FIELD_ENUM, AT(pipe.options.decimal), .fallback = "precise",
	 .choices = decimals, OF_DEBEZIUM, .meaning = "Debezium's option of this name."},
	{"bigint.unsigned.handling.mode", FIELD_ENUM, AT(pipe.options.bigint_unsigned),
	 .fallback = "long", .choices = bigints, OF_DEBEZIUM,
	 .meaning = "Debezium's option of this name."},
	{"time.precision.mode", FIELD_ENUM, AT(pipe.options.time_precision),
	 .fallback = "adaptive_time_microseconds", .choices = times, OF_DEBEZIUM,
	 .meaning = "Debezium's option of this name."},
	{"binary.handling.mode", FIELD_ENUM, AT(pipe.options.binary), .fallback = "bytes",
	 .choices = binaries, OF_DEBEZIUM, .meaning = "Debezium's option of this name."},
	{"kafka_key_format", FIELD_ENUM, AT(pipe.options.maxwell.key_format), .fallback = "hash",
	 .choices = key_formats, OF_MAXWELL, .meaning = "Maxwell's option of this name."},
	{"output_binlog_position", FIELD_SWITCH, AT(pipe.options.maxwell.binlog_position),
	 OF_MAXWELL, .fallback = "false", .meaning = "Maxwell's: \"position\":\"FILE:POS\"."},
	{"output_gtid_position", FIELD_SWITCH, AT(pipe.options.maxwell.gtid_position), OF_MAXWELL,
	 .fallback = "false", .meaning = "Maxwell's: \"gtid\" of the transaction."},
	{"output_commit_info", FIELD_SWITCH, AT(pipe.options.maxwell.commit_info), OF_MAXWELL,
	 .fallback = "true", .meaning = "Maxwell's: \"xid\", and \"commit\" or \"xoffset\"."},
	{"output_xoffset", FIELD_SWITCH, AT(pipe.options.maxwell.xoffset), OF_MAXWELL,
	 .fallback = "true", .meaning = "Maxwell's: the row's number in its transaction."},
	{"output_nulls", FIELD_SWITCH, AT(pipe.options.maxwell.nulls), OF_MAXWELL,
	 .fallback = "true", .meaning = "Maxwell's: columns that are NULL are in the message."},
	{"output_server_id", FIELD_SWITCH, AT(pipe.options.maxwell.server_id), OF_MAXWELL,
	 .fallback = "false", .meaning = "Maxwell's: the server that wrote the row first."},
	{"output_thread_id", FIELD_SWITCH, AT(pipe.options.maxwell.thread_id), OF_MAXWELL,
	 .fallback = "false", .meaning = "Maxwell's: the session that wrote the row."},
	{"output_row_query", FIELD_SWITCH, AT(pipe.options.maxwell.row_query), OF_MAXWELL,
	 .fallback = "false",
	 .meaning = "Maxwell's: the statement, where the source logs it. Only false is supported "
		    "yet."},
	{"output_primary_keys", FIELD_SWITCH, AT(pipe.options.maxwell.primary_keys), OF_MAXWELL,
	 .fallback = "false", .meaning = "Maxwell's: the values of the primary key."},
	{"output_primary_key_columns", FIELD_SWITCH, AT(pipe.options.maxwell.primary_key_columns),
	 OF_MAXWELL, .fallback = "false", .meaning = "Maxwell's: the primary key's columns."},
	{"output_null_zerodates", FIELD_SWITCH, AT(pipe.options.maxwell.null_zerodates),
	 OF_MAXWELL, .fallback = "false", .meaning = "Maxwell's: zero dates are null."},
	{"key.converter.schemas.enable", FIELD_BOOL, AT(pipe.options.key_schemas),
	 OF_DEBEZIUM, .meaning = "Kafka Connect's option of this name (whose default is true): keys are "
		    "{\"schema\":…,\"payload\":…}."},
	{"value.converter.schemas.enable", FIELD_BOOL, AT(pipe.options.value_schemas),
	 OF_DEBEZIUM, .meaning = "The same for values."},
	{"schema.name.adjustment.mode", FIELD_ENUM, AT(pipe.options.schema_names),
	 .fallback = "none", .choices = names, OF_DEBEZIUM, .meaning = "Debezium's option of this name."},
	{"field.name.adjustment.mode", FIELD_ENUM, AT(pipe.options.field_names),
	 .fallback = "none", .choices = names, OF_DEBEZIUM, .meaning = "Debezium's option of this name."},
	{"skipped.operations", FIELD_STRING, AT(pipe.options.skipped), .fallback = "t",
	 .min = 1, .max = 40,
	 OF_DEBEZIUM,
	 .meaning = "Debezium's option of this name: what of c, u, d and t (create, update, "
		    "delete, truncate) is left out, comma separated; none: nothing."},
	{"include.query", FIELD_BOOL, AT(pipe.options.include_query),
	 OF_DEBEZIUM,
	 .meaning = "Debezium's option of this name: source.query is the statement, where the "
		    "source logs it. Only false is supported yet."},
	{"provide.transaction.metadata", FIELD_BOOL, AT(pipe.options.transactions),
	 OF_DEBEZIUM,
	 .meaning = "Debezium's option of this name: messages say of which transaction they are, "
		    "and topics.transaction where it begins and ends."},
	{"unavailable.value.placeholder", FIELD_STRING, AT(pipe.options.unavailable),
	 .fallback = "__debezium_unavailable_value", .max = 256,
	 OF_DEBEZIUM,
	 .meaning = "Debezium's option of this name: stands for a TEXT or BLOB that the row image "
		    "does not have."},
	{"enable.time.adjuster", FIELD_BOOL, AT(pipe.options.time_adjuster), .number = 1,
	 OF_DEBEZIUM,
	 .meaning = "Debezium's option of this name, for compat exact: the years 1 to 99 are 2001 "
		    "to 1999."},
	END,
};

static const struct task_field pipe_fields[] = {
	{"type", FIELD_ENUM, AT(pipe.type), .fallback = "kafka", .choices = pipe_types,
	 .meaning = "Where messages go; none takes everything and keeps nothing."},
	{"brokers", FIELD_STRING, AT(pipe.brokers), .max = 4096,
	 .meaning = "Kafka's bootstrap servers, \"host:port\", comma separated."},
	{"topic", FIELD_STRING, AT(pipe.topic), .fallback = "{task}.{db}.{table}", .min = 1,
	 .max = 512,
	 .meaning = "Template of topic names; characters that Kafka does not allow become '_'."},
	{"topics", FIELD_OBJECT, .fields = topics, .meaning = "How topics are made."},
	{"security", FIELD_OBJECT, .fields = security, .meaning = "How we log in."},
	{"key", FIELD_STRING, AT(pipe.key_text), .fallback = "primary_key", .min = 1, .max = 4096,
	 .meaning = "What a message's key is made of: primary_key, table, database, none, or "
		    "\"columns:…\" (`column,column` or `db.table:column,column`, several "
		    "separated by ';')."},
	{"format", FIELD_ENUM, AT(pipe.format), .fallback = "debezium", .choices = formats,
	 .meaning = "Shape of the messages."},
	{"delivery", FIELD_ENUM, AT(pipe.delivery), .fallback = "exactly_once",
	 .choices = deliveries,
	 .meaning = "What consumers may rely on after a failure. exactly_once: one that reads "
		    "committed messages has each row change once, in order (pipe kafka; the other "
		    "pipes have no transactions and get each at least once)."},
	{"tombstones", FIELD_SWITCH, AT(pipe.tombstones), .fallback = "true with debezium",
	 .meaning = "A delete is followed by a message with its key and no value; without this "
		    "as the format's own tool does: debezium yes, the others no."},
	{"options", FIELD_OBJECT, .fields = options,
	 .meaning = "Of the format, under the peer's own names."},
	{"properties", FIELD_MAP, AT(pipe.properties), COUNT_AT(pipe.nproperties), .max = 100,
	 .meaning = "librdkafka's, from the list below."},
	{"path", FIELD_STRING, AT(pipe.path), .max = 4000,
	 .meaning = "The file that type file appends to."},
	END,
};

static const struct task_field snapshot[] = {
	{"mode", FIELD_ENUM, AT(snapshot.mode), .fallback = "never", .choices = snapshots,
	 .refused = BIT(TASK_SNAPSHOT_INITIAL) | BIT(TASK_SNAPSHOT_WHEN_NEEDED),
	 .refusal = "is not supported yet: use never", .meaning = "When tables are read whole."},
	{"chunk_rows", FIELD_INT, AT(snapshot.chunk_rows), .max = 10000000,
	 .meaning = "Rows read at a time; 0: chosen."},
	{"parallel", FIELD_INT, AT(snapshot.parallel), .number = 1, .min = 1, .max = 64,
	 .meaning = "Tables read at a time."},
	END,
};

static const struct task_field on_error[] = {
	{"oversize_row", FIELD_ENUM, AT(on_error.oversize_row), .fallback = "stop",
	 .choices = on_errors,
	 .meaning = "What becomes of a message that the pipe finds too large: stop ends the task; "
		    "dead_letter puts into pipe.topics.dead_letter which row it was, and goes on "
		    "without it."},
	{"bad_row", FIELD_ENUM, AT(on_error.bad_row), .fallback = "stop", .choices = on_errors,
	 .refused = BIT(TASK_ON_ERROR_DEAD_LETTER), .refusal = "is not supported yet: use stop",
	 .meaning = "What becomes of a row that cannot be read."},
	END,
};

static const struct task_field memory[] = {
	{"queue_bytes", FIELD_INT, AT(memory.queue_bytes), .number = 16 * MIB, .min = MIB / 4,
	 .max = 4096 * MIB, .unit = "bytes",
	 .meaning = "Encoded messages between source and pipe, those in flight included."},
	{"group_bytes", FIELD_INT, AT(memory.group_bytes), .number = 16 * MIB, .min = MIB / 16,
	 .max = 4096 * MIB, .unit = "bytes",
	 .meaning = "Rows of one transaction held until it is known to be committed; a larger "
		    "one is read twice."},
	END,
};

#define ALERT_COMMON(rule)                                                                         \
	{"enabled", FIELD_SWITCH, AT(alerts[rule].enabled), .meaning = "Whether it alerts."},      \
	{"for", FIELD_DURATION, AT(alerts[rule].wait), .max = 7 * DAY,                             \
	 .meaning = "How long it must hold."},                                                     \
	{"severity", FIELD_ENUM, AT(alerts[rule].severity), .choices = alert_severities,           \
	 .meaning = "How urgent it is."}
#define ALERT_THRESHOLD(rule)                                                                      \
	{"threshold", FIELD_DURATION, AT(alerts[rule].threshold), .max = 365 * DAY,                \
	 .meaning = "From where on it holds."}

static const struct task_field alert_no_running[] = {ALERT_COMMON(TASK_ALERT_NO_RUNNING), END};
static const struct task_field alert_failed[] = {ALERT_COMMON(TASK_ALERT_FAILED), END};
static const struct task_field alert_lag[] = {
	ALERT_COMMON(TASK_ALERT_LAG), ALERT_THRESHOLD(TASK_ALERT_LAG), END};
static const struct task_field alert_stuck[] = {
	ALERT_COMMON(TASK_ALERT_STUCK), ALERT_THRESHOLD(TASK_ALERT_STUCK), END};
static const struct task_field alert_no_standby[] = {ALERT_COMMON(TASK_ALERT_NO_STANDBY), END};
static const struct task_field alert_binlog[] = {
	ALERT_COMMON(TASK_ALERT_BINLOG_HOURS_LEFT), ALERT_THRESHOLD(TASK_ALERT_BINLOG_HOURS_LEFT),
	END};
static const struct task_field alert_dead_letters[] = {
	ALERT_COMMON(TASK_ALERT_DEAD_LETTERS), ALERT_THRESHOLD(TASK_ALERT_DEAD_LETTERS), END};

/* Named as mr-monitor's rules are. What is not given is as its configuration has it. */
static const struct task_field alerts[] = {
	{"no_running", FIELD_OBJECT, .fields = alert_no_running,
	 .meaning = "Nobody runs the task although it should."},
	{"failed", FIELD_OBJECT, .fields = alert_failed, .meaning = "It gave up."},
	{"lag", FIELD_OBJECT, .fields = alert_lag, .meaning = "It is behind its source."},
	{"stuck", FIELD_OBJECT, .fields = alert_stuck, .meaning = "It makes no progress."},
	{"no_standby", FIELD_OBJECT, .fields = alert_no_standby,
	 .meaning = "Nobody would take over."},
	{"binlog_hours_left", FIELD_OBJECT, .fields = alert_binlog,
	 .meaning = "The source purges soon what was not read."},
	{"dead_letters", FIELD_OBJECT, .fields = alert_dead_letters,
	 .meaning = "Messages were too large and are in the dead letter topic only."},
	END,
};

const struct task_field task_fields[] = {
	{"version", FIELD_INT, AT(version), .number = 1, .min = 1, .max = 1,
	 .meaning = "Of the document's format."},
	{"name", FIELD_STRING, AT(name), .min = 1, .max = TASK_NAME_MAX,
	 .meaning = "Of the task: letters, digits, '_', '.' and '-'."},
	{"uid", FIELD_STRING, AT(uid), .max = 64, .meaning = "Given at creation."},
	{"group", FIELD_STRING, AT(group), .max = TASK_NAME_MAX,
	 .meaning = "Of a cold-standby task; null: hot standby."},
	{"source", FIELD_OBJECT, .fields = source, .meaning = "The server that is read."},
	{"tables", FIELD_OBJECT, .fields = tables, .meaning = "What of it is copied."},
	{"pipe", FIELD_OBJECT, .fields = pipe_fields, .meaning = "Where row changes go."},
	{"snapshot", FIELD_OBJECT, .fields = snapshot, .meaning = "Reading tables whole."},
	{"consumers", FIELD_LATER, .fallback = "[]", .refusal = not_yet,
	 .meaning = "What takes messages from the pipe: not supported yet."},
	{"on_error", FIELD_OBJECT, .fields = on_error, .meaning = "Rows that cannot go on."},
	{"memory", FIELD_OBJECT, .fields = memory, .meaning = "Bounds."},
	{"commit_interval_ms", FIELD_INT, AT(commit_interval_ms), .number = 500, .min = 10,
	 .max = 60000, .unit = "ms", .meaning = "Between saves of the position."},
	{"alerts", FIELD_OBJECT, .fields = alerts,
	 .meaning = "Rules of mr-monitor as this task wants them."},
	END,
};
