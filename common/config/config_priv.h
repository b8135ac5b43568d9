/* config_priv.h - what the files of common/config share. */
#ifndef MR_CONFIG_CONFIG_PRIV_H
#define MR_CONFIG_CONFIG_PRIV_H

#include "common/base/arena.h"
#include "common/config/config.h"

struct config_value {
	const char *text;    /* STRING, and the spelling of the others; NULL: unset */
	int64_t number;      /* INT, BOOL, DURATION (usec), BYTES, ENUM (index) */
	const char **list;   /* LIST; NULL at the end */
	size_t nlist;
};

/* A key that the file gives. */
struct config_entry {
	struct config_entry *next;
	const struct config_key *key;
	const char *section; /* as in the file: "channel.oncall" */
	int line;
	struct config_value value;
};

struct config_section {
	struct config_section *next; /* in the file's order */
	const char *name;
	int line;
};

struct config {
	const struct config_key *keys;
	size_t n;
	struct config_value *defaults; /* of each key */
	struct config_entry *entries;
	struct config_section *sections;
	struct arena arena; /* all of the above */
};

bool config_section_fits(const char *pattern, const char *section);
const struct config_key *config_find_key(const struct config *c, const char *section,
					 const char *name);
/*
 * Text to a value within the key's bounds, in c's arena; text must live as long. -EINVAL
 * with a reason, or -ENOMEM.
 */
int config_value_parse(struct config *c, const struct config_key *key, const char *text,
		       struct config_value *ret, char *reason, size_t size);

enum { CONFIG_NUMBER_TEXT = 32 };
/* As the file would spell it: "10s", "16M". */
void config_format_duration(usec_t v, char out[CONFIG_NUMBER_TEXT]);
void config_format_bytes(int64_t v, char out[CONFIG_NUMBER_TEXT]);

#endif
