/*
 * source_priv.h - what the files of core/mysql share of a source.
 *
 * Waiting. The library waits for the socket in source_wait(), set as its io_wait: there
 * the interrupt's eventfd is polled too, and how long to wait is decided. The function
 * gets no context, so each entry into the library that may wait names its source first
 * by source_enter(), in a thread-local pointer.
 */
#ifndef MR_MYSQL_SOURCE_PRIV_H
#define MR_MYSQL_SOURCE_PRIV_H

#include "core/mysql/connect.h"

#include <mysql.h>

struct source {
	struct source_options options; /* its strings are ours */
	char name[512];
	char cipher[128];
	MYSQL *mysql; /* NULL while not connected */

	int interrupt_fd; /* readable once interrupted, for good */
	bool timed_out;	  /* the last wait ended by time */
	usec_t deadline;  /* of all waits together; 0: none */
	usec_t patience;  /* of one wait; 0: none */
	usec_t limit;	  /* of everything; 0: none */

	bool dumping;
	usec_t heartbeat;     /* of the dump */
	uint64_t dump_events; /* of the log itself, since the dump began */
};

/* The waits to come are for s: until `deadline` (0: none), each at most `patience`. */
void source_enter(struct source *s, usec_t deadline, usec_t patience);

/* Has source_interrupt() been called? */
bool source_stopped(const struct source *s);

/*
 * Turns the library's last error into a kind: what interrupted or timed out, a lost
 * connection, a missing grant, else ERR_SOURCE_QUERY. `doing` says what was tried.
 */
int source_fail(struct source *s, struct err *err, const char *doing);

/* CURRENT_USER(), after a refusal too; user@% where the connection is no more. */
void source_account(struct source *s, char *out, size_t size);

/* The library's own numbers (errmsg.h) and the servers' that need a meaning. */
enum {
	SERVER_ERR_OUT_OF_MEMORY = 1037,
	SERVER_ERR_CON_COUNT = 1040,
	SERVER_ERR_OUT_OF_RESOURCES = 1041,
	SERVER_ERR_DBACCESS_DENIED = 1044,
	SERVER_ERR_ACCESS_DENIED = 1045,
	SERVER_ERR_SHUTDOWN = 1053,
	SERVER_ERR_HOST_BLOCKED = 1129,
	SERVER_ERR_HOST_NOT_PRIVILEGED = 1130,
	SERVER_ERR_TABLEACCESS_DENIED = 1142,
	SERVER_ERR_COLUMNACCESS_DENIED = 1143,
	SERVER_ERR_NO_THREAD = 1135,
	SERVER_ERR_NET_READ = 1158,
	SERVER_ERR_NET_READ_INTERRUPTED = 1159,
	SERVER_ERR_NET_WRITE = 1160,
	SERVER_ERR_NET_WRITE_INTERRUPTED = 1161,
	SERVER_ERR_UNKNOWN_VARIABLE = 1193,
	SERVER_ERR_TOO_MANY_USER_CONNECTIONS = 1203,
	SERVER_ERR_USER_LIMIT = 1226,
	SERVER_ERR_LOCK_WAIT = 1205,
	SERVER_ERR_DEADLOCK = 1213,
	SERVER_ERR_SPECIFIC_ACCESS_DENIED = 1227,
	SERVER_ERR_MASTER_FATAL = 1236,
	SERVER_ERR_NOT_SUPPORTED_AUTH = 1251,
	SERVER_ERR_PLUGIN_NOT_LOADED = 1524,
	SERVER_ERR_QUERY_INTERRUPTED = 1317,
	SERVER_ERR_NO_BINARY_LOGGING = 1381,
	SERVER_ERR_ACCESS_DENIED_NO_PASSWORD = 1698,
	SERVER_ERR_MUST_CHANGE_PASSWORD = 1820,
	SERVER_ERR_MUST_CHANGE_PASSWORD_LOGIN = 1862,
	SERVER_ERR_CONNECTION_KILLED = 1927,
	SERVER_ERR_OFFLINE_MODE = 3032,
	SERVER_ERR_ACCOUNT_LOCKED = 3118,
	SERVER_ERR_SECURE_TRANSPORT = 3159,
	SERVER_ERR_SLAVE_SAME_ID = 4052,
	SERVER_ERR_CLIENT_TIMEOUT = 4031,
	SERVER_ERR_MARIADB_LOCKED = 4151,
};

#endif
