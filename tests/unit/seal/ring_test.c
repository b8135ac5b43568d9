/*
 * ring_test.c - the key ring: its lines, its file's mode and owner, new keys, and that
 * nothing of a key is left when it is freed.
 */
#include "common/contract/errors.h"
#include "common/seal/seal_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define KEY_1 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY_2 "FF0102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"

/* Counts what the ring's pages still hold when they are given back. */
static size_t unmapped, left_behind;
int __real_munmap(void *p, size_t len);
int __wrap_munmap(void *p, size_t len);
int __wrap_munmap(void *p, size_t len)
{
	unmapped++;
	for (size_t i = 0; i < len; i++)
		left_behind += ((const uint8_t *)p)[i] != 0;
	return __real_munmap(p, len);
}

static int parse(const char *text, struct seal_ring **ret, struct err *err)
{
	*err = (struct err){0};
	return seal_ring_parse("keys", text, strlen(text), ret, err);
}

static void test_lines(void **state)
{
	(void)state;
	struct seal_ring *ring;
	struct err err;
	const char *text = "# the keys of the installation\n"
			   "\n"
			   "k1 " KEY_1 "\n"
			   "  \t a.B_c-9\t" KEY_2 "  # since November\r\n"
			   "# the end";
	if (parse(text, &ring, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(seal_ring_count(ring), 2);
	assert_string_equal(seal_ring_id(ring, 0), "k1");
	assert_string_equal(seal_ring_newest(ring), "a.B_c-9");
	assert_int_equal(seal_ring_find(ring, "k1")->bytes[31], 0x1f);
	assert_int_equal(seal_ring_find(ring, "a.B_c-9")->bytes[0], 0xff);
	assert_null(seal_ring_find(ring, "k"));
	seal_ring_free(ring);
	seal_ring_free(NULL);
}

static void test_bad_lines(void **state)
{
	(void)state;
	static const struct {
		const char *text, *part;
	} bad[] = {
		{"", "no key"},
		{"\n# k1 " KEY_1 "\n", "no key"},
		{"k1\n", "keys:1: behind the ID"},
		{"# k\nk1 " KEY_1 "0\n", "keys:2: behind the ID"},
		{"k1 0g" KEY_1, "keys:1: behind"},
		{"k1 00000000000000000000000000000000000000000000000000000000000000000000", "behind"},
		{"k1 0000000000000000000000000000000000000000000000000000000000000000", "behind"},
		{"k1 " KEY_1 " x\n", "something follows"},
		{"k1 " KEY_1 "\nk1 " KEY_2 "\n", "keys:2: there is a key of this ID"},
		{"k:1 " KEY_1 "\n", "the line must be"},
		{KEY_1 "\n", "the line must be"},
		{KEY_1 " k1\n", "the line must be"},
		{"k1=" KEY_1 "\n", "the line must be"},
		{"k123456789012345678901234567890123 " KEY_1 "\n", "the line must be"},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct seal_ring *ring = NULL;
		struct err err;
		if (parse(bad[i].text, &ring, &err) != -EINVAL)
			fail_msg("accepted '%s'", bad[i].text);
		assert_null(ring);
		assert_ptr_equal(err.kind, ERR_KEY_RING);
		if (!strstr(err.text, bad[i].part))
			fail_msg("'%s' for '%s'", err.text, bad[i].text);
		assert_null(strstr(err.text, "0102030405"));
	}
}

static void test_many(void **state)
{
	(void)state;
	struct buf b;
	struct seal_ring *ring;
	struct err err;
	buf_init(&b);
	for (int i = 0; i < SEAL_KEYS_MAX; i++)
		buf_printf(&b, "k%d %s\n", i, KEY_1);
	assert_int_equal(parse(buf_cstr(&b), &ring, &err), 0);
	assert_int_equal(seal_ring_count(ring), SEAL_KEYS_MAX);
	assert_string_equal(seal_ring_newest(ring), "k127");
	seal_ring_free(ring);
	buf_printf(&b, "more %s\n", KEY_1);
	assert_int_equal(parse(buf_cstr(&b), &ring, &err), -EINVAL);
	assert_non_null(strstr(err.text, "more than 128"));
	buf_free(&b);
}

static void test_generate(void **state)
{
	(void)state;
	char a[SEAL_LINE_SIZE], b[SEAL_LINE_SIZE], id[SEAL_ID_MAX + 2];
	struct seal_ring *ring;
	struct err err;
	assert_int_equal(seal_key_generate(NULL, a, &err), 0);
	assert_int_equal(seal_key_generate(NULL, b, &err), 0);
	assert_string_not_equal(a, b);
	assert_int_equal(parse(a, &ring, &err), 0);
	seal_ring_free(ring);
	memset(id, 'i', SEAL_ID_MAX);
	id[SEAL_ID_MAX] = 0;
	assert_int_equal(seal_key_generate(id, a, &err), 0);
	assert_int_equal(strlen(a), SEAL_LINE_SIZE - 1);
	assert_int_equal(parse(a, &ring, &err), 0);
	assert_string_equal(seal_ring_newest(ring), id);
	seal_ring_free(ring);
	id[SEAL_ID_MAX] = 'i';
	id[SEAL_ID_MAX + 1] = 0;
	assert_int_equal(seal_key_generate(id, a, &err), -EINVAL);
	assert_int_equal(seal_key_generate("a b", a, &err), -EINVAL);
	assert_int_equal(seal_key_generate("", a, &err), -EINVAL);
}

struct folder {
	char dir[32], path[64], link[64];
};

static void folder_make(struct folder *f, const char *text)
{
	snprintf(f->dir, sizeof(f->dir), "/tmp/mr-ring-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/keys", f->dir);
	snprintf(f->link, sizeof(f->link), "%s/link", f->dir);
	int fd = open(f->path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	assert_int_equal(symlink("keys", f->link), 0);
}

static void folder_remove(struct folder *f)
{
	unlink(f->link);
	unlink(f->path);
	rmdir(f->dir);
}

static void refused(const char *path, int rc, const char *part)
{
	struct seal_ring *ring = NULL;
	struct err err = {0};
	assert_int_equal(seal_ring_load(path, &ring, &err), rc);
	assert_null(ring);
	assert_ptr_equal(err.kind, ERR_KEY_RING);
	if (!strstr(err.text, part) || !strstr(err.text, path))
		fail_msg("%s", err.text);
}

static void accepted(const char *path)
{
	struct seal_ring *ring;
	struct err err = {0};
	if (seal_ring_load(path, &ring, &err) != 0)
		fail_msg("%s", err.text);
	assert_string_equal(seal_ring_newest(ring), "k2");
	seal_ring_free(ring);
}

static void test_modes(void **state)
{
	(void)state;
	static const mode_t bad[] = {0000, 0200, 0640, 0440, 0604, 0660, 0644, 0700, 0500, 04600};
	struct folder f;
	folder_make(&f, "k1 " KEY_1 "\nk2 " KEY_2 "\n");
	accepted(f.path);
	accepted(f.link); /* what it leads to counts */
	assert_int_equal(chmod(f.path, 0400), 0);
	accepted(f.path);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(chmod(f.path, bad[i]), 0);
		if (geteuid() != 0 && !(bad[i] & 0400))
			refused(f.path, -EACCES, "cannot open");
		else
			refused(f.path, -EPERM, "must be 0400 or 0600");
	}
	folder_remove(&f);
}

/* Only root can give files away. */
static void test_owner(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	struct folder f;
	folder_make(&f, "k2 " KEY_2 "\n");
	assert_int_equal(chown(f.path, 12345, (gid_t)-1), 0);
	refused(f.path, -EPERM, "owned by user 12345");
	folder_remove(&f);
}

static void test_files(void **state)
{
	(void)state;
	struct folder f;
	char fifo[64];
	folder_make(&f, "k2 " KEY_2 "\n");
	refused(f.dir, -EINVAL, "not a regular file");
	snprintf(fifo, sizeof(fifo), "%s/fifo", f.dir);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	refused(fifo, -EINVAL, "not a regular file"); /* and does not wait */
	unlink(fifo);
	assert_int_equal(truncate(f.path, SEAL_RING_FILE_MAX + 1), 0);
	refused(f.path, -EFBIG, "larger than");
	assert_int_equal(truncate(f.path, 0), 0);
	refused(f.path, -EINVAL, "no key");
	unlink(f.link);
	unlink(f.path);
	refused(f.path, -ENOENT, "cannot open");
	folder_remove(&f);
}

/* The pages of the ring, and the heap that its file was read into. */
static void test_wiped(void **state)
{
	(void)state;
	struct folder f;
	struct seal_ring *ring;
	struct err err;
	folder_make(&f, "k1 " KEY_1 "\nk2 " KEY_2 "\n");
	assert_int_equal(seal_ring_load(f.path, &ring, &err), 0);
	unmapped = left_behind = 0;
	seal_ring_free(ring);
	assert_int_equal(unmapped, 1);
	assert_int_equal(left_behind, 0);
	/* A ring that is refused behind its first key. */
	unmapped = 0;
	assert_int_equal(parse("k1 " KEY_1 "\nk1 " KEY_2 "\n", &ring, &err), -EINVAL);
	assert_int_equal(unmapped, 1);
	assert_int_equal(left_behind, 0);
	folder_remove(&f);
}

#if !defined(__SANITIZE_ADDRESS__)
/* Looks for bytes in the mappings of this process that `which` names. */
static bool is_in_memory(const char *which, const void *bytes, size_t len)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];
	bool found = false;
	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long from, to;
		if (!strstr(line, which) || sscanf(line, "%lx-%lx rw", &from, &to) != 2)
			continue;
		found |= memmem((const void *)from, to - from, bytes, len) != NULL;
	}
	fclose(maps);
	return found;
}
#endif

