/*
 * connect.c - see connect.h: options, the library's handle, waiting and interrupting.
 *
 * Which thread: the source's; source_interrupt() any. Errors of connecting are made in
 * connect_error.c, authentication is auth.c's.
 */
#include "core/mysql/connect.h"
#include "common/contract/errors.h"
#include "core/mysql/auth.h"
#include "core/mysql/connect_error.h"
#include "core/mysql/server_priv.h"
#include "core/mysql/source_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

static const usec_t CONNECT_TIMEOUT = 10 * USEC_PER_SEC;
static const usec_t READ_TIMEOUT = 60 * USEC_PER_SEC;
/* The largest event a server can send. The library's buffer grows as far as needed. */
static const unsigned long PACKET_MAX = 1024UL * 1024 * 1024;

/* Whom the waits of this thread belong to. */
static _Thread_local struct source *waiting;

void source_enter(struct source *s, usec_t deadline, usec_t patience)
{
	waiting = s;
	s->deadline = deadline;
	s->patience = patience;
	s->timed_out = false;
}

/* Milliseconds the next poll may take; -1: no limit. */
static int wait_limit(const struct source *s)
{
	usec_t left = s->patience ? s->patience : INT64_MAX;
	if (s->deadline) {
		usec_t until = s->deadline - clock_boot();
		left = until < left ? until : left;
	}
	if (s->limit) {
		usec_t until = s->limit - clock_boot();
		left = until < left ? until : left;
	}
	if (left == INT64_MAX)
		return -1;
	usec_t ms = (left + USEC_PER_MSEC - 1) / USEC_PER_MSEC;
	return ms <= 0 ? 0 : ms > INT32_MAX ? INT32_MAX : (int)ms;
}

/*
 * The library's io_wait: 1 ready, 0 timed out, -1 failed. The library's own limit is
 * not used: with TLS it passes seconds as milliseconds.
 */
static int source_wait(my_socket fd, my_bool is_read, int timeout)
{
	(void)timeout;
	struct source *s = waiting;
	struct pollfd p[2] = {
		{.fd = (int)fd, .events = is_read ? POLLIN : POLLOUT},
		{.fd = s->interrupt_fd, .events = POLLIN},
	};
	int n;
	do {
		n = poll(p, 2, wait_limit(s));
	} while (n < 0 && errno == EINTR);
	if (n > 0 && p[1].revents) {
		errno = ECANCELED;
		return -1;
	}
	if (n == 0) {
		s->timed_out = true;
		errno = ETIMEDOUT;
	}
	return n > 0 ? 1 : n;
}

static int copy_string(const char **ret, const char *text)
{
	*ret = strdup(text ? text : "");
	return *ret ? 0 : -ENOMEM;
}

static void clear_string(const char *text)
{
	if (text)
		explicit_bzero((char *)(uintptr_t)text, strlen(text));
	free((char *)(uintptr_t)text);
}

int source_new(const struct source_options *o, struct source **ret, struct err *err)
{
	if (!o->host || !o->host[0])
		return err_set(err, -EINVAL, ERR_TASK_INVALID, "source.host is empty");
	/* The library would take a comma or a path as something else than one host. */
	if (strpbrk(o->host, ", /@'\""))
		return err_set(err, -EINVAL, ERR_TASK_INVALID, "source.host \"%s\" is not a host",
			       o->host);
	if (auth_register())
		return err_set(err, -ENOSYS, ERR_INTERNAL,
			       "libmariadb does not take our authentication plugin");
	struct source *s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a connection");
	s->options = *o;
	struct source_options *c = &s->options;
	c->connect_timeout = o->connect_timeout > 0 ? o->connect_timeout : CONNECT_TIMEOUT;
	c->read_timeout = o->read_timeout > 0 ? o->read_timeout : READ_TIMEOUT;
	s->interrupt_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int rc = copy_string(&c->host, o->host) | copy_string(&c->user, o->user) |
		 copy_string(&c->password, o->password) | copy_string(&c->tls.ca, o->tls.ca) |
		 copy_string(&c->tls.cert, o->tls.cert) | copy_string(&c->tls.key, o->tls.key);
	if (rc || s->interrupt_fd < 0) {
		source_free(s);
		return err_set(err, -ENOMEM, ERR_MEMORY,
			       "no memory or descriptor for a connection");
	}
	bool v6 = strchr(c->host, ':');
	snprintf(s->name, sizeof(s->name), "%.128s@%s%.255s%s:%u", c->user, v6 ? "[" : "", c->host,
		 v6 ? "]" : "", c->port);
	*ret = s;
	return 0;
}

