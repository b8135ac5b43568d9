/*
 * json.c - see json.h.
 *
 * Speed matters here: every value of every row goes through these functions. Each
 * reserves the room that it needs as a rule once and then writes through a plain pointer.
 * Pure: no clock, no log, no state; any thread.
 */
#include "common/base/json.h"
#include "common/base/bytes.h"
#include "common/base/double.h"

#include <math.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324"
				  "25262728293031323334353637383940414243444546474849"
				  "50515253545556575859606162636465666768697071727374"
				  "75767778798081828384858687888990919293949596979899";

static unsigned dec_digits(uint64_t v)
{
	static const uint64_t power[] = {
	    0,
	    10,
	    100,
	    1000,
	    10000,
	    100000,
	    1000000,
	    10000000,
	    100000000,
	    1000000000,
	    10000000000,
	    100000000000,
	    1000000000000,
	    10000000000000,
	    100000000000000,
	    1000000000000000,
	    10000000000000000,
	    100000000000000000,
	    1000000000000000000,
	    10000000000000000000u,
	};
	/* 1233/4096 approximates log10(2): right, or one too few, for up to 64 bits. */
	unsigned bits = 64 - (unsigned)__builtin_clzll(v | 1);
	unsigned guess = bits * 1233 >> 12;
	return guess + (v >= power[guess]);
}

/* Eight digits, zeros in front included; v under 10^8. */
static void put_8_digits(uint8_t *p, uint32_t v)
{
	uint32_t high = v / 10000, low = v % 10000;
	memcpy(p, digit_pairs + 2 * (size_t)(high / 100), 2);
	memcpy(p + 2, digit_pairs + 2 * (size_t)(high % 100), 2);
	memcpy(p + 4, digit_pairs + 2 * (size_t)(low / 100), 2);
	memcpy(p + 6, digit_pairs + 2 * (size_t)(low % 100), 2);
}

unsigned dec_put_u64(uint8_t *p, uint64_t v)
{
	unsigned n = v == 0 ? 1 : dec_digits(v);
	uint8_t *end = p + n;
	/* In eights, which do not wait for each other; then what is left, by twos. */
	while (v >= 100000000) {
		end -= 8;
		put_8_digits(end, (uint32_t)(v % 100000000));
		v /= 100000000;
	}
	uint32_t rest = (uint32_t)v;
	while (rest >= 100) {
		end -= 2;
		memcpy(end, digit_pairs + 2 * (size_t)(rest % 100), 2);
		rest /= 100;
	}
	if (rest >= 10)
		memcpy(end - 2, digit_pairs + 2 * (size_t)rest, 2);
	else
		end[-1] = (uint8_t)('0' + rest);
	return n;
}

void json_put_u64(struct buf *b, uint64_t v)
{
	uint8_t *p = buf_room(b, 20);
	if (p)
		b->len += dec_put_u64(p, v);
}

void json_put_i64(struct buf *b, int64_t v)
{
	uint8_t *p = buf_room(b, 20);
	if (!p)
		return;
	if (v < 0) {
		*p = '-';
		b->len += 1 + dec_put_u64(p + 1, -(uint64_t)v);
	} else {
		b->len += dec_put_u64(p, (uint64_t)v);
	}
}

/*
 * Floating-point numbers in tables are mostly decimal fractions of few digits. If v is
 * the number nearest to rounded/10^s, and rounded has at most `DBL_DIG` (`FLT_DIG`) digits,
 * then rounded/10^s is the only decimal that short which reads back as v, hence the
 * shortest: no search is needed. Returns the bytes written, or 0 if v is not like that.
 */