static void test_no_copy_on_the_heap(void **state)
{
	(void)state;
#if defined(__SANITIZE_ADDRESS__)
	skip();
#else
	/* What is freed stays where we can look at it. */
	mallopt(M_TRIM_THRESHOLD, 64 * 1024 * 1024);
	/* Made at random, written to the file only: this program's text does not hold it. */
	struct folder f;
	struct seal_ring *ring;
	struct err err;
	char line[SEAL_LINE_SIZE], *sealed, *opened;
	const struct secret_use use = {.uid = "u", .field = "f", .host = "h", .user = "u"};
	size_t len;
	assert_int_equal(seal_key_generate("wiped", line, &err), 0);
	/* Far into the file: the beginning of what is freed is soon used again by others. */
	struct buf text;
	buf_init(&text);
	while (text.len < 30000)
		buf_lit(&text, "# a line before the key\n");
	buf_puts(&text, line);
	folder_make(&f, buf_cstr(&text));
	explicit_bzero(text.data, text.cap);
	buf_free(&text);
	explicit_bzero(line, sizeof(line));
	assert_int_equal(seal_ring_load(f.path, &ring, &err), 0);
	folder_remove(&f);
	uint8_t key[SEAL_KEY_SIZE];
	memcpy(key, ring->keys[0].bytes, sizeof(key));
	/* As bytes and as digits; the first bytes of freed memory are the allocator's. */
	struct buf hex;
	buf_init(&hex);
	for (size_t i = 0; i < SEAL_KEY_SIZE; i++)
		buf_printf(&hex, "%02x", key[i]);
	char digits[2 * SEAL_KEY_SIZE + 1];
	memcpy(digits, buf_cstr(&hex), sizeof(digits));
	explicit_bzero(hex.data, hex.cap);
	buf_free(&hex);
	assert_false(is_in_memory("[heap]", key + 8, 24));
	assert_false(is_in_memory("[heap]", digits + 16, 48));
	/* Nor does the library keep one. */
	assert_int_equal(seal_secret(ring, "c", &use, "x", 1, &sealed, &err), 0);
	assert_int_equal(seal_open(ring, "c", &use, sealed, &opened, &len, &err), 0);
	free(sealed);
	free(opened);
	assert_false(is_in_memory("[heap]", key + 8, 24));
	assert_false(is_in_memory("[heap]", digits + 16, 48));
	seal_ring_free(ring);
#endif
}

/* A core dump leaves the ring out: the kernel says so of its pages. */
static void test_not_dumped(void **state)
{
	(void)state;
	struct seal_ring *ring;
	struct err err;
	assert_int_equal(parse("k1 " KEY_1 "\n", &ring, &err), 0);
	FILE *maps = fopen("/proc/self/smaps", "r");
	char line[512];
	bool inside = false, found = false;
	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long from, to;
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = (uintptr_t)ring >= from && (uintptr_t)ring < to;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			found = strstr(line, " dd") != NULL;
	}
	fclose(maps);
	assert_true(found);
	seal_ring_free(ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),    cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_many),     cmocka_unit_test(test_generate),
		cmocka_unit_test(test_modes),    cmocka_unit_test(test_owner),
		cmocka_unit_test(test_files),    cmocka_unit_test(test_wiped),
		cmocka_unit_test(test_no_copy_on_the_heap),
		cmocka_unit_test(test_not_dumped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
