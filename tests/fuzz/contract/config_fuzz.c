/* config_fuzz.c - configuration files from any text, against a table of every type. */
#include "common/config/config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const colours[] = {"red", "green", NULL};
static const struct config_key keys[] = {
	{"a", "string", CONFIG_STRING, "x", 0, 20, NULL, false, "m", NULL},
	{"a", "int", CONFIG_INT, "5", 1, 10, NULL, false, "m", NULL},
	{"a", "bool", CONFIG_BOOL, "yes", 0, 0, NULL, false, "m", NULL},
	{"b", "duration", CONFIG_DURATION, "5s", 1, 1000000000, NULL, false, "m", NULL},
	{"b", "bytes", CONFIG_BYTES, "1M", 1, 1 << 30, NULL, false, "m", NULL},
	{"b.*", "list", CONFIG_LIST, NULL, 0, 0, NULL, false, "m", NULL},
	{"b.*", "enum", CONFIG_ENUM, "red", 0, 0, NULL, false, "m", colours},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *c;
	struct err err = {0};
	size_t n = sizeof(keys) / sizeof(keys[0]);
	if (config_parse("f", (const char *)data, size, keys, n, &c, &err) < 0) {
		if (!err.kind || !err.text[0])
			abort();
		return 0;
	}
	int64_t i = config_int(c, "a", "int");
	usec_t d = config_duration(c, "b", "duration");
	if (i < 1 || i > 10 || d < 1 || d > 1000000000 ||
	    strlen(config_string(c, "a", "string")) > 20)
		abort();
	for (size_t k = 0; config_section(c, "b.", k); k++) {
		const char *section = config_section(c, "b.", k);
		size_t entries;
		const char *const *list = config_list(c, section, "list", &entries);
		if (list[entries] || config_enum(c, section, "enum") > 1)
			abort();
	}
	config_free(c);
	return 0;
}
