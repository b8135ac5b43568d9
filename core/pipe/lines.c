/*
 * lines.c - the pipes stdout and file: a message a line.
 *
 *   VALUE\n                      by default; a tombstone is `null`
 *   KEY\tHEADERS\tVALUE\n        with_keys
 *
 * KEY      null for no key; else the key's bytes as they are when they are a JSON object
 *          without a control character; else the bytes as a JSON string. So the first
 *          character tells the three apart, and the field never holds a TAB or a newline.
 *          (Debezium's header of a key with a date may be {"d":2026-11-22}: a string.)
 * HEADERS  a JSON object in the message's order, each value in the form of KEY; {} for
 *          none. A name may repeat, as Kafka allows.
 * VALUE    the value's bytes as they are. Formats that put a newline into a message
 *          would break the lines: such a value is written as a JSON string.
 *
 * Records are gathered and written with one writev; they are acknowledged when the
 * write has taken their last byte. What does not fit into a pipe or terminal waits
 * there, without blocking the thread: a reader that stops reading stops the source.
 *
 * The file is appended to. After a crash its last line may be torn: no position behind
 * it was saved (pipe_sync comes first), so at open the file is cut after its last
 * newline, and the message is written again. One task writes to a file (flock).
 *
 * Deliver thread only. Owns the descriptor of a file; refers to records until ack.
 */
#include "core/pipe/pipe_priv.h"

#include "common/base/json.h"
#include "common/contract/errors.h"
#include "common/os/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	RECORDS_MAX = 256,      /* gathered for one writev */
	PARTS = 3,              /* prefix, value, newline */
	GATHER_MAX = 256 << 10, /* bytes after which a write is due */
	TAIL_STEP = 64 << 10,   /* the last newline is looked for in pieces of this */
};

struct lines {
	struct pipe base; /* base.fd: an epoll that shows when a full `out` takes bytes again */
	int out;
	bool with_keys;
	bool owns_out;
	bool waiting; /* out is full; it is in the epoll set */
	bool dirty;   /* written since the last fdatasync */
	char name[256];
	/*
	 * The records gathered, oldest first; each has PARTS entries in iov, whose sum is
	 * in `left`: bytes of it not yet written.
	 */
	struct record *records[RECORDS_MAX];
	size_t left[RECORDS_MAX];
	struct iovec iov[RECORDS_MAX * PARTS];
	unsigned n;
	unsigned done;   /* records written and acknowledged */
	unsigned iov_at; /* first entry not written whole */
	size_t bytes;
	struct buf text; /* prefixes and rewritten values, in place until the write */
};

static int lines_error(struct lines *l, int rc, const char *what, struct err *err)
{
	return err_set(err, rc, ERR_PIPE_IO, "%s: %s: %s", l->name, what, strerror(-rc));
}

/* The form of KEY above. */
static void put_field(struct buf *b, struct span s)
{
	bool plain = json_text_is_object(s.p, s.len);
	for (size_t i = 0; plain && i < s.len; i++)
		plain = s.p[i] >= 0x20;
	if (plain)
		buf_put(b, s.p, s.len);
	else
		json_put_string(b, s.p, s.len);
}

static void put_prefix(struct buf *b, const struct record *r)
{
	if (r->flags & RECORD_NO_KEY)
		buf_lit(b, "null");
	else
		put_field(b, (struct span){.p = record_key(r), .len = r->key_len});
	buf_lit(b, "\t{");
	struct cursor c = cursor_of(record_headers(r), r->headers_len);
	struct message_header h;
	for (bool first = true; message_header_next(&c, &h); first = false) {
		if (!first)
			buf_putc(b, ',');
		json_put_string(b, h.name.p, h.name.len);
		buf_putc(b, ':');
		put_field(b, h.value);
	}
	buf_lit(b, "}\t");
}

/* Everything gathered is written: the next record begins at the front. */
static void lines_restart(struct lines *l)
{
	l->n = l->done = l->iov_at = 0;
	l->bytes = 0;
	buf_clear(&l->text);
}

