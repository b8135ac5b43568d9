/*
 * task.h - the task document: what to copy from where to where (design.md, section 3).
 *
 * One table (task_fields.c) gives every key its type, bounds, default and meaning; it
 * feeds the parser, the document with all defaults written out, the reference page and
 * "did you mean". A parsed task is read-only and may be shared between threads; it owns
 * its memory, secrets included, until task_free(), which overwrites them. Asking for
 * something that this version does not do is an error, never silently ignored.
 *
 * Does not belong here: connecting, resolving hosts, Kafka. The members are named as
 * the document's keys are.
 */
#ifndef MR_CONTRACT_TASK_H
#define MR_CONTRACT_TASK_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/contract/secret.h"

#include <stdbool.h>

enum {
	TASK_DOCUMENT_MAX = 512 * 1024, /* bytes of JSON */
	TASK_NAME_MAX = 100,
	TASK_TOPIC_MAX = 249, /* Kafka's bound */
};

enum task_tls_mode {
	TASK_TLS_DISABLED,
	TASK_TLS_PREFERRED, /* the source's only: TLS when the server has it */
	TASK_TLS_REQUIRED,  /* encrypted; the certificate is checked when `ca` is given */
	TASK_TLS_VERIFY_IDENTITY,
};

struct task_tls {
	int mode; /* enum task_tls_mode */
	/* PEM text once task_resolve_secrets() has been called. */
	struct secret ca, cert, key;
};

struct task_host {
	const char *host;
	uint16_t port;
};

enum task_start {
	TASK_START_LATEST,
	TASK_START_EARLIEST,
	TASK_START_FILE, /* start_file, start_pos */
	TASK_START_GTID, /* start_gtid: the set already executed */
	TASK_START_TIME, /* start_time: the first transaction committed at or after it */
};

struct task_source {
	const char *host; /* "" when only hosts is given */
	int64_t port;
	const char *user;
	struct secret password;
	const char **given_hosts; /* `hosts` as in the document */
	size_t ngiven_hosts;
	struct task_tls tls;
	const char *start_text; /* for messages and documents */
	int start;              /* enum task_start */
	const char *start_file;
	uint64_t start_pos;
	const char *start_gtid;
	usec_t start_time;
	int64_t server_id; /* 0: one that is free is chosen */
	const char *time_zone;
	/* What to connect to, in order of preference: host and port, then hosts. */
	struct task_host *hosts;
	size_t nhosts;
};

enum task_column_action {
	TASK_COLUMN_HASH,     /* HMAC-SHA-256 of its text, keyed with tables.salt; hexadecimal */
	TASK_COLUMN_MASK,     /* `with` instead of what it has */
	TASK_COLUMN_TRUNCATE, /* its first `length` characters (bytes of binary columns) */
	TASK_COLUMN_DROP,     /* not in the messages */
	TASK_COLUMN_NULL,     /* NULL in every row */
};

struct task_column_rule {
	const char *match; /* pattern "database.table.column" */
	int action;        /* enum task_column_action */
	int64_t length;    /* -1: not given */
	const char *with;
};

struct task_row_rule {
	const char *match; /* pattern "database.table" */
	const char *where; /* where.h */
};

struct task_tables {
	const char **include;
	size_t ninclude;
	const char **exclude;
	size_t nexclude;
	struct task_column_rule *columns; /* the first that matches a column counts */
	size_t ncolumns;
	struct task_row_rule *rows; /* the first that matches a table counts */
	size_t nrows;
	struct secret salt;
};

enum task_pipe_type { TASK_PIPE_KAFKA, TASK_PIPE_FILE, TASK_PIPE_STDOUT, TASK_PIPE_NONE };
enum task_key {
	TASK_KEY_PRIMARY,
	TASK_KEY_TABLE,
	TASK_KEY_DATABASE,
	TASK_KEY_NONE,
	TASK_KEY_COLUMNS, /* key_columns */
};
enum task_format { TASK_FORMAT_DEBEZIUM, TASK_FORMAT_MAXWELL, TASK_FORMAT_CANAL };
enum task_delivery { TASK_AT_LEAST_ONCE, TASK_EXACTLY_ONCE };
enum task_sasl { TASK_SASL_NONE, TASK_SASL_PLAIN, TASK_SASL_SCRAM_256, TASK_SASL_SCRAM_512 };

enum task_snapshot { TASK_SNAPSHOT_NEVER, TASK_SNAPSHOT_INITIAL, TASK_SNAPSHOT_WHEN_NEEDED };
enum task_on_error { TASK_ON_ERROR_STOP, TASK_ON_ERROR_DEAD_LETTER };

