/* duration.c - see duration.h. */
#include "common/base/duration.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct unit {
	const char *name;
	usec_t factor;
} units[] = {
    {"us", 1},
    {"ms", USEC_PER_MSEC},
    {"s", USEC_PER_SEC},
    {"m", 60 * USEC_PER_SEC},
    {"h", 3600 * USEC_PER_SEC},
    {"d", 86400 * USEC_PER_SEC},
};
enum { UNITS = sizeof(units) / sizeof(units[0]) };

int duration_parse(const char *text, usec_t *ret)
{
	char *end;
	/* Only 0 needs no unit: "10" could be meant as seconds or milliseconds. */
	if (strcmp(text, "0") == 0) {
		*ret = 0;
		return 0;
	}
	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	long long v = strtoll(text, &end, 10);
	if (errno)
		return -ERANGE;
	while (*end == ' ')
		end++;
	for (size_t i = 0; i < UNITS; i++)
		if (strcasecmp(end, units[i].name) == 0) {
			usec_t usec;
			if (__builtin_mul_overflow(v, units[i].factor, &usec))
				return -ERANGE;
			*ret = usec;
			return 0;
		}
	return -EINVAL;
}

void duration_format(usec_t v, char out[DURATION_TEXT])
{
	size_t i = UNITS - 1;
	if (v == 0) {
		snprintf(out, DURATION_TEXT, "0");
		return;
	}
	while (i > 0 && v % units[i].factor != 0)
		i--;
	snprintf(out, DURATION_TEXT, "%" PRId64 "%s", v / units[i].factor, units[i].name);
}
