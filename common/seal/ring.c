/*
 * ring.c - the key ring: its file, its memory, new keys. See seal.h.
 *
 * The file is checked on the descriptor it is read from, so that what was checked is what
 * is read. A symbolic link is followed: only the file it leads to counts.
 */
#include "common/seal/seal_priv.h"

#include "common/contract/errors.h"
#include "common/os/file.h"
#include "common/os/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

bool seal_id_valid(const char *id, size_t len)
{
	if (len == 0 || len > SEAL_ID_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!((id[i] >= 'a' && id[i] <= 'z') || (id[i] >= 'A' && id[i] <= 'Z') ||
		      (id[i] >= '0' && id[i] <= '9') || id[i] == '_' || id[i] == '-' ||
		      id[i] == '.'))
			return false;
	return true;
}

/* Pages of their own: locking and leaving out of dumps go by pages. Both are a help, not a
 * condition: RLIMIT_MEMLOCK may be 0. */
static struct seal_ring *ring_new(void)
{
	struct seal_ring *ring = mmap(NULL, sizeof(*ring), PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ring == MAP_FAILED)
		return NULL;
	(void)mlock(ring, sizeof(*ring));
	(void)madvise(ring, sizeof(*ring), MADV_DONTDUMP);
	return ring;
}

void seal_ring_free(struct seal_ring *ring)
{
	if (!ring)
		return;
	explicit_bzero(ring, sizeof(*ring));
	munmap(ring, sizeof(*ring));
}

size_t seal_ring_count(const struct seal_ring *ring)
{
	return ring->n;
}

const char *seal_ring_id(const struct seal_ring *ring, size_t i)
{
	return ring->keys[i].id;
}

const char *seal_ring_newest(const struct seal_ring *ring)
{
	return ring->keys[ring->n - 1].id;
}

const struct seal_key *seal_ring_find(const struct seal_ring *ring, const char *id)
{
	for (size_t i = ring->n; i-- > 0;)
		if (strcmp(ring->keys[i].id, id) == 0)
			return &ring->keys[i];
	return NULL;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* 64 digits that are not one byte over and over, as a placeholder would be. */
static bool read_key(const char *text, size_t len, uint8_t key[SEAL_KEY_SIZE])
{
	bool differs = false;
	if (len != 2 * SEAL_KEY_SIZE)
		return false;
	for (size_t i = 0; i < SEAL_KEY_SIZE; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		key[i] = (uint8_t)(high << 4 | low);
		differs |= key[i] != key[0];
	}
	return differs;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of [*p, end); its length, 0 at the end of the line or at a comment. */
static size_t next_word(const char **p, const char *end)
{
	while (*p < end && is_blank(**p))
		(*p)++;
	const char *from = *p;
	if (from < end && *from == '#')
		return 0;
	size_t len = 0;
	while (from + len < end && !is_blank(from[len]))
		len++;
	return len;
}

/* NULL, or what is wrong with the line. It never quotes it: a word may be a key. */
static const char *read_line(struct seal_ring *ring, const char *p, const char *end)
{
	size_t len = next_word(&p, end);
	if (len == 0)
		return NULL;
	if (!seal_id_valid(p, len))
		return "the line must be ID HEX64, and the ID 1 to 32 letters, digits, '_', '-' "
		       "and '.'";
	if (ring->n == SEAL_KEYS_MAX)
		return "there are more than 128 keys";
	struct seal_key *key = &ring->keys[ring->n];
	memcpy(key->id, p, len);
	key->id[len] = 0;
	if (seal_ring_find(ring, key->id))
		return "there is a key of this ID above";
	p += len;
	len = next_word(&p, end);
	if (!read_key(p, len, key->bytes))
		return "behind the ID must stand 64 hexadecimal digits that are a key";
	p += len;
	if (next_word(&p, end) != 0)
		return "something follows the key";
	ring->n++;
	return NULL;
}

int seal_ring_parse(const char *name, const char *text, size_t len, struct seal_ring **ret,
		    struct err *err)
{
	struct seal_ring *ring = ring_new();
	if (!ring)
		return err_set(err, -ENOMEM, ERR_MEMORY, "no memory for the key ring");
	const char *end = text + len;
	unsigned line = 0;
	while (text < end) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		if (!stop)
			stop = end;
		line++;
		const char *fault = read_line(ring, text, stop);
		if (fault) {
			seal_ring_free(ring);
			return err_set(err, -EINVAL, ERR_KEY_RING, "%s:%u: %s", name, line, fault);
		}
		text = stop < end ? stop + 1 : end;
	}
	if (ring->n == 0) {
		seal_ring_free(ring);
		return err_set(err, -EINVAL, ERR_KEY_RING, "%s has no key in it", name);
	}
	*ret = ring;
	return 0;
}

static int check_file(int fd, const char *path, struct err *err)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return err_set(err, -errno, ERR_KEY_RING, "cannot look at %s: %s", path,
			       strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, ERR_KEY_RING, "%s is not a regular file", path);
	unsigned mode = st.st_mode & 07777;
	if (mode != 0400 && mode != 0600)
		return err_set(err, -EPERM, ERR_KEY_RING,
			       "%s has mode %04o; it must be 0400 or 0600, so that nobody else "
			       "reads it",
			       path, mode);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return err_set(err, -EPERM, ERR_KEY_RING,
			       "%s is owned by user %u; it must be owned by user %u, who reads "
			       "it, or by root",
			       path, (unsigned)st.st_uid, (unsigned)geteuid());
	return 0;
}