/* pipe.options, under the names and values of the peer whose format it is. */
enum task_compat { TASK_COMPAT_LOSSLESS, TASK_COMPAT_EXACT };
enum task_decimal { TASK_DECIMAL_PRECISE, TASK_DECIMAL_DOUBLE, TASK_DECIMAL_STRING };
enum task_bigint { TASK_BIGINT_LONG, TASK_BIGINT_PRECISE };
enum task_time {
	TASK_TIME_ADAPTIVE_MICROSECONDS,
	TASK_TIME_ADAPTIVE,
	TASK_TIME_CONNECT,
	TASK_TIME_ISOSTRING,
	TASK_TIME_MICROSECONDS,
	TASK_TIME_NANOSECONDS,
};
enum task_binary { TASK_BINARY_BYTES, TASK_BINARY_BASE64, TASK_BINARY_BASE64_URL, TASK_BINARY_HEX };

enum task_names { TASK_NAMES_NONE, TASK_NAMES_AVRO, TASK_NAMES_AVRO_UNICODE };

enum task_key_format { TASK_KEY_HASH, TASK_KEY_ARRAY };

/* Maxwell's: 0, 1, or -1 when not given, which is its default. */
struct task_maxwell {
	int key_format; /* enum task_key_format: kafka_key_format */
	int binlog_position;
	int gtid_position;
	int commit_info;
	int xoffset;
	int nulls;
	int server_id;
	int thread_id;
	int row_query;
	int primary_keys;
	int primary_key_columns;
	int null_zerodates;
};

struct task_options {
	int compat;          /* enum task_compat */
	int decimal;         /* decimal.handling.mode */
	int bigint_unsigned; /* bigint.unsigned.handling.mode */
	int time_precision;  /* time.precision.mode */
	int binary;          /* binary.handling.mode */
	struct task_maxwell maxwell;
	bool key_schemas;    /* key.converter.schemas.enable */
	bool value_schemas;  /* value.converter.schemas.enable */
	int schema_names;    /* schema.name.adjustment.mode: enum task_names */
	int field_names;     /* field.name.adjustment.mode */
	const char *skipped; /* skipped.operations, see task_skipped_operations() */
	bool include_query;
	bool transactions;   /* provide.transaction.metadata */
	const char *unavailable; /* unavailable.value.placeholder */
	bool time_adjuster;  /* enable.time.adjuster */
};

/* A name and value pair of a free-form object. */
struct task_property {
	const char *name;
	const char *value;
};

struct task_pipe {
	int type;            /* enum task_pipe_type */
	const char *brokers; /* host:port, comma separated */
	const char *topic;   /* template */
	struct {
		bool create;
		int64_t partitions;
		int64_t replication_factor; /* 0: the broker's default */
		struct task_property *config;
		size_t nconfig;
		const char *heartbeat; /* template; "": no heartbeats */
		const char *transaction; /* template; of options.transactions */
		const char *dead_letter; /* template; of on_error */
		const char *schema_changes; /* "auto", or a template; "": none */
		usec_t heartbeat_interval;
	} topics;
	struct {
		struct task_tls tls;
		struct {
			int mechanism; /* enum task_sasl */
			const char *user;
			struct secret password;
		} sasl;
	} security;
	const char *key_text;    /* as the document has it */
	int key;                 /* enum task_key */
	const char *key_columns; /* the text behind "columns:" */
	int format;   /* enum task_format */
	int delivery; /* enum task_delivery */
	int tombstones; /* 0, 1; -1: not given, it is as the format has it */
	struct task_options options;
	struct task_property *properties; /* librdkafka's, from the allowlist */
	size_t nproperties;
	const char *path; /* of type file */
};

/* Rules of mr-monitor that a task may set for itself; `alerts` has a member for each. */
enum task_alert_rule {
	TASK_ALERT_NO_RUNNING,
	TASK_ALERT_FAILED,
	TASK_ALERT_LAG,
	TASK_ALERT_STUCK,
	TASK_ALERT_NO_STANDBY,
	TASK_ALERT_BINLOG_HOURS_LEFT,
	TASK_ALERT_DEAD_LETTERS,
	TASK_ALERTS, /* how many there are */
};

/* What is -1 is as mr-monitor's configuration has it. Not every rule has a threshold. */
struct task_alert {
	int enabled; /* 0, 1 */
	usec_t threshold;
	usec_t wait; /* "for" */
	int severity; /* enum alert_severity */
};

struct task {
	int64_t version;
	const char *name;
	const char *uid;   /* "" when the document has none */
	const char *group; /* "" for a hot task */
	struct task_source source;
	struct task_tables tables;
	struct task_pipe pipe;
	struct {
		int mode; /* enum task_snapshot */
		int64_t chunk_rows;
		int64_t parallel;
	} snapshot;
	struct {
		int oversize_row; /* enum task_on_error */
		int bad_row;
	} on_error;
	struct {
		uint64_t queue_bytes;
		uint64_t group_bytes;
	} memory;
	int64_t commit_interval_ms;
	struct task_alert alerts[TASK_ALERTS];
	struct arena arena; /* every string and array above */
};

