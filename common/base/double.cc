/*
 * double.cc - see double.h. The only C++ in the project: libdouble-conversion has no C face.
 *
 * Pure and without state but for one constant converter. Nothing here allocates or throws
 * (the library works on the stack), so that C may call it freely from any thread.
 */
#include "common/base/double.h"

#include <double-conversion/double-conversion.h>

using double_conversion::DoubleToStringConverter;
using double_conversion::StringBuilder;

/*
 * Decimal notation for exponents in [-7, 17): beyond that "1e22", without '+', which JSON
 * does not need. The trailing ".0" keeps the text a floating-point number for readers that
 * tell 1 and 1.0 apart.
 */
static const DoubleToStringConverter
    converter(DoubleToStringConverter::EMIT_TRAILING_DECIMAL_POINT |
		  DoubleToStringConverter::EMIT_TRAILING_ZERO_AFTER_POINT,
	      nullptr, nullptr, 'e', -7, 17, 0, 0);

extern "C" unsigned double_put_shortest(uint8_t *p, double v)
{
	StringBuilder text(reinterpret_cast<char *>(p), DOUBLE_TEXT_MAX);
	converter.ToShortest(v, &text);
	return static_cast<unsigned>(text.position());
}

extern "C" unsigned float_put_shortest(uint8_t *p, float v)
{
	StringBuilder text(reinterpret_cast<char *>(p), DOUBLE_TEXT_MAX);
	converter.ToShortestSingle(v, &text);
	return static_cast<unsigned>(text.position());
}
