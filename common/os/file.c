/* file.c - see file.h. Any thread; holds nothing between calls. */
#include "common/os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* "cannot VERB PATH: reason" */
static int file_error(int rc, const struct err_kind *kind, const char *verb, const char *path,
		      struct err *err)
{
	return err_set(err, rc, kind, "cannot %s %s: %s", verb, path, strerror(-rc));
}

/* Reads to the end of fd into *text, which it grows; *len counts. 0 or -errno. */
static int read_all(int fd, size_t first, size_t max, char **text, size_t *len)
{
	size_t cap = first;
	*text = malloc(cap);
	if (!*text)
		return -ENOMEM;
	for (;;) {
		if (*len == cap - 1) {
			if (*len > max)
				return -EFBIG;
			/* Not realloc: it would leave a copy behind that nobody overwrites. */
			size_t more = cap * 2;
			char *p = malloc(more);
			if (!p)
				return -ENOMEM;
			memcpy(p, *text, *len);
			file_free_wiped(*text, *len);
			*text = p;
			cap = more;
		}
		ssize_t got = read(fd, *text + *len, cap - 1 - *len);
		if (got < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (got == 0)
			break;
		*len += (size_t)got;
	}
	(*text)[*len] = 0;
	return *len > max ? -EFBIG : 0;
}

int file_read(const char *path, size_t max, const struct err_kind *kind, char **ret_text,
	      size_t *ret_len, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return file_error(-errno, kind, "open", path, err);
	struct stat st;
	size_t first = 4096;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
		first = ((uint64_t)st.st_size > max ? max : (size_t)st.st_size) + 2;
	char *text = NULL;
	size_t len = 0;
	int rc = read_all(fd, first, max, &text, &len);
	close(fd);
	if (rc < 0) {
		file_free_wiped(text, len);
		if (rc == -EFBIG)
			return err_set(err, rc, kind, "%s is larger than %zu bytes", path, max);
		return file_error(rc, kind, "read", path, err);
	}
	*ret_text = text;
	*ret_len = len;
	return 0;
}

void file_free_wiped(char *text, size_t len)
{
	if (text)
		explicit_bzero(text, len);
	free(text);
}

static int write_all(int fd, const void *bytes, size_t len)
{
	const char *p = bytes;
	while (len > 0) {
		ssize_t n = write(fd, p, len);
		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Opens the folder that `path` lies in. */
static int open_parent(const char *path)
{
	char parent[PATH_MAX];
	if ((size_t)snprintf(parent, sizeof(parent), "%s", path) >= sizeof(parent))
		return -ENAMETOOLONG;
	char *slash = strrchr(parent, '/');
	if (!slash)
		strcpy(parent, ".");
	else
		slash[slash == parent] = 0;
	int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int sync_parent(const char *path)
{
	int fd = open_parent(path);
	if (fd < 0)
		return fd;
	int rc = fsync(fd) != 0 ? -errno : 0;
	close(fd);
	return rc;
}

int file_save(const char *path, const void *bytes, size_t len, mode_t mode,
	      const struct err_kind *kind, struct err *err)
{
	char temporary[PATH_MAX];
	if ((size_t)snprintf(temporary, sizeof(temporary), "%s.tmp", path) >= sizeof(temporary))
		return file_error(-ENAMETOOLONG, kind, "write", path, err);
	/* A device or a pipe would be replaced by a file: /dev/null, by a root's slip. */
	struct stat st;
	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
		return err_set(err, -EINVAL, kind, "cannot write %s: it is not a regular file",
			       path);
	/* What a crash left behind is cut off; a symbolic link in its place is not followed. */
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return file_error(-errno, kind, "create", temporary, err);
	int rc = fchmod(fd, mode) != 0 ? -errno : 0;
	if (rc == 0)
		rc = write_all(fd, bytes, len);
	if (rc == 0 && fsync(fd) != 0)
		rc = -errno;
	if (close(fd) != 0 && rc == 0)
		rc = -errno;
	if (rc < 0) {
		unlink(temporary);
		return file_error(rc, kind, "write", temporary, err);
	}
	if (rename(temporary, path) != 0) {
		rc = -errno;
		unlink(temporary);
		return file_error(rc, kind, "replace", path, err);
	}
	rc = sync_parent(path);
	return rc < 0 ? file_error(rc, kind, "sync the folder of", path, err) : 0;
}

int file_make_folder(const char *path, const struct err_kind *kind, struct err *err)
{
	char part[PATH_MAX];
	size_t len = strlen(path);
	if (len == 0 || len >= sizeof(part))
		return file_error(len ? -ENAMETOOLONG : -ENOENT, kind, "make the folder", path,
				  err);
	memcpy(part, path, len + 1);
	for (char *p = part + 1;; p++) {
		if (*p != '/' && *p)
			continue;
		char c = *p;
		*p = 0;
		if (mkdir(part, 0750) != 0 && errno != EEXIST)
			return file_error(-errno, kind, "make the folder", part, err);
		*p = c;
		if (!c)
			break;
	}
	struct stat st;
	if (stat(path, &st) != 0)
		return file_error(-errno, kind, "use the folder", path, err);
	return S_ISDIR(st.st_mode) ? 0 : file_error(-ENOTDIR, kind, "use the folder", path, err);
}

int file_lock_folder(const char *folder, const struct err_kind *busy, const struct err_kind *kind,
		     int *ret_fd, struct err *err)
{
	char path[PATH_MAX], pid[32] = "";
	if ((size_t)snprintf(path, sizeof(path), "%s/lock", folder) >= sizeof(path))
		return file_error(-ENAMETOOLONG, kind, "lock", folder, err);
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd < 0)
		return file_error(-errno, kind, "open", path, err);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		int rc = -errno;
		ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);
		close(fd);
		if (rc != -EWOULDBLOCK)
			return file_error(rc, kind, "lock", path, err);
		pid[n > 0 ? n : 0] = 0;
		pid[strspn(pid, "0123456789")] = 0;
		return err_set(err, -EBUSY, busy, "the folder %s is in use by process %s", folder,
			       pid[0] ? pid : "(unknown)");
	}
	int n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)n, 0) != n) {
		int rc = errno ? -errno : -EIO;
		close(fd);
		return file_error(rc, kind, "write", path, err);
	}
	*ret_fd = fd;
	return 0;
}

void file_unlock(int fd)
{
	if (fd >= 0)
		close(fd);
}

int file_in_memory(const void *bytes, size_t len, const struct err_kind *kind,
		   char path[FILE_MEMORY_PATH_MAX], int *ret_fd, struct err *err)
{
	int fd = memfd_create("mr", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int rc = fd < 0 ? -errno : write_all(fd, bytes, len);
	if (rc == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
		rc = -errno;
	if (rc < 0) {
		if (fd >= 0)
			close(fd);
		return file_error(rc, kind, "make", "a file in memory", err);
	}
	snprintf(path, FILE_MEMORY_PATH_MAX, "/proc/self/fd/%d", fd);
	*ret_fd = fd;
	return 0;
}
