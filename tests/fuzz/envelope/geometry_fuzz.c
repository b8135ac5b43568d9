/*
 * geometry_fuzz.c - any bytes as a geometry, in every dialect: text, WKB, x and y of a point.
 *
 * Input: a byte for the dialect (messages.h), one whether the column is a POINT, the value.
 */
#include "tests/fuzz/envelope/messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || size > 1 << 16)
		return 0;
	const uint8_t choice[3] = {data[0]};
	struct envelope_options options = options_of(choice);
	size_t len = size - 2;
	uint8_t *bytes = malloc(len + !len);
	must(bytes != NULL);
	memcpy(bytes, data + 2, len);
	struct column column = {.type = COLUMN_GEOMETRY, .max_bytes = 4, .nullable = true};
	struct value v = {.kind = VALUE_GEOMETRY, .p = bytes, .len = (uint32_t)len};
	if (data[1] & 1)
		column.column_type = (struct span){(const uint8_t *)"point", 5};
	write_messages(&options, &column, &v, data[1] >> 1);
	free(bytes);
	return 0;
}
