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
 * Before MySQL 5.6, without a fraction, little-endian:
 *
 *   TIME        3 bytes, signed: the decimal number hhmmss
 *   DATETIME    8 bytes: the decimal number YYYYMMDDhhmmss
 *   TIMESTAMP   4 bytes: seconds since 1970
 *
 * and MariaDB 5.3's with d digits (1..6), big-endian, in units of 10^-d seconds:
 *
 *   TIME        4, 4, 5, 5, 5, 6 bytes: (hour * 60 + minute) * 60 + second, plus that of
 *               838:59:59 and one unit of a second, so that it is never negative
 *   DATETIME    6, 6, 7, 7, 7, 8 bytes: ((((year * 13 + month) * 32 + day) * 24 + hour) * 60
 *               + minute) * 60 + second
 *   TIMESTAMP   4 bytes of seconds, then 1, 1, 2, 2, 3, 3 of the fraction
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

/* ------------------------------------------------------- before MySQL 5.6 */

static const uint32_t usec_per_digit[7] = {1000000, 100000, 10000, 1000, 100, 10, 1};

unsigned old_time_size(unsigned digits)
{
	static const uint8_t size[7] = {3, 4, 4, 5, 5, 5, 6};
	return size[digits <= 6 ? digits : 6];
}

unsigned old_datetime_size(unsigned digits)
{
	static const uint8_t size[7] = {8, 6, 6, 7, 7, 7, 8};
	return size[digits <= 6 ? digits : 6];
}

unsigned old_timestamp_size(unsigned digits)
{
	return 4 + temporal_fraction_size(digits <= 6 ? digits : 6);
}

/* hhmmss in decimal */
static int decimal_time(uint32_t number, int64_t *ret)
{
	uint32_t minute = number / 100 % 100, second = number % 100;
	if (minute > 59 || second > 59)
		return -EBADMSG;
	*ret = (int64_t)(number / 10000 * 3600 + minute * 60 + second) * USEC_PER_SEC;
	return 0;
}

int old_time_read(const uint8_t *p, unsigned digits, struct value *ret)
{
	const int64_t beyond = 838 * 3600 + 59 * 60 + 59 + 1;
	int64_t usec;
	if (digits > 6)
		return -EBADMSG;
	if (digits == 0) {
		int32_t number = (int32_t)(load_le24(p) << 8) >> 8;
		if (decimal_time((uint32_t)abs(number), &usec) < 0)
			return -EBADMSG;
		usec = number < 0 ? -usec : usec;
	} else {
		int64_t units = (int64_t)load_be(p, old_time_size(digits));
		if (units > 2 * beyond * USEC_PER_SEC)
			return -EBADMSG;
		int64_t unit = usec_per_digit[digits];
		usec = units * unit - beyond * USEC_PER_SEC;
	}
	if (usec <= -beyond * USEC_PER_SEC || usec >= beyond * USEC_PER_SEC)
		return -EBADMSG;
	ret->kind = VALUE_TIME;
	ret->aux = (uint8_t)digits;
	ret->i = usec;
	return 0;
}

static struct civil decimal_datetime(uint64_t number)
{
	return (struct civil){
	    .year = (unsigned)(number / 10000000000 % 100000),
	    .month = (unsigned)(number / 100000000 % 100),
	    .day = (unsigned)(number / 1000000 % 100),
	    .hour = (unsigned)(number / 10000 % 100),
	    .minute = (unsigned)(number / 100 % 100),
	    .second = (unsigned)(number % 100),
	};
}

static struct civil packed_datetime(uint64_t units, unsigned digits)
{
	uint64_t per_second = 1000000 / usec_per_digit[digits], v = units / per_second;
	struct civil c = {.usec = (unsigned)(units % per_second) * usec_per_digit[digits]};
	c.second = (unsigned)(v % 60);
	v /= 60;
	c.minute = (unsigned)(v % 60);
	v /= 60;
	c.hour = (unsigned)(v % 24);
	v /= 24;
	c.day = (unsigned)(v % 32);
	v /= 32;
	c.month = (unsigned)(v % 13);
	v /= 13;
	c.year = v <= 9999 ? (unsigned)v : 10000;
	return c;
}

int old_datetime_read(const uint8_t *p, unsigned digits, struct value *ret)
{
	if (digits > 6)
		return -EBADMSG;
	unsigned size = old_datetime_size(digits);
	struct civil c = digits ? packed_datetime(load_be(p, size), digits)
				: decimal_datetime(load_le64(p));
	if (!civil_valid(&c) || c.day > 31 || (!digits && load_le64(p) > 99991231235959))
		return -EBADMSG;
	ret->kind = VALUE_DATETIME;
	ret->aux = (uint8_t)digits;
	ret->u = civil_pack(&c);
	return 0;
}

int old_timestamp_read(const uint8_t *p, unsigned digits, struct value *ret)
{
	if (digits > 6)
		return -EBADMSG;
	unsigned bytes = temporal_fraction_size(digits);
	uint32_t seconds = digits ? load_be32(p) : load_le32(p);
	uint64_t usec = load_be(p + 4, bytes) * usec_per_digit[digits];
	if (usec > 999999 && digits)
		return -EBADMSG;
	ret->kind = VALUE_TIMESTAMP;
	ret->aux = (uint8_t)digits;
	ret->i = (int64_t)seconds * USEC_PER_SEC + (digits ? (int64_t)usec : 0);
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
