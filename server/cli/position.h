/* position.h - what `task position --set` takes, as JSON of source.start. Pure. */
#ifndef MR_CLI_POSITION_H
#define MR_CLI_POSITION_H

#include "common/base/err.h"

#include <jansson.h>

/*
 * "latest", "earliest", "FILE:POS" (with or without ",gtid=SET" behind), "gtid=SET",
 * "time=2026-11-22T10:00:00Z". A new reference; or NULL and ERR_USAGE.
 */
json_t *position_parse(const char *text, struct err *err) MR_MUST_CHECK;

#endif
