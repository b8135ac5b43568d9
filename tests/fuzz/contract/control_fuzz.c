/* control_fuzz.c - control documents from any text: what is accepted reads back the same. */
#include "common/contract/control.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_doc d, again;
	struct err err = {0};
	if (control_doc_parse((const char *)data, size, &d, &err) < 0) {
		check(err.kind != NULL && err.text[0]);
		return 0;
	}
	struct buf a, b;
	buf_init(&a);
	buf_init(&b);
	control_doc_print(&d, &a);
	check(control_doc_parse(buf_cstr(&a), a.len, &again, &err) == 0);
	check(again.desired == d.desired && again.position.start == d.position.start);
	control_doc_print(&again, &b);
	check(a.len == b.len && memcmp(a.data, b.data, a.len) == 0);
	control_doc_clear(&d);
	control_doc_clear(&again);
	buf_free(&a);
	buf_free(&b);
	return 0;
}
