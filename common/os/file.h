/*
 * file.h - whole files: read with a bound, replaced atomically, folders locked.
 *
 * The caller says of which kind (common/contract/errors.def) a failure is; the text
 * names the path and the system's reason. Blocking: not for a thread that must not wait.
 */
#ifndef MR_OS_FILE_H
#define MR_OS_FILE_H

#include "common/base/err.h"

#include <stdint.h>
#include <sys/types.h>

/*
 * Reads the whole file, at most max bytes (-EFBIG over that), into memory from malloc
 * with a zero byte behind it. Regular files and pipes. -ENOENT is told like the rest.
 */
int file_read(const char *path, size_t max, const struct err_kind *kind, char **ret_text,
	      size_t *ret_len, struct err *err) MR_MUST_CHECK;

/* Overwrites the bytes before it gives them back; for text that held a secret. */
void file_free_wiped(char *text, size_t len);

/*
 * Replaces the file in one step: writes `path`.tmp, fsyncs it, renames it over path and
 * fsyncs the folder. What is there and is not a regular file is refused. After a failure
 * the old file is as it was (or, when only the last fsync failed, the new one may be in
 * place without being safe on the disk).
 */
int file_save(const char *path, const void *bytes, size_t len, mode_t mode,
	      const struct err_kind *kind, struct err *err) MR_MUST_CHECK;

/* Makes the folder and its parents (mode 0750) where they do not exist. */
int file_make_folder(const char *path, const struct err_kind *kind, struct err *err) MR_MUST_CHECK;

/*
 * Locks the folder for this process: flock on `folder`/lock, in which our pid is
 * written. -EBUSY and an error of kind `busy`, naming the other's pid, when another
 * process has it. The lock lasts until file_unlock() or the process's end, and no child
 * inherits it over exec.
 */
int file_lock_folder(const char *folder, const struct err_kind *busy, const struct err_kind *kind,
		     int *ret_fd, struct err *err) MR_MUST_CHECK;
void file_unlock(int fd);

enum { FILE_MEMORY_PATH_MAX = 32 };

/*
 * A file in memory with these bytes, for libraries that take only a path: `path` names
 * it for as long as *ret_fd is open. Never on a disk.
 */
int file_in_memory(const void *bytes, size_t len, const struct err_kind *kind,
		   char path[FILE_MEMORY_PATH_MAX], int *ret_fd, struct err *err) MR_MUST_CHECK;

#endif