static unsigned short_fraction(uint8_t *p, double v, bool single, double max_scaled)
{
	static const double power[] = {1, 10, 100, 1000, 10000};
	double magnitude = fabs(v);
	double slack = single ? 1e-6 : 1e-15;
	for (unsigned s = 0; s < sizeof(power) / sizeof(power[0]); s++) {
		double scaled = magnitude * power[s];
		if (!(scaled < max_scaled))
			return 0;
		int64_t rounded = (int64_t)(scaled + 0.5);
		/* Far from whole: spares the division, which decides. */
		if (fabs(scaled - (double)rounded) > scaled * slack)
			continue;
		double back = (double)rounded / power[s];
		if (single ? (float)back != (float)magnitude : back != magnitude)
			continue;
		uint64_t number = (uint64_t)rounded;
		uint8_t *start = p;
		if (signbit(v))
			*p++ = '-';
		if (s == 0) {
			p += dec_put_u64(p, number);
			memcpy(p, ".0", 2);
			return (unsigned)(p + 2 - start);
		}
		uint64_t unit = (uint64_t)power[s];
		p += dec_put_u64(p, number / unit);
		*p++ = '.';
		uint64_t fraction = number % unit;
		for (unsigned i = s; i-- > 0; fraction /= 10)
			p[i] = (uint8_t)('0' + fraction % 10);
		return (unsigned)(p + s - start);
	}
	return 0;
}

void json_put_double(struct buf *b, double v)
{
	if (!isfinite(v)) {
		buf_lit(b, "null");
		return;
	}
	uint8_t *p = buf_room(b, DOUBLE_TEXT_MAX);
	if (!p)
		return;
	unsigned n = short_fraction(p, v, false, 1e15);
	b->len += n ? n : double_put_shortest(p, v);
}

void json_put_float(struct buf *b, float v)
{
	if (!isfinite(v)) {
		buf_lit(b, "null");
		return;
	}
	uint8_t *p = buf_room(b, DOUBLE_TEXT_MAX);
	if (!p)
		return;
	unsigned n = short_fraction(p, (double)v, true, 1e6);
	b->len += n ? n : float_put_shortest(p, v);
}

/* Bytes that stand in a JSON string as they are: ASCII but controls, '"' and '\'. */
static inline bool is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/*
 * Copies the leading plain bytes of src[n] and returns how many they are. All of dst[n]
 * may be overwritten; nothing beyond n is read or written.
 */
#ifdef __SSE2__
/* A bit for each byte that is not plain. The comparison is signed: 0x80.. are below. */
static inline unsigned not_plain(__m128i v)
{
	__m128i low = _mm_cmplt_epi8(v, _mm_set1_epi8(0x20));
	__m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
	__m128i slash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
	return (unsigned)_mm_movemask_epi8(_mm_or_si128(low, _mm_or_si128(quote, slash)));
}

static inline size_t copy_plain(uint8_t *dst, const uint8_t *src, size_t n)
{
	size_t i = 0;
	for (; n - i >= 16; i += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(src + i));
		_mm_storeu_si128((__m128i *)(void *)(dst + i), v);
		unsigned found = not_plain(v);
		if (found)
			return i + (unsigned)__builtin_ctz(found);
	}
	if (n - i >= 8) {
		__m128i v = _mm_loadl_epi64((const __m128i *)(const void *)(src + i));
		_mm_storel_epi64((__m128i *)(void *)(dst + i), v);
		unsigned found = not_plain(v) & 0xff;
		if (found)
			return i + (unsigned)__builtin_ctz(found);
		i += 8;
	}
	if (n - i >= 4) {
		int four;
		memcpy(&four, src + i, 4);
		memcpy(dst + i, &four, 4);
		unsigned found = not_plain(_mm_cvtsi32_si128(four)) & 0xf;
		if (found)
			return i + (unsigned)__builtin_ctz(found);
		i += 4;
	}
	for (; i < n && is_plain(src[i]); i++)
		dst[i] = src[i];
	return i;
}
#else
static inline size_t copy_plain(uint8_t *dst, const uint8_t *src, size_t n)
{
	size_t i = 0;
	for (; i < n && is_plain(src[i]); i++)
		dst[i] = src[i];
	return i;
}
#endif

