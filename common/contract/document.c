/* document.c - see document.h. Any thread. */
#include "common/contract/document.h"

#include "common/contract/secret.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * jansson ends its messages with "near '…'", which quotes the text: kept only where that
 * is a key.
 */
static int syntax_error(const json_error_t *error, const char *what, const struct err_kind *kind,
			struct err *err)
{
	char text[JSON_ERROR_TEXT_LENGTH], where[64];
	snprintf(text, sizeof(text), "%s", error->text);
	char *near = strstr(text, " near ");
	if (near && json_error_code(error) != json_error_duplicate_key)
		*near = 0;
	snprintf(where, sizeof(where), "line %d, column %d", error->line, error->column);
	return err_set_at(err, -EINVAL, kind, where, "%s is not valid JSON: %s", what, text);
}

json_t *document_parse(const char *text, size_t len, size_t max, const char *what,
		       const struct err_kind *kind, struct err *err)
{
	if (len > max) {
		err_set(err, -EFBIG, kind, "%s is larger than %zu bytes", what, max);
		return NULL;
	}
	secret_guard_json();
	json_error_t error;
	json_t *tree = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (!tree) {
		syntax_error(&error, what, kind, err);
		return NULL;
	}
	if (!json_is_object(tree)) {
		err_set(err, -EINVAL, kind, "%s must be an object, not %s", what,
			document_type_name(tree));
		json_decref(tree);
		return NULL;
	}
	return tree;
}

const char *document_type_name(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "a list";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
		return "an integer";
	case JSON_REAL:
		return "a fraction";
	case JSON_TRUE:
	case JSON_FALSE:
		return "true or false";
	case JSON_NULL:
		return "null";
	}
	return "?";
}
