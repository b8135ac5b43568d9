/*
 * log.h - the process's log: one line an event on standard error, journald-friendly.
 *
 * Under systemd (JOURNAL_STREAM is set) a line begins with "<N>" (the priority) and has
 * no time; elsewhere it has an ISO time and a level. Each thread may bind a prefix
 * ("task=copy_item"), which every line of that thread carries. Control characters are
 * escaped, lines are cut at 4 KiB, and nothing here ever sees a secret.
 */
#ifndef MR_OS_LOG_H
#define MR_OS_LOG_H

#include "common/base/err.h"

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARN = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

/* Before any thread starts. */
void log_open(enum log_level level);
void log_set_level(enum log_level level);
int log_level_parse(const char *name, enum log_level *ret); /* error, warn, info, debug */
/* The calling thread's prefix; "" removes it. Copied. */
void log_bind(const char *fmt, ...) MR_PRINTF(1, 2);
void log_write(enum log_level level, const char *fmt, ...) MR_PRINTF(2, 3);
/* "what: text (code) at where: remedy" - the one place a failure is logged. */
void log_err(enum log_level level, const char *what, const struct err *err);

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
