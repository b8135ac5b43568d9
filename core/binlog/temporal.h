/*
 * temporal.h - the servers' packed dates and times: those of rows, and those inside JSON.
 *
 * Pure. Zero dates and days that no month has (with ALLOW_INVALID_DATES) are values like
 * any other; what cannot be written as a date at all (month 13, hour 25) is -EBADMSG.
 */
#ifndef MR_BINLOG_TEMPORAL_H
#define MR_BINLOG_TEMPORAL_H

#include "common/base/buf.h"
#include "core/model/value.h"

/* Bytes of the fraction with `digits` (0..6) digits. */
static inline unsigned temporal_fraction_size(unsigned digits)
{
	return (digits + 1) / 2;
}

/* Each reads its fixed bytes plus temporal_fraction_size(digits). 0 or -EBADMSG. */
int date_read(const uint8_t *p, struct value *ret);                             /* 3 bytes */
int time_read(const uint8_t *p, unsigned digits, struct value *ret);            /* 3 */
int datetime_read(const uint8_t *p, unsigned digits, struct value *ret);        /* 5 */
int timestamp_read(const uint8_t *p, unsigned digits, struct value *ret);       /* 4 */

/*
 * The formats before MySQL 5.6: of MySQL tables of that age, without a fraction, and of
 * MariaDB's made with mysql56_temporal_format=OFF. `digits` up to 6; the size is for all of it.
 */
unsigned old_time_size(unsigned digits);
unsigned old_datetime_size(unsigned digits);
unsigned old_timestamp_size(unsigned digits);
int old_time_read(const uint8_t *p, unsigned digits, struct value *ret);
int old_datetime_read(const uint8_t *p, unsigned digits, struct value *ret);
int old_timestamp_read(const uint8_t *p, unsigned digits, struct value *ret);

/* The packed number that JSON documents hold -> text as MySQL prints it, without quotes. */
int packed_date_put(int64_t packed, struct buf *out);
int packed_time_put(int64_t packed, struct buf *out);
int packed_datetime_put(int64_t packed, struct buf *out);

#endif