/* Writes the escape of a control, '"' or '\' (at most 6 bytes); returns the end. */
static uint8_t *put_escape(uint8_t *dst, uint8_t c)
{
	static const char short_form[32] = {
	    ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
	*dst++ = '\\';
	if (c >= 0x20) {
		*dst++ = c;
	} else if (short_form[c]) {
		*dst++ = (uint8_t)short_form[c];
	} else {
		memcpy(dst, "u00", 3);
		dst[3] = (uint8_t)('0' + (c >> 4));
		dst[4] = (uint8_t) "0123456789abcdef"[c & 15];
		dst += 5;
	}
	return dst;
}

/*
 * Bytes of the well-formed UTF-8 sequence at s (its first byte is 0x80 or more), or 0.
 * Well-formed as Unicode 15 table 3-7 has it:
 *   C2..DF 80..BF
 *   E0     A0..BF 80..BF        (no overlong forms)
 *   E1..EC, EE..EF 80..BF 80..BF
 *   ED     80..9F 80..BF        (no surrogates)
 *   F0     90..BF 80..BF 80..BF
 *   F1..F3 80..BF 80..BF 80..BF
 *   F4     80..8F 80..BF 80..BF (nothing over U+10FFFF)
 */
static inline unsigned utf8_sequence(const uint8_t *s, size_t left)
{
	uint8_t c = s[0];
	if (c < 0xc2 || left < 2 || (s[1] & 0xc0) != 0x80)
		return 0;
	if (c < 0xe0)
		return 2;
	if (left < 3 || (s[2] & 0xc0) != 0x80)
		return 0;
	if (c < 0xf0) {
		if ((c == 0xe0 && s[1] < 0xa0) || (c == 0xed && s[1] > 0x9f))
			return 0;
		return 3;
	}
	if (left < 4 || (s[3] & 0xc0) != 0x80 || c > 0xf4)
		return 0;
	if ((c == 0xf0 && s[1] < 0x90) || (c == 0xf4 && s[1] > 0x8f))
		return 0;
	return 4;
}

/*
 * How many bytes of an ill-formed sequence one U+FFFD stands for: the longest start of a
 * well-formed one, at least a byte. So Unicode 15 (section 3.9) recommends and Java does.
 */
static size_t utf8_ill_formed(const uint8_t *s, size_t left)
{
	uint8_t c = s[0];
	if (c < 0xc2 || c > 0xf4)
		return 1;
	size_t want = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	uint8_t low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
	uint8_t high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
	size_t n = 1;
	while (n < want && n < left && s[n] >= low && s[n] <= high) {
		n++;
		low = 0x80;
		high = 0xbf;
	}
	return n;
}

/*
 * The body of a string, with room for `extra` more bytes reserved behind it. Invariant
 * of the loop: dst has room for the rest of the source and `extra`, since a plain byte or
 * a well-formed sequence takes as many bytes as it is long; only what takes more asks
 * for room again.
 */
static bool put_text(struct buf *b, const uint8_t *s, size_t len, size_t extra)
{
	bool valid = true;
	uint8_t *dst = buf_room(b, len + extra);
	if (!dst)
		return true;
	for (size_t i = 0;;) {
		size_t n = copy_plain(dst, s + i, len - i);
		dst += n;
		i += n;
		while (i < len && s[i] >= 0x80) {
			n = utf8_sequence(s + i, len - i);
			if (n == 0)
				break;
			for (size_t k = 0; k < n; k++)
				*dst++ = s[i++];
		}
		if (i == len)
			break;
		if (is_plain(s[i]))
			continue;
		b->len = (size_t)(dst - b->data);
		dst = buf_room(b, 6 + (len - i) + extra);
		if (!dst)
			return valid;
		if (s[i] >= 0x80) {
			memcpy(dst, "\xef\xbf\xbd", 3); /* U+FFFD */
			dst += 3;
			valid = false;
			i += utf8_ill_formed(s + i, len - i);
		} else {
			dst = put_escape(dst, s[i++]);
		}
	}
	b->len = (size_t)(dst - b->data);
	return valid;
}

bool json_put_escaped(struct buf *b, const void *text, size_t len)
{
	return put_text(b, text, len, 0);
}

bool json_put_string(struct buf *b, const void *text, size_t len)
{
	if (!buf_room(b, len + 2))
		return true;
	b->data[b->len++] = '"';
	bool valid = put_text(b, text, len, 1);
	buf_putc(b, '"');
	return valid;
}

/*
 * MySQL's latin1 is Windows' cp1252, in which 0x80..0x9f are the characters below; the
 * five that Microsoft leaves undefined are U+0081, 8D, 8F, 90, 9D, as the server converts
 * them. All others are the code point of the same number.
 */
static const uint16_t cp1252_high[32] = {
    0x20ac, 0x0081, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x008d, 0x017d, 0x008f, 0x0090, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x009d, 0x017e, 0x0178,
};

static inline uint8_t *put_cp1252(uint8_t *dst, uint8_t c)
{
	unsigned code = c < 0xa0 ? cp1252_high[c - 0x80] : c;
	if (code < 0x800) {
		*dst++ = (uint8_t)(0xc0 | code >> 6);
	} else {
		*dst++ = (uint8_t)(0xe0 | code >> 12);
		*dst++ = (uint8_t)(0x80 | (code >> 6 & 0x3f));
	}
	*dst++ = (uint8_t)(0x80 | (code & 0x3f));
	return dst;
}

void json_put_latin1(struct buf *b, const void *bytes, size_t len)
{
	const uint8_t *s = bytes;
	uint8_t *dst = buf_room(b, len + 2);
	if (!dst)
		return;
	*dst++ = '"';
	/* The invariant of put_text, with one byte of `extra` for the closing quote. */
	for (size_t i = 0;;) {
		size_t n = copy_plain(dst, s + i, len - i);
		dst += n;
		i += n;
		if (i == len)
			break;
		b->len = (size_t)(dst - b->data);
		dst = buf_room(b, 6 + (len - i) + 1);
		if (!dst)
			return;
		dst = s[i] >= 0x80 ? put_cp1252(dst, s[i]) : put_escape(dst, s[i]);
		i++;
	}
	*dst++ = '"';
	b->len = (size_t)(dst - b->data);
}

static void put_base64(struct buf *b, const uint8_t *s, size_t len, const char *digits)
{
	if (len > SIZE_MAX / 2) {
		b->failed = true;
		return;
	}
	uint8_t *dst = buf_room(b, (len + 2) / 3 * 4 + 2);
	if (!dst)
		return;
	*dst++ = '"';
	for (; len >= 3; s += 3, len -= 3, dst += 4) {
		unsigned v = (unsigned)s[0] << 16 | (unsigned)s[1] << 8 | s[2];
		dst[0] = (uint8_t)digits[v >> 18];
		dst[1] = (uint8_t)digits[v >> 12 & 63];
		dst[2] = (uint8_t)digits[v >> 6 & 63];
		dst[3] = (uint8_t)digits[v & 63];
	}
	if (len > 0) {
		unsigned v = (unsigned)s[0] << 16 | (len > 1 ? (unsigned)s[1] << 8 : 0);
		dst[0] = (uint8_t)digits[v >> 18];
		dst[1] = (uint8_t)digits[v >> 12 & 63];
		dst[2] = len > 1 ? (uint8_t)digits[v >> 6 & 63] : '=';
		dst[3] = '=';
		dst += 4;
	}
	*dst++ = '"';
	b->len = (size_t)(dst - b->data);
}

void json_put_base64(struct buf *b, const void *bytes, size_t len)
{
	put_base64(b, bytes, len,
		   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
}

void json_put_base64url(struct buf *b, const void *bytes, size_t len)
{
	put_base64(b, bytes, len,
		   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
}

void json_put_hex(struct buf *b, const void *bytes, size_t len)
{
	const uint8_t *s = bytes;
	if (len > SIZE_MAX / 4) {
		b->failed = true;
		return;
	}
	uint8_t *dst = buf_room(b, 2 * len + 2);
	if (!dst)
		return;
	*dst++ = '"';
	for (size_t i = 0; i < len; i++) {
		*dst++ = (uint8_t) "0123456789abcdef"[s[i] >> 4];
		*dst++ = (uint8_t) "0123456789abcdef"[s[i] & 15];
	}
	*dst++ = '"';
	b->len = (size_t)(dst - b->data);
}
