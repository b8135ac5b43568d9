/*
 * log.c - see log.h.
 *
 * Any thread: a line is put together on the caller's stack and leaves in one write(),
 * so lines never mix. A log that cannot be written is dropped: there is nowhere to say so.
 */
#include "common/os/log.h"

#include "common/base/clock.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	LINE_MAX_BYTES = 4096, /* with the newline */
	PREFIX_MAX = 160,
};

static _Atomic int threshold = LOG_LEVEL_INFO;
static bool journald;
static _Thread_local char prefix[PREFIX_MAX];

static const struct {
	const char *name; /* log_level_parse */
	const char *shown;
	enum log_level level;
} levels[] = {
	{"error", "ERROR", LOG_LEVEL_ERROR},
	{"warn", "WARN ", LOG_LEVEL_WARN},
	{"info", "INFO ", LOG_LEVEL_INFO},
	{"debug", "DEBUG", LOG_LEVEL_DEBUG},
};

/* JOURNAL_STREAM is "device:inode" of the stream; a child may have another stderr. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;
	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == (dev_t)device &&
	       st.st_ino == (ino_t)inode;
}

void log_open(enum log_level level)
{
	journald = stderr_is_journal();
	log_set_level(level);
}

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&threshold, (int)level, memory_order_relaxed);
}

int log_level_parse(const char *name, enum log_level *ret)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (strcmp(levels[i].name, name) == 0) {
			*ret = levels[i].level;
			return 0;
		}
	}
	return -EINVAL;
}

void log_bind(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(prefix, sizeof(prefix), fmt, ap);
	va_end(ap);
}

struct line {
	char text[LINE_MAX_BYTES];
	size_t len;
	bool cut;
};

/* What a line may hold before "..." and the newline. */
enum { LINE_ROOM = LINE_MAX_BYTES - 4 };

static void line_head(struct line *line, enum log_level level)
{
	int n;
	if (journald) {
		n = snprintf(line->text, LINE_ROOM, "<%d>", (int)level);
	} else {
		usec_t now = clock_wall();
		time_t seconds = (time_t)(now / USEC_PER_SEC);
		struct tm tm;
		const char *shown = "?";
		gmtime_r(&seconds, &tm);
		for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
			if (levels[i].level == level)
				shown = levels[i].shown;
		char date[32];
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
		n = snprintf(line->text, LINE_ROOM, "%s.%03dZ %s ", date,
			     (int)(now / USEC_PER_MSEC % 1000), shown);
	}
	line->len = n < 0 ? 0 : (size_t)n;
}

/* Appends text with control characters escaped, as far as it fits. */
static void line_put(struct line *line, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		char escaped[8] = {(char)c};
		size_t n = 1;
		if (c == '\n' || c == '\t') {
			escaped[0] = '\\';
			escaped[1] = c == '\n' ? 'n' : 't';
			n = 2;
		} else if (c < ' ' || c == 0x7f) {
			n = (size_t)snprintf(escaped, sizeof(escaped), "\\x%02x", c);
		}
		if (LINE_ROOM - line->len < n) {
			line->cut = true;
			return;
		}
		memcpy(line->text + line->len, escaped, n);
		line->len += n;
	}
}

/* Where to cut so that no UTF-8 character is split. */
static size_t utf8_cut(const char *line, size_t len)
{
	size_t at = len;
	while (at > 0 && len - at < 3 && ((unsigned char)line[at - 1] & 0xc0) == 0x80)
		at--;
	if (at == 0)
		return len;
	unsigned char lead = (unsigned char)line[at - 1];
	size_t need = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
	return len - (at - 1) < need ? at - 1 : len;
}

void log_write(enum log_level level, const char *fmt, ...)
{
	if ((int)level > atomic_load_explicit(&threshold, memory_order_relaxed))
		return;
	int saved = errno;
	char text[LINE_MAX_BYTES];
	struct line line;
	line.cut = false;
	line_head(&line, level);
	if (prefix[0]) {
		line_put(&line, prefix);
		line_put(&line, " ");
	}
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	line_put(&line, text); /* a text that vsnprintf cut does not fit a line either */
	if (line.cut) {
		line.len = utf8_cut(line.text, line.len);
		memcpy(line.text + line.len, "...", 3);
		line.len += 3;
	}
	line.text[line.len++] = '\n';
	ssize_t written;
	do
		written = write(STDERR_FILENO, line.text, line.len);
	while (written < 0 && errno == EINTR);
	(void)written;
	errno = saved;
}

void log_err(enum log_level level, const char *what, const struct err *err)
{
	if (!err || !err->kind) {
		log_write(level, "%s: failed without saying why", what);
		return;
	}
	log_write(level, "%s: %s (%s)%s%s: %s", what, err->text, err->kind->code,
		  err->where[0] ? " at " : "", err->where, err->kind->remedy);
}