/* All of the file into `text`, which has room for SEAL_RING_FILE_MAX + 1. */
static int read_file(int fd, const char *path, char *text, size_t *len, struct err *err)
{
	while (*len <= SEAL_RING_FILE_MAX) {
		ssize_t got = read(fd, text + *len, SEAL_RING_FILE_MAX + 1 - *len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set(err, -errno, ERR_KEY_RING, "cannot read %s: %s", path,
				       strerror(errno));
		if (got == 0)
			return 0;
		*len += (size_t)got;
	}
	return err_set(err, -EFBIG, ERR_KEY_RING, "%s is larger than %d bytes", path,
		       SEAL_RING_FILE_MAX);
}

int seal_ring_load(const char *path, struct seal_ring **ret, struct err *err)
{
	/* Not to wait for the writer of a pipe. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return err_set(err, -errno, ERR_KEY_RING, "cannot open %s: %s", path,
			       strerror(errno));
	int rc = check_file(fd, path, err);
	size_t len = 0;
	char *text = rc == 0 ? malloc(SEAL_RING_FILE_MAX + 1) : NULL;
	if (rc == 0 && !text)
		rc = err_set(err, -ENOMEM, ERR_MEMORY, "no memory for the key ring");
	if (rc == 0)
		rc = read_file(fd, path, text, &len, err);
	if (rc == 0)
		rc = seal_ring_parse(path, text, len, ret, err);
	file_free_wiped(text, len);
	close(fd);
	return rc;
}

int seal_key_generate(const char *id, char ret_line[SEAL_LINE_SIZE], struct err *err)
{
	char made[SEAL_ID_MAX + 1], hex[2 * SEAL_KEY_SIZE + 1];
	if (!id) {
		made[0] = 'k';
		random_hex(made + 1, 6);
		id = made;
	}
	if (!seal_id_valid(id, strlen(id)))
		return err_set(err, -EINVAL, ERR_KEY_RING,
			       "the ID of a key must be 1 to %d letters, digits, '_', '-' and '.'",
			       SEAL_ID_MAX);
	random_hex(hex, SEAL_KEY_SIZE);
	snprintf(ret_line, SEAL_LINE_SIZE, "%s %s", id, hex);
	explicit_bzero(hex, sizeof(hex));
	return 0;
}
