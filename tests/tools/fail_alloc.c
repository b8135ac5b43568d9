/*
 * fail_alloc.c - preloaded into a program under test: the nth allocation of its own code fails.
 *
 *   LD_PRELOAD=…/libmr_fail_alloc.so MR_FAIL_ALLOC=17 mr-core …
 *   MR_FAIL_ALLOC_COUNT=FILE   writes how many there were into FILE at exit
 *
 * Only calls from the program itself count and fail, told by the return address: what the
 * libraries do without memory is theirs (librdkafka ends the process). Any thread.
 */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

static uintptr_t text_start, text_end; /* of the program */
static unsigned long which;            /* 0: none */
static _Atomic unsigned long counted;

static int find_program(struct dl_phdr_info *info, size_t size, void *ctx)
{
	(void)size, (void)ctx;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		if (p->p_type == PT_LOAD && (p->p_flags & PF_X)) {
			text_start = info->dlpi_addr + p->p_vaddr;
			text_end = text_start + p->p_memsz;
		}
	}
	return 1; /* the first one is the program */
}

static void write_count(void)
{
	const char *path = getenv("MR_FAIL_ALLOC_COUNT");
	FILE *f = path ? fopen(path, "w") : NULL;
	if (!f)
		return;
	fprintf(f, "%lu\n", atomic_load(&counted));
	fclose(f);
}

__attribute__((constructor)) static void start(void)
{
	const char *n = getenv("MR_FAIL_ALLOC");
	which = n ? strtoul(n, NULL, 10) : 0;
	dl_iterate_phdr(find_program, NULL);
	atexit(write_count);
}

static inline bool fails(const void *caller)
{
	uintptr_t at = (uintptr_t)caller;
	if (at < text_start || at >= text_end || atomic_fetch_add(&counted, 1) + 1 != which)
		return false;
	errno = ENOMEM;
	return true;
}

#define CALLER __builtin_return_address(0)

__attribute__((visibility("default"))) void *malloc(size_t size)
{
	return fails(CALLER) ? NULL : __libc_malloc(size);
}

__attribute__((visibility("default"))) void *calloc(size_t n, size_t size)
{
	return fails(CALLER) ? NULL : __libc_calloc(n, size);
}

__attribute__((visibility("default"))) void *realloc(void *p, size_t size)
{
	return fails(CALLER) ? NULL : __libc_realloc(p, size);
}

__attribute__((visibility("default"))) char *strdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *copy = fails(CALLER) ? NULL : __libc_malloc(n);
	return copy ? memcpy(copy, s, n) : NULL;
}

__attribute__((visibility("default"))) char *strndup(const char *s, size_t most)
{
	size_t n = strnlen(s, most);
	char *copy = fails(CALLER) ? NULL : __libc_malloc(n + 1);
	if (copy) {
		memcpy(copy, s, n);
		copy[n] = 0;
	}
	return copy;
}
