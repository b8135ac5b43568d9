/*
 * civil.h - dates and clocks: days from and to the calendar, their digits.
 *
 * For the writers of values in this folder. Each put_… writes at p, where there is room,
 * and returns the end.
 */
#ifndef MR_ENVELOPE_CIVIL_H
#define MR_ENVELOPE_CIVIL_H

#include "core/model/value.h"

static inline uint8_t *put_2(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)('0' + v / 10);
	p[1] = (uint8_t)('0' + v % 10);
	return p + 2;
}

static inline uint8_t *put_4(uint8_t *p, unsigned v)
{
	return put_2(put_2(p, v / 100), v % 100);
}

/* ".120" for digits 3; nothing for 0. */
static inline uint8_t *put_fraction(uint8_t *p, unsigned usec, unsigned digits)
{
	if (digits == 0)
		return p;
	if (digits > 6)
		digits = 6;
	*p++ = '.';
	for (unsigned i = 6; i-- > 0; usec /= 10) {
		if (i < digits)
			p[i] = (uint8_t)('0' + usec % 10);
	}
	return p + digits;
}

/* How many digits a fraction has without zeros at its end. */
static inline unsigned fraction_digits(unsigned usec)
{
	unsigned digits = usec ? 6 : 0;
	for (; digits > 0 && usec % 10 == 0; usec /= 10)
		digits--;
	return digits;
}

static inline uint8_t *put_date_text(uint8_t *p, const struct civil *t)
{
	p = put_4(p, t->year);
	*p++ = '-';
	p = put_2(p, t->month);
	*p++ = '-';
	return put_2(p, t->day);
}

static inline uint8_t *put_clock_text(uint8_t *p, unsigned hour, unsigned minute, unsigned second)
{
	p = put_2(p, hour);
	*p++ = ':';
	p = put_2(p, minute);
	*p++ = ':';
	return put_2(p, second);
}

/*
 * Days since 1970-01-01 in the Gregorian calendar. The year is counted from March, so that
 * the day that leap years add is its last: then the months before one have
 * (153 * month + 2) / 5 days. Years from 0.
 */
static inline int64_t days_of(const struct civil *t)
{
	unsigned year = t->year + 4800 - (t->month <= 2);
	unsigned month = t->month > 2 ? t->month - 3 : t->month + 9;
	int64_t leap_days = year / 4 - year / 100 + year / 400;
	return 365 * (int64_t)year + leap_days + (153 * month + 2) / 5 + t->day - 1 - 2472632;
}

/* The inverse, for days from 1970 on: sets year, month and day. */
static inline void date_of(int64_t days, struct civil *t)
{
	/* Days since 1600-03-01, where a cycle of 400 years begins. */
	unsigned n = (unsigned)days + 135080;
	unsigned cycle = n / 146097;
	n %= 146097;
	unsigned century = n / 36524;
	if (century == 4)
		century = 3;
	n -= century * 36524;
	unsigned olympiad = n / 1461;
	n %= 1461;
	unsigned year = n / 365;
	if (year == 4)
		year = 3;
	n -= year * 365;
	unsigned month = (5 * n + 2) / 153;
	t->day = n - (153 * month + 2) / 5 + 1;
	t->month = month < 10 ? month + 3 : month - 9;
	t->year = 1600 + cycle * 400 + century * 100 + olympiad * 4 + year + (month >= 10);
}

/* The UTC calendar date and clock of a moment from 1970 on, microseconds. */
static inline struct civil civil_of_moment(int64_t usec)
{
	struct civil t = {0};
	uint64_t seconds = (uint64_t)usec / (uint64_t)USEC_PER_SEC;
	unsigned of_day = (unsigned)(seconds % 86400);
	date_of((int64_t)(seconds / 86400), &t);
	t.hour = of_day / 3600;
	t.minute = of_day / 60 % 60;
	t.second = of_day % 60;
	t.usec = (unsigned)((uint64_t)usec % (uint64_t)USEC_PER_SEC);
	return t;
}

#endif
