/* duration.h - durations as people write them: "10s", "500ms", "1m", "2h", "7d". Pure. */
#ifndef MR_BASE_DURATION_H
#define MR_BASE_DURATION_H

#include "common/base/clock.h"

enum { DURATION_TEXT = 32 };

/* Digits and a unit (us, ms, s, m, h, d); "0" needs none. 0, -EINVAL, or -ERANGE. */
int duration_parse(const char *text, usec_t *ret);
/* In the largest unit that leaves a whole number; "0". */
void duration_format(usec_t v, char out[DURATION_TEXT]);

#endif
