/* random.c - see random.h. */
#include "common/os/random.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

void random_bytes(void *out, size_t n)
{
	uint8_t *p = out;
	while (n > 0) {
		ssize_t got = getrandom(p, n, 0);
		if (got < 0) {
			if (errno == EINTR)
				continue;
			abort(); /* no getrandom: not a Linux we can run on */
		}
		p += got;
		n -= (size_t)got;
	}
}

void random_hex(char *out, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	random_bytes(out, n);
	out[2 * n] = 0;
	/* From the back, so that no byte is overwritten before it is read. */
	for (size_t i = n; i-- > 0;) {
		uint8_t byte = (uint8_t)out[i];
		out[2 * i + 1] = digits[byte & 15];
		out[2 * i] = digits[byte >> 4];
	}
}

void random_uuid(char out[RANDOM_UUID_SIZE])
{
	uint8_t b[16];
	random_bytes(b, sizeof(b));
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40); /* version 4: random */
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80); /* variant of RFC 4122 */
	snprintf(out, RANDOM_UUID_SIZE,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
		 b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
		 b[15]);
}

uint64_t random_below(uint64_t n)
{
	if (n < 2)
		return 0;
	/* Values under 2^64 mod n would favour small results: draw again. */
	uint64_t least = -n % n, v;
	do
		random_bytes(&v, sizeof(v));
	while (v < least);
	return v % n;
}
