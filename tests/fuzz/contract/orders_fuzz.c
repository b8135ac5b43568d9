/*
 * orders_fuzz.c - command, preflight, alert and order documents from any text: what is accepted
 * prints to a document that is accepted and prints the same.
 */
#include "common/contract/alert.h"
#include "common/contract/command.h"
#include "common/contract/order.h"
#include "common/contract/preflight.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* The kinds have the same four functions. */
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

TRY(command)
TRY(preflight)
TRY(alert)
TRY(order)

/* Any text makes an id that is a name for a node, and the same one each time. */
static void try_id(const uint8_t *data, size_t size)
{
	char id[PATHS_ID_MAX + 1], again[PATHS_ID_MAX + 1],
	    *name = strndup((const char *)data, size);
	if (!name)
		return;
	alert_id("lag", name, id);
	alert_id("lag", name, again);
	check(strcmp(id, again) == 0 && paths_name_check(PATHS_NAME_ID, id, NULL) == 0);
	free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_command(data, size);
	try_preflight(data, size);
	try_alert(data, size);
	try_order(data, size);
	try_id(data, size);
	return 0;
}