int source_clone(struct source *s, struct source **ret, struct err *err)
{
	struct source *c;
	int rc = source_new(&s->options, &c, err);
	if (rc)
		return rc;
	/* One counter behind both descriptors: who interrupts s interrupts the clone. */
	if (dup3(s->interrupt_fd, c->interrupt_fd, O_CLOEXEC) < 0) {
		source_free(c);
		return err_set(err, -EMFILE, ERR_MEMORY, "no descriptor for a connection");
	}
	c->limit = s->limit;
	*ret = c;
	return 0;
}

void source_free(struct source *s)
{
	if (!s)
		return;
	source_disconnect(s);
	if (s->interrupt_fd >= 0)
		close(s->interrupt_fd);
	free((char *)(uintptr_t)s->options.host);
	free((char *)(uintptr_t)s->options.user);
	clear_string(s->options.password);
	free((char *)(uintptr_t)s->options.tls.ca);
	free((char *)(uintptr_t)s->options.tls.cert);
	clear_string(s->options.tls.key);
	free(s);
}

bool source_stopped(const struct source *s)
{
	struct pollfd p = {.fd = s->interrupt_fd, .events = POLLIN};
	return poll(&p, 1, 0) > 0;
}

void source_limit(struct source *s, usec_t until)
{
	s->limit = until;
}

void source_interrupt(struct source *s)
{
	eventfd_write(s->interrupt_fd, 1);
}

void source_disconnect(struct source *s)
{
	if (!s->mysql)
		return;
	source_enter(s, clock_boot() + USEC_PER_SEC, 0);
	/*
	 * A server that streams does not listen: the socket is just closed. Otherwise
	 * mysql_close() says goodbye, which may wait, at most until the deadline.
	 */
	if (s->dumping)
		shutdown((int)mysql_get_socket(s->mysql), SHUT_RDWR);
	mysql_close(s->mysql);
	s->mysql = NULL;
	s->dumping = false;
	s->cipher[0] = 0;
}

bool source_connected(const struct source *s)
{
	return s->mysql;
}

bool source_answers(struct source *s)
{
	if (!s->mysql || s->dumping)
		return false;
	source_enter(s, 0, s->options.read_timeout);
	return mysql_ping(s->mysql) == 0;
}

const char *source_name(const struct source *s)
{
	return s->name;
}

const struct source_options *source_get_options(const struct source *s)
{
	return &s->options;
}

const char *source_cipher(const struct source *s)
{
	return s->cipher;
}

enum { TLS_FILES = 3 };

/* What the library can open: certificates and keys given as text lie in memory files. */
struct tls_files {
	int fd[TLS_FILES];
	char path[TLS_FILES][64];
};

static void tls_files_close(struct tls_files *f)
{
	for (size_t i = 0; i < TLS_FILES; i++)
		if (f->fd[i] >= 0)
			close(f->fd[i]);
}

/* The path to give for PEM text or a file's path; NULL for none. */
static int tls_file(struct tls_files *f, size_t i, const char *field, const char *given,
		    const char **ret, struct err *err)
{
	*ret = NULL;
	if (!given[0])
		return 0;
	if (!strstr(given, "-----BEGIN")) {
		if (access(given, R_OK)) {
			int e = errno;
			return err_set_at(err, -e, ERR_SECRET_MISSING, field, "cannot read %s: %s",
					  given, strerror(e));
		}
		*ret = given;
		return 0;
	}
	size_t n = strlen(given);
	f->fd[i] = memfd_create("tls", MFD_CLOEXEC);
	if (f->fd[i] < 0 || write(f->fd[i], given, n) != (ssize_t)n) {
		int e = errno;
		return err_set_at(err, -e, ERR_MEMORY, field, "no memory for the text: %s",
				  strerror(e));
	}
	snprintf(f->path[i], sizeof(f->path[i]), "/proc/self/fd/%d", f->fd[i]);
	*ret = f->path[i];
	return 0;
}