/*
 * Parses and checks a document. On failure err is of kind ERR_TASK_INVALID; err.where is
 * the path of the field ("source.port", "tables.include[2]") or "line L, column C".
 */
int task_parse(const char *text, size_t len, struct task **ret, struct err *err) MR_MUST_CHECK;
/* Reads the file (at most TASK_DOCUMENT_MAX bytes) and parses it. */
int task_load(const char *path, struct task **ret, struct err *err) MR_MUST_CHECK;
void task_free(struct task *t);
/*
 * Whether rows and position are committed together: pipe.delivery is exactly_once and the pipe
 * has transactions. A file, stdout and none have not: they get each row at least once.
 */
bool task_is_transactional(const struct task *t);

/*
 * Resolves references and opens what is sealed, in place: passwords, certificates and keys
 * have their text then.
 */
int task_resolve_secrets(struct task *t, const struct secret_places *places,
			 struct err *err) MR_MUST_CHECK;
/*
 * Calls `each` for every secret of the document, set or not; `use` is gone when it
 * returns. Stops at the first that fails, and returns what it returned.
 */
typedef int task_secret_fn(void *ctx, struct secret *s, const struct secret_use *use);
int task_each_secret(struct task *t, task_secret_fn *each, void *ctx, struct err *err) MR_MUST_CHECK;

/* The document with every default written out and without secrets, indented JSON. */
void task_to_json(const struct task *t, struct buf *out);
/*
 * The same for ZooKeeper: secrets as given, sealed or by reference. -EINVAL, with the
 * field, while one is plain: seal_task() comes first.
 */
int task_to_stored_json(const struct task *t, struct buf *out, struct err *err) MR_MUST_CHECK;
/* The reference page of the document, Markdown. */
void task_print_reference(struct buf *out);

/*
 * Whether the table is copied: it matches an include pattern (none given: every table
 * but those of mysql, information_schema, performance_schema and sys), and no exclude
 * pattern. '*' is any text, '?' one character, '\' takes the next character as it is.
 */
bool task_matches(const struct task *t, struct span db, struct span table);
/* One "db.table" pattern. */
bool task_pattern_matches(const char *pattern, struct span db, struct span table);
/*
 * Of a "db.table.column" pattern: do database and table match; is there a star or a question
 * mark in the column's part; does that match a column (whose case does not matter)?
 */
bool task_column_pattern_table(const char *pattern, struct span db, struct span table);
bool task_column_pattern_wild(const char *pattern);
bool task_column_pattern_matches(const char *pattern, struct span column);

/*
 * The topic of a table, by the template, with a zero byte; characters that Kafka does
 * not allow become '_'. Fails when it is longer than Kafka allows, or "." or "..", or one of
 * pipe.topics, whose messages are no rows.
 */
int task_topic(const struct task *t, struct span db, struct span table,
	       char out[TASK_TOPIC_MAX + 1], struct err *err) MR_MUST_CHECK;

/*
 * The topic of messages that are no rows of a table, by one of the templates of pipe.topics:
 * {task} is its only placeholder. Errors name the field, which is of pipe.topics.
 */
int task_side_topic(const struct task *t, const char *field, const char *template,
		    char out[TASK_TOPIC_MAX + 1], struct err *err) MR_MUST_CHECK;
/* The template of pipe.topics.schema_changes, "auto" resolved; "": none. */
const char *task_schema_changes(const struct task *t);

/*
 * Whether two tables that have the same topic were meant to: the template gives them the
 * same text even before characters that Kafka does not allow are replaced.
 */
bool task_topic_shared(const struct task *t, struct span db_a, struct span table_a,
		       struct span db_b, struct span table_b);

/* Operations of skipped.operations, as bits. */
enum {
	TASK_SKIP_CREATE = 1,
	TASK_SKIP_UPDATE = 2,
	TASK_SKIP_DELETE = 4,
	TASK_SKIP_TRUNCATE = 8,
};
/* "u,d" or "none"; 0 or -EINVAL. */
int task_skipped_operations(const char *text, unsigned *ret);

/* "2026-11-22T10:00:00[.fraction](Z|+hh:mm)". 0 or -EINVAL. */
int task_parse_time(const char *text, usec_t *ret);
/* 0, or -EINVAL with a reason: [A-Za-z0-9_.-], 1 to TASK_NAME_MAX, not beginning with '.'. */
int task_name_check(const char *name, const char **ret_reason);
const char *task_tls_mode_name(int mode);
/* As the document spells it. */
const char *task_format_name(int format);
/*
 * The value of one of pipe.options by its name in the document, default included; NULL
 * when there is none of that name.
 */
const char *task_option(const struct task *t, const char *name);

#endif
