/* server_config.h - mr-server's configuration: the table of its keys, read and checked. */
#ifndef MR_SERVER_SERVER_CONFIG_H
#define MR_SERVER_SERVER_CONFIG_H

#include "common/config/config.h"
#include "common/os/log.h"
#include "common/os/process.h"

struct server_config {
	struct config *file; /* owns the strings */
	const char *path;    /* of the file; NULL: defaults. The caller's */
	const char *hostname;
	const char *listen;
	unsigned threads;
	unsigned max_connections;
	unsigned max_per_address;
	usec_t preflight_timeout;
	const char *tls_cert; /* "": plain HTTP */
	const char *tls_key;
	const char *key_ring;
	const char *secrets_dir;
	enum log_level log_level;
	char own_hostname[PROCESS_HOSTNAME_MAX];
};

extern const struct config_key server_config_keys[];
extern const size_t server_config_nkeys;

/* NULL: defaults. The struct must not be moved afterwards. */
int server_config_load(const char *path, struct server_config *ret, struct err *err) MR_MUST_CHECK;
void server_config_free(struct server_config *c);

#endif
