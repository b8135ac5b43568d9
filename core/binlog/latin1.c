/* latin1.c - see latin1.h. */
#include "core/binlog/latin1.h"

/* 0x80..0x9f */
static const uint16_t upper[32] = {
	0x20ac, 0x0081, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
	0x2039, 0x0152, 0x008d, 0x017d, 0x008f, 0x0090, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
	0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x009d, 0x017e, 0x0178,
};

size_t latin1_to_utf8(const uint8_t *p, size_t len, uint8_t *out)
{
	uint8_t *at = out;
	for (size_t i = 0; i < len; i++) {
		unsigned c = p[i] >= 0x80 && p[i] < 0xa0 ? upper[p[i] - 0x80] : p[i];
		if (c < 0x80) {
			*at++ = (uint8_t)c;
		} else if (c < 0x800) {
			*at++ = (uint8_t)(0xc0 | c >> 6);
			*at++ = (uint8_t)(0x80 | (c & 63));
		} else {
			*at++ = (uint8_t)(0xe0 | c >> 12);
			*at++ = (uint8_t)(0x80 | (c >> 6 & 63));
			*at++ = (uint8_t)(0x80 | (c & 63));
		}
	}
	return (size_t)(at - out);
}
