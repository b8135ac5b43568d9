/*
 * temporal.c - see temporal.h.
 *
 *   DATE        3 bytes little-endian: day 5 bits, month 4, year 15
 *   TIME2       3 bytes big-endian + fraction, minus 0x800000 (shifted by the fraction's
 *               bits): the absolute value is hour 10 bits, minute 6, second 6, fraction
 *   DATETIME2   5 bytes big-endian + fraction: sign 1 (set), year * 13 + month 17 bits,
 *               day 5, hour 5, minute 6, second 6
 *   TIMESTAMP2  4 bytes big-endian seconds since 1970 + fraction
 *   fraction    0..3 bytes big-endian, in units of 10^-2, 10^-4 or 10^-6 seconds
 *
 * Inside JSON (type, then 8 bytes little-endian): the same fields with 24 bits of
 * microseconds below them, signed.
 */
#include "core/binlog/temporal.h"

#include <errno.h>
#include <stdlib.h>

static const uint32_t usec_per_unit[4] = {0, 10000, 100, 1};

static inline unsigned fraction_usec(const uint8_t *p, unsigned bytes)
{
	return (unsigned)load_be(p, bytes) * usec_per_unit[bytes];
}

static inline bool civil_valid(const struct civil *c)
{
	return c->year <= 9999 && c->month <= 12 && c->hour <= 23 && c->minute <= 59 &&
	       c->second <= 59 && c->usec <= 999999;
}

int date_read(const uint8_t *p, struct value *ret)
{
	uint32_t v = load_le24(p);
	struct civil c = {.year = v >> 9, .month = v >> 5 & 15, .day = v & 31};
	if (!civil_valid(&c))
		return -EBADMSG;
	ret->kind = VALUE_DATE;
	ret->u = civil_pack(&c);
	return 0;
}

/* hour 10 bits, minute 6, second 6 -> microseconds */
static int time_usec(uint64_t hms, uint64_t usec, int64_t *ret)
{
	uint64_t hour = hms >> 12 & 0x3ff, minute = hms >> 6 & 63, second = hms & 63;
	if (minute > 59 || second > 59 || usec > 999999)
		return -EBADMSG;
	*ret = (int64_t)(((hour * 60 + minute) * 60 + second) * 1000000 + usec);
	return 0;
}

int time_read(const uint8_t *p, unsigned digits, struct value *ret)
{
	unsigned bytes = temporal_fraction_size(digits);
	int64_t packed = (int64_t)load_be(p, 3 + bytes) - ((int64_t)0x800000 << (8 * bytes));
	uint64_t magnitude = (uint64_t)llabs(packed);
	uint64_t fraction = magnitude & ((UINT64_C(1) << (8 * bytes)) - 1);
	int64_t usec;
	if (time_usec(magnitude >> (8 * bytes), fraction * usec_per_unit[bytes], &usec) < 0)
		return -EBADMSG;
	ret->kind = VALUE_TIME;
	ret->aux = (uint8_t)digits;
	ret->i = packed < 0 ? -usec : usec;
	return 0;
}

/* year * 13 + month 17 bits, day 5, hour 5, minute 6, second 6 */
static inline struct civil civil_unpack40(uint64_t v, unsigned usec)
{
	unsigned month = (unsigned)(v >> 22 & 0x1ffff);
	return (struct civil){
		.year = month / 13,
		.month = month % 13,
		.day = (unsigned)(v >> 17) & 31,
		.hour = (unsigned)(v >> 12) & 31,
		.minute = (unsigned)(v >> 6) & 63,
		.second = (unsigned)v & 63,
		.usec = usec,
	};
}

int datetime_read(const uint8_t *p, unsigned digits, struct value *ret)
{
	uint64_t v = load_be(p, 5);
	if (!(v >> 39))
		return -EBADMSG;
	struct civil c = civil_unpack40(v, fraction_usec(p + 5, temporal_fraction_size(digits)));
	if (!civil_valid(&c))
		return -EBADMSG;
	ret->kind = VALUE_DATETIME;
	ret->aux = (uint8_t)digits;
	ret->u = civil_pack(&c);
	return 0;
}

int timestamp_read(const uint8_t *p, unsigned digits, struct value *ret)
{
	unsigned usec = fraction_usec(p + 4, temporal_fraction_size(digits));
	if (usec > 999999)
		return -EBADMSG;
	ret->kind = VALUE_TIMESTAMP;
	ret->aux = (uint8_t)digits;
	ret->i = (int64_t)load_be32(p) * USEC_PER_SEC + usec;
	return 0;
}

int packed_time_put(int64_t packed, struct buf *out)
{
	uint64_t magnitude = packed < 0 ? -(uint64_t)packed : (uint64_t)packed;
	int64_t usec;
	if (time_usec(magnitude >> 24, magnitude & 0xffffff, &usec) < 0)
		return -EBADMSG;
	int64_t second = usec / USEC_PER_SEC;
	buf_printf(out, "%s%02d:%02d:%02d.%06d", packed < 0 ? "-" : "", (int)(second / 3600),
		   (int)(second / 60 % 60), (int)(second % 60), (int)(usec % USEC_PER_SEC));
	return 0;
}

static int packed_civil(int64_t packed, struct civil *ret)
{
	if (packed < 0)
		return -EBADMSG;
	*ret = civil_unpack40((uint64_t)packed >> 24, (unsigned)(packed & 0xffffff));
	return civil_valid(ret) ? 0 : -EBADMSG;
}

int packed_date_put(int64_t packed, struct buf *out)
{
	struct civil c;
	if (packed_civil(packed, &c) < 0)
		return -EBADMSG;
	buf_printf(out, "%04u-%02u-%02u", c.year, c.month, c.day);
	return 0;
}

int packed_datetime_put(int64_t packed, struct buf *out)
{
	struct civil c;
	if (packed_civil(packed, &c) < 0)
		return -EBADMSG;
	buf_printf(out, "%04u-%02u-%02u %02u:%02u:%02u.%06u", c.year, c.month, c.day, c.hour,
		   c.minute, c.second, c.usec);
	return 0;
}
