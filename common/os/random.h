/* random.h - random bytes from the kernel. Any thread; cannot fail once the system is up. */
#ifndef MR_OS_RANDOM_H
#define MR_OS_RANDOM_H

#include <stddef.h>
#include <stdint.h>

enum { RANDOM_UUID_SIZE = 37 };

void random_bytes(void *out, size_t n);
/* 2 * n lower-case hexadecimal digits and a zero byte. */
void random_hex(char *out, size_t n);
/* A version 4 UUID as text. */
void random_uuid(char out[RANDOM_UUID_SIZE]);
/* 0 .. n - 1, evenly; 0 when n is 0. */
uint64_t random_below(uint64_t n);

#endif
