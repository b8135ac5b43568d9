/*
 * double.h - shortest decimal text of floating-point numbers: the C face of double.cc.
 *
 * For json.c; everyone else writes numbers through json.h. Finite numbers only.
 */
#ifndef MR_BASE_DOUBLE_H
#define MR_BASE_DOUBLE_H

#include <stdint.h>

enum { DOUBLE_TEXT_MAX = 32 };

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The shortest digits that read back to the same bits, as a JSON number ("1.0", "1e-7",
 * "1.5e22"), at p[DOUBLE_TEXT_MAX]. Returns how many bytes; a zero byte follows them.
 */
unsigned double_put_shortest(uint8_t *p, double v);
unsigned float_put_shortest(uint8_t *p, float v);

#ifdef __cplusplus
}
#endif

#endif
