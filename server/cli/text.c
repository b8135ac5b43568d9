/* text.c - see text.h. Pure. */
#include "server/cli/text.h"

#include <inttypes.h>
#include <time.h>
#include <wchar.h>

static const char REPLACEMENT[] = "\xef\xbf\xbd";

/*
 * The character at p (RFC 3629: shortest forms, no surrogates, up to U+10FFFF) and its
 * length; 0: the byte begins none.
 */
static size_t decode(const unsigned char *p, size_t len, uint32_t *ret)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = p[0] < 0x80	 ? 1
		   : p[0] < 0xc2 ? 0
		   : p[0] < 0xe0 ? 2
		   : p[0] < 0xf0 ? 3
		   : p[0] < 0xf5 ? 4
				 : 0;
	if (n == 0 || n > len)
		return 0;
	uint32_t c = n == 1 ? p[0] : p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret = c;
	return n;
}

/* Controls (C0, DEL, C1), line separators, and what sets or overrides a direction. */
static bool acts_on_terminal(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

static void put_clean(struct buf *out, const char *text, bool lines)
{
	const unsigned char *p = (const unsigned char *)text;
	for (size_t left = strlen(text); left > 0;) {
		uint32_t c;
		size_t n = decode(p, left, &c);
		if (n > 0 && (c == '\n' || c == '\t'))
			buf_putc(out, lines ? (char)c : ' ');
		else if (n == 0 || acts_on_terminal(c))
			buf_puts(out, REPLACEMENT);
		else
			buf_put(out, p, n);
		p += n ? n : 1;
		left -= n ? n : 1;
	}
}

void text_put_clean(struct buf *out, const char *text)
{
	put_clean(out, text, false);
}

void text_put_clean_lines(struct buf *out, const char *text)
{
	put_clean(out, text, true);
}

size_t text_width(const char *clean)
{
	const unsigned char *p = (const unsigned char *)clean;
	size_t width = 0;
	for (size_t left = strlen(clean); left > 0;) {
		uint32_t c = 0;
		size_t n = decode(p, left, &c);
		int columns = n ? wcwidth((wchar_t)c) : 1;
		width += columns > 0 ? (size_t)columns : 0;
		p += n ? n : 1;
		left -= n ? n : 1;
	}
	return width;
}

void text_put_json(struct buf *out, const char *json, size_t len)
{
	const unsigned char *p = (const unsigned char *)json;
	while (len > 0) {
		uint32_t c;
		size_t n = decode(p, len, &c);
		if (n == 0)
			buf_puts(out, REPLACEMENT);
		else if (c == 0)
			; /* jansson passes over it, wherever it stands */
		else if (c != '\n' && c != '\r' && c != '\t' && acts_on_terminal(c))
			buf_printf(out, "\\u%04x", c);
		else
			buf_put(out, p, n);
		p += n ? n : 1;
		len -= n ? n : 1;
	}
}

void text_put_duration(struct buf *out, int64_t ms)
{
	int64_t s = ms / 1000;
	if (ms < 0)
		buf_putc(out, '-');
	else if (ms < 1000)
		buf_printf(out, "%" PRId64 " ms", ms);
	else if (s < 60)
		buf_printf(out, "%" PRId64 " s", s);
	else if (s < 3600)
		buf_printf(out, "%" PRId64 " m %" PRId64 " s", s / 60, s % 60);
	else if (s < 86400)
		buf_printf(out, "%" PRId64 " h %" PRId64 " m", s / 3600, s / 60 % 60);
	else
		buf_printf(out, "%" PRId64 " d %" PRId64 " h", s / 86400, s / 3600 % 24);
}

void text_put_age(struct buf *out, int64_t ms, int64_t now_ms)
{
	if (ms <= 0)
		buf_putc(out, '-');
	else
		/* Clocks differ: what lies a little ahead is now. */
		text_put_duration(out, now_ms > ms ? now_ms - ms : 0);
}

void text_put_time(struct buf *out, int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	char text[64];
	if (ms <= 0 || !gmtime_r(&seconds, &tm) ||
	    !strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm))
		buf_putc(out, '-');
	else
		buf_puts(out, text);
}

void text_put_bytes(struct buf *out, int64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double v = (double)bytes;
	size_t i = 0;
	while (v >= 1024 && i < 4) {
		v /= 1024;
		i++;
	}
	buf_printf(out, i ? "%.1f %s" : "%.0f %s", v, units[i]);
}
