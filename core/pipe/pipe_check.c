/* pipe_check.c - see pipe_check.h: pipes that are files; Kafka is kafka_check.c's. */
#include "core/pipe/pipe_check.h"

#include "common/contract/errors.h"
#include "core/pipe/kafka_check.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The file may be written, or made in its folder. */
static int check_file(const char *path, struct err *err)
{
	struct stat st;
	char folder[4096];
	if (stat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return err_set(err, -EISDIR, ERR_PIPE_IO, "%s is a folder", path);
		if (access(path, W_OK) != 0)
			return err_set(err, -errno, ERR_PIPE_IO, "%s cannot be written: %s", path,
				       strerror(errno));
		return 0;
	}
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;
	if (n >= sizeof(folder))
		return err_set(err, -ENAMETOOLONG, ERR_PIPE_IO, "pipe.path is too long");
	memcpy(folder, n ? path : (slash ? "/" : "."), n ? n : 1);
	folder[n ? n : 1] = 0;
	if (access(folder, W_OK | X_OK) != 0)
		return err_set(err, -errno, ERR_PIPE_IO, "%s cannot be made in its folder: %s", path,
			       strerror(errno));
	return 0;
}

int pipe_check(const struct pipe_options *opt, usec_t budget, pipe_check_stop *stop, void *ctx,
	       struct pipe_check_topic *topics, size_t n, struct pipe_check *ret, struct err *err)
{
	*ret = (struct pipe_check){
		.transaction_max_ms = -1, .default_replication = -1, .safety = {-1, -1}};
	for (size_t i = 0; i < n; i++)
		topics[i].state = PIPE_CHECK_UNKNOWN;
	switch (opt->type) {
	case PIPE_KAFKA:
		return kafka_check(opt, budget, stop, ctx, topics, n, ret, err);
	case PIPE_FILE:
		return check_file(opt->path, err);
	case PIPE_NONE:
	case PIPE_STDOUT:
		break;
	}
	return 0;
}