/* Bytes were taken: moves on in iov, and acknowledges records whose last byte went. */
static void lines_taken(struct lines *l, size_t n)
{
	l->dirty = true;
	while (n > 0) {
		struct iovec *v = &l->iov[l->iov_at];
		size_t part = n < v->iov_len ? n : v->iov_len;
		v->iov_base = (uint8_t *)v->iov_base + part;
		v->iov_len -= part;
		n -= part;
		l->left[l->iov_at / PARTS] -= part;
		if (v->iov_len == 0)
			l->iov_at++;
	}
	while (l->done < l->n && l->left[l->done] == 0) {
		l->iov_at = (l->done + 1) * PARTS; /* past parts that were empty */
		pipe_ack(&l->base, l->records[l->done++]);
	}
}

static void watch(struct lines *l, bool on)
{
	struct epoll_event ev = {.events = on ? EPOLLOUT : 0};
	if (on != l->waiting)
		(void)epoll_ctl(l->base.fd, EPOLL_CTL_MOD, l->out, &ev);
	l->waiting = on;
}

/* 0: all is written; -EAGAIN: out is full; otherwise a failure. */
static int lines_write(struct lines *l, struct err *err)
{
	while (l->done < l->n) {
		ssize_t n = writev(l->out, l->iov + l->iov_at,
				   (int)(l->n * PARTS - l->iov_at));
		if (n >= 0) {
			lines_taken(l, (size_t)n);
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN) {
			watch(l, true);
			return -EAGAIN;
		}
		l->base.failed_record = l->records[l->done];
		return lines_error(l, -errno, "cannot write", err);
	}
	watch(l, false);
	lines_restart(l);
	return 0;
}

/* The bytes of r's line become entry l->n. 0, -EAGAIN (text must not move) or -ENOMEM. */
static int lines_gather(struct lines *l, struct record *r)
{
	struct span value = {.p = record_value(r), .len = r->value_len};
	if (r->flags & RECORD_TOMBSTONE)
		value = (struct span){.p = (const uint8_t *)"null", .len = 4};
	bool rewrite = memchr(value.p, '\n', value.len) != NULL;

	/* Entries point into text, so it may grow only while there are none. */
	size_t worst = (l->with_keys ? 6 * ((size_t)r->key_len + r->headers_len) + 64 : 0) +
		       (rewrite ? 6 * value.len + 2 : 0);
	if (worst > l->text.cap - l->text.len && l->n > 0)
		return -EAGAIN;
	if (worst && !buf_room(&l->text, worst))
		return -ENOMEM;
	size_t start = l->text.len;
	if (l->with_keys)
		put_prefix(&l->text, r);
	size_t prefix = l->text.len - start;
	if (rewrite) {
		json_put_string(&l->text, value.p, value.len);
		value = (struct span){.p = l->text.data + start + prefix,
				      .len = l->text.len - start - prefix};
	}
	struct iovec *v = &l->iov[l->n * PARTS];
	v[0] = (struct iovec){.iov_base = l->text.data + start, .iov_len = prefix};
	v[1] = (struct iovec){.iov_base = (void *)(uintptr_t)value.p, .iov_len = value.len};
	v[2] = (struct iovec){.iov_base = (void *)(uintptr_t)"\n", .iov_len = 1};
	l->records[l->n] = r;
	l->left[l->n] = prefix + value.len + 1;
	l->bytes += l->left[l->n];
	l->n++;
	return 0;
}

static int lines_put(struct pipe *p, struct record *r, struct err *err)
{
	struct lines *l = (struct lines *)p;
	int rc;
	if (l->waiting)
		return -EAGAIN;
	if (l->n == RECORDS_MAX || l->bytes >= GATHER_MAX) {
		rc = lines_write(l, err);
		if (rc < 0)
			return rc;
	}
	rc = lines_gather(l, r);
	if (rc == -EAGAIN) {
		rc = lines_write(l, err);
		if (rc == 0)
			rc = lines_gather(l, r);
	}
	if (rc == -ENOMEM)
		return err_set(err, rc, ERR_MEMORY, "no memory for a line of %s", l->name);
	if (rc == 0)
		pipe_count(&p->produced, 1);
	return rc;
}

