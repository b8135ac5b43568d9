/* kafka_check.h - pipe_check() of Kafka. Private. */
#ifndef MR_PIPE_KAFKA_CHECK_H
#define MR_PIPE_KAFKA_CHECK_H

#include "core/pipe/pipe_check.h"

int kafka_check(const struct pipe_options *opt, usec_t budget, pipe_check_stop *stop, void *ctx,
		struct pipe_check_topic *topics, size_t n, struct pipe_check *ret, struct err *err);

#endif
