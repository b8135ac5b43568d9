/*
 * reports_fuzz.c - instance, status and machine documents from any text: what is accepted
 * prints to a document that is accepted and prints the same.
 */
#include "common/contract/instance.h"
#include "common/contract/machine.h"
#include "common/contract/status.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* The three kinds have the same four functions. */
#define TRY(noun)                                                                                  \
	static void try_##noun(const uint8_t *data, size_t size)                                   \
	{                                                                                          \
		struct noun##_doc d, again;                                                        \
		struct err err = {0};                                                              \
		if (noun##_doc_parse((const char *)data, size, &d, &err) < 0) {                    \
			check(err.kind != NULL && err.text[0]);                                    \
			return;                                                                    \
		}                                                                                  \
		struct buf a, b;                                                                   \
		buf_init(&a);                                                                      \
		buf_init(&b);                                                                      \
		noun##_doc_print(&d, &a);                                                          \
		check(noun##_doc_parse(buf_cstr(&a), a.len, &again, &err) == 0);                   \
		noun##_doc_print(&again, &b);                                                      \
		check(a.len == b.len && memcmp(a.data, b.data, a.len) == 0);                       \
		noun##_doc_clear(&d);                                                              \
		noun##_doc_clear(&again);                                                          \
		buf_free(&a);                                                                      \
		buf_free(&b);                                                                      \
	}

TRY(instance)
TRY(status)
TRY(machine)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_instance(data, size);
	try_status(data, size);
	try_machine(data, size);
	return 0;
}
