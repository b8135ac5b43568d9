/*
 * zk_log.c - the library's log in ours: its errors and warnings at warn, the rest at debug.
 *
 * A library that cannot connect says so many times a second, for as long as it lasts: at
 * most LINES_MAX warnings a window get through, the rest are counted and go to debug. The
 * library hides session passwords itself and prints no digest secret. Any thread.
 */
#include "common/zk/zk_priv.h"

#include "common/os/log.h"

#include <string.h>

enum { LINES_MAX = 4 };

static const usec_t window = 60 * USEC_PER_SEC;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static usec_t window_began;
static unsigned lines;
static unsigned hidden;

/* Whether one more warning may pass; ret_hidden: how many did not since the last that did. */
static bool may_warn(unsigned *ret_hidden)
{
	usec_t now = clock_boot();
	pthread_mutex_lock(&lock);
	if (window_began == 0 || now - window_began >= window) {
		window_began = now;
		lines = 0;
	}
	bool may = lines < LINES_MAX;
	*ret_hidden = may ? hidden : 0;
	hidden = may ? 0 : hidden + 1;
	lines += may;
	pthread_mutex_unlock(&lock);
	return may;
}

/* "2026-…:pid(0x…):ZOO_ERROR@function@line: text" */
void zk_log_message(const char *message)
{
	const char *level = strstr(message, ":ZOO_");
	const char *text = level ? level + 1 : message;
	bool bad = level && (strncmp(level, ":ZOO_ERROR", 10) == 0 ||
			     strncmp(level, ":ZOO_WARN", 9) == 0);
	unsigned unseen;
	if (!bad || !may_warn(&unseen)) {
		log_debug("zookeeper library: %s", text);
		return;
	}
	if (unseen)
		log_warn("zookeeper library: %s (%u warnings before it not shown)", text, unseen);
	else
		log_warn("zookeeper library: %s", text);
}

void zk_log_setup(void)
{
	zoo_set_debug_level(ZOO_LOG_LEVEL_INFO);
}