static int set_tls(MYSQL *m, const struct source_tls *tls, struct tls_files *f, struct err *err)
{
	my_bool use = tls->mode != SOURCE_TLS_DISABLED;
	my_bool verify = tls->mode == SOURCE_TLS_VERIFY_IDENTITY;
	bool check_ca = verify || tls->mode == SOURCE_TLS_REQUIRED;
	mysql_optionsv(m, MYSQL_OPT_SSL_ENFORCE, &use);
	mysql_optionsv(m, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
	if (!use)
		return 0;
	const char *ca = NULL, *cert = NULL, *key = NULL;
	int rc = check_ca ? tls_file(f, 0, "source.tls.ca", tls->ca, &ca, err) : 0;
	if (!rc)
		rc = tls_file(f, 1, "source.tls.cert", tls->cert, &cert, err);
	if (!rc)
		rc = tls_file(f, 2, "source.tls.key", tls->key, &key, err);
	if (rc)
		return rc;
	mysql_optionsv(m, MARIADB_OPT_TLS_VERSION, "TLSv1.2,TLSv1.3");
	if (ca)
		mysql_optionsv(m, MYSQL_OPT_SSL_CA, ca);
	if (cert)
		mysql_optionsv(m, MYSQL_OPT_SSL_CERT, cert);
	if (key)
		mysql_optionsv(m, MYSQL_OPT_SSL_KEY, key);
	return 0;
}

static void set_options(MYSQL *m, const struct source_options *o)
{
	unsigned protocol = MYSQL_PROTOCOL_TCP, off = 0;
	my_bool no = 0;
	/* Whole seconds, rounded up; the precise limits are source_wait()'s. */
	unsigned connect_s = (unsigned)((o->connect_timeout + USEC_PER_SEC - 1) / USEC_PER_SEC);
	unsigned read_s = (unsigned)((o->read_timeout + USEC_PER_SEC - 1) / USEC_PER_SEC);
	unsigned long packet = PACKET_MAX;
	mysql_optionsv(m, MYSQL_OPT_PROTOCOL, &protocol); /* "localhost" too is TCP */
	mysql_optionsv(m, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
	mysql_optionsv(m, MYSQL_OPT_READ_TIMEOUT, &read_s);
	mysql_optionsv(m, MYSQL_OPT_WRITE_TIMEOUT, &read_s);
	mysql_optionsv(m, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet);
	mysql_optionsv(m, MYSQL_OPT_RECONNECT, &no);
	mysql_optionsv(m, MYSQL_OPT_LOCAL_INFILE, &off); /* a server may ask for any file */
	mysql_optionsv(m, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	mysql_optionsv(m, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "mysql-replicator");
	mysql_optionsv(m, MARIADB_OPT_IO_WAIT, source_wait);
}

/* An unknown name is said at once; the library would try again for the whole timeout. */
static int resolve(struct source *s, struct err *err)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
	int rc = getaddrinfo(s->options.host, NULL, &hints, &found);
	if (rc)
		return err_set(err, -EHOSTUNREACH, ERR_SOURCE_UNREACHABLE,
			       "cannot connect to %s: unknown host %s: %s", s->name,
			       s->options.host,
			       rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
	freeaddrinfo(found);
	return 0;
}

static int open_handle(struct source *s, MYSQL *m, struct err *err)
{
	const struct source_options *o = &s->options;
	struct auth auth = {.password = o->password, .mode = o->tls.mode};
	struct tls_files files = {.fd = {-1, -1, -1}};
	set_options(m, o);
	auth_attach(m, &auth);
	int rc = set_tls(m, &o->tls, &files, err);
	if (!rc) {
		source_enter(s, clock_boot() + o->connect_timeout, 0);
		/* The empty password is not NULL, which would mean $MYSQL_PWD. */
		if (!mysql_real_connect(m, o->host, o->user, "", NULL, o->port, NULL,
					CLIENT_REMEMBER_OPTIONS))
			rc = connect_fail(s, m, &auth, err);
	}
	tls_files_close(&files);
	return rc;
}

int source_connect(struct source *s, struct err *err)
{
	source_disconnect(s);
	if (source_stopped(s))
		return err_set(err, -EINTR, ERR_SOURCE_LOST, "%s: stopped on request", s->name);
	int rc = resolve(s, err);
	if (rc)
		return rc;
	MYSQL *m = mysql_init(NULL);
	if (!m)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a connection");
	rc = open_handle(s, m, err);
	if (rc) {
		mysql_close(m);
		return rc;
	}
	s->mysql = m;
	const char *version = NULL, *cipher = mysql_get_ssl_cipher(m);
	if (cipher) {
		mariadb_get_infov(m, MARIADB_CONNECTION_TLS_VERSION, &version);
		snprintf(s->cipher, sizeof(s->cipher), "%s %s", version ? version : "TLS", cipher);
	}
	return 0;
}