static int lines_serve(struct pipe *p, int timeout_ms, struct err *err)
{
	struct lines *l = (struct lines *)p;
	int rc = lines_write(l, err);
	if (rc == -EAGAIN && timeout_ms > 0) {
		struct pollfd pfd = {.fd = l->out, .events = POLLOUT};
		(void)poll(&pfd, 1, timeout_ms);
		rc = lines_write(l, err);
	}
	return rc == -EAGAIN ? 0 : rc;
}

static int lines_sync(struct pipe *p, struct err *err)
{
	struct lines *l = (struct lines *)p;
	if (!l->owns_out || !l->dirty)
		return 0;
	if (fdatasync(l->out) < 0)
		return lines_error(l, -errno, "cannot sync", err);
	l->dirty = false;
	return 0;
}

static void lines_close(struct pipe *p)
{
	struct lines *l = (struct lines *)p;
	if (l->owns_out && l->out >= 0)
		close(l->out);
	if (p->fd >= 0)
		close(p->fd);
	buf_free(&l->text);
	free(l);
}

/* Cuts a regular file after its last newline. 0 or -errno. */
static int cut_torn_line(int fd, off_t size, off_t *ret_size)
{
	char piece[TAIL_STEP];
	off_t end = size;
	while (end > 0) {
		size_t n = end < TAIL_STEP ? (size_t)end : TAIL_STEP;
		ssize_t got = pread(fd, piece, n, end - (off_t)n);
		if (got != (ssize_t)n)
			return got < 0 ? -errno : -EIO;
		const char *nl = memrchr(piece, '\n', n);
		if (nl) {
			end = end - (off_t)n + (nl - piece) + 1;
			break;
		}
		end -= (off_t)n;
	}
	*ret_size = end;
	return end < size && ftruncate(fd, end) < 0 ? -errno : 0;
}

static int open_file(struct lines *l, const char *path, struct err *err)
{
	struct stat st;
	off_t size;
	snprintf(l->name, sizeof(l->name), "%s", path);
	l->owns_out = true;
	l->out = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
	if (l->out < 0)
		return lines_error(l, -errno, "cannot open", err);
	if (fstat(l->out, &st) < 0)
		return lines_error(l, -errno, "cannot stat", err);
	if (!S_ISREG(st.st_mode))
		return lines_error(l, -EINVAL, "not a regular file", err);
	if (flock(l->out, LOCK_EX | LOCK_NB) < 0)
		return lines_error(l, -errno, "cannot lock (another task writes to it?)", err);
	int rc = cut_torn_line(l->out, st.st_size, &size);
	if (rc < 0)
		return lines_error(l, rc, "cannot cut its last, torn line", err);
	if (size < st.st_size)
		log_warn("%s: cut %lld bytes of a last line that was not complete", path,
			 (long long)(st.st_size - size));
	return 0;
}

/*
 * A pipe or a terminal is opened a second time, so that O_NONBLOCK is ours alone and not
 * our parent's too. Where that cannot be done, writes block.
 */
static void open_stdout(struct lines *l)
{
	struct stat st;
	snprintf(l->name, sizeof(l->name), "standard output");
	l->out = STDOUT_FILENO;
	if (fstat(l->out, &st) < 0 || (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode)))
		return;
	int fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd >= 0)
		l->out = fd;
}

static const struct pipe_ops lines_ops = {
	.put = lines_put,
	.serve = lines_serve,
	.sync = lines_sync,
	.close = lines_close,
};

int lines_open(const struct pipe_options *opt, struct pipe **ret, struct err *err)
{
	struct lines *l = calloc(1, sizeof(*l));
	if (!l)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for a pipe");
	l->base.ops = &lines_ops;
	l->base.fd = l->out = -1;
	l->with_keys = opt->with_keys;
	buf_init(&l->text);
	int rc = 0;
	if (opt->type == PIPE_FILE)
		rc = open_file(l, opt->path, err);
	else
		open_stdout(l);
	if (rc == 0 && (l->base.fd = epoll_create1(EPOLL_CLOEXEC)) < 0)
		rc = lines_error(l, -errno, "epoll", err);
	if (rc < 0) {
		lines_close(&l->base);
		return rc;
	}
	struct epoll_event ev = {.events = 0}; /* regular files refuse: they are never full */
	(void)epoll_ctl(l->base.fd, EPOLL_CTL_ADD, l->out, &ev);
	*ret = &l->base;
	return 0;
}
